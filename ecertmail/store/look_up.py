"""Looking up in the ledger, by index only: a million certificates cost what a thousand do."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from sqlite3 import Cursor
from typing import Any

from ecertmail.looked_up import Held, Listed, Recorded
from ecertmail.store.database import iso

KEEP = timedelta(days=90)

FIND = (
    "SELECT issuer, status, type, issued_at, exporting, importing, title, entry"
    " FROM certificate WHERE number=? ORDER BY issuer"
)
VERSIONS = (
    "SELECT v.issuer, v.entry, v.status, v.sha256, v.replaced_by, e.record FROM version v"
    " CROSS JOIN entry e ON e.idx=v.entry WHERE v.number=? AND v.kind<>'conflict' ORDER BY v.issuer, v.entry"
)
# CROSS JOIN keeps SQLite from walking through all certificates to ask for each whether it is wanted.
EXISTING = (
    "SELECT c.number, c.issuer, c.exporting, c.importing FROM json_each(?) wanted"
    " CROSS JOIN certificate c ON c.number=wanted.value"
)
FORGET = "DELETE FROM miss WHERE rowid<(SELECT min(rowid) FROM miss)+100 AND at<?"
MISSES = "SELECT count(*) FROM (SELECT 1 FROM miss WHERE official=? AND at>=? LIMIT ?)"
MISSES_OF = "SELECT count(*) FROM (SELECT 1 FROM miss WHERE number=? AND at>=? LIMIT ?)"


class LookUpTable:
    """What is looked up within one transaction of the ledger."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor

    def find(self, number: str) -> list[Held]:
        """Return every certificate with this number, one for each issuer."""
        rows = self._cursor.execute(FIND, (number,)).fetchall()
        if not rows:
            return []
        versions = list(map(_recorded, self._cursor.execute(VERSIONS, (number,))))
        return [_held(number, row, (one for issuer, one in versions if issuer == row[0])) for row in rows]

    def existing(self, numbers: Iterable[str]) -> list[Listed]:
        """Return those certificates that have one of these numbers, in the order of the numbers."""
        rows = self._cursor.execute(EXISTING, (json.dumps(list(numbers)),))
        return [Listed(number=row[0], issuer=row[1], exporting=row[2], importing=row[3]) for row in rows]

    def put_miss(self, official: str, number: str, now: datetime) -> None:
        """Remember that an official asked for a number in vain, and forget the oldest of what is too old."""
        self._cursor.execute("INSERT INTO miss VALUES (?,?,?)", (official, number, iso(now)))
        self._cursor.execute(FORGET, (iso(now - KEEP),))

    def misses(self, official: str, since: datetime, most: int) -> int:
        """Count up to `most` what an official asked for in vain since then."""
        return int(self._cursor.execute(MISSES, (official, iso(since), most)).fetchone()[0])

    def misses_of(self, number: str, since: datetime, most: int) -> int:
        """Count up to `most` how often anybody asked for a number in vain since then."""
        return int(self._cursor.execute(MISSES_OF, (number, iso(since), most)).fetchone()[0])


def _held(number: str, row: tuple[Any, ...], versions: Iterator[Recorded]) -> Held:
    issuer, status, kind, issued_at, exporting, importing, title, entry = row
    return Held(
        number=number, issuer=issuer, status=status, type=kind, issued_at=issued_at, exporting=exporting,
        importing=importing, title=title, entry=entry, versions=tuple(versions),
    )  # fmt: skip


def _recorded(row: tuple[Any, ...]) -> tuple[str, Recorded]:
    issuer, entry, status, sha256, replaced_by, record = row
    at = datetime.fromisoformat(json.loads(record)["at"])
    return issuer, Recorded(entry=entry, status=status, sha256=sha256, replaced_by=replaced_by, at=at)
