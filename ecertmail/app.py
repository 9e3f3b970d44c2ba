"""The only wiring: configuration, clock, stores, edges and flow are put together here, started and stopped.

Threads: the event loop serves sockets; one store thread decides messages and writes the ledger; a second one commits
what arrives, so that a sender never waits for somebody else's certificates; each mailbox is read by one of its own, and
so is what our own authority issues.
"""

import asyncio
import contextlib
import secrets
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from ecertmail import assemble, commands, examining, metrics, steps
from ecertmail import config as configuration
from ecertmail.checks.problems import problems
from ecertmail.checks.standing import Daemon, look
from ecertmail.checks.start_log import StartLog
from ecertmail.clock import now
from ecertmail.config import Config
from ecertmail.core.admission import Admission, Limits
from ecertmail.decider import Decider
from ecertmail.desks import Office
from ecertmail.edge import control, smtp_in, systemd
from ecertmail.edge.smtp_out import SmarthostSender
from ecertmail.edge.workers import Workers
from ecertmail.errors import EcertmailError, TemporaryError
from ecertmail.fault import Fault
from ecertmail.flow.intake import Intake
from ecertmail.flow.peers import KnownPeers
from ecertmail.flow.process import Processor
from ecertmail.issuing import Issuing
from ecertmail.mailboxes import Readers
from ecertmail.parties import KeyLife
from ecertmail.ports import EventLog
from ecertmail.retaining import Retaining
from ecertmail.store import peers
from ecertmail.store.ledger import SqliteLedger
from ecertmail.store.outbox import SqliteOutbox
from ecertmail.store.spool import SpoolReader, SqliteSpool

RETRY_SECONDS = 10.0
PUBLISH_SECONDS = 2.0
REPORT_SECONDS = 300.0


