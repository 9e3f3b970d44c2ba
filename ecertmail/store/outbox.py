"""Deliveries on disk: what is due, and what each attempt made of it; the tables live in the ledger's file."""

from datetime import datetime

from ecertmail.core.states import DELIVERY
from ecertmail.delivery import Attempt, Delivery, DeliveryState
from ecertmail.store.database import iso
from ecertmail.store.ledger import SqliteLedger


class SqliteOutbox:
    """The outbox, written through the ledger's one connection."""

    def __init__(self, ledger: SqliteLedger) -> None:
        self._db = ledger.db

    def recover(self, now: datetime) -> int:
        """Make due again what a dead process was sending: it may arrive twice, but with one Message-ID."""
        with self._db.writing() as cursor:
            cursor.execute("UPDATE delivery SET state='due', next_at=? WHERE state='sending'", (iso(now),))
            return cursor.rowcount

    def take_due(self, now: datetime, limit: int) -> list[Delivery]:
        """Move due deliveries to `sending` and return them, oldest due first.

        There is one process and it takes when it has nothing in hand, so what is `sending` now was left behind by a
        crash or a disk that was full: it goes out again, perhaps twice, with the same Message-ID.
        """
        next_at = self.next_due()
        if next_at is None or next_at > now:
            return []
        with self._db.writing() as cursor:
            rows = cursor.execute(
                "SELECT d.id, d.kind, d.recipient, d.reverse_path, m.message_id, m.octets, d.attempts, d.created_at"
                " FROM delivery d JOIN mail m ON m.id=d.mail"
                " WHERE d.state IN ('due','deferred','sending') AND d.next_at<=? ORDER BY d.next_at, d.id LIMIT ?",
                (iso(now), limit),
            ).fetchall()
            cursor.executemany("UPDATE delivery SET state='sending' WHERE id=?", [(row[0],) for row in rows])
        return [
            Delivery(
                id=row[0], kind=row[1], recipient=row[2], reverse_path=row[3], message_id=row[4], octets=row[5],
                state=DeliveryState.SENDING, attempts=row[6], created_at=datetime.fromisoformat(row[7]),
            )
            for row in rows
        ]  # fmt: skip

    def settle(
        self, delivery: Delivery, attempt: Attempt, state: DeliveryState, next_at: datetime | None, now: datetime
    ) -> None:
        """Record an attempt and what it made of the delivery; an illegal transition is our bug and raises.

        An answer can be here before the server's reply is written down: then the delivery stays as it is.
        """
        if state not in DELIVERY[DeliveryState.SENDING]:
            raise AssertionError(f"a delivery never goes from sending to {state}")
        with self._db.writing() as cursor:
            cursor.execute(
                "INSERT INTO attempt VALUES (?,?,?,?)", (delivery.id, iso(now), attempt.outcome.value, attempt.reply)
            )
            cursor.execute(
                "UPDATE delivery SET state=?, attempts=attempts+1, next_at=?, reply=? WHERE id=? AND state='sending'",
                (state.value, iso(next_at) if next_at else "", attempt.reply, delivery.id),
            )

    def next_due(self) -> datetime | None:
        """Return when the next delivery is due."""
        row = self._db.reading("SELECT min(next_at) FROM delivery WHERE state IN ('due','deferred','sending')")
        return datetime.fromisoformat(str(row[0])) if row and row[0] else None
