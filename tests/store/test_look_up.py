"""Looking up in a real ledger: what is found, what was asked in vain, and that no table is ever read through."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ecertmail.core.record import canonical
from ecertmail.looked_up import Listed
from ecertmail.model import Certificate, CertificateStatus
from ecertmail.store import look_up
from ecertmail.store.ledger import SqliteLedger
from tests.builders import certificate

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def put(
    ledger: SqliteLedger, made: Certificate, at: datetime = NOW, issuer: str = "nz", kind: str = "certificate"
) -> int:
    with ledger.transaction() as tx:
        entry = tx.append([(kind, canonical({"at": at.isoformat()}))])[0]
        tx.put_versions(issuer, [(entry, kind, made)])
    return entry


def replace(ledger: SqliteLedger, old: str, new: str, at: datetime, issuer: str = "nz") -> int:
    with ledger.transaction() as tx:
        entry = tx.append([("replaced", canonical({"at": at.isoformat()}))])[0]
        tx.put_replaced(issuer, [(entry, old, new)])
    return entry


def test_a_certificate_is_found_with_every_version_and_its_time(ledger: SqliteLedger) -> None:
    first = put(ledger, certificate("NZ 1/2", sha256="a" * 64, type="851", issued_at="2026-02-28"))
    last = put(
        ledger, certificate("NZ 1/2", sha256="b" * 64, type="851", status=CertificateStatus.WITHDRAWN), NOW + HOUR
    )
    with ledger.transaction() as tx:
        [held] = tx.look_ups.find("NZ 1/2")
        assert tx.look_ups.find("NZ 1/20") == []
    assert (held.number, held.issuer, held.status, held.type) == ("NZ 1/2", "nz", "40", "851")
    assert (held.exporting, held.importing, held.title) == ("NZ", "CN", "Lamb")
    assert (held.entry, held.recorded_at, held.sha256, held.replaced_by) == (last, NOW + HOUR, "b" * 64, "")
    assert [(v.entry, v.status, v.sha256, v.at) for v in held.versions] == [
        (first, "70", "a" * 64, NOW),
        (last, "40", "b" * 64, NOW + HOUR),
    ]


def test_a_replaced_certificate_names_its_successor_and_keeps_its_hash(ledger: SqliteLedger) -> None:
    put(ledger, certificate("NZ/1", sha256="a" * 64))
    entry = replace(ledger, "NZ/1", "NZ/2", NOW + HOUR)
    with ledger.transaction() as tx:
        [held] = tx.look_ups.find("NZ/1")
    assert (held.status, held.replaced_by, held.sha256, held.entry) == ("44", "NZ/2", "a" * 64, entry)
    assert held.recorded_at == NOW + HOUR


def test_a_conflict_is_no_version(ledger: SqliteLedger) -> None:
    put(ledger, certificate("NZ/1", sha256="a" * 64))
    put(ledger, certificate("NZ/1", sha256="c" * 64), kind="conflict")
    with ledger.transaction() as tx:
        [held] = tx.look_ups.find("NZ/1")
    assert [version.sha256 for version in held.versions] == ["a" * 64]


def test_the_same_number_of_two_issuers_is_two_certificates(ledger: SqliteLedger) -> None:
    put(ledger, certificate("1", sha256="a" * 64))
    put(ledger, certificate("1", sha256="b" * 64, exporting_country="AU"), issuer="au")
    with ledger.transaction() as tx:
        found = tx.look_ups.find("1")
        listed = tx.look_ups.existing(["0", "1", "2"])
    assert [(held.issuer, held.sha256, len(held.versions)) for held in found] == [
        ("au", "b" * 64, 1),
        ("nz", "a" * 64, 1),
    ]
    assert sorted((one.issuer, one.number, one.exporting) for one in listed) == [("au", "1", "AU"), ("nz", "1", "NZ")]


def test_existing_numbers_are_found_among_many_in_their_order(ledger: SqliteLedger) -> None:
    put(ledger, certificate('NZ "1"'))
    put(ledger, certificate("核/1"))
    with ledger.transaction() as tx:
        assert tx.look_ups.existing([]) == []
        assert tx.look_ups.existing(["核/1", *map(str, range(1000)), 'NZ "1"']) == [
            Listed(number="核/1", issuer="nz", exporting="NZ", importing="CN"),
            Listed(number='NZ "1"', issuer="nz", exporting="NZ", importing="CN"),
        ]


def test_misses_are_counted_by_official_and_by_number(ledger: SqliteLedger) -> None:
    with ledger.transaction() as tx:
        for official, number, hours in (("li", "X", 0), ("li", "Y", 1), ("li", "X", 2), ("wang", "X", 3)):
            tx.look_ups.put_miss(official, number, NOW + hours * HOUR)
        assert [tx.look_ups.misses("li", NOW + hours * HOUR, 9) for hours in range(4)] == [3, 2, 1, 0]
        assert [tx.look_ups.misses_of("X", NOW + hours * HOUR, 9) for hours in range(5)] == [3, 2, 2, 1, 0]
        assert tx.look_ups.misses("li", NOW, 2) == tx.look_ups.misses_of("X", NOW, 2) == 2
        assert tx.look_ups.misses("nobody", NOW, 9) == tx.look_ups.misses_of("Z", NOW, 9) == 0


def test_misses_are_forgotten_after_ninety_days(ledger: SqliteLedger) -> None:
    with ledger.transaction() as tx:
        for day in range(400):
            tx.look_ups.put_miss("li", str(day), NOW + timedelta(days=day))
    with ledger.transaction() as tx:
        assert tx.look_ups.misses("li", NOW, 999) == look_up.KEEP.days + 1
        tx.look_ups.put_miss("wang", "X", NOW + timedelta(days=1000))
        assert tx.look_ups.misses("li", NOW, 999) == 0


@pytest.mark.parametrize(
    ("statement", "value"),
    [
        (look_up.FIND, ["1"]),
        (look_up.VERSIONS, ["1"]),
        (look_up.EXISTING, [json.dumps(["1", "2"])]),
        (look_up.FORGET, ["2026"]),
        (look_up.MISSES, ["li", "2026", "5"]),
        (look_up.MISSES_OF, ["1", "2026", "5"]),
    ],
)
def test_every_statement_goes_through_an_index(
    ledger: SqliteLedger, path: Path, statement: str, value: list[str]
) -> None:
    put(ledger, certificate("1"))
    with closing(sqlite3.connect(path)) as db, db:
        steps = [str(row[3]) for row in db.execute(f"EXPLAIN QUERY PLAN {statement}", value)]
    read = [step for step in steps if step.startswith(("SCAN", "SEARCH"))]
    assert read
    bounded = ("VIRTUAL TABLE", "(subquery")  # the list that was handed in, and at most so many rows of an index
    assert all(step.startswith("SEARCH") or any(word in step for word in bounded) for step in read), steps
    assert not any("AUTOMATIC" in step or "TEMP B-TREE" in step for step in steps), steps
