"""Outgoing mails in the ledger's file: packed, with their hash, and read back as exactly the octets that were signed.

A certificate in a mail is not stored again; the mail names its ledger entry. A mail of an older ecertmail has its
octets in its own row. The octets of a mail may be gone ("removed by retention"); the row with hash and time stays.
"""

from collections.abc import Iterable
from hashlib import sha256
from sqlite3 import Connection, Cursor

from sqlite_utils import Database

from ecertmail.core import packing
from ecertmail.core.packing import Held
from ecertmail.errors import RemovedError, StoreError
from ecertmail.store import tickets
from ecertmail.store.database import row_of

SIZE = "(SELECT iif(size, size, length(octets)) FROM mail WHERE mail.id=delivery.mail)"
"""The number of octets of the mail of a delivery."""

_SCHEMA = (
    "ALTER TABLE mail ADD COLUMN size INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE mail ADD COLUMN sha256 TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE mail ADD COLUMN removed_at TEXT NOT NULL DEFAULT ''",
    "CREATE TABLE mail_content (mail INTEGER PRIMARY KEY REFERENCES mail(id), octets BLOB NOT NULL) STRICT",
    "CREATE INDEX message_by_mail ON message(mail) WHERE mail IS NOT NULL",
)


def migrate(db: Database) -> None:
    """Add size, hash and time of removal to mails, and a table of packed octets; no row is rewritten."""
    for statement in _SCHEMA:
        db.execute(statement)


class MailTransaction:
    """The part of the ledger's transaction that is about outgoing mails (`ecertmail/mails.py`)."""

    _cursor: Cursor
    _given: list[int]

    def put_mail(self, message_id: str, octets: bytes, mic: str = "", held: Iterable[Held] = ()) -> int:
        """Store an outgoing mail and return its id; nobody is sent it yet."""
        made = put(self._cursor, message_id, octets, mic, held)
        for ticket in self._given:  # a mail is written after its tickets were made
            tickets.bring(self._cursor, ticket, made)
        self._given.clear()
        return made

    def bring_ticket(self, ticket_id: int, mail: int) -> None:
        """Remember that a mail brings a ticket that was made before."""
        tickets.bring(self._cursor, ticket_id, mail)

    def use_ticket(self, ticket_id: int) -> None:
        """Remember that an official decided or answered with a ticket: the mails that brought it are kept for ever."""
        tickets.use(self._cursor, ticket_id)

    def removed(self, delivery_id: int) -> str:
        """Return when retention removed the octets of a delivery's mail (ISO 8601), or nothing."""
        row = self._cursor.execute(
            "SELECT m.removed_at FROM delivery d JOIN mail m ON m.id=d.mail WHERE d.id=?", (delivery_id,)
        ).fetchone()
        return str(row[0]) if row else ""


def put(cursor: Cursor, message_id: str, octets: bytes, mic: str, held: Iterable[Held]) -> int:
    """Store a mail and return its id; `held` are the certificates in it, in their order."""
    cursor.execute(
        "INSERT INTO mail(message_id, octets, mic, size, sha256) VALUES (?,x'',?,?,?)",
        (message_id, mic, len(octets), _digest(octets)),
    )
    mail = int(cursor.lastrowid or 0)
    cursor.execute("INSERT INTO mail_content VALUES (?,?)", (mail, packing.pack(octets, held)))
    return mail


def octets(db: Connection | Cursor, mail: int) -> bytes:
    """Return the octets of a mail, exactly as they were signed.

    Raises:
        RemovedError: retention removed them.
        StoreError: they are damaged.
    """
    row = row_of(db, "mail", "id", mail)
    if row.get("removed_at"):
        raise RemovedError(f"its octets were removed by retention on {row['removed_at'][:10]}")
    if not row.get("sha256"):
        return bytes(row["octets"])
    found = _unpacked(db, mail)
    if _digest(found) != row["sha256"]:
        raise StoreError("its stored octets are damaged: they do not match their hash")
    return found


def remove(cursor: Cursor, mail: int, at: str) -> int:
    """Remove the octets of a mail at a time (ISO 8601); its hash is kept. Return how many octets the mail had."""
    row = row_of(cursor, "mail", "id", mail)
    size, digest = (row["size"], row["sha256"]) if row["sha256"] else (len(row["octets"]), _digest(row["octets"]))
    cursor.execute("UPDATE mail SET octets=x'', size=?, sha256=?, removed_at=? WHERE id=?", (size, digest, at, mail))
    cursor.execute("DELETE FROM mail_content WHERE mail=?", (mail,))
    return int(size)


def _unpacked(db: Connection | Cursor, mail: int) -> bytes:
    def certificate(entry: int) -> bytes:
        row = db.execute("SELECT octets FROM version WHERE entry=?", (entry,)).fetchone()
        return bytes(row[0]) if row else b""

    row = db.execute("SELECT octets FROM mail_content WHERE mail=?", (mail,)).fetchone()
    try:
        return packing.unpack(row[0] if row else b"", certificate)
    except ValueError as error:
        raise StoreError(f"its stored octets are damaged: {error}") from error


def _digest(octets: bytes) -> str:
    return sha256(octets).hexdigest()
