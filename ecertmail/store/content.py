"""The octets of received messages in the spool's file: packed, with their hash, and read back exactly as received.

Rows of an older ecertmail hold the octets as they are. The octets of an archived or quarantined message may be gone
("removed by retention"); its row with hash and time stays.
"""

import sqlite3
from collections.abc import Iterable
from hashlib import sha256

from sqlite_utils import Database

from ecertmail.core import packing
from ecertmail.errors import RemovedError, StoreError


def m004_retention(db: Database) -> None:
    """Say of octets how they are packed, their hash, and when they were removed; no row is rewritten."""
    for column in ("packing INTEGER NOT NULL DEFAULT 0", "sha256 TEXT NOT NULL DEFAULT ''",
                   "removed_at TEXT NOT NULL DEFAULT ''"):  # fmt: skip
        db.execute(f"ALTER TABLE content ADD COLUMN {column}")


def put(cursor: sqlite3.Cursor, messages: Iterable[tuple[str, bytes]]) -> None:
    """Store the octets of messages, as (id, octets); a large one is stored as it is, which is quicker."""
    rows = []
    for spool_id, octets in messages:
        form = packing.PACKED if len(octets) <= packing.LARGE else 0
        rows.append((packing.pack(octets) if form else octets, form, sha256(octets).hexdigest(), spool_id))
    cursor.executemany(
        "INSERT INTO content(seq, octets, packing, sha256) SELECT seq, ?, ?, ? FROM message WHERE id=?", rows
    )


def octets(db: sqlite3.Connection | sqlite3.Cursor, seq: int) -> bytes:
    """Return the octets of a message.

    Raises:
        RemovedError: retention removed them.
        StoreError: they are damaged.
    """
    rows = db.execute("SELECT * FROM content WHERE seq=?", (seq,))
    names = [column[0] for column in rows.description]
    row = dict(zip(names, rows.fetchone(), strict=True))  # a spool that was not migrated yet has fewer columns
    if row.get("removed_at"):
        raise RemovedError(f"the octets were removed by retention on {row['removed_at'][:10]}")
    try:
        found = packing.unpack(row["octets"]) if row.get("packing") else row["octets"]
    except ValueError as error:
        raise StoreError(f"the stored octets are damaged: {error}") from error
    if row.get("sha256") and sha256(found).hexdigest() != row["sha256"]:
        raise StoreError("the stored octets are damaged: they do not match their hash")
    return bytes(found)
