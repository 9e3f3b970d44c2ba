"""From which addresses of the network verified mail of partners came, in the ledger's file."""

from datetime import datetime
from sqlite3 import Cursor

from sqlite_utils import Database

from ecertmail.store.database import Writer, iso

MOST = 50
"""So many addresses of one partner are remembered, the newest."""

_FORGET = """
DELETE FROM peer WHERE partner=? AND address NOT IN
  (SELECT address FROM peer WHERE partner=? ORDER BY seen_at DESC, address LIMIT ?)
"""


def m012_peers(db: Database) -> None:
    """The addresses that partners' mail came from, and when that was last written down."""
    db.execute(
        "CREATE TABLE peer (partner TEXT NOT NULL, address TEXT NOT NULL, seen_at TEXT NOT NULL,"
        " PRIMARY KEY (partner, address)) STRICT, WITHOUT ROWID"
    )


class PeerTransaction:
    """The part of the ledger's transaction that is about peers."""

    _cursor: Cursor

    def put_peer(self, partner: str, address: str, now: datetime) -> None:
        """Remember that verified mail of a partner came from this address; the oldest ones of many are forgotten."""
        self._cursor.execute("INSERT OR REPLACE INTO peer VALUES (?,?,?)", (partner, address, iso(now)))
        self._cursor.execute(_FORGET, (partner, partner, MOST))


def read(db: Writer) -> dict[str, datetime]:
    """Return every address, and when it was last written down."""
    rows = db.rows("SELECT address, max(seen_at) FROM peer GROUP BY address")
    return {str(address): datetime.fromisoformat(str(seen_at)) for address, seen_at in rows}
