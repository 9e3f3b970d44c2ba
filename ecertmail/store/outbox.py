"""Deliveries on disk: what is due, and what each attempt made of it; the tables live in the ledger's file.

What is taken goes round by domain: each gets its turn, however much waits for another. Nothing here depends on how
many deliveries there ever were; the index `delivery_waits` holds only those that wait.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from sqlite3 import Cursor

from ecertmail.core.states import DELIVERY
from ecertmail.delivery import BLOCKED, AlarmChange, Delivery, DeliveryState, Room, Settled
from ecertmail.errors import PermanentError
from ecertmail.store.database import iso
from ecertmail.store.ledger import LedgerTransaction, SqliteLedger
from ecertmail.store.ledger_schema import DOMAIN
from ecertmail.store.mail import SIZE
from ecertmail.store.mail import octets as octets_of

_QUEUE = "delivery INDEXED BY delivery_waits WHERE state IN ('due','deferred')"
_FIRST = (
    "SELECT min(at) FROM (SELECT min(next_at) AS at FROM delivery WHERE state='due'"
    " UNION ALL SELECT min(next_at) FROM delivery WHERE state='deferred')"
)
_NEXT_DOMAIN = f"SELECT {DOMAIN} FROM {_QUEUE} AND {DOMAIN}>? ORDER BY {DOMAIN} LIMIT 1"  # noqa: S608
_DUE_THERE = (
    "SELECT id, kind, recipient, reverse_path, mail, attempts, created_at,"  # noqa: S608
    f" {SIZE}, (SELECT message_id FROM mail WHERE mail.id=delivery.mail)"
    f" FROM {_QUEUE} AND {DOMAIN}=? AND next_at<=? ORDER BY next_at, id LIMIT ?"
)
_BLOCKED = ",".join(f"'{outcome.value}'" for outcome in sorted(BLOCKED))
_RELEASE = (
    "UPDATE delivery SET next_at=? WHERE state='deferred' AND (SELECT a.outcome FROM attempt a"  # noqa: S608
    f" WHERE a.delivery=delivery.id ORDER BY a.rowid DESC LIMIT 1) IN ({_BLOCKED})"
)
_SHARE = 4
_Row = tuple[int, str, str, str, int, int, str, int, str]


class SqliteOutbox:
    """The outbox, written through the ledger's one connection."""

    def __init__(self, ledger: SqliteLedger) -> None:
        self._db = ledger.db
        self._last = ""

    def recover(self, now: datetime, in_hand: Collection[int] = ()) -> int:
        """Make due again what is `sending` and in nobody's hand: it may arrive twice, but with one Message-ID."""
        with self._db.writing() as cursor:
            left = {number for (number,) in cursor.execute("SELECT id FROM delivery WHERE state='sending'")}
            rows = [(iso(now), number) for number in sorted(left.difference(in_hand))]
            cursor.executemany("UPDATE delivery SET state='due', next_at=? WHERE id=?", rows)
            return len(rows)

    def take_due(self, now: datetime, room: Room) -> list[Delivery]:
        """Move due deliveries to `sending` and return them, domain by domain in turn, in each the oldest due first.

        Octets that go to many are read once. The first is taken even if it is larger than the room; no domain takes
        more than a quarter of the room for more than one mail.
        """
        if min(room.deliveries, room.octets) <= 0 or (next_at := self.next_due()) is None or next_at > now:
            return []
        with self._db.writing() as cursor:
            taken = list(self._take(cursor, now, room))
            cursor.executemany("UPDATE delivery SET state='sending' WHERE id=?", [(one.id,) for one in taken])
        return taken

    def _take(self, cursor: Cursor, now: datetime, room: Room) -> Iterator[Delivery]:
        mails: dict[int, bytes] = {}
        octets: Counter[str] = Counter()
        count = 0
        for domain, row in self._in_turn(cursor, now, room):
            mail, size = row[4], row[7]
            if count and octets.total() + size > room.octets:
                return
            if octets[domain] and octets[domain] + size > room.octets // _SHARE:
                continue
            count, octets[domain] = count + 1, octets[domain] + size
            try:
                mails[mail] = mails[mail] if mail in mails else octets_of(cursor, mail)
            except PermanentError as error:  # one mail that cannot be read must not stop the others
                cursor.execute(
                    "UPDATE delivery SET state='failed', next_at='', reply=? WHERE id=?", (str(error), row[0])
                )
                continue
            yield _delivery(row, mails[mail])
            if count == room.deliveries:
                return

    def _in_turn(self, cursor: Cursor, now: datetime, room: Room) -> Iterator[tuple[str, _Row]]:
        """Yield what is due, going on with the domain after the last one that had its turn."""
        for domain in _domains(cursor, self._last):
            if domain not in room.full:
                for row in cursor.execute(_DUE_THERE, (domain, iso(now), room.of_each)).fetchall():
                    yield domain, row
                    self._last = domain

    def settle(self, settled: Sequence[Settled], now: datetime, change: AlarmChange | None = None) -> list[AlarmChange]:
        """Record attempts, what they made of deliveries, and alarms, in one commit; an illegal transition is our bug.

        A crash before the commit leaves them `sending`: they go out again. What is no longer `sending` was written
        down by a commit that seemed to fail, and stays as it is.

        Args:
            settled: attempts, and what each makes of its delivery.
            now: the current time.
            change: what becomes of the alarm for the mail server, if anything.

        Returns:
            The alarms that were raised or cleared.
        """
        for one in settled:
            if one.state not in DELIVERY[DeliveryState.SENDING]:
                raise AssertionError(f"a delivery never goes from sending to {one.state}")
        if not settled:
            return []
        at = iso(now)
        with self._db.writing() as cursor:
            cursor.executemany(
                "INSERT INTO attempt SELECT id, ?, ?, ? FROM delivery WHERE id=? AND state='sending'",
                [(at, one.attempt.outcome.value, one.attempt.reply, one.delivery.id) for one in settled],
            )
            cursor.executemany(
                "UPDATE delivery SET state=?, attempts=attempts+1, next_at=?, reply=? WHERE id=? AND state='sending'",
                [
                    (one.state.value, iso(one.next_at) if one.next_at else "", one.attempt.reply, one.delivery.id)
                    for one in settled
                ],
            )
            return [*self._alarms(LedgerTransaction(cursor), settled, now), *self._change(cursor, change, now)]

    def _alarms(self, tx: LedgerTransaction, settled: Sequence[Settled], now: datetime) -> Iterator[AlarmChange]:
        """Raise an alarm for what came to nothing, and clear it when the same mail went out after all."""
        for one in settled:
            sent = tx.delivery(one.delivery.id) if one.alarm else None
            raised = AlarmChange(what=f"delivery:{one.delivery.id}", text=one.alarm)
            if sent is not None and sent.state is one.state and tx.raise_alarm(raised.what, raised.text, now):
                yield raised
        arrived = [one.delivery.id for one in settled if one.state is DeliveryState.DELIVERED]
        for what in tx.overtaken(arrived) if arrived and tx.alarms() else ():
            if tx.clear_alarm(what, now):
                yield AlarmChange(what=what)

    def _change(self, cursor: Cursor, change: AlarmChange | None, now: datetime) -> Iterator[AlarmChange]:
        """Raise or clear the alarm for the mail server; when it is cleared, what it held up is due."""
        tx = LedgerTransaction(cursor)
        if change is None:
            return
        if change.text:
            changed = tx.raise_alarm(change.what, change.text, now)
        elif changed := tx.clear_alarm(change.what, now):
            cursor.execute(_RELEASE, (iso(now),))
        if changed:
            yield change

    def release(self, now: datetime) -> None:
        """Make due what only waits because the mail server refused this node: its configuration was read anew."""
        with self._db.writing() as cursor:
            cursor.execute(_RELEASE, (iso(now),))

    def next_due(self) -> datetime | None:
        """Return when the next delivery is due."""
        row = self._db.reading(_FIRST)
        return datetime.fromisoformat(str(row[0])) if row and row[0] else None


def _domains(cursor: Cursor, last: str) -> Iterator[str]:
    """Yield every domain that something waits for, once, from the one after `last` round to `last`."""
    for start, end in ((last, None), ("", last)):
        domain = start
        while row := cursor.execute(_NEXT_DOMAIN, (domain,)).fetchone():
            [domain] = row
            if end is not None and domain > end:
                break
            yield domain


def _delivery(row: _Row, octets: bytes) -> Delivery:
    number, kind, recipient, reverse_path, _, attempts, created_at, _, message_id = row
    return Delivery(
        id=number, kind=kind, recipient=recipient, reverse_path=reverse_path, message_id=message_id, octets=octets,
        state=DeliveryState.SENDING, attempts=attempts, created_at=datetime.fromisoformat(created_at),
    )  # fmt: skip
