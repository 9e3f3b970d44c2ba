"""Reading and verifying the ledger: whoever goes around the triggers is found."""

import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ecertmail.core import record
from ecertmail.core.merkle import leaf_hash, root_hash
from ecertmail.core.xml import digest
from ecertmail.model import CertificateStatus, Result, ResultCode
from ecertmail.store.audit import faults
from ecertmail.store.ledger import SqliteLedger
from ecertmail.store.reader import LedgerReader
from tests.builders import certificate

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
OLD, NEW = certificate("NZ-1"), certificate("NZ-2", replaces=("NZ-1",))
CONFLICT = certificate("NZ-2", title="Beef", octets=b"<b/>", sha256=digest(b"<b/>"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger of one message, two certificates, a replacement and a conflict."""
    path = tmp_path / "ledger.db"
    ledger = SqliteLedger(path)
    at = record.timestamp(NOW)
    with ledger.transaction() as tx:
        tx.append([("message", record.canonical({"v": 1, "kind": "message", "at": at}))])
        for sent, code in ((OLD, ResultCode.RECORDED), (NEW, ResultCode.RECORDED), (CONFLICT, ResultCode.CONFLICT)):
            kind = "conflict" if code is ResultCode.CONFLICT else "certificate"
            said = record.of_certificate("nz", Result(number=sent.number, code=code, certificate=sent), 0, at)
            [entry] = tx.append([(kind, record.canonical(said))])
            tx.put_versions("nz", [(entry, kind, sent)])
        [entry] = tx.append([("replaced", record.canonical(record.of_replacement("nz", "NZ-1", "NZ-2", 0, at)))])
        tx.put_replaced("nz", [(entry, "NZ-1", "NZ-2")])
    ledger.close()
    return path


@pytest.fixture
def reader(path: Path) -> Iterator[LedgerReader]:
    made = LedgerReader(path)
    yield made
    made.close()


def attack(path: Path, *statements: str, **values: bytes) -> None:
    """Somebody with the file and SQLite, who takes the triggers out of the way and puts them back."""
    connection = sqlite3.connect(path)
    triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type='trigger'").fetchall()
    connection.execute("PRAGMA foreign_keys=OFF")
    for name, _ in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        used = {name: value for name, value in values.items() if f":{name}" in statement}
        assert connection.execute(statement, used).rowcount > 0
    for _, sql in triggers:
        connection.execute(sql)
    connection.commit()
    connection.close()


def test_an_honest_ledger_has_no_faults(reader: LedgerReader) -> None:
    counted: list[int] = []
    assert list(faults(reader, counted.append)) == []
    assert sum(counted) == reader.size() == 5


COLUMNS = "status, type, profile, issued_at, exporting, importing, title, entry FROM certificate"
ATTACKS = {
    "a changed record": (
        "UPDATE entry SET record=CAST(replace(CAST(record AS TEXT), 'NZ-1', 'NZ-7') AS BLOB) WHERE idx=1",
        "entry 1",
    ),
    "a changed record of a message": ("UPDATE entry SET record=x'7b7d' WHERE idx=0", "entry 0"),
    "a record of garbage": ("UPDATE entry SET record=x'ff00' WHERE idx=1", "entry 1"),
    "a record of other JSON": ("UPDATE entry SET record=x'5b5d' WHERE idx=1", "entry 1"),
    "a changed leaf": ("UPDATE entry SET leaf=zeroblob(32) WHERE idx=2", "entry 2"),
    "a removed entry": ("DELETE FROM entry WHERE idx=2", "entry 2"),
    "a removed first entry": ("DELETE FROM entry WHERE idx=0", "entry 0"),
    "a removed last entry": ("DELETE FROM entry WHERE idx=4", "entry 4"),
    "changed octets of a version": ("UPDATE version SET octets=x'00' WHERE entry=1", "entry 1"),
    "changed octets of a conflict": ("UPDATE version SET octets=x'00' WHERE entry=3", "entry 3"),
    "changed octets and hash of a version": (
        "UPDATE version SET (octets, sha256)=(SELECT octets, sha256 FROM version WHERE entry=3) WHERE entry=1",
        "entry 1",
    ),
    "a changed status of a version": ("UPDATE version SET status='40' WHERE entry=2", "entry 2"),
    "a changed number of a version": ("UPDATE version SET number='NZ-7' WHERE entry=1", "entry 1"),
    "a changed issuer of a version": ("UPDATE version SET issuer='au' WHERE entry=1", "entry 1"),
    "a conflict called a certificate": ("UPDATE version SET kind='certificate' WHERE entry=3", "entry 3"),
    "an entry called something else": ("UPDATE entry SET kind='message' WHERE idx=1", "entry 1"),
    "another successor": ("UPDATE version SET replaced_by='NZ-7' WHERE entry=4", "entry 4"),
    "a removed version": ("DELETE FROM version WHERE entry=2", "entry 2"),
    "a changed current status": ("UPDATE certificate SET status='70' WHERE number='NZ-1'", "NZ-1"),
    "an older version made current": ("UPDATE certificate SET status='70', entry=1 WHERE number='NZ-1'", "NZ-1"),
    "another's entry made current": ("UPDATE certificate SET status='70', entry=2 WHERE number='NZ-1'", "NZ-1"),
    "a removed certificate": ("DELETE FROM certificate WHERE number='NZ-1'", "NZ-1"),
    "an invented certificate": (
        f"INSERT INTO certificate SELECT issuer, 'FAKE', {COLUMNS} WHERE number='NZ-2'",
        "FAKE",
    ),
    "a renamed certificate": ("UPDATE certificate SET number='NZ-7' WHERE number='NZ-2'", "NZ-7"),
    "a certificate of another issuer": ("UPDATE certificate SET issuer='au' WHERE number='NZ-2'", "NZ-2"),
    "another type": ("UPDATE certificate SET type='852' WHERE number='NZ-2'", "NZ-2"),
    "another profile": ("UPDATE certificate SET profile='sps-d17a' WHERE number='NZ-2'", "NZ-2"),
}


@pytest.mark.parametrize(("statement", "named"), ATTACKS.values(), ids=ATTACKS.keys())
def test_whoever_changes_the_file_is_found_and_the_place_is_named(
    path: Path, reader: LedgerReader, statement: str, named: str
) -> None:
    """People are answered from the tables, so the tables must be what the hashed log says."""
    attack(path, statement)
    assert named in "\n".join(faults(reader))


def test_an_entry_exchanged_together_with_its_leaf_changes_the_root(path: Path, reader: LedgerReader) -> None:
    """Only a root that somebody else holds can show it, or the tables that depend on the record."""
    before = reader.root(5)
    forged = reader.tail(5)[1].record.replace(b"NZ-1", b"NZ-7")
    attack(path, "UPDATE entry SET record=:record, leaf=:leaf WHERE idx=1", record=forged, leaf=leaf_hash(forged))
    assert reader.root(5) != before
    assert any("entry 1" in fault for fault in faults(reader))


def test_exchanged_places_change_the_root_and_are_named(path: Path, reader: LedgerReader) -> None:
    before = reader.root(5)
    attack(
        path,
        "UPDATE entry SET idx=99 WHERE idx=1",
        "UPDATE entry SET idx=1 WHERE idx=2",
        "UPDATE entry SET idx=2 WHERE idx=99",
    )
    assert reader.root(5) != before
    named = "\n".join(faults(reader))
    assert "entry 1" in named
    assert "entry 2" in named


def test_the_root_is_that_of_rfc_6962_over_the_records(reader: LedgerReader) -> None:
    leaves = [leaf_hash(entry.record) for entry in reader.tail(5)]
    for size in range(6):
        assert reader.root(size) == root_hash(leaves[:size])


def test_the_tail_is_oldest_first(reader: LedgerReader) -> None:
    assert [entry.index for entry in reader.tail(2)] == [3, 4]
    assert reader.tail(0) == []


def test_a_lookup_tells_the_whole_life(reader: LedgerReader) -> None:
    [old] = reader.lookup("NZ-1")
    assert (old.issuer, old.status, old.title, old.exporting) == ("nz", CertificateStatus.REPLACED.value, "Lamb", "NZ")
    assert [(v.entry, v.kind, v.status, v.replaced_by, v.at) for v in old.versions] == [
        (1, "certificate", "70", "", "2026-03-01T12:00:00Z"),
        (4, "replaced", "44", "NZ-2", "2026-03-01T12:00:00Z"),
    ]
    assert reader.octets(1) == OLD.octets
    assert reader.octets(99) == b""
    assert reader.lookup("nz-1") == []


def test_certificates_and_deliveries_are_counted(reader: LedgerReader) -> None:
    assert reader.counts("certificate") == {"44": 1, "70": 1}
    assert reader.counts("delivery") == {}


def test_records_are_the_json_that_was_hashed(reader: LedgerReader) -> None:
    for entry in reader.tail(5):
        assert record.canonical(json.loads(entry.record)) == entry.record
