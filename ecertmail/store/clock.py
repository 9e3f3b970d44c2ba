"""The clock as the ledger knows it: one row, and the times that depend on it."""

from datetime import datetime
from sqlite3 import Cursor

from sqlite_utils import Database

from ecertmail.clock_mark import ClockMark
from ecertmail.store.database import iso


def m011_clock(db: Database) -> None:
    """The time at the last look, and the time before the clock went back; reports go by places, not by times."""
    db.execute("CREATE TABLE clock (id INTEGER PRIMARY KEY CHECK (id=1), seen_at TEXT NOT NULL, ahead_at TEXT) STRICT")
    db.execute("ALTER TABLE told ADD COLUMN upto INTEGER NOT NULL DEFAULT -1")


class ClockTable:
    """The clock within one transaction of the ledger."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor

    def mark(self) -> ClockMark | None:
        """Return what was written at the last look; None before the first one."""
        row = self._cursor.execute("SELECT seen_at, ahead_at FROM clock").fetchone()
        if row is None:
            return None
        ahead_at = datetime.fromisoformat(row[1]) if row[1] else None
        return ClockMark(seen_at=datetime.fromisoformat(row[0]), ahead_at=ahead_at)

    def put(self, mark: ClockMark) -> None:
        """Write down what this look found."""
        ahead_at = iso(mark.ahead_at) if mark.ahead_at else None
        self._cursor.execute("INSERT OR REPLACE INTO clock VALUES (1,?,?)", (iso(mark.seen_at), ahead_at))

    def bring_near(self, now: datetime, latest: datetime) -> int:
        """Make due what waits for a time that the clock had once and no longer has; return how many deliveries.

        A subscription that ran at such a time ran just now.
        """
        at = iso(now)
        self._cursor.execute("UPDATE subscription SET ran_at=? WHERE ran_at>?", (at, at))
        rows = [(at, "due", at), (at, "deferred", iso(latest))]
        self._cursor.executemany("UPDATE delivery SET next_at=? WHERE state=? AND next_at>?", rows)
        moved = self._cursor.rowcount
        # The limit on receipts goes by when they were staged.
        self._cursor.execute("UPDATE delivery SET created_at=? WHERE kind='receipt' AND created_at>?", (at, at))
        return moved