class Node:
    """One running installation."""

    def __init__(self, config: Config, log: EventLog) -> None:
        """Open stores, keys and schemas; nothing listens yet."""
        self._config, self._log = config, log
        assemble.refuse_newer(config)
        workers = examining.load_workers(config, log)
        self._spool = SqliteSpool(config.spool / "spool.db", self._given_up)
        self._ledger = SqliteLedger(config.spool / "ledger.db")
        self._outbox = SqliteOutbox(self._ledger)
        self._peers = KnownPeers(peers.read(self._ledger.db))
        self._seen = SpoolReader(config.spool / "spool.db")
        self._tls = assemble.listener_tls(config)
        self._process = secrets.token_hex(8)
        self._staged, self._stop, self._hup = (asyncio.Event() for _ in range(3))
        self._places: list[str] = []
        self._start_log = StartLog(lambda: self._config, now, log)
        run = self._in_ledger_thread
        self._office = steps.office(config, self._ledger, now, self._log)
        self._decider = Decider(self._processor(config), workers, run, self._staged.set, now, log)
        self._intake = Intake(self._spool, self._in_spool_thread, steps.spool_ids(now), self._decider.arrived.set, log)
        self._readers = Readers(config, self._spool, self._ledger, self._intake, run, now, log)
        self._keys: tuple[KeyLife, ...] = ()
        self._spool_thread = ThreadPoolExecutor(1, "spool")
        self._ledger_thread = ThreadPoolExecutor(1, "ledger")
        self._issuing = Issuing(config, self._ledger, self._ledger_thread.submit, now, log)
        stores = (self._ledger, run), (self._spool, self._in_spool_thread)
        self._retaining = Retaining(lambda: self._config.settings.retention, config.spool, *stores, now, log)

    async def run(self, ready: Callable[[list[str]], None]) -> None:
        """Serve until SIGTERM or SIGINT; `ready` is told where."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._hup.set)
        waiting = self._spool.recover(now()) + self._outbox.recover(now())
        self._outbox.release(now())
        if waiting:
            self._log.info("start.recovered", messages_and_deliveries=waiting)
        measuring = metrics.endpoint(self._config, self._running, now)
        tasks: list[asyncio.Task[None]] = []
        try:
            async with (
                self._listening() as places,
                control.serving(self._config.spool / "control.sock", self.command),
                measuring,
            ):
                self._places = places
                tasks += [asyncio.create_task(loop) for loop in self._loops()]
                ready(places)
                systemd.notify("READY=1")
                stopping = asyncio.create_task(self._stop.wait())
                await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
                systemd.notify("STOPPING=1")
        finally:
            await self._finish(tasks)

    def _loops(self) -> tuple[Coroutine[Any, Any, None], ...]:
        """Return everything that runs until the node stops."""
        return (
            self._decider.run(),
            self._issuing.run(),
            self._deliver(),
            self._readers.run(),
            self._publish(),
            self._report(),
            self._retaining.run(),
            self._reload(),
            self._start_log.run(),
            self._keep_watchdog(),
        )

    async def _reload(self) -> None:
        """At SIGHUP read configuration, partners, keys, schemas and certificates; a mistake keeps what is running."""
        while True:
            await self._hup.wait()
            self._hup.clear()
            systemd.notify("RELOADING=1")
            try:
                config, office, workers = await asyncio.to_thread(self._loaded)
            except EcertmailError as error:
                self._log.error("reload.failed", error=str(error))
            else:
                self._config, self._office = config, office
                self._decider.take(workers, self._processor(config))
                self._log.info("reload.done", partners=len(config.partners))
                self._readers.ring()
                self._start_log.ring()
            systemd.notify("READY=1")

    def _loaded(self) -> tuple[Config, Office, Workers]:
        config = configuration.load(self._config.file)
        office = steps.office(config, self._ledger, now, self._log)
        if self._tls.context is not None:
            assemble.load_certificate(self._tls.context, config)
        workers = examining.load_workers(config, self._log)
        workers.wait_until_ready()
        return config, office, workers

    def _processor(self, config: Config) -> Processor:
        """Make what decides, with partners and officials as they are configured now."""
        return steps.processor(config, self._spool, self._ledger, self._office, self._peers, now, self._log)

    def command(self, request: dict[str, str]) -> dict[str, object]:
        """Carry out a request of the control socket, in a thread of its own."""
        if request.get("do") == "issue":
            return self._issuing.command(request)
        if request.get("do") == "ping":
            return {"done": "ping", "sockets": self._places if systemd.activated() else []}
        answer = commands.carry_out(request, self._config, self._spool, self._ledger, self._log, now())
        self._loop.call_soon_threadsafe(self._staged.set)
        self._loop.call_soon_threadsafe(self._decider.arrived.set)
        return answer

    @asynccontextmanager
    async def _listening(self) -> AsyncIterator[list[str]]:
        settings = self._config.settings
        self._loop = asyncio.get_running_loop()
        limits = Limits(**settings.limits.model_dump())
        admission = Admission(limits, self._peers.__contains__)
        accept, ours = self._intake.accept, assemble.ours(self._config)
        handler = smtp_in.Handler(ours, limits, admission, accept, now, self._log, self._process)
        servers = []
        for sock, implicit in assemble.sockets(self._config):
            tls = smtp_in.Tls(context=self._tls.context, implicit=implicit, required=settings.listen.require_starttls)
            servers.append(
                await smtp_in.listen(sock, settings.listen.hostname, handler, limits, admission, tls, self._log)
            )
        try:
            yield [assemble.place(server.sockets[0]) for server in servers]
        finally:
            for server in servers:
                server.close()

    async def _deliver(self) -> None:
        sender = SmarthostSender(assemble.outgoing(self._config, self._process))
        named, run = lambda address: steps.who(self._config, address), self._in_ledger_thread
        deliverer = steps.deliverer(self._config, self._outbox, sender, run, self._staged, now, self._log, named)
        try:
            while True:
                try:
                    await deliverer.deliver_due()
                    due = await self._in_ledger_thread(self._outbox.next_due)
                    pause = max((due - now()).total_seconds(), 0) if due else 3600
                except TemporaryError as error:
                    self._log.error("deliver.waiting", error=str(error), seconds=RETRY_SECONDS)
                    pause = RETRY_SECONDS
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._staged.wait(), min(pause, 3600))
        finally:
            await deliverer.stop()
            await sender.close()

    async def _publish(self) -> None:
        """Stage what subscribers are owed, soon after something was recorded and when a schedule says so."""
        while True:
            publisher = steps.publisher(self._config, self._ledger, self._office, now, self._log)
            try:
                for subscription in await self._in_ledger_thread(partial(publisher.due, now())):
                    step = partial(publisher.publish, subscription, self._decider.openpgp, now())
                    if await self._in_ledger_thread(step):
                        self._staged.set()
            except EcertmailError as error:
                self._log.error("push.waiting", error=str(error), seconds=PUBLISH_SECONDS)
            await asyncio.sleep(PUBLISH_SECONDS)

    async def _report(self) -> None:
        """Look now and then for answers that do not come, and whether the operator is to be told something.

        The report itself is once a day.
        """
        while True:
            clock = steps.clock_watch(self._config, self._ledger, self._log)
            reconciler = steps.reconciler(self._config, self._ledger, self._log)
            reporter = steps.reporter(self._config, self._ledger, self._seen, now, self._log)
            try:
                looks = (clock.look, reconciler.look, partial(self._office.watch.look, self._decider.openpgp))
                if any([await self._in_ledger_thread(partial(look, now())) for look in looks]):
                    self._staged.set()
                self._keys = await asyncio.to_thread(examining.key_lives, self._config)
                faults = await asyncio.to_thread(self._problems)
                report = partial(reporter.report_if_due, self._keys, self._decider.openpgp, now(), faults)
                if await self._in_ledger_thread(report):
                    self._staged.set()
            except (EcertmailError, OSError) as error:
                self._log.error("report.waiting", error=str(error), seconds=REPORT_SECONDS)
            await asyncio.sleep(REPORT_SECONDS)

    async def _keep_watchdog(self) -> None:
        """Tell systemd that event loop and stores are alive; it restarts us when we are not."""
        seconds = systemd.watchdog_seconds()
        while True:
            await asyncio.sleep(seconds or 3600)
            await self._in_ledger_thread(lambda: None)
            systemd.notify("WATCHDOG=1")

    async def _finish(self, tasks: list[asyncio.Task[None]]) -> None:
        """Let the message at hand be finished, close everything, and raise what ended a loop by itself."""
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(self._issuing.close)
        for pool in (self._ledger_thread, self._spool_thread):
            await asyncio.to_thread(pool.shutdown)
        await self._decider.close()
        self._seen.close()
        self._spool.close()
        self._ledger.close()
        for end in ends:
            if isinstance(end, Exception):
                self._log.error("stop.failed", error=repr(end))
                raise end

    def _running(self) -> metrics.Running:
        return metrics.Running(keys=self._keys, workers=self._decider.ready, faults=self._problems())

    def _problems(self) -> list[Fault]:
        """Return what is wrong with the node that runs here."""
        moment = now()
        return problems(self._config, look(self._config, moment, Daemon.RUNNING, self._keys), moment)

    def _given_up(self, spool_id: str) -> None:
        self._log.warning("mail.quarantined", id=spool_id, findings="no-verdict")

    def _in_ledger_thread(self, call: Callable[[], Any]) -> Awaitable[Any]:
        return self._loop.run_in_executor(self._ledger_thread, call)

    def _in_spool_thread(self, call: Callable[[], Any]) -> Awaitable[Any]:
        return self._loop.run_in_executor(self._spool_thread, call)
