"""What the ledger remembers of the clock: a part of `ports.Transaction`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockMark:
    """The time at the last look; `ahead_at` is the time before the clock went back, until it is reached again."""

    seen_at: datetime
    ahead_at: datetime | None = None


class Clock(Protocol):
    """The clock within one commit of the ledger."""

    def mark(self) -> ClockMark | None:
        """Return what was written at the last look; None before the first one."""

    def put(self, mark: ClockMark) -> None:
        """Write down what this look found."""

    def bring_near(self, now: datetime, latest: datetime) -> int:
        """Make due what waits for a time that the clock had once and no longer has; return how many deliveries.

        A subscription that ran at such a time ran just now.

        Args:
            now: the current time.
            latest: the last time that a deferred delivery can have been put off to.
        """


class KeepsClock(Protocol):
    """A commit of the ledger that knows the clock."""

    @property
    def clock(self) -> Clock:
        """What is remembered of the clock."""
