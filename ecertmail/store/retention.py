"""What is removed after the days that the operator set, step by step, and what is never removed.

| what        | removed                                          | never removed                                       |
|-------------|--------------------------------------------------|-----------------------------------------------------|
| sent        | octets of mails whose deliveries are all done    | receipts and answers to what is in the log; mails   |
|             |                                                  | to partners' nodes about decisions and inquiries;   |
|             |                                                  | mails that an official answered with a decision     |
| archived    | octets of messages that recorded nothing:        | whatever made a ledger entry                        |
|             | repetitions, delivery reports, automatic mails   |                                                     |
| quarantined | octets of messages that nobody released          | whatever made a ledger entry                        |

A delivery is done when it was answered, or expects no answer, or came to nothing, and has no open alarm. Rows, hashes,
entries, certificates and their versions always stay.

Each step is one commit; a crash leaves the steps before it. `mark` is a number below which everything is removed or
kept for ever, so that the next day begins there.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from sqlite3 import Cursor

from sqlite_utils import Database

from ecertmail.store import content, database, mail, tickets
from ecertmail.store.database import Writer, iso

ROWS, OCTETS = 100, 2_000_000
"""The most that one step looks at, and about the most that it removes."""

PAGES = 256
"""The most pages that one step gives back to the file system."""

_TABLE = """
CREATE TABLE retention (
  what TEXT PRIMARY KEY, mark INTEGER NOT NULL, began_at TEXT NOT NULL, ended_at TEXT NOT NULL,
  removed INTEGER NOT NULL, octets INTEGER NOT NULL) STRICT
"""
_NOT_DONE = """
d.state NOT IN ('delivered','acknowledged','failed','expired','bounced','cancelled','alarmed')
OR (d.state='delivered' AND d.expects=1 AND d.answered_at='')
OR EXISTS (SELECT 1 FROM alarm a WHERE a.what='delivery:'||d.id AND a.cleared_at='')
"""
_LAST = (
    "max(d.created_at, d.reminded_at, d.answered_at, coalesce((SELECT max(at) FROM attempt WHERE delivery=d.id),''))"
)
_SENT = f"""
SELECT m.id,
  EXISTS (SELECT 1 FROM message WHERE mail=m.id) OR NOT EXISTS (SELECT 1 FROM delivery WHERE mail=m.id)
    OR EXISTS (SELECT 1 FROM delivery WHERE mail=m.id AND kind='acknowledgement') OR {tickets.USED},
  EXISTS (SELECT 1 FROM delivery d WHERE d.mail=m.id AND ({_NOT_DONE})) OR {tickets.OPEN},
  EXISTS (SELECT 1 FROM delivery d WHERE d.mail=m.id AND {_LAST}>=:before)
