"""Deliveries on disk: due in their order, each in one hand at a time, and never lost by a crash."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ecertmail.delivery import Attempt, Attempted, Delivery, DeliveryState
from ecertmail.store.ledger import SqliteLedger
from ecertmail.store.outbox import SqliteOutbox
from ecertmail.store.reader import LedgerReader
from tests.builders import room, settle, staged

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SENT = Attempt(outcome=Attempted.SENT, reply="250 OK")
LATER = Attempt(outcome=Attempted.TEMPORARY, reply="451 later")


@pytest.fixture
def outbox(ledger: SqliteLedger) -> SqliteOutbox:
    return SqliteOutbox(ledger)


def stage(ledger: SqliteLedger, *names: str, at: datetime = NOW) -> None:
    with ledger.transaction() as tx:
        for name in names:
            staged(tx, f"{name}@nz.example", f"<{name}@cn>", name.encode(), at, "bounce@cn.example")


def names(deliveries: list[Delivery]) -> list[str]:
    return [delivery.octets.decode() for delivery in deliveries]


def states(path: Path) -> dict[str, int]:
    reader = LedgerReader(path)
    counts = reader.counts("delivery")
    reader.close()
    return counts


def test_an_empty_outbox_is_never_due(outbox: SqliteOutbox) -> None:
    assert (outbox.next_due(), outbox.take_due(NOW, room(10))) == (None, [])


def test_what_is_staged_is_due_at_once_and_is_in_one_hand_only(ledger: SqliteLedger, outbox: SqliteOutbox) -> None:
    stage(ledger, "a")
    assert outbox.next_due() == NOW
    [delivery] = outbox.take_due(NOW, room(10))
    assert delivery == Delivery(
        id=delivery.id, kind="receipt", recipient="a@nz.example", reverse_path="bounce@cn.example", message_id="<a@cn>",
        octets=b"a", state=DeliveryState.SENDING, attempts=0, created_at=NOW,
    )  # fmt: skip
    assert (outbox.take_due(NOW, room(10)), outbox.next_due()) == ([], None)


def test_the_oldest_due_goes_first_and_no_more_than_asked_for(ledger: SqliteLedger, outbox: SqliteOutbox) -> None:
    stage(ledger, "c", at=NOW + 2 * MINUTE)
    stage(ledger, "a", at=NOW)
    stage(ledger, "b", at=NOW + MINUTE)
    assert outbox.take_due(NOW - MINUTE, room(10)) == []
    assert names(outbox.take_due(NOW + 5 * MINUTE, room(2))) == ["a", "b"]


def test_what_is_deferred_comes_back_when_it_is_due(ledger: SqliteLedger, outbox: SqliteOutbox) -> None:
    stage(ledger, "a")
    [delivery] = outbox.take_due(NOW, room(10))
    settle(outbox, delivery, LATER, DeliveryState.DEFERRED, NOW + MINUTE, NOW)
    assert (outbox.next_due(), outbox.take_due(NOW, room(10))) == (NOW + MINUTE, [])
    [again] = outbox.take_due(NOW + MINUTE, room(10))
    assert (again.attempts, again.octets, again.message_id) == (1, delivery.octets, delivery.message_id)


@pytest.mark.parametrize("state", [DeliveryState.DELIVERED, DeliveryState.FAILED, DeliveryState.EXPIRED])
def test_what_has_ended_does_not_come_back(
    ledger: SqliteLedger, outbox: SqliteOutbox, path: Path, state: DeliveryState
) -> None:
    stage(ledger, "a")
    [delivery] = outbox.take_due(NOW, room(10))
    settle(outbox, delivery, SENT, state, None, NOW)
    assert (outbox.next_due(), outbox.take_due(NOW + timedelta(days=999), room(10))) == (None, [])
    assert states(path) == {state.value: 1}


def test_what_a_dead_process_was_sending_is_due_again(ledger: SqliteLedger, outbox: SqliteOutbox, path: Path) -> None:
    """It may arrive twice, but with the same octets and the same Message-ID."""
    stage(ledger, "a", "b")
    [first, _] = outbox.take_due(NOW, room(10))
    settle(outbox, first, SENT, DeliveryState.DELIVERED, None, NOW)
    assert outbox.recover(NOW + MINUTE) == 1
    assert names(outbox.take_due(NOW + MINUTE, room(10))) == ["b"]
    assert states(path) == {"delivered": 1, "sending": 1}


@pytest.mark.parametrize("state", [DeliveryState.SENDING])
def test_a_state_that_no_row_allows_is_our_bug(
    ledger: SqliteLedger, outbox: SqliteOutbox, state: DeliveryState
) -> None:
    stage(ledger, "a")
    [delivery] = outbox.take_due(NOW, room(10))
    with pytest.raises(AssertionError, match="never goes"):
        settle(outbox, delivery, SENT, state, None, NOW)


def test_every_attempt_is_kept(ledger: SqliteLedger, outbox: SqliteOutbox) -> None:
    stage(ledger, "a")
    [delivery] = outbox.take_due(NOW, room(10))
    settle(outbox, delivery, LATER, DeliveryState.DEFERRED, NOW + MINUTE, NOW)
    [delivery] = outbox.take_due(NOW + MINUTE, room(10))
    settle(outbox, delivery, SENT, DeliveryState.DELIVERED, None, NOW + MINUTE)
    with ledger.db.writing() as cursor:
        rows = cursor.execute("SELECT outcome, reply FROM attempt ORDER BY at").fetchall()
    assert rows == [("temporary", "451 later"), ("sent", "250 OK")]


def test_outbox_and_ledger_share_one_commit(ledger: SqliteLedger, outbox: SqliteOutbox) -> None:
    """Nobody sees a receipt before the entries that it speaks of."""

    def stage_and_fail() -> None:
        with ledger.transaction() as tx:
            staged(tx, "a@nz.example", "<a@cn>", b"a", NOW)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        stage_and_fail()
    assert outbox.next_due() is None


def stage_for(ledger: SqliteLedger, domain: str, count: int, octets: bytes = b"x") -> None:
    with ledger.transaction() as tx:
        for number in range(count):
            staged(tx, f"{number}@{domain}", f"<{number}@{domain}>", octets, NOW)


def domains(deliveries: list[Delivery]) -> list[str]:
    return [delivery.domain for delivery in deliveries]


def test_domains_have_their_turn_and_the_next_take_goes_on_behind_the_last(
    ledger: SqliteLedger, outbox: SqliteOutbox
) -> None:
    for domain in ("A.example", "b.example", "c.example"):
        stage_for(ledger, domain, 5)
    assert domains(outbox.take_due(NOW, room(4, of_each=2))) == ["a.example"] * 2 + ["b.example"] * 2
    assert domains(outbox.take_due(NOW, room(4, of_each=2))) == ["c.example"] * 2 + ["a.example"] * 2
    assert domains(outbox.take_due(NOW, room(4, full={"c.example"}, of_each=9))) == ["b.example"] * 3 + ["a.example"]
    assert domains(outbox.take_due(NOW, room(4))) == ["c.example"] * 3


def test_no_more_octets_are_taken_than_there_is_room_for_but_one_mail_always(
    ledger: SqliteLedger, outbox: SqliteOutbox
) -> None:
    stage_for(ledger, "a.example", 3, b"x" * 100)
    stage_for(ledger, "b.example", 3, b"x" * 100)
    assert outbox.take_due(NOW, room(10, octets=0)) == []
    assert domains(outbox.take_due(NOW, room(10, octets=1))) == ["a.example"]
    assert domains(outbox.take_due(NOW, room(10, octets=250))) == ["b.example", "a.example"], "a quarter, or one mail"
    assert domains(outbox.take_due(NOW, room(10, octets=800))) == ["b.example"] * 2 + ["a.example"]


def test_an_attempt_that_is_written_down_twice_counts_once(ledger: SqliteLedger, outbox: SqliteOutbox) -> None:
    """The commit seemed to fail and had not: whoever kept the books tries again."""
    stage(ledger, "a")
    [delivery] = outbox.take_due(NOW, room(10))
    for _ in range(2):
        settle(outbox, delivery, LATER, DeliveryState.DEFERRED, NOW + MINUTE, NOW)
    [again] = outbox.take_due(NOW + MINUTE, room(10))
    assert again.attempts == 1


def test_what_somebody_has_in_hand_is_not_given_back(ledger: SqliteLedger, outbox: SqliteOutbox) -> None:
    stage(ledger, "a", "b")
    first, second = outbox.take_due(NOW, room(10))
    assert outbox.recover(NOW, {first.id}) == 1
    assert outbox.take_due(NOW, room(10)) == [second]


@pytest.mark.parametrize("sent", [0, 100_000])
def test_taking_looks_only_at_what_waits(ledger: SqliteLedger, outbox: SqliteOutbox, sent: int) -> None:
    """However much was delivered before, SQLite goes by the index of the queue."""
    with ledger.db.writing() as cursor:
        cursor.execute("INSERT INTO mail(message_id, octets) VALUES ('<old@cn>', x'00')")
        cursor.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<?) INSERT INTO delivery(mail, kind,"
            " recipient, reverse_path, state, attempts, created_at, next_at, reply)"
            " SELECT 1,'push','x@old.example','','delivered',1,'','','' FROM n WHERE ?>0",
            (max(sent, 1), sent),
        )
    stage_for(ledger, "new.example", 3)
    steps = [0]
    ledger.db._db.set_progress_handler(lambda: steps.__setitem__(0, steps[0] + 1), 100)
    assert len(outbox.take_due(NOW, room(10))) == 3
    ledger.db._db.set_progress_handler(None, 0)
    assert steps[0] < 100, "hundreds of steps of SQLite's machine"
