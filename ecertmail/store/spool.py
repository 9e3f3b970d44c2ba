"""What came in and is not decided yet, the quarantine, and the archive of every octet received.

| state       | stands for                                   | legal next                          |
|-------------|----------------------------------------------|-------------------------------------|
| spooled     | accepted with 250, to be processed           | claimed (same row, `claims` + 1)    |
| claimed     | being processed; a crash leaves it so        | archived, quarantined, spooled      |
| quarantined | set aside with a reason                      | spooled (operator), dropped         |
| archived    | decided; kept to be viewed and exported      |                                     |
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlite_utils import Database, Migrations

from ecertmail.core.notice import SetAside
from ecertmail.errors import NotFoundError, PermanentError
from ecertmail.message import Envelope, Spooled, SpoolEnd
from ecertmail.store import content, database, fetched, retention
from ecertmail.store.database import iso
from ecertmail.store.spool_rows import COLUMNS, NAMES, OLDEST, Row, read, take

MAX_CLAIMS = 3

migrations = Migrations("ecertmail.spool")


@migrations()
def m001_spool(db: Database) -> None:
    """The one table: an envelope, the octets, and where the message stands."""
    db.table("message").create(
        {
            "seq": int, "id": str, "state": str, "claims": int, "received_at": str, "reverse_path": str,
            "recipients": str, "source": str, "peer": str, "size": int, "reason": str, "detail": str, "changed_at": str,
            "octets": bytes,
        },
        pk="seq", not_null={"id", "state", "claims", "octets"}, strict=True,
    )  # fmt: skip
    db.table("message").create_index(["id"], unique=True)
    db.table("message").create_index(["state", "seq"])


migrations()(fetched.m002_fetched)


@migrations()
def m003_content(db: Database) -> None:
    """The octets go into a table of their own: a change of state rewrites a row, and a mail may have 25 MB."""
    db.execute("CREATE TABLE content (seq INTEGER PRIMARY KEY REFERENCES message(seq), octets BLOB NOT NULL) STRICT")
    db.execute("INSERT INTO content SELECT seq, octets FROM message")
    db.execute("ALTER TABLE message DROP COLUMN octets")


migrations()(retention.m004_retention)


class SqliteSpool:
    """The spool in one SQLite file; the only writer is the process that holds the installation's lock."""

    def __init__(self, path: Path, given_up: Callable[[str], object] = str) -> None:
        """Open the spool; `given_up` hears the id of each message that got no verdict."""
        self.db = database.Writer(path, migrations)
        self._given_up = given_up
        self.fetched = fetched.SqliteFetched(self.db)

    def close(self) -> None:
        """Close the file."""
        self.db.close()

    def recover(self, now: datetime) -> int:
        """Release what a dead process had claimed; the claim still counts. Return how many there were."""
        with self.db.writing() as cursor:
            cursor.execute("UPDATE message SET state='spooled', changed_at=? WHERE state='claimed'", (iso(now),))
            return cursor.rowcount

    def add(self, arrivals: Sequence[tuple[str, Envelope, bytes]]) -> dict[str, str]:
        """Store messages durably, all or none, in one commit, with where fetched ones came from.

        Returns:
            For each fetched message whose content is here already: its id, and the id of the one that holds it.

        Raises:
            StoreBusyError: nothing was stored; the sender must be told to try again.
        """
        with self.db.writing() as cursor:
            known = fetched.store(cursor, arrivals)
            rows = [
                (spool_id, iso(e.received_at), e.reverse_path, "\n".join(e.recipients), e.source, e.peer, len(octets),
                 iso(e.received_at))
                for spool_id, e, octets in arrivals if spool_id not in known
            ]  # fmt: skip
            cursor.executemany(
                "INSERT INTO message(id,state,claims,received_at,reverse_path,recipients,source,peer,size,reason,"
                "detail,changed_at) VALUES (?,'spooled',0,?,?,?,?,?,?,'','',?)",
                rows,
            )
            content.put(cursor, ((spool_id, octets) for spool_id, _, octets in arrivals if spool_id not in known))
        return known

    def claim(self, now: datetime, limit: int) -> list[Spooled]:
        """Take the oldest undecided messages.

        One that was claimed before goes alone: if it kills the process again, it costs no other message a claim. After
        a second claim without a verdict it goes behind the others. At
        most 64 MB are taken at once, for they are held in memory. One that was claimed three times without a verdict
        goes to quarantine, and the next one is taken. There is one process and it claims when it has nothing in hand,
        so what is still claimed then was left behind.
        """
        with self.db.writing() as cursor:
            given_up = cursor.execute(
                "UPDATE message SET state='quarantined', reason='no-verdict', changed_at=?,"
                " detail='processing ended three times without a verdict'"
                " WHERE state IN ('spooled','claimed') AND claims>=? RETURNING id",
                (iso(now), MAX_CLAIMS),
            ).fetchall()
            rows = take(cursor.execute(OLDEST, (limit,)))
            taken = [one for row in rows if (one := _spooled(cursor, row, given_up, now))]
            cursor.executemany(
                "UPDATE message SET state='claimed', claims=claims+1, changed_at=? WHERE id=?",
                [(iso(now), one.id) for one in taken],
            )
        for (spool_id,) in given_up:
            self._given_up(spool_id)
        return taken

    def unclaim(self, spool_ids: Iterable[str]) -> None:
        """Give messages back without counting the claim: the trouble was ours, not theirs."""
        self._each("UPDATE message SET state='spooled', claims=claims-1 WHERE id=? AND state='claimed'", spool_ids)

    def retry(self, spool_ids: Iterable[str]) -> None:
        """Give messages back with the claim counted: processing them failed."""
        self._each("UPDATE message SET state='spooled' WHERE id=? AND state='claimed'", spool_ids)

    def finish(self, ends: Sequence[SpoolEnd], now: datetime) -> None:
        """Archive what was decided and quarantine what has a reason, in one commit; octets stay readable."""
        with self.db.writing() as cursor:
            cursor.executemany(
                "UPDATE message SET state=?, reason=?, detail=?, changed_at=? WHERE id=?",
                [("quarantined" if e.reason else "archived", e.reason, e.detail, iso(now), e.id) for e in ends],
            )

    def release(self, spool_id: str, now: datetime) -> None:
        """Process a quarantined message again, after its cause was mended.

        Raises:
            NotFoundError: there is no such message in quarantine.
            RemovedError: retention removed its octets.
        """
        with self.db.writing() as cursor:
            seq = cursor.execute("SELECT seq FROM message WHERE id=? AND state='quarantined'", (spool_id,)).fetchone()
            if seq is None:
                raise _none(spool_id)
            content.octets(cursor, seq[0])
            cursor.execute("UPDATE message SET state='spooled', claims=0, changed_at=? WHERE seq=?", (iso(now), seq[0]))

    def drop(self, spool_id: str) -> None:
        """Delete a quarantined message for good."""
        with self.db.writing() as cursor:
            quarantined = "(SELECT seq FROM message WHERE id=? AND state='quarantined')"
            cursor.execute(f"DELETE FROM content WHERE seq={quarantined}", (spool_id,))  # noqa: S608
            cursor.execute(f"DELETE FROM message WHERE seq={quarantined}", (spool_id,))  # noqa: S608
            if cursor.rowcount == 0:
                raise _none(spool_id)

    def _each(self, statement: str, spool_ids: Iterable[str]) -> None:
        with self.db.writing() as cursor:
            cursor.executemany(statement, [(spool_id,) for spool_id in spool_ids])


