"""A clock that went back: a person hears of it, and nothing waits for a time that will not come for long.

Rules that hold everywhere:

1. What is owed follows from the order of the ledger, not from times.
2. A time that lies ahead of the clock was written before the clock went back. It counts by its distance from now, like
   one in the past: a reminder that is due a day after a mail is also due when the mail is dated a day ahead or more.
3. A delivery is never put off longer than the longest wait between two tries.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from ecertmail.clock_mark import ClockMark
from ecertmail.ports import EventLog, Ledger, Transaction

ALARM = "clock.back"
TOLERANCE = timedelta(minutes=5)  # time services correct less than that without being asked


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockWatch:
    """Looks at the clock now and then; `longest_wait` is the longest wait between two tries of a delivery."""

    ledger: Ledger
    longest_wait: timedelta
    log: EventLog

    def look(self, now: datetime) -> int:
        """Compare the clock with the last look, in one commit; return how many deliveries became due by it."""
        with self.ledger.transaction() as tx:
            mark = tx.clock.mark() or ClockMark(seen_at=now)
            ahead_at = self._ahead_at(tx, mark, now)
            tx.clock.put(ClockMark(seen_at=now, ahead_at=ahead_at))
            return tx.clock.bring_near(now, now + self.longest_wait)

    def _ahead_at(self, tx: Transaction, mark: ClockMark, now: datetime) -> datetime | None:
        """Raise the alarm, or end it; return the time at which the clock is right again, if it is not."""
        ahead_at = mark.ahead_at if any(alarm.what == ALARM for alarm in tx.alarms()) else None
        if mark.seen_at - now > TOLERANCE:
            ahead_at = max(mark.seen_at, ahead_at or mark.seen_at)
            self._raise(tx, ahead_at, now)
        elif ahead_at is not None and now >= ahead_at:
            tx.clear_alarm(ALARM, now)
            self.log.info("alarm.cleared", alarm=ALARM)
            return None
        return ahead_at

    def _raise(self, tx: Transaction, before: datetime, now: datetime) -> None:
        text = (
            f"the clock went back from {before:%Y-%m-%d %H:%M} to {now:%Y-%m-%d %H:%M} UTC; set it, or close this alarm"
            " if it is right now"
        )
        tx.raise_alarm(ALARM, text, now)
        self.log.error("clock.back", before=before.isoformat(timespec="seconds"), now=now.isoformat(timespec="seconds"))
