"""The octets of received messages in the spool's file: packed, with their hash, and read back exactly as received.

The octets of a message of an older ecertmail stand as they are. Those of an archived or quarantined message may be gone
("removed by retention"); its row with hash and time stays.
"""

from collections.abc import Iterable
from hashlib import sha256
from sqlite3 import Connection, Cursor

from sqlite_utils import Database

from ecertmail.core import packing
from ecertmail.errors import RemovedError, StoreError
from ecertmail.store.database import row_of


def migrate(db: Database) -> None:
    """Add to messages how their octets are packed, their hash, and when they were removed; no row is rewritten."""
    for column in ("packing INTEGER NOT NULL DEFAULT 0", "sha256 TEXT NOT NULL DEFAULT ''",
                   "removed_at TEXT NOT NULL DEFAULT ''"):  # fmt: skip
        db.execute(f"ALTER TABLE message ADD COLUMN {column}")


def put(cursor: Cursor, messages: Iterable[tuple[str, bytes]]) -> None:
    """Store the octets of messages, as (id, octets); a large one is stored as it is, which is quicker."""
    for spool_id, octets in messages:
        form = packing.PACKED if len(octets) <= packing.LARGE else 0
        cursor.execute("UPDATE message SET packing=?, sha256=? WHERE id=?", (form, _digest(octets), spool_id))
        cursor.execute(
            "INSERT INTO content SELECT seq, ? FROM message WHERE id=?",
            (packing.pack(octets) if form else octets, spool_id),
        )


def octets(db: Connection | Cursor, seq: int) -> bytes:
    """Return the octets of a message.

    Raises:
        RemovedError: retention removed them.
        StoreError: they are damaged.
    """
    row = row_of(db, "message", "seq", seq)
    if row.get("removed_at"):
        raise RemovedError(f"{row['id']}: the octets were removed by retention on {row['removed_at'][:10]}")
    stored = db.execute("SELECT octets FROM content WHERE seq=?", (seq,)).fetchone()
    if stored is None:
        raise StoreError(f"{row['id']}: the stored octets are missing")
    try:
        found = packing.unpack(stored[0]) if row.get("packing") else stored[0]
    except ValueError as error:
        raise StoreError(f"{row['id']}: the stored octets are damaged: {error}") from error
    if row.get("sha256") and _digest(found) != row["sha256"]:
        raise StoreError(f"{row['id']}: the stored octets are damaged: they do not match their hash")
    return bytes(found)


def remove(cursor: Cursor, seq: int, at: str) -> int:
    """Remove the octets of a message at a time (ISO 8601); its hash is kept. Return how many octets it had."""
    row = row_of(cursor, "message", "seq", seq)
    stored = cursor.execute("SELECT octets FROM content WHERE seq=?", (seq,)).fetchone()
    digest = row["sha256"] or _digest(stored[0] if stored else b"")
    cursor.execute("UPDATE message SET sha256=?, removed_at=? WHERE seq=?", (digest, at, seq))
    cursor.execute("DELETE FROM content WHERE seq=?", (seq,))
    return int(row["size"])


def _digest(octets: bytes) -> str:
    return sha256(octets).hexdigest()