FROM mail m WHERE m.id>:after AND m.removed_at='' ORDER BY m.id LIMIT :rows
"""  # noqa: S608
_RECEIVED = """
SELECT seq, id, changed_at>=:before FROM message
WHERE state=:state AND seq>:after AND removed_at='' ORDER BY seq LIMIT :rows
"""


class What(StrEnum):
    """What has a number of days of its own in `[retention]`."""

    SENT = "sent"
    ARCHIVED = "archived"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A mail that still has its octets; it may have to wait because something is open, or because it is young."""

    number: int
    forever: bool
    open: bool
    young: bool

    @property
    def waits(self) -> bool:
        """Whether it may be removed later, but not now."""
        return not self.forever and (self.open or self.young)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one step did; `more` says that there may be more to do."""

    removed: int
    octets: int
    more: bool


class Retention(ABC):
    """Removes one kind of octets from one file, a step at a time."""

    what: What

    def __init__(self, db: Writer) -> None:
        self._db = db
        self._place = self._mark = 0
        self._waits = False

    def begin(self, now: datetime) -> None:
        """Begin today's run, or go on with one that a crash ended."""
        with self._db.writing() as cursor:
            cursor.execute("INSERT OR IGNORE INTO retention VALUES (?,0,'','',0,0)", (self.what,))
            cursor.execute(
                "UPDATE retention SET removed=0, octets=0, began_at=? WHERE what=? AND began_at<=ended_at",
                (iso(now), self.what),
            )
            [self._mark] = cursor.execute("SELECT mark FROM retention WHERE what=?", (self.what,)).fetchone()
        self._place, self._waits = self._mark, False

    def step(self, before: datetime, now: datetime) -> Step:
        """Remove some of what was done with before a moment."""
        with self._db.writing() as cursor:
            page = self._page(cursor, iso(before))
            removed, octets = self._remove_of(cursor, page, iso(now))
            cursor.execute(
                "UPDATE retention SET mark=?, removed=removed+?, octets=octets+? WHERE what=?",
                (self._mark, removed, octets, self.what),
            )
        return Step(removed=removed, octets=octets, more=not all(one.young for one in page))

    def end(self, now: datetime) -> None:
        """Note that today's run is over."""
        with self._db.writing() as cursor:
            cursor.execute("UPDATE retention SET ended_at=? WHERE what=?", (iso(now), self.what))

    def give_back(self) -> bool:
        """Give some of the space that is free now back to the file system; say whether there is more."""
        return self._db.give_back(PAGES)

    def ended_at(self) -> datetime | None:
        """Return when the last run was over."""
        row = self._db.reading("SELECT ended_at FROM retention WHERE what=? AND ended_at<>''", self.what)
        return datetime.fromisoformat(str(row[0])) if row else None

    def _remove_of(self, cursor: Cursor, page: Sequence[Candidate], at: str) -> tuple[int, int]:
        removed = octets = 0
        for one in page:
            if not one.forever and not one.waits:
                octets += self._remove(cursor, one.number, at)
                removed += 1
            self._waits = self._waits or one.waits
            self._mark = self._mark if self._waits else one.number
            self._place = one.number
            if octets > OCTETS:
                break
        return removed, octets

    @abstractmethod
    def _page(self, cursor: Cursor, before: str) -> list[Candidate]:
        """Return the next mails, those from before a time (ISO 8601) being old enough."""

    @abstractmethod
    def _remove(self, cursor: Cursor, number: int, at: str) -> int:
        """Remove the octets of one mail at a time (ISO 8601); return how many it had."""


class SentRetention(Retention):
    """Removes the octets of mails that were sent, from the ledger's file."""

    what = What.SENT

    def _page(self, cursor: Cursor, before: str) -> list[Candidate]:
        values = {"after": self._place, "before": before, "rows": ROWS}
        return [
            Candidate(number=number, forever=bool(forever), open=bool(is_open), young=bool(young))
            for number, forever, is_open, young in cursor.execute(_SENT, values).fetchall()
        ]

    def _remove(self, cursor: Cursor, number: int, at: str) -> int:
        return mail.remove(cursor, number, at)


class ReceivedRetention(Retention):
    """Removes the octets of messages in one state, from the spool's file."""

    def __init__(self, db: Writer, what: What, ledger: Path) -> None:
        """Take the spool's connection; `ledger` is the file that says which messages made an entry."""
        super().__init__(db)
        self.what = what
        self._ledger = ledger

    def _page(self, cursor: Cursor, before: str) -> list[Candidate]:
        values = {"after": self._place, "before": before, "rows": ROWS, "state": self.what}
        rows = cursor.execute(_RECEIVED, values).fetchall()
        recorded = self._recorded([spool_id for _, spool_id, _ in rows])
        return [
            Candidate(number=seq, forever=spool_id in recorded, open=False, young=bool(young))
            for seq, spool_id, young in rows
        ]

    def _recorded(self, ids: Sequence[str]) -> set[str]:
        """Return those that are in the ledger; what is committed there first is archived here after it."""
        marks = ",".join("?" * len(ids))
        with database.reading(self._ledger) as db:
            return {one for (one,) in db.execute(f"SELECT spool_id FROM message WHERE spool_id IN ({marks})", ids)}  # noqa: S608

    def _remove(self, cursor: Cursor, number: int, at: str) -> int:
        return content.remove(cursor, number, at)


def m009_retention(db: Database) -> None:
    """Prepare the ledger's file: mails are packed, with their hash and the time when their octets were removed."""
    mail.migrate(db)
    tickets.migrate(db)
    db.execute(_TABLE)


def m004_retention(db: Database) -> None:
    """Prepare the spool's file: messages are packed, with their hash and the time when their octets were removed."""
    content.migrate(db)
    db.execute(_TABLE)
