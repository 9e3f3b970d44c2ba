"""Outgoing mails in the ledger's file: packed, with their hash, and read back as exactly the octets that were signed.

A certificate in a mail is not stored again; the mail names its ledger entry. Rows of an older ecertmail hold the octets
as they are. The octets of a mail may be gone ("removed by retention"); its row with hash and time stays.
"""

from collections.abc import Iterable
from hashlib import sha256
from sqlite3 import Connection, Cursor

from sqlite_utils import Database

from ecertmail.core import packing
from ecertmail.core.packing import Held
from ecertmail.errors import RemovedError, StoreError

SIZE = "(SELECT iif(size, size, length(octets)) FROM mail WHERE mail.id=delivery.mail)"
"""The number of octets of the mail of a delivery."""


def m009_retention(db: Database) -> None:
    """Say of mails how they are packed, their size and hash, and when the octets were removed; no row is rewritten."""
    for column in ("packing INTEGER NOT NULL DEFAULT 0", "size INTEGER NOT NULL DEFAULT 0",
                   "sha256 TEXT NOT NULL DEFAULT ''", "removed_at TEXT NOT NULL DEFAULT ''"):  # fmt: skip
        db.execute(f"ALTER TABLE mail ADD COLUMN {column}")
    db.execute("CREATE INDEX message_by_mail ON message(mail) WHERE mail IS NOT NULL")


def put(cursor: Cursor, message_id: str, octets: bytes, mic: str, held: Iterable[Held]) -> int:
    """Store a mail and return its id; `held` are the certificates in it, in their order."""
    cursor.execute(
        "INSERT INTO mail(message_id, octets, mic, packing, size, sha256) VALUES (?,?,?,?,?,?)",
        (message_id, packing.pack(octets, held), mic, packing.PACKED, len(octets), sha256(octets).hexdigest()),
    )
    return int(cursor.lastrowid or 0)


def octets(db: Connection | Cursor, mail: int) -> bytes:
    """Return the octets of a mail, exactly as they were signed.

    Raises:
        RemovedError: retention removed them.
        StoreError: they are damaged.
    """
    row = _row(db, mail)
    if row.get("removed_at"):
        raise RemovedError(f"its octets were removed by retention on {str(row['removed_at'])[:10]}")
    stored = row["octets"]
    found = unpacked(db, stored) if row.get("packing") else stored
    if row.get("sha256") and sha256(found).hexdigest() != row["sha256"]:
        raise StoreError("its stored octets are damaged: they do not match their hash")
    return bytes(found)


def unpacked(db: Connection | Cursor, packed: bytes) -> bytes:
    """Unpack a mail, with the certificates that the ledger holds."""

    def certificate(entry: int) -> bytes:
        row = db.execute("SELECT octets FROM version WHERE entry=?", (entry,)).fetchone()
        return bytes(row[0]) if row else b""

    try:
        return packing.unpack(packed, certificate)
    except ValueError as error:
        raise StoreError(f"its stored octets are damaged: {error}") from error


def _row(db: Connection | Cursor, mail: int) -> dict[str, object]:
    """Return what is stored of a mail; a ledger that was not migrated yet has fewer columns."""
    rows = db.execute("SELECT * FROM mail WHERE id=?", (mail,))
    names = [column[0] for column in rows.description]
    return dict(zip(names, rows.fetchone(), strict=True))
