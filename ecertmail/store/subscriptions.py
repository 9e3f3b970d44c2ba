"""Subscriptions on disk, in the ledger's file, so that a cursor moves in the commit that stages the deliveries."""

import json
from dataclasses import asdict
from datetime import datetime
from sqlite3 import Cursor
from typing import Any

from ecertmail.errors import NotFoundError, PermanentError
from ecertmail.store.database import iso
from ecertmail.subscription import Bundle, Filter, Fresh, Subscription, SubscriptionState

SCHEMA = """
CREATE TABLE subscription (
  id TEXT PRIMARY KEY, address TEXT NOT NULL, name TEXT NOT NULL, partner TEXT NOT NULL, filter TEXT NOT NULL,
  bundle TEXT NOT NULL, max_certificates INTEGER NOT NULL, max_octets INTEGER NOT NULL, schedule TEXT NOT NULL,
  time_zone TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL, cursor INTEGER NOT NULL, ran_at TEXT NOT NULL,
  created_at TEXT NOT NULL, trusted_at TEXT NOT NULL) STRICT;
"""

_NAMES = ("id", "address", "name", "partner", "filter", "bundle", "max_certificates", "max_octets", "schedule",
          "time_zone", "state", "reason", "cursor", "ran_at", "created_at", "trusted_at")  # fmt: skip
SELECT = f"SELECT {','.join(_NAMES)} FROM subscription"  # noqa: S608

_FRESH = """
SELECT v.entry, v.issuer, v.number, v.status, c.type, c.profile, c.issued_at, c.exporting, c.importing, c.title,
  v.sha256, v.octets
FROM version v JOIN certificate c ON c.number=v.number AND c.issuer=v.issuer
WHERE v.entry>? AND v.entry<=? AND v.kind='certificate' ORDER BY v.entry LIMIT ?
"""


def from_json(values: dict[str, Any], moment: datetime) -> Subscription:
    """Make a new subscription of what the command line sends."""
    lists = {name: tuple(value) for name, value in values.pop("filter").items()}
    return Subscription(
        **values, filter=Filter(**lists), cursor=-1, ran_at=moment, created_at=moment, trusted_at=moment,
    )  # fmt: skip


def read(row: tuple[Any, ...]) -> Subscription:
    """Make a subscription of a row of `SELECT`."""
    values = dict(zip(_NAMES, row, strict=True))
    lists = {name: tuple(value) for name, value in json.loads(values["filter"]).items()}
    return Subscription(
        **{
            **values,
            "filter": Filter(**lists),
            "bundle": Bundle(values["bundle"]),
            "state": SubscriptionState(values["state"]),
            "ran_at": datetime.fromisoformat(values["ran_at"]),
            "created_at": datetime.fromisoformat(values["created_at"]),
            "trusted_at": datetime.fromisoformat(values["trusted_at"]),
        }
    )


class SubscriptionTable:
    """The subscriptions within one transaction of the ledger."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor

    def all(self, *states: SubscriptionState) -> list[Subscription]:
        """Return the subscriptions in these states, the oldest first."""
        marks = ",".join("?" * len(states))
        rows = self._cursor.execute(f"{SELECT} WHERE state IN ({marks}) ORDER BY created_at, id", states)
        return [read(row) for row in rows.fetchall()]

    def add(self, subscription: Subscription, end: int, since: datetime | None) -> None:
        """Store a new subscription.

        Args:
            subscription: its cursor is set here.
            end: the last entry of the ledger; only what comes later is owed.
            since: owe also what was recorded from this moment on.

        Raises:
            PermanentError: the ID is taken.
        """
        cursor = end if since is None else self.entry_before(since, end)
        if self._cursor.execute("SELECT 1 FROM subscription WHERE id=?", (subscription.id,)).fetchone():
            raise PermanentError(f"{subscription.id}: this ID is taken; see `ecertmail subscriber list`")
        values = asdict(subscription) | {
            "cursor": cursor,
            "filter": json.dumps(asdict(subscription.filter)),
            "ran_at": iso(subscription.ran_at),
            "created_at": iso(subscription.created_at),
            "trusted_at": iso(subscription.trusted_at),
        }
        marks = ",".join(f":{name}" for name in _NAMES)
        self._cursor.execute(f"INSERT INTO subscription VALUES ({marks})", values)  # noqa: S608

    def forget(self, subscription_id: str) -> None:
        """Delete a removed subscription, so that its ID is free."""
        self._cursor.execute("DELETE FROM subscription WHERE id=? AND state='removed'", (subscription_id,))

    def change(self, subscription_id: str, state: SubscriptionState, reason: str, now: datetime) -> None:
        """Set the state, with its reason; bounces before an activation count no more.

        Raises:
            NotFoundError: there is no such subscription, or it was removed.
        """
        self._cursor.execute(
            "UPDATE subscription SET state=?, reason=?, trusted_at=iif(?='active', ?, trusted_at)"
            " WHERE id=? AND state<>'removed'",
            (state, reason, state, iso(now), subscription_id),
        )
        if self._cursor.rowcount == 0:
            raise NotFoundError(f"{subscription_id}: there is no such subscriber; see `ecertmail subscriber list`")

    def move(self, subscription_id: str, cursor: int, ran_at: datetime) -> None:
        """Remember up to which entry a subscription was looked at, and when it last ran."""
        self._cursor.execute(
            "UPDATE subscription SET cursor=?, ran_at=? WHERE id=?", (cursor, iso(ran_at), subscription_id)
        )

    def fresh(self, after: int, upto: int, limit: int) -> list[Fresh]:
        """Return certificate versions recorded after one entry and up to another, oldest first."""
        fields = ("entry", "issuer", "number", "status", "type", "profile", "issued_at", "exporting", "importing",
                  "title", "sha256", "octets")  # fmt: skip
        rows = self._cursor.execute(_FRESH, (after, upto, limit))
        return [Fresh(**dict(zip(fields, row, strict=True))) for row in rows.fetchall()]

    def entry_before(self, moment: datetime, end: int) -> int:
        """Return the last entry recorded before a moment, -1 if there is none; entries are in the order of time."""
        low, high = -1, end
        while low < high:
            middle = (low + high + 1) // 2
            at = self.recorded_at(middle)
            if at is not None and at < moment:
                low = middle
            else:
                high = middle - 1
        return low

    def recorded_at(self, entry: int) -> datetime | None:
        """Return when an entry was recorded; None if there is no such entry."""
        row = self._cursor.execute("SELECT record FROM entry WHERE idx=?", (entry,)).fetchone()
        return datetime.fromisoformat(json.loads(row[0])["at"]) if row else None
