"""What is remembered of mailboxes, in the spool's file, so that a message and where it came from share one commit.

| state      | stands for                                                      | legal next        |
|------------|-----------------------------------------------------------------|-------------------|
| stored     | in the spool; still to be flagged, moved or deleted over there  | done              |
| done       | flagged, moved or deleted                                       |                   |
| oversize   | larger than we take; left where it is                           |                   |
| unreadable | its server does not give it; left where it is, tried again      | stored            |
"""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from sqlite_utils import Database

from ecertmail.core.mailbox import Health, LeftOut, Trouble
from ecertmail.message import Envelope, Origin, Place
from ecertmail.store.database import Writer, guarded, iso, open_reader

_HERE = "mailbox=? AND folder=? AND validity=?"


def m002_fetched(db: Database) -> None:
    """Two tables: every message seen in a mailbox, and how reading each mailbox goes."""
    db.table("fetched").create(
        {
            "mailbox": str, "folder": str, "validity": int, "uid": str, "state": str, "sha256": str, "spool_id": str,
            "at": str,
        },
        pk=("mailbox", "folder", "validity", "uid"), not_null={"state", "sha256", "spool_id", "at"}, strict=True,
    )  # fmt: skip
    db.execute("CREATE INDEX fetched_content ON fetched(sha256) WHERE spool_id<>''")
    db.execute("CREATE INDEX fetched_left ON fetched(mailbox, folder, validity, state) WHERE state<>'done'")
    db.table("mailbox").create(
        {"name": str, "polled_at": str, "trouble": str, "error": str, "failures": int, "next_at": str},
        pk="name", not_null={"trouble", "error", "failures"}, strict=True,
    )  # fmt: skip


def store(cursor: sqlite3.Cursor, arrivals: Iterable[tuple[str, Envelope, bytes]]) -> dict[str, str]:
    """Remember where fetched messages came from, inside the spool's transaction.

    Returns:
        For each message whose content is here already: its id, and the id of the message that holds the content.
    """
    known: dict[str, str] = {}
    for spool_id, envelope, octets in arrivals:
        if envelope.origin is None:
            continue
        content = sha256(octets).hexdigest()
        held = cursor.execute(
            "SELECT spool_id FROM fetched WHERE sha256=? AND spool_id<>'' LIMIT 1", (content,)
        ).fetchone()
        if held:
            known[spool_id] = held[0]
        cursor.execute(
            "INSERT OR REPLACE INTO fetched VALUES (?,?,?,?,'stored',?,?,?)",
            (*_row(envelope.origin), content, known.get(spool_id, spool_id), iso(envelope.received_at)),
        )
    return known


