"""Retention: what is old and needs nothing more loses its octets; everything else keeps them, at any age."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from ecertmail.delivery import Attempt, Attempted, DeliveryState
from ecertmail.errors import NotFoundError, RemovedError
from ecertmail.message import SpoolEnd
from ecertmail.official import Purpose, Subject
from ecertmail.store import mail as mails
from ecertmail.store.database import iso
from ecertmail.store.deliveries import DeliveryReader
from ecertmail.store.ledger import LedgerTransaction, SqliteLedger
from ecertmail.store.outbox import SqliteOutbox
from ecertmail.store.retention import ReceivedRetention, Retention, SentRetention, What
from ecertmail.store.spool import SpoolReader, SqliteSpool
from tests.builders import envelope, room, settle
from tests.flow.border import LI as OFFICER

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
AGE = 30 * DAY
LATER = NOW + 31 * DAY
SENT = Attempt(outcome=Attempted.SENT, reply="250 OK")
REFUSED = Attempt(outcome=Attempted.REFUSED, reply="550 no")
OCTETS = b"From: a@cn.example\r\n\r\n" + b"words " * 500
TO = "a@nz.example"


def run(retention: Retention, now: datetime) -> int:
    """A whole run; return how many mails lost their octets."""
    retention.begin(now)
    removed = 0
    for _ in range(10_000):
        step = retention.step(now - AGE, now)
        removed += step.removed
        if not step.more:
            break
    while retention.give_back():
        pass
    retention.end(now)
    return removed


@pytest.fixture
def sent(ledger: SqliteLedger) -> SentRetention:
    return SentRetention(ledger.db)


@pytest.fixture
def outbox(ledger: SqliteLedger) -> SqliteOutbox:
    return SqliteOutbox(ledger)


def put(tx: LedgerTransaction, kind: str = "push", *, expects: bool = False, name: str = "1", to: str = TO) -> int:
    made = tx.put_mail(f"<{name}@cn>", OCTETS)
    tx.stage(made, kind, to, "", NOW, expects=expects)
    return made


def deliver(outbox: SqliteOutbox, attempt: Attempt = SENT, at: datetime = NOW) -> None:
    state = DeliveryState.DELIVERED if attempt is SENT else DeliveryState.FAILED
    for delivery in outbox.take_due(at, room(10_000)):
        settle(outbox, delivery, attempt, state, None, at)


# What is removed


@pytest.mark.parametrize("kind", ["push", "notice", "letter", "report", "receipt"])
def test_a_mail_that_was_sent_loses_its_octets(
    ledger: SqliteLedger, outbox: SqliteOutbox, sent: SentRetention, kind: str
) -> None:
    with ledger.transaction() as tx:
        mail = put(tx, kind)
    deliver(outbox)
    assert run(sent, NOW + 29 * DAY) == 0
    assert run(sent, LATER) == 1
    with ledger.transaction() as tx, pytest.raises(RemovedError, match="removed by retention on 2026-04-01"):
        mails.octets(tx._cursor, mail)
    assert run(sent, LATER) == 0


def test_its_row_stays_with_hash_and_time(ledger: SqliteLedger, outbox: SqliteOutbox, sent: SentRetention) -> None:
    with ledger.transaction() as tx:
        put(tx)
    deliver(outbox)
    run(sent, LATER)
    row = ledger.db.reading("SELECT message_id, octets, size, sha256, removed_at FROM mail")
    assert row == ("<1@cn>", b"", len(OCTETS), sha256(OCTETS).hexdigest(), iso(LATER))
    assert ledger.db.reading("SELECT count(*) FROM mail_content") == (0,)


@pytest.mark.parametrize("state", ["acknowledged", "failed", "expired", "bounced", "cancelled", "alarmed"])
def test_a_delivery_that_came_to_an_end_needs_no_octets(ledger: SqliteLedger, sent: SentRetention, state: str) -> None:
    with ledger.transaction() as tx:
        put(tx, expects=True)
    with ledger.db.writing() as cursor:
        cursor.execute("UPDATE delivery SET state=?", (state,))
    assert run(sent, LATER) == 1


# What is never removed, however old


def receipt_of_a_batch(tx: LedgerTransaction) -> None:
    entry = tx.append([("message", b"{}")])[0]
    tx.put_message("m1", entry, {"partner": "nz", "fingerprint": "F", "mic": "m", "outcome": "accepted",
                                 "mail": put(tx, "receipt")})  # fmt: skip


def decision_for_a_partner(tx: LedgerTransaction) -> None:
    put(tx, "acknowledgement")


def push_with_a_ticket_that_was_used(tx: LedgerTransaction) -> None:
    tx.officials.add(OFFICER)
    given = tx.officials.give_ticket(Purpose.DECIDE, OFFICER.id, (Subject(issuer="nz", number="1", entry=0),), NOW)
    put(tx, "push", to=OFFICER.address)
    tx.use_ticket(given.id)


def letter_with_a_ticket_that_is_open(tx: LedgerTransaction) -> None:
    tx.officials.add(OFFICER)
    tx.officials.give_ticket(Purpose.DECIDE, OFFICER.id, (), LATER + DAY)
    put(tx, "letter", to=OFFICER.address)


@pytest.mark.parametrize("case", [
    receipt_of_a_batch, decision_for_a_partner, push_with_a_ticket_that_was_used, letter_with_a_ticket_that_is_open,
], ids=lambda case: case.__name__)  # fmt: skip
def test_a_mail_that_something_refers_to_stays(
    ledger: SqliteLedger, outbox: SqliteOutbox, sent: SentRetention, case: Callable[[LedgerTransaction], None]
) -> None:
    with ledger.transaction() as tx:
        case(tx)
    deliver(outbox)
    assert run(sent, LATER) == 0
    with closing(DeliveryReader(sent_path(ledger))) as reader:
        assert reader.show(1).octets == OCTETS


def sent_path(ledger: SqliteLedger) -> Path:
    row = ledger.db.reading("PRAGMA database_list")
    assert row is not None
    return Path(str(row[2]))


@pytest.mark.parametrize("state", ["due", "sending", "deferred", "silent", "reminded", "delivered", "unknown"])
def test_a_delivery_that_is_open_keeps_its_octets(ledger: SqliteLedger, sent: SentRetention, state: str) -> None:
    """One that expects an answer waits for it; a state that this table does not know is taken for open."""
    with ledger.transaction() as tx:
        put(tx, expects=True)
    with ledger.db.writing() as cursor:
        cursor.execute("UPDATE delivery SET state=?", (state,))
    assert run(sent, LATER) == 0


def test_a_delivery_with_an_open_alarm_keeps_its_octets_until_a_person_closes_it(
    ledger: SqliteLedger, outbox: SqliteOutbox, sent: SentRetention
) -> None:
    with ledger.transaction() as tx:
        put(tx)
        tx.raise_alarm("delivery:1", "not sent", NOW)
    deliver(outbox, REFUSED)
    assert run(sent, LATER) == 0
    with ledger.transaction() as tx:
        tx.clear_alarm("delivery:1", NOW)
    assert run(sent, LATER + DAY) == 1


def test_a_mail_that_is_sent_again_is_young_again(
    ledger: SqliteLedger, outbox: SqliteOutbox, sent: SentRetention
) -> None:
    with ledger.transaction() as tx:
        put(tx)
    deliver(outbox, REFUSED)
    with ledger.transaction() as tx:
        delivery = tx.delivery(1)
        assert delivery is not None
        tx.move(delivery, DeliveryState.DUE, LATER)
    deliver(outbox, SENT, LATER)
    assert run(sent, LATER + DAY) == 0
    assert run(sent, LATER + AGE + DAY) == 1


def test_a_mail_without_a_delivery_stays(ledger: SqliteLedger, sent: SentRetention) -> None:
    with ledger.transaction() as tx:
        tx.put_mail("<1@cn>", OCTETS)
    assert run(sent, LATER) == 0


# Many mails, and crashes


def test_what_waits_holds_up_nothing_behind_it(ledger: SqliteLedger, outbox: SqliteOutbox, sent: SentRetention) -> None:
    with ledger.transaction() as tx:
        for number in range(250):
            put(tx, name=str(number), expects=number < 120)
    deliver(outbox)
    assert run(sent, LATER) == 130
    assert ledger.db.reading("SELECT mark FROM retention") == (0,)


def test_the_next_day_begins_behind_what_is_done(
    ledger: SqliteLedger, outbox: SqliteOutbox, sent: SentRetention
) -> None:
    with ledger.transaction() as tx:
        for number in range(150):
            put(tx, name=str(number))
    deliver(outbox)
    run(sent, LATER)
    assert ledger.db.reading("SELECT mark, removed, octets FROM retention") == (150, 150, 150 * len(OCTETS))


def test_a_run_that_a_crash_ended_goes_on(ledger: SqliteLedger, outbox: SqliteOutbox, sent: SentRetention) -> None:
    with ledger.transaction() as tx:
        for number in range(150):
            put(tx, name=str(number))
    deliver(outbox)
    sent.begin(LATER)
    assert sent.step(LATER - AGE, LATER).removed == 100
    assert SentRetention(ledger.db).ended_at() is None
    assert run(SentRetention(ledger.db), LATER + DAY) == 50
    assert ledger.db.reading("SELECT removed, ended_at FROM retention") == (150, iso(LATER + DAY))


def test_space_is_given_back(ledger: SqliteLedger, outbox: SqliteOutbox, sent: SentRetention) -> None:
    with ledger.transaction() as tx:
        for number in range(100):
            tx.stage(tx.put_mail(f"<{number}@cn>", os.urandom(9000)),
                     "push", TO, "", NOW)  # fmt: skip
    deliver(outbox)
    ledger.db.reading("PRAGMA wal_checkpoint(TRUNCATE)")
    before = sent_path(ledger).stat().st_size
    run(sent, LATER)
    ledger.db.reading("PRAGMA wal_checkpoint(TRUNCATE)")
    assert ledger.db.reading("PRAGMA freelist_count") == (0,)
    assert sent_path(ledger).stat().st_size < before


def test_mails_of_an_older_ecertmail_are_removed_too(
    ledger: SqliteLedger, outbox: SqliteOutbox, sent: SentRetention
) -> None:
    """Their octets stand in their own row, without a hash; one for an official stays, for its tickets are not known."""
    with ledger.transaction() as tx:
        tx.officials.add(OFFICER)
        put(tx, name="1")
        put(tx, name="2", to=OFFICER.address)
    with ledger.db.writing() as cursor:
        cursor.execute("DELETE FROM mail_content")
        cursor.execute("UPDATE mail SET octets=?, size=0, sha256=''", (OCTETS,))
    deliver(outbox)
    assert run(sent, LATER) == 1
    rows = ledger.db.rows("SELECT octets, size, sha256 FROM mail ORDER BY id")
    assert rows == [(b"", len(OCTETS), sha256(OCTETS).hexdigest()), (OCTETS, 0, "")]


# What was received


@pytest.fixture
def spool(path: Path) -> Iterator[SqliteSpool]:
    made = SqliteSpool(path.with_name("spool.db"))
    yield made
    made.close()


@pytest.fixture
def reader(spool: SqliteSpool, path: Path) -> Iterator[SpoolReader]:
    made = SpoolReader(path.with_name("spool.db"))
    yield made
    made.close()


def receive(spool: SqliteSpool, reason: str = "", *ids: str) -> None:
    spool.add([(spool_id, envelope(), OCTETS) for spool_id in ids])
    spool.claim(NOW, 1000)
    spool.finish([SpoolEnd(id=spool_id, reason=reason) for spool_id in ids], NOW)


@pytest.mark.parametrize(("what", "reason"), [(What.ARCHIVED, ""), (What.QUARANTINED, "not-signed")])
def test_a_message_that_recorded_nothing_loses_its_octets(
    ledger: SqliteLedger, spool: SqliteSpool, reader: SpoolReader, path: Path, what: What, reason: str
) -> None:
    receive(spool, reason, "m1", "m2")
    with ledger.transaction() as tx:
        entry = tx.append([("message", b"{}")])[0]
        tx.put_message(
            "m2", entry, {"partner": "nz", "fingerprint": "F", "mic": "m", "outcome": "accepted", "mail": None}
        )
    other = What.QUARANTINED if what is What.ARCHIVED else What.ARCHIVED
    assert run(ReceivedRetention(spool.db, other, path), LATER) == 0
    retention = ReceivedRetention(spool.db, what, path)
    assert run(retention, NOW + 29 * DAY) == 0
    assert run(retention, LATER) == 1
    with pytest.raises(RemovedError, match="m1: the octets were removed by retention on 2026-04-01"):
        reader.get("m1")
    assert (reader.row("m1").state, reader.row("m1").size) == (what, len(OCTETS))
    assert reader.get("m2")[1] == OCTETS
    assert spool.db.reading("SELECT sha256 FROM message WHERE id='m1'") == (sha256(OCTETS).hexdigest(),)


def test_what_waits_to_be_decided_stays(
    spool: SqliteSpool, ledger: SqliteLedger, reader: SpoolReader, path: Path
) -> None:
    spool.add([("m1", envelope(), OCTETS), ("m2", envelope(), OCTETS)])
    spool.claim(NOW, 1)
    for what in (What.ARCHIVED, What.QUARANTINED):
        assert run(ReceivedRetention(spool.db, what, path), LATER) == 0
    assert reader.get("m1")[1] == reader.get("m2")[1] == OCTETS


def test_a_message_that_was_removed_cannot_be_released_but_dropped(
    spool: SqliteSpool, ledger: SqliteLedger, reader: SpoolReader, path: Path
) -> None:
    receive(spool, "not-signed", "m1")
    run(ReceivedRetention(spool.db, What.QUARANTINED, path), LATER)
    with pytest.raises(RemovedError, match="m1: the octets were removed by retention"):
        spool.release("m1", LATER)
    assert reader.row("m1").state == "quarantined"
    spool.drop("m1")
    with pytest.raises(NotFoundError):
        reader.row("m1")


def test_the_log_cannot_be_removed(ledger: SqliteLedger) -> None:
    with ledger.transaction() as tx:
        tx.append([("message", b"{}")])
    with closing(sqlite3.connect(sent_path(ledger))) as db, pytest.raises(sqlite3.DatabaseError, match="append-only"):
        db.execute("DELETE FROM entry")
