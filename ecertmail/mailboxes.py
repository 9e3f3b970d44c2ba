"""From configuration to mailboxes that are read: accounts, secrets, TLS, plans, a thread for each, and their alarms."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Any

from ecertmail import assemble
from ecertmail.config import Config
from ecertmail.core.mailbox import Deed, Plan
from ecertmail.edge.imap.account import Account
from ecertmail.edge.imap.mailbox import ImapMailbox
from ecertmail.edge.maildir import Maildir
from ecertmail.errors import ConfigError, EcertmailError
from ecertmail.flow.collect import Collector
from ecertmail.flow.intake import Intake
from ecertmail.flow.mailbox_watch import MailboxWatch
from ecertmail.flow.poll import Poller
from ecertmail.mailbox_section import MailboxSection
from ecertmail.message import Envelope
from ecertmail.ports import EventLog, Ledger, OpenMailbox
from ecertmail.store.outcomes import Outcomes
from ecertmail.store.spool import SqliteSpool

WATCH_SECONDS = 60.0


def account(config: Config, mailbox: MailboxSection) -> Account:
    """Describe where a mailbox is and who opens it; secrets are read at each login, so that they can be changed."""
    what = f"the secret of mailbox {mailbox.name}"
    return Account(
        host=mailbox.host,
        port=mailbox.server_port,
        tls=mailbox.tls,
        context=assemble.client_tls(config, mailbox.ca_file, f"[[mailbox]] {mailbox.name}"),
        username=mailbox.username,
        password=partial(assemble.own_secret, config, mailbox.password_file, what) if mailbox.password_file else None,
        token=assemble.token(config, mailbox.oauth2_token_file, mailbox.oauth2_token_command, what),
    )


def plan(config: Config, mailbox: MailboxSection) -> Plan:
    """Describe how a mailbox is read."""
    return Plan(
        mailbox=mailbox.name,
        source="maildir" if mailbox.maildir else "imap",
        address=config.settings.authority.address,
        folders=mailbox.folders,
        message_size=config.settings.limits.message_size,
        deed=Deed(after=mailbox.after, folder=mailbox.move_to),
        refused_to=mailbox.refused_to,
    )


def opener(config: Config, mailbox: MailboxSection, log: EventLog) -> Callable[[], OpenMailbox]:
    """Return how to open a mailbox."""
    if mailbox.maildir:
        return partial(Maildir, config.path(mailbox.maildir))
    return partial(ImapMailbox.open, account(config, mailbox), idle=mailbox.idle, log=log)


def check(config: Config) -> None:
    """Look whether mail can come in at all, and whether the secrets of mailboxes are there.

    Raises:
        ConfigError: what is wrong, and what would be right.
    """
    if not config.settings.mailbox and not config.settings.listen.enabled:
        raise ConfigError(f"{config.file}: no mail can come in: set [listen] enabled = true, or add a [[mailbox]]")
    for mailbox in config.settings.mailbox:
        if not mailbox.maildir and (password := account(config, mailbox).password) is not None:
            password()
        command = mailbox.oauth2_token_command
        if command and shutil.which(command[0]) is None:
            raise ConfigError(f"{config.file}: mailbox {mailbox.name}: oauth2_token_command: there is no {command[0]}")


class Readers:
    """All mailboxes of a node, each read in a thread of its own."""

    def __init__(
        self,
        config: Config,
        spool: SqliteSpool,
        ledger: Ledger,
        intake: Intake,
        in_ledger_thread: Callable[[Callable[[], Any]], Awaitable[Any]],
        clock: Callable[[], datetime],
        log: EventLog,
    ) -> None:
        """Put together what reads each mailbox; nothing is opened yet.

        Args:
            config: with the mailboxes.
            spool: where messages go, and what remembers them.
            ledger: where alarms are.
            intake: what every message goes through.
            in_ledger_thread: runs a call in the one thread that writes the ledger.
            clock: tells the time.
            log: the event log.

        Raises:
            ConfigError: no mail can come in so, or a secret is missing.
        """
        check(config)
        self._intake, self._in_ledger_thread, self._clock, self._log = intake, in_ledger_thread, clock, log
        names = [mailbox.name for mailbox in config.settings.mailbox]
        self._watch = MailboxWatch(names=names, fetched=spool.fetched, ledger=ledger, log=log)
        self._outcomes = Outcomes(config.spool / "spool.db", config.spool / "ledger.db")
        self._pollers = [self._poller(config, mailbox, spool) for mailbox in config.settings.mailbox]

    def _poller(self, config: Config, mailbox: MailboxSection, spool: SqliteSpool) -> Poller:
        settled, clock, log = self._outcomes.of, self._clock, self._log
        return Poller(
            name=mailbox.name,
            open=opener(config, mailbox, log),
            collector=Collector(plan(config, mailbox), spool.fetched, self._accept, settled, clock, log),
            fetched=spool.fetched,
            interval=mailbox.interval_seconds,
            clock=clock,
            log=log,
        )

    async def run(self) -> None:
        """Read until cancelled; what was accepted by then is durable."""
        self._loop = asyncio.get_running_loop()
        pool = ThreadPoolExecutor(max(len(self._pollers), 1), "mailbox")
        try:
            reading = (self._loop.run_in_executor(pool, poller.run) for poller in self._pollers)
            await asyncio.gather(self._look(), *reading)
        finally:
            for poller in self._pollers:
                poller.stop()
            await asyncio.to_thread(pool.shutdown)
            self._outcomes.close()

    async def _look(self) -> None:
        """Raise and clear the alarms of mailboxes now and then."""
        while True:
            try:
                await self._in_ledger_thread(lambda: self._watch.look(self._clock()))
            except EcertmailError as error:
                self._log.error("mailbox.watch-waiting", error=str(error), seconds=WATCH_SECONDS)
            await asyncio.sleep(WATCH_SECONDS)

    def ring(self) -> None:
        """Look into every mailbox now: an operator may have mended something."""
        for poller in self._pollers:
            poller.ring()

    def _accept(self, envelope: Envelope, octets: bytes) -> Future[str]:
        return asyncio.run_coroutine_threadsafe(self._intake.accept(envelope, octets), self._loop)
