"""What stands where, in numbers, for `ecertmail status` and the metrics: read-only, and quick on a large ledger.

Nothing here reads a table from end to end: states are counted in indexes, and the oldest of a queue is its smallest id.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from sqlite3 import Connection
from typing import Any

from sqlite_utils import Database

from ecertmail.store import database, inquiries, subscriptions
from ecertmail.store.database import iso
from ecertmail.subscription import Subscription

TROUBLE_DAYS = 30
QUARANTINE_DAYS = 7
WAITING = "('due','deferred','sending')"
TROUBLE = "('failed','expired','bounced','alarmed')"

_OLDEST_DELIVERY = f"SELECT created_at FROM delivery WHERE id=(SELECT min(id) FROM delivery WHERE state IN {WAITING})"  # noqa: S608
_OLDEST_MESSAGE = """
SELECT received_at FROM message WHERE seq=(SELECT min(seq) FROM
  (SELECT min(seq) AS seq FROM message WHERE state='spooled'
   UNION ALL SELECT min(seq) FROM message WHERE state='claimed'))
"""
_DELAYED = "SELECT count(*), max(next_at) FROM delivery WHERE state='due' AND next_at>? AND attempts=0"
_LOST_RECEIPTS = (
    "SELECT id FROM delivery WHERE state IN ('failed','expired') AND kind='receipt' AND created_at>=?"
    " AND NOT EXISTS (SELECT 1 FROM alarm WHERE what='delivery:' || delivery.id) ORDER BY id"
)
_NEWEST_MESSAGE = "SELECT received_at FROM message WHERE seq=(SELECT max(seq) FROM message)"
_QUARANTINED = (
    "SELECT id, reverse_path, reason, changed_at FROM message WHERE state='quarantined' ORDER BY seq DESC LIMIT 1000"
)
_REPLIES = "SELECT count(*) FROM delivery WHERE recipient=? AND created_at>=?"
_TROUBLE = f"SELECT recipient, state, count(*) FROM delivery WHERE state IN {TROUBLE} AND created_at>=? GROUP BY 1, 2"  # noqa: S608


def m007_overview(db: Database) -> None:
    """An index that counts certificates by status without reading them."""
    db.execute("CREATE INDEX certificate_by_status ON certificate(status)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """A mail that was set aside lately."""

    id: str
    reverse_path: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What stands where: counts by state, since when the oldest waits, and which addresses have trouble.

    `trouble` is address → state → how many deliveries to it came to nothing. `delayed` counts mails that are staged for
    later, the last one due at `delayed_until`. `lost_receipts` are deliveries that failed without an alarm. `replies`
    counts the mails of the last hour to each address that was asked for, with those that wait for their turn.
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
    delayed: int = 0
    delayed_until: datetime | None = None
    lost_receipts: tuple[int, ...] = ()
    newest_message: datetime | None = None
    quarantined: tuple[Quarantined, ...] = ()
    replies: Mapping[str, int] = field(default_factory=dict)


def read(folder: Path, now: datetime, addresses: Iterable[str] = ()) -> Overview:
    """Look at both databases.

    Args:
        folder: where spool.db and ledger.db are.
        now: what was staged more than `TROUBLE_DAYS` before it no longer counts as trouble.
        addresses: whose mails of the last hour are counted.

    Raises:
        NotFoundError: the daemon never ran here.
        StoreBusyError: a file cannot be read now.
    """
    with database.reading(folder / "spool.db") as spool:
        seen = _of_spool(spool, now)
    with database.reading(folder / "ledger.db") as ledger:
        seen |= _of_ledger(ledger, now)
        seen["replies"] = {one: _replies(ledger, one, now - timedelta(hours=1)) for one in addresses}
    return Overview(**seen)


def _of_spool(spool: Connection, now: datetime) -> dict[str, Any]:
    return {
        "spool": _counts(spool, "message", "state"),
        "oldest_message": _moment(spool, _OLDEST_MESSAGE),
        "newest_message": _moment(spool, _NEWEST_MESSAGE),
        "quarantined": _quarantined(spool, now - timedelta(days=QUARANTINE_DAYS)),
    }


def _of_ledger(ledger: Connection, now: datetime) -> dict[str, Any]:
    rows = ledger.execute(f"{subscriptions.SELECT} WHERE state<>'removed' ORDER BY created_at, id")
    delayed, until = ledger.execute(_DELAYED, (iso(now),)).fetchone()
    lately = now - timedelta(days=TROUBLE_DAYS)
    return {
        "deliveries": _counts(ledger, "delivery", "state"),
        "oldest_delivery": _moment(ledger, _OLDEST_DELIVERY),
        "delayed": delayed,
        "delayed_until": datetime.fromisoformat(until) if until else None,
        "lost_receipts": tuple(number for (number,) in ledger.execute(_LOST_RECEIPTS, (iso(lately),))),
        "certificates": _counts(ledger, "certificate", "status"),
        "ledger_size": int(ledger.execute("SELECT coalesce(max(idx) + 1, 0) FROM entry").fetchone()[0]),
        "subscriptions": tuple(subscriptions.read(row) for row in rows),
        "trouble": _trouble(ledger, lately),
        "alarms": int(ledger.execute("SELECT count(*) FROM alarm WHERE cleared_at=''").fetchone()[0]),
        "officials": _counts(ledger, "official", "state") if inquiries.is_there(ledger) else {},
        "inquiries": inquiries.counted(ledger, now),
    }


def _replies(ledger: Connection, address: str, since: datetime) -> int:
    return int(ledger.execute(_REPLIES, (address, iso(since))).fetchone()[0])


def _quarantined(spool: Connection, since: datetime) -> tuple[Quarantined, ...]:
    """Return what was set aside since then, of the newest thousand: a flood must not make this slow."""
    rows = spool.execute(_QUARANTINED).fetchall()
    return tuple(
        Quarantined(id=spool_id, reverse_path=path, reason=reason)
        for spool_id, path, reason, at in rows
        if at >= iso(since)
    )


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
