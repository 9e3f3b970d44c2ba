"""The ledger on a real file: append-only, all or nothing, and the same mail again when the same mail came again."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ecertmail.core.merkle import leaf_hash
from ecertmail.delivery import Attempt, Attempted, DeliveryState
from ecertmail.errors import StoreError
from ecertmail.model import Certificate, CertificateStatus, Earlier, Known, Outcome
from ecertmail.store.ledger import LedgerTransaction, SqliteLedger
from ecertmail.store.outbox import SqliteOutbox
from ecertmail.store.reader import LedgerReader
from tests.builders import certificate, room, settle, staged

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def reader(ledger: SqliteLedger, path: Path) -> Iterator[LedgerReader]:
    made = LedgerReader(path)
    yield made
    made.close()


def put(tx: LedgerTransaction, *certificates: Certificate, issuer: str = "nz", kind: str = "certificate") -> range:
    entries = tx.append([(kind, b'{"at":""}') for _ in certificates])
    tx.put_versions(issuer, [(entry, kind, c) for entry, c in zip(entries, certificates, strict=True)])
    return entries


def facts(mic: str = "mic", outcome: str = "accepted", mail: int | None = None) -> dict[str, str | int | None]:
    return {"partner": "nz", "fingerprint": "F" * 40, "mic": mic, "outcome": outcome, "mail": mail}


# The log


def test_entries_are_numbered_from_zero_without_a_gap(ledger: SqliteLedger, reader: LedgerReader) -> None:
    with ledger.transaction() as tx:
        assert tx.next_index() == 0
        assert tx.append([("a", b"1"), ("b", b"2")]) == range(2)
        assert tx.append([]) == range(2, 2)
        assert tx.next_index() == 2
    with ledger.transaction() as tx:
        assert tx.append([("c", b"3")]) == range(2, 3)
    entries = reader.tail(10)
    assert [(e.index, e.kind, e.record, e.leaf) for e in entries] == [
        (0, "a", b"1", leaf_hash(b"1")),
        (1, "b", b"2", leaf_hash(b"2")),
        (2, "c", b"3", leaf_hash(b"3")),
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entry SET record=x'00'",
        "UPDATE entry SET idx=idx+1",
        "DELETE FROM entry",
        "INSERT OR REPLACE INTO entry SELECT idx, kind, x'00', leaf FROM entry",
        "UPDATE version SET octets=x'00'",
        "UPDATE version SET status='40'",
        "DELETE FROM version",
        "INSERT OR REPLACE INTO version SELECT entry, kind, issuer, number, '40', sha256, '', octets FROM version",
    ],
)
def test_what_was_recorded_can_be_neither_changed_nor_removed(
    ledger: SqliteLedger, path: Path, reader: LedgerReader, statement: str
) -> None:
    """Not through another connection either: the triggers stand in the file."""
    with ledger.transaction() as tx:
        put(tx, certificate("NZ-1"))
    before = reader.tail(10), reader.lookup("NZ-1"), reader.octets(0)
    other = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError):
        other.execute(statement)
    other.close()
    with pytest.raises(StoreError), ledger.db.writing() as cursor:
        cursor.execute(statement)
    assert (reader.tail(10), reader.lookup("NZ-1"), reader.octets(0)) == before


# All or nothing


def test_an_exception_leaves_nothing_of_a_transaction(ledger: SqliteLedger, reader: LedgerReader) -> None:
    def record_and_fail() -> None:
        with ledger.transaction() as tx:
            put(tx, certificate("NZ-1"))
            mail = staged(tx, "a@nz.example", "<1@cn>", b"octets", NOW)
            tx.put_message("m1", 0, facts(mail=mail))
            raise RuntimeError("the receipt cannot be signed")

    with pytest.raises(RuntimeError):
        record_and_fail()
    assert (reader.size(), reader.lookup("NZ-1"), reader.counts("delivery")) == (0, [], {})
    with ledger.transaction() as tx:
        assert not tx.decided("m1")
        assert tx.next_index() == 0


def test_a_message_is_decided_once(ledger: SqliteLedger, reader: LedgerReader) -> None:
    with ledger.transaction() as tx:
        assert not tx.decided("m1")
        tx.append([("message", b"1")])
        tx.put_message("m1", 0, facts())
    with ledger.transaction() as tx:
        assert tx.decided("m1")
        assert not tx.decided("m2")

    def decide_again() -> None:
        with ledger.transaction() as tx:
            tx.append([("message", b"2")])
            tx.put_message("m1", 1, facts())

    with pytest.raises(StoreError):
        decide_again()
    assert reader.size() == 1


def test_nothing_can_point_to_an_entry_that_is_not_there(ledger: SqliteLedger) -> None:
    with pytest.raises(StoreError), ledger.transaction() as tx:
        tx.put_message("m1", 7, facts())


# What is known


def test_a_certificate_is_known_with_every_version(ledger: SqliteLedger) -> None:
    first = certificate("NZ-1")
    last = certificate("NZ-1", status=CertificateStatus.WITHDRAWN, sha256="1" * 64)
    with ledger.transaction() as tx:
        put(tx, first)
        put(tx, last)
        known = tx.known("nz", ["NZ-1", "NZ-2", "NZ-1"])
    versions = ((CertificateStatus.ISSUED, first.sha256), (CertificateStatus.WITHDRAWN, "1" * 64))
    assert known == {"NZ-1": Known(status=CertificateStatus.WITHDRAWN, versions=versions)}


def test_a_conflict_is_kept_but_is_no_version(ledger: SqliteLedger, reader: LedgerReader) -> None:
    with ledger.transaction() as tx:
        put(tx, certificate("NZ-1"))
        put(tx, certificate("NZ-1", title="Beef", sha256="1" * 64), kind="conflict")
        assert len(tx.known("nz", ["NZ-1"])["NZ-1"].versions) == 1
    [found] = reader.lookup("NZ-1")
    assert (found.title, [version.kind for version in found.versions]) == ("Lamb", ["certificate", "conflict"])


def test_a_number_belongs_to_its_issuer(ledger: SqliteLedger) -> None:
    with ledger.transaction() as tx:
        put(tx, certificate("1"), issuer="nz")
        assert tx.known("au", ["1"]) == {}


@pytest.mark.parametrize(
    "number", ["NZ/1", "a b", "证-1", "'; DROP TABLE entry; --", '"', "\\", "../../etc", "[1]", "%"]
)
def test_a_number_is_only_a_word(ledger: SqliteLedger, reader: LedgerReader, number: str) -> None:
    with ledger.transaction() as tx:
        put(tx, certificate(number))
        assert set(tx.known("nz", [number, "other"])) == {number}
    assert [found.number for found in reader.lookup(number)] == [number]


def test_many_numbers_are_looked_up_at_once(ledger: SqliteLedger) -> None:
    """More than SQLite takes as parameters of one statement."""
    with ledger.transaction() as tx:
        put(tx, *[certificate(f"NZ-{number}") for number in range(2000)])
        assert len(tx.known("nz", [f"NZ-{number}" for number in range(100_000)])) == 2000


def test_what_is_replaced_is_known_as_replaced_and_keeps_its_content(
    ledger: SqliteLedger, reader: LedgerReader
) -> None:
    old = certificate("NZ-1")
    with ledger.transaction() as tx:
        put(tx, old, certificate("NZ-2"))
        [entry] = tx.append([("replaced", b'{"at":""}')])
        tx.put_replaced("nz", [(entry, "NZ-1", "NZ-2")])
        known = tx.known("nz", ["NZ-1"])["NZ-1"]
    assert known == Known(status=CertificateStatus.REPLACED, versions=((CertificateStatus.ISSUED, old.sha256),))
    assert reader.octets(0) == old.octets


# Mails


def stage(ledger: SqliteLedger) -> int:
    with ledger.transaction() as tx:
        return staged(tx, "a@nz.example", "<1@cn>", b"octets\r\n\x00", NOW)


def stage_again(ledger: SqliteLedger, mail: int, at: datetime) -> None:
    with ledger.transaction() as tx:
        tx.stage(mail, "receipt", "a@nz.example", "", at)


def test_a_mail_that_was_sent_goes_again_with_the_same_octets_to_the_same_address(ledger: SqliteLedger) -> None:
    outbox = SqliteOutbox(ledger)
    mail = stage(ledger)
    [first] = outbox.take_due(NOW, room(10))
    settle(outbox, first, Attempt(outcome=Attempted.SENT, reply=""), DeliveryState.DELIVERED, None, NOW)
    stage_again(ledger, mail, NOW + timedelta(minutes=1))
    [again] = outbox.take_due(NOW + timedelta(hours=1), room(10))
    assert again == replace(first, id=again.id, created_at=NOW + timedelta(minutes=1))
    assert again.id != first.id


@pytest.mark.parametrize("deferred", [False, True], ids=["due", "deferred"])
def test_a_mail_that_still_waits_is_not_staged_a_second_time(ledger: SqliteLedger, deferred: bool) -> None:
    outbox = SqliteOutbox(ledger)
    mail = stage(ledger)
    if deferred:
        [first] = outbox.take_due(NOW, room(10))
        later = Attempt(outcome=Attempted.TEMPORARY, reply="")
        settle(outbox, first, later, DeliveryState.DEFERRED, NOW + timedelta(minutes=5), NOW)
    stage_again(ledger, mail, NOW)
    assert len(outbox.take_due(NOW + timedelta(hours=1), room(10))) == 1


def test_a_message_id_is_used_once(ledger: SqliteLedger) -> None:
    with ledger.transaction() as tx:
        staged(tx, "a@nz.example", "<1@cn>", b"1", NOW)
    with pytest.raises(StoreError), ledger.transaction() as tx:
        staged(tx, "a@nz.example", "<1@cn>", b"2", NOW)


@pytest.mark.parametrize("outcome", [Outcome.ACCEPTED, Outcome.PARTIAL, Outcome.REFUSED, Outcome.RECEIPT])
def test_what_became_of_the_same_octets_of_the_same_key_is_found(ledger: SqliteLedger, outcome: Outcome) -> None:
    mail = None if outcome is Outcome.RECEIPT else stage(ledger)
    with ledger.transaction() as tx:
        tx.append([("message", b"1")])
        tx.put_message("m1", 0, facts(outcome=outcome.value, mail=mail))
        assert tx.earlier("F" * 40, "mic") == Earlier(outcome=outcome, mail=mail)
        assert tx.earlier("E" * 40, "mic") is None
        assert tx.earlier("F" * 40, "other") is None


def test_of_several_judgements_the_last_one_counts(ledger: SqliteLedger) -> None:
    with ledger.transaction() as tx:
        tx.append([("message", b"1"), ("message", b"2")])
        tx.put_message("m1", 0, facts(outcome="refused"))
        tx.put_message("m2", 1, facts(outcome="accepted"))
        assert tx.earlier("F" * 40, "mic") == Earlier(outcome=Outcome.ACCEPTED, mail=None)
