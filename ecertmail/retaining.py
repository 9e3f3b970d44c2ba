"""Once a day removes what `[retention]` says, in small steps, and keeps the write-ahead logs small.

Each step is one short commit in the thread of its store, with a pause after it, so that mail goes on in between.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from ecertmail.errors import EcertmailError
from ecertmail.ports import EventLog
from ecertmail.settings import RetentionSection
from ecertmail.store.ledger import SqliteLedger
from ecertmail.store.retention import ReceivedRetention, Retention, SentRetention, What
from ecertmail.store.spool import SqliteSpool

LOOK_SECONDS = 30.0
PAUSE_SECONDS = 0.2
EVERY = timedelta(days=1)

Run = Callable[[Callable[[], Any]], Awaitable[Any]]


def days_of(section: RetentionSection) -> dict[What, int]:
    """Return after how many days each kind is removed; 0 is never."""
    return {
        What.SENT: section.sent_days,
        What.ARCHIVED: section.archive_days,
        What.QUARANTINED: section.quarantine_days,
    }


class Retaining:
    """Keeps both files as small as the operator wants them."""

    def __init__(
        self,
        section: Callable[[], RetentionSection],
        folder: Path,
        ledger: tuple[SqliteLedger, Run],
        spool: tuple[SqliteSpool, Run],
        clock: Callable[[], datetime],
        log: EventLog,
    ) -> None:
        """Take both stores, each with what runs a call in its thread; `section` returns what is configured now."""
        self._section = section
        self._clock = clock
        self._log = log
        self._stores = ((ledger[0].db, ledger[1]), (spool[0].db, spool[1]))
        received = [
            ReceivedRetention(spool[0].db, what, folder / "ledger.db") for what in (What.ARCHIVED, What.QUARANTINED)
        ]
        self._kinds: tuple[tuple[Retention, Run], ...] = (
            (SentRetention(ledger[0].db), ledger[1]),
            *((one, spool[1]) for one in received),
        )

    async def run(self) -> None:
        """Look for ever; trouble of ours is waited out."""
        while True:
            try:
                await self.look()
            except EcertmailError as error:
                self._log.error("retention.waiting", error=str(error), seconds=LOOK_SECONDS)
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Do what is due now."""
        for db, run in self._stores:
            await run(db.shrink_wal)
        days = days_of(self._section())
        for retention, run in self._kinds:
            if days[retention.what] and await self._is_due(retention, run):
                await self._remove(retention, run, timedelta(days=days[retention.what]))

    async def _is_due(self, retention: Retention, run: Run) -> bool:
        """Once a day; also if the last run lies in the future, because the clock went back."""
        ended = await run(retention.ended_at)
        return ended is None or not ended <= self._clock() < ended + EVERY

    async def _remove(self, retention: Retention, run: Run, age: timedelta) -> None:
        removed = octets = 0
        await run(partial(retention.begin, self._clock()))
        more = True
        while more:
            now = self._clock()
            # A crash before a step's commit leaves its mails as they were; one after it goes on behind them.
            step = await run(partial(retention.step, now - age, now))
            removed, octets, more = removed + step.removed, octets + step.octets, step.more
            await asyncio.sleep(PAUSE_SECONDS)
        more = True
        while more:
            more = await run(retention.give_back)
            await asyncio.sleep(PAUSE_SECONDS)
        await run(partial(retention.end, self._clock()))
        self._log.info("retention.done", what=retention.what.value, removed=removed, octets=octets, days=age.days)