class SpoolReader:
    """The spool to look at, also while the daemon runs."""

    def __init__(self, path: Path) -> None:
        self._db = database.open_reader(path)

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def list(self, states: Sequence[str], limit: int) -> list[Row]:
        """Return the newest messages in these states."""
        marks = ",".join("?" * len(states))
        statement = f"SELECT {COLUMNS} FROM message WHERE state IN ({marks}) ORDER BY seq DESC LIMIT ?"  # noqa: S608
        return [read(row) for row in self._db.execute(statement, (*states, limit))]

    def decided(self) -> int:
        """Return the place, in the order of arrival, up to which every message is decided."""
        first = "(SELECT min(seq) FROM message WHERE state='{}')"
        waits = f"min(coalesce({first.format('spooled')}, 1<<62), coalesce({first.format('claimed')}, 1<<62))"
        [place] = self._db.execute(f"SELECT min({waits} - 1, coalesce(max(seq), -1)) FROM message").fetchone()  # noqa: S608
        return int(place)

    def set_aside(self, after: int, upto: int) -> tuple[SetAside, ...]:
        """Return what is in quarantine and arrived after one place and up to another, oldest first."""
        which = "state='quarantined' AND seq>? AND seq<=?"
        statement = f"SELECT {COLUMNS} FROM message WHERE {which} ORDER BY seq"  # noqa: S608
        rows = [read(row) for row in self._db.execute(statement, (after, upto))]
        return tuple(
            SetAside(id=row.id, received_at=row.envelope.received_at, reason=row.reason, peer=row.envelope.peer,
                     reverse_path=row.envelope.reverse_path)
            for row in rows
        )  # fmt: skip

    def get(self, spool_id: str) -> tuple[Row, bytes]:
        """Return one message with its octets.

        Raises:
            NotFoundError: there is none with this id.
            RemovedError: retention removed the octets; `row` still finds the message.
        """
        row, seq = self._row(spool_id)
        return row, content.octets(self._db, seq)

    def row(self, spool_id: str) -> Row:
        """Return one message without its octets.

        Raises:
            NotFoundError: there is none with this id.
        """
        return self._row(spool_id)[0]

    def _row(self, spool_id: str) -> tuple[Row, int]:
        statement = f"SELECT {COLUMNS}, seq FROM message WHERE id=?"  # noqa: S608
        with closing(self._db.execute(statement, (spool_id,))) as cursor:
            row = cursor.fetchone()
        if row is None:
            raise NotFoundError(f"{spool_id}: no message in the spool has this id; see `ecertmail spool list --all`")
        return read(row), row[len(NAMES)]

    def counts(self) -> dict[str, int]:
        """Return how many messages are in each state."""
        return dict(self._db.execute("SELECT state, count(*) FROM message GROUP BY state"))


def _none(spool_id: str) -> NotFoundError:
    return NotFoundError(f"{spool_id}: no quarantined message has this id; see `ecertmail spool list`")


def _spooled(cursor: sqlite3.Cursor, row: tuple[Any, ...], given_up: list[tuple[str]], now: datetime) -> Spooled | None:
    """Return a message with its octets; one whose octets are damaged goes to quarantine instead."""
    try:
        octets = content.octets(cursor, row[len(NAMES)])
    except PermanentError as error:
        cursor.execute(
            "UPDATE message SET state='quarantined', reason='no-verdict', changed_at=?, detail=? WHERE id=?",
            (iso(now), str(error), row[0]),
        )
        given_up.append((row[0],))
        return None
    return Spooled(id=row[0], envelope=read(row).envelope, octets=octets, claims=row[2] + 1)
