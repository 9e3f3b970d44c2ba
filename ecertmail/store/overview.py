"""What stands where, in numbers, for `ecertmail status` and the metrics: read-only, and quick on a large ledger.

Nothing here reads a table from end to end: states are counted in indexes, and the oldest of a queue is its smallest id.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from sqlite3 import Connection

from sqlite_utils import Database

from ecertmail.store import database, inquiries, subscriptions
from ecertmail.store.database import iso
from ecertmail.subscription import Subscription

TROUBLE_DAYS = 30
WAITING = "('due','deferred','sending')"
TROUBLE = "('failed','expired','bounced','alarmed')"

_OLDEST_DELIVERY = f"SELECT created_at FROM delivery WHERE id=(SELECT min(id) FROM delivery WHERE state IN {WAITING})"  # noqa: S608
_OLDEST_MESSAGE = """
SELECT received_at FROM message WHERE seq=(SELECT min(seq) FROM
  (SELECT min(seq) AS seq FROM message WHERE state='spooled'
   UNION ALL SELECT min(seq) FROM message WHERE state='claimed'))
"""
_TROUBLE = f"SELECT recipient, state, count(*) FROM delivery WHERE state IN {TROUBLE} AND created_at>=? GROUP BY 1, 2"  # noqa: S608


def m007_overview(db: Database) -> None:
    """An index that counts certificates by status without reading them."""
    db.execute("CREATE INDEX certificate_by_status ON certificate(status)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What stands where: counts by state, since when the oldest waits, and which addresses have trouble.

    `trouble` is address → state → how many deliveries to it came to nothing.
    """

    spool: dict[str, int]
    oldest_message: datetime | None
    deliveries: dict[str, int]
    oldest_delivery: datetime | None
    certificates: dict[str, int]
    ledger_size: int
    subscriptions: tuple[Subscription, ...]
    trouble: dict[str, dict[str, int]]
    alarms: int
    officials: dict[str, int]
    inquiries: inquiries.Waiting


def read(folder: Path, now: datetime) -> Overview:
    """Look at both databases.

    Args:
        folder: where spool.db and ledger.db are.
        now: what was staged more than `TROUBLE_DAYS` before it no longer counts as trouble.
    """
    with _opened(folder / "spool.db") as spool:
        counts, oldest = _counts(spool, "message", "state"), _moment(spool, _OLDEST_MESSAGE)
    with _opened(folder / "ledger.db") as ledger:
        rows = ledger.execute(f"{subscriptions.SELECT} WHERE state<>'removed' ORDER BY created_at, id")
        return Overview(
            spool=counts,
            oldest_message=oldest,
            deliveries=_counts(ledger, "delivery", "state"),
            oldest_delivery=_moment(ledger, _OLDEST_DELIVERY),
            certificates=_counts(ledger, "certificate", "status"),
            ledger_size=int(ledger.execute("SELECT coalesce(max(idx) + 1, 0) FROM entry").fetchone()[0]),
            subscriptions=tuple(subscriptions.read(row) for row in rows),
            trouble=_trouble(ledger, now - timedelta(days=TROUBLE_DAYS)),
            alarms=int(ledger.execute("SELECT count(*) FROM alarm WHERE cleared_at=''").fetchone()[0]),
            officials=_counts(ledger, "official", "state") if inquiries.is_there(ledger) else {},
            inquiries=inquiries.counted(ledger, now),
        )


@contextmanager
def _opened(path: Path) -> Iterator[Connection]:
    connection = database.open_reader(path)
    try:
        with database.guarded(path):
            yield connection
    finally:
        connection.close()


def _counts(db: Connection, table: str, column: str) -> dict[str, int]:
    return dict(db.execute(f"SELECT {column}, count(*) FROM {table} GROUP BY 1"))  # noqa: S608


def _moment(db: Connection, statement: str) -> datetime | None:
    row = db.execute(statement).fetchone()
    return datetime.fromisoformat(row[0]) if row else None


def _trouble(db: Connection, since: datetime) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for recipient, state, count in db.execute(_TROUBLE, (iso(since),)):
        found.setdefault(recipient, {})[state] = count
    return found
