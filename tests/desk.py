"""A mailbox being read without a daemon: the real spool, the real intake on a loop of its own, the real poller."""

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from ecertmail.core.mailbox import After, Deed, Plan, Tls
from ecertmail.edge.imap import account as imap
from ecertmail.edge.imap.mailbox import ImapMailbox
from ecertmail.flow.collect import Collector
from ecertmail.flow.intake import Intake
from ecertmail.flow.poll import Poller
from ecertmail.message import Envelope
from ecertmail.model import Outcome
from ecertmail.ports import OpenMailbox
from ecertmail.store.spool import SpoolReader
from ecertmail.store.spool_rows import Row
from tests.builders import CHINA
from tests.dovecot import PASSWORD, Account
from tests.flow.fakes import BrittleSpool, Log
from tests.installation import until

PLAN = Plan(mailbox="main", source="imap", address=CHINA.address, folders=("INBOX",), message_size=25_000_000,
            deed=Deed(after=After.FLAG))  # fmt: skip


def imap_account(account: Account, port: int = 0, **changes: Any) -> imap.Account:
    """How to open a user's mailbox, perhaps through another port."""
    made = imap.Account(
        host="127.0.0.1", port=port or account.server.port, tls=Tls.NEVER, context=ssl.create_default_context(),
        username=account.user, password=lambda: PASSWORD, connect_seconds=5, answer_seconds=5,
    )  # fmt: skip
    return replace(made, **changes)


class Desk:
    """Where mail of one mailbox arrives."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "spool.db"
        self.spool = BrittleSpool(self.file)
        self.log = Log()
        self.outcomes: dict[str, Outcome] = {}
        self._ids = count(1)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._pool = ThreadPoolExecutor(1)
        self.intake = Intake(self.spool, self._run, lambda: f"m{next(self._ids)}", lambda: None, self.log)

    async def _run(self, call: Callable[[], Mapping[str, str]]) -> Mapping[str, str]:
        return await self._loop.run_in_executor(self._pool, call)

    def accept(self, envelope: Envelope, octets: bytes) -> Future[str]:
        return asyncio.run_coroutine_threadsafe(self.intake.accept(envelope, octets), self._loop)

    def collector(self, clock: Callable[[], datetime] | None = None, **changes: Any) -> Collector:
        plan = replace(PLAN, **changes)
        return Collector(plan, self.spool.fetched, self.accept, self.outcomes.get, clock or now, self.log)

    def open(self, account: imap.Account, *, idle: bool = True, **options: Any) -> ImapMailbox:
        return ImapMailbox.open(account, idle=idle, log=self.log, **options)

    def round(self, account: imap.Account, **changes: Any) -> None:
        """Open the mailbox, go through it once, and leave."""
        mailbox = self.open(account)
        try:
            self.collector(**changes).round(mailbox)
        finally:
            mailbox.close()

    @contextmanager
    def polling(self, open_mailbox: Callable[[], OpenMailbox], **options: Any) -> Iterator[Poller]:
        """Read a mailbox in a thread; after trouble it is opened again soon."""
        changes = options.pop("plan", {})
        defaults = {"interval": 0.2, "lost_waits": (0.0, 0.05), "login_waits": (0.2,)}
        poller = Poller(
            name="main", open=open_mailbox, collector=self.collector(**changes), fetched=self.spool.fetched,
            clock=now, log=self.log, **{**defaults, **options},
        )  # fmt: skip
        thread = threading.Thread(target=poller.run)
        thread.start()
        try:
            yield poller
        finally:
            poller.stop()
            thread.join(20)
            assert not thread.is_alive(), "stop must end it also in the middle of an answer"

    def rows(self) -> list[Row]:
        reader = SpoolReader(self.file)
        rows = reader.list(("spooled", "claimed", "quarantined", "archived"), 100_000)
        reader.close()
        return rows

    def octets(self) -> list[bytes]:
        """What arrived, in order."""
        reader = SpoolReader(self.file)
        octets = [reader.get(row.id)[1] for row in reversed(self.rows())]
        reader.close()
        return octets

    def wait_for(self, messages: int, seconds: float = 20) -> list[bytes]:
        until(lambda: len(self.rows()) >= messages, seconds)
        return self.octets()

    def events(self, name: str) -> list[dict[str, object]]:
        return [facts for _, event, facts in self.log.lines if event == name]

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._pool.shutdown()
        with suppress(Exception):
            self.spool.close()


def now() -> datetime:
    return datetime.now(UTC)