class SqliteFetched:
    """The memory of mailboxes, through the spool's one writing connection."""

    def __init__(self, db: Writer) -> None:
        self._db = db

    def enter(self, place: Place) -> bool:
        """Note that a folder is read; say whether it had another UIDVALIDITY before.

        What was to be done under another UIDVALIDITY cannot be done any more: those UIDs name nothing now.
        """
        with self._db.writing() as cursor:
            cursor.execute(
                "UPDATE fetched SET state='done' WHERE mailbox=? AND folder=? AND validity<>? AND state<>'done'",
                _place(place),
            )
            found = "SELECT 1 FROM fetched WHERE mailbox=? AND folder=? AND validity{}? LIMIT 1"
            other = cursor.execute(found.format("<>"), _place(place)).fetchone()
            return bool(other) and not cursor.execute(found.format("="), _place(place)).fetchone()

    def unknown(self, place: Place, uids: Sequence[str]) -> list[str]:
        """Return those of the UIDs that nothing is remembered of."""
        marks = ",".join("?" * len(uids))
        rows = self._db.rows(f"SELECT uid FROM fetched WHERE {_HERE} AND uid IN ({marks})", *_place(place), *uids)  # noqa: S608
        known = {row[0] for row in rows}
        return [uid for uid in uids if uid not in known]

    def leave_out(self, origin: Origin, why: LeftOut, now: datetime) -> None:
        """Remember that a message stays where it is."""
        with self._db.writing() as cursor:
            cursor.execute("INSERT OR REPLACE INTO fetched VALUES (?,?,?,?,?,'','',?)", (*_row(origin), why, iso(now)))

    def left_out(self, place: Place, why: LeftOut) -> list[str]:
        """Return the UIDs that were left out for one reason."""
        rows = self._db.rows(f"SELECT uid FROM fetched WHERE {_HERE} AND state=? ORDER BY uid", *_place(place), why)  # noqa: S608
        return [str(row[0]) for row in rows]

    def to_do(self, place: Place) -> list[tuple[str, str]]:
        """Return (uid, spool id) of the first thousand messages that are durable here and not yet done over there."""
        statement = f"SELECT uid, spool_id FROM fetched WHERE {_HERE} AND state='stored' ORDER BY uid LIMIT 1000"  # noqa: S608
        rows = self._db.rows(statement, *_place(place))
        return [(str(row[0]), str(row[1])) for row in rows]

    def done(self, place: Place, uids: Sequence[str]) -> None:
        """Remember that they are; a crash before this leaves them to be done again, which changes nothing."""
        with self._db.writing() as cursor:
            statement = f"UPDATE fetched SET state='done' WHERE {_HERE} AND uid=?"  # noqa: S608
            cursor.executemany(statement, [(*_place(place), uid) for uid in uids])

    def told(self, mailbox: str, health: Health) -> None:
        """Write down how reading a mailbox goes."""
        polled_at, next_at = (moment and iso(moment) for moment in (health.polled_at, health.next_at))
        with self._db.writing() as cursor:
            cursor.execute(
                "INSERT OR REPLACE INTO mailbox VALUES (?,?,?,?,?,?)",
                (mailbox, polled_at, health.trouble, health.error, health.failures, next_at),
            )

    def health(self, mailbox: str) -> Health:
        """Return how reading a mailbox went last."""
        rows = self._db.rows(HEALTH, mailbox)
        return read_health(rows[0]) if rows else Health()


HEALTH = "SELECT polled_at, trouble, error, failures, next_at FROM mailbox WHERE name=?"


def read_health(row: Sequence[object]) -> Health:
    """Read one row of the table of mailboxes."""
    polled_at, next_at = (datetime.fromisoformat(str(value)) if value else None for value in (row[0], row[4]))
    return Health(
        polled_at=polled_at, trouble=Trouble(str(row[1])), error=str(row[2]), failures=int(str(row[3])), next_at=next_at
    )


def _place(place: Place) -> tuple[str, str, int]:
    return place.mailbox, place.folder, place.validity


def _row(origin: Origin) -> tuple[str, str, int, str]:
    return *_place(origin.place), origin.uid


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """How reading a mailbox goes, for an operator."""

    name: str
    health: Health
    fetched: int
    to_do: int
    left_out: int


class FetchedReader:
    """The memory of mailboxes to look at, also while the daemon runs."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._path = path
        self._db = open_reader(path)

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def summary(self, mailbox: str) -> Summary:
        """Return how reading a mailbox goes.

        Raises:
            StoreBusyError: the file is of an older ecertmail, whose daemon still runs.
        """
        states = "SELECT state, count(*) FROM fetched WHERE mailbox=? GROUP BY state"
        with guarded(self._path):
            row = self._db.execute(HEALTH, (mailbox,)).fetchone()
            counts = dict(self._db.execute(states, (mailbox,)))
        return Summary(
            name=mailbox,
            health=read_health(row) if row else Health(),
            fetched=counts.get("done", 0) + counts.get("stored", 0),
            to_do=counts.get("stored", 0),
            left_out=sum(counts.get(why, 0) for why in LeftOut),
        )
