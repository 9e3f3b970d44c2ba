"""Officials, tickets and decisions on a real file: one address, one official, and every decision kept."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecertmail.core import decision_record, record
from ecertmail.errors import NotFoundError, PermanentError, StoreError
from ecertmail.official import (
    Decided,
    Decision,
    Language,
    Official,
    OfficialState,
    Purpose,
    Role,
    Subject,
    Ticket,
)
from ecertmail.parties import Assurance
from ecertmail.store import officials
from ecertmail.store.audit import faults
from ecertmail.store.ledger import LedgerTransaction, SqliteLedger
from ecertmail.store.reader import LedgerReader

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WANG = Official(
    id="wang", address="wang@customs.example", name="Wang Wei", post="Port of Shanghai", language=Language.ZH,
    partner="self", fingerprint="F" * 40, public_key=b"\x00key", created_at=NOW,
)  # fmt: skip
LI = replace(WANG, id="li", address="li@customs.example", created_at=NOW + timedelta(minutes=1))
PASSED = Decided(
    entry=-1, issuer="nz", number="NZ-1", decision=Decision.PASS, remark="货物完好", partner="self", official="wang",
    operator="Wang Wei, Port of Shanghai", assurance=Assurance.TOKEN_DKIM, at=NOW,
)  # fmt: skip
SUSPENDED = OfficialState.SUSPENDED


@pytest.fixture
def reader(ledger: SqliteLedger, path: Path) -> Iterator[LedgerReader]:
    made = LedgerReader(path)
    yield made
    made.close()


def add(ledger: SqliteLedger, *people: Official) -> None:
    with ledger.transaction() as tx:
        for one in people:
            tx.officials.add(one)


def decide(tx: LedgerTransaction, **changes: Any) -> tuple[Decided, Decided | None]:
    """Record a decision as the desk does; return it, and what it supersedes."""
    decided = replace(PASSED, **changes)
    facts = decision_record.of(decided, "0" * 64, 0)
    decided = replace(decided, entry=tx.append([("decision", record.canonical(facts))])[0])
    return decided, tx.officials.put_decision(decided)


# Officials


@pytest.mark.parametrize(
    "official", [WANG, replace(WANG, post="", fingerprint="", public_key=b""), replace(WANG, role=Role.ANSWERS)]
)
def test_an_official_comes_back_as_stored(ledger: SqliteLedger, reader: LedgerReader, official: Official) -> None:
    add(ledger, official)
    with ledger.transaction() as tx:
        assert tx.officials.get("wang") == tx.officials.by_address("wang@customs.example") == official
        assert tx.officials.get("nobody") is tx.officials.by_address("nobody@customs.example") is None
    assert reader.officials() == [official]


def test_officials_are_listed_by_state_the_oldest_first(ledger: SqliteLedger) -> None:
    add(ledger, LI, WANG, replace(LI, id="zhao", address="z@b.example", state=OfficialState.PENDING))
    with ledger.transaction() as tx:
        assert [one.id for one in tx.officials.all(OfficialState.ACTIVE)] == ["wang", "li"]
        assert [one.id for one in tx.officials.all(*OfficialState)] == ["wang", "li", "zhao"]
        assert tx.officials.all(SUSPENDED) == tx.officials.all() == []


def test_an_authoritys_officials_are_counted_and_so_many_are_shown(ledger: SqliteLedger) -> None:
    add(ledger, LI, WANG, replace(LI, id="theirs", address="t@a.example", partner="nz"))
    add(ledger, replace(LI, id="gone", address="g@a.example", state=SUSPENDED))
    with ledger.transaction() as tx:
        assert tx.officials.of("self", 1) == (2, [WANG])
        assert tx.officials.of("self", 9) == (2, [WANG, LI])
        assert tx.officials.of("au", 9) == (0, [])


def test_inquiries_are_answered_by_active_officials_of_this_authority(ledger: SqliteLedger) -> None:
    answers = replace(WANG, role=Role.ANSWERS)
    add(
        ledger,
        WANG,
        replace(answers, id="duty", address="duty@a.example"),
        replace(answers, id="theirs", address="t@a.example", partner="nz"),
        replace(answers, id="gone", address="g@a.example", state=SUSPENDED),
    )
    with ledger.transaction() as tx:
        assert [one.id for one in tx.officials.duty()] == ["duty"]


@pytest.mark.parametrize(
    ("second", "words"),
    [
        (replace(LI, id="wang"), "this ID is taken"),
        (replace(LI, address=WANG.address), "is the address of wang"),
        (replace(LI, address=WANG.address, state=OfficialState.PENDING), "`ecertmail official suspend wang` frees it"),
    ],
)
def test_an_id_and_an_address_belong_to_one_official(ledger: SqliteLedger, second: Official, words: str) -> None:
    add(ledger, WANG)
    with pytest.raises(PermanentError, match=words):
        add(ledger, second)


def test_the_address_of_a_suspended_official_is_free_and_cannot_be_had_twice(ledger: SqliteLedger) -> None:
    add(ledger, WANG)
    with ledger.transaction() as tx:
        tx.officials.change("wang", SUSPENDED, NOW)
    add(ledger, replace(LI, address=WANG.address))
    with ledger.transaction() as tx:
        found = tx.officials.by_address(WANG.address)
        assert found is not None
        assert found.id == "li"
    with pytest.raises(PermanentError, match="is the address of li"), ledger.transaction() as tx:
        tx.officials.change("wang", OfficialState.ACTIVE, NOW)
    with pytest.raises(StoreError), ledger.db.writing() as cursor:
        cursor.execute("UPDATE official SET state='active'")


def test_a_state_is_changed_and_nothing_else(ledger: SqliteLedger) -> None:
    add(ledger, WANG, LI)
    for state in (SUSPENDED, OfficialState.ACTIVE, OfficialState.PENDING, OfficialState.ACTIVE):
        with ledger.transaction() as tx:
            tx.officials.change("wang", state, NOW)
            assert tx.officials.get("wang") == replace(WANG, state=state)
            assert tx.officials.get("li") == LI
    with pytest.raises(NotFoundError, match="no such official"), ledger.transaction() as tx:
        tx.officials.change("nobody", SUSPENDED, NOW)


def test_the_command_line_sends_an_official_as_json() -> None:
    sent = {
        "id": "wang", "address": WANG.address, "name": WANG.name, "post": WANG.post, "language": "zh",
        "partner": "self", "role": "checks", "state": "active", "fingerprint": "F" * 40, "public_key": "006b6579",
        "approved_by": "operator",
    }  # fmt: skip
    assert officials.from_json(json.loads(json.dumps(sent)), NOW) == WANG


# Tickets


def test_a_ticket_is_remembered_and_has_a_number_of_its_own(ledger: SqliteLedger) -> None:
    add(ledger, WANG)
    subjects = (Subject(issuer="nz", number="NZ-1", entry=4), Subject(issuer="self", number="证 'x'", entry=0))
    with ledger.transaction() as tx:
        first = tx.officials.give_ticket(Purpose.DECIDE, "wang", subjects, NOW)
        second = tx.officials.give_ticket(Purpose.ANSWER, "wang", [], NOW + timedelta(days=1), 17)
    assert first == Ticket(id=1, purpose=Purpose.DECIDE, official="wang", subjects=subjects, expires_at=NOW)
    assert (second.id, second.inquiry, second.subjects) == (2, 17, ())
    with ledger.transaction() as tx:
        assert (tx.officials.ticket(1), tx.officials.ticket(2)) == (first, second)
        assert tx.officials.ticket(3) is tx.officials.ticket(0) is None


def test_a_ticket_expires_at_the_moment_that_its_maker_is_told(ledger: SqliteLedger) -> None:
    """The token is made of that moment; what is stored and what is returned must not differ by a microsecond."""
    add(ledger, WANG)
    with ledger.transaction() as tx:
        made = tx.officials.give_ticket(Purpose.DECIDE, "wang", (), NOW + timedelta(microseconds=123_456))
        assert tx.officials.ticket(made.id) == made


def test_nobody_else_is_given_a_ticket(ledger: SqliteLedger) -> None:
    with pytest.raises(StoreError), ledger.transaction() as tx:
        tx.officials.give_ticket(Purpose.DECIDE, "nobody", (), NOW)


# Decisions


def test_a_later_decision_of_the_same_authority_supersedes_and_both_are_kept(
    ledger: SqliteLedger, reader: LedgerReader
) -> None:
    with ledger.transaction() as tx:
        first, nothing = decide(tx)
        second, superseded = decide(tx, decision=Decision.REFUSE, official="li")
        third, also = decide(tx, decision=Decision.REQUEST)
    assert nothing is None
    assert superseded == replace(first, superseded_by=second.entry)
    assert also == replace(second, superseded_by=third.entry)
    assert reader.decisions("nz", "NZ-1") == [superseded, also, third]
    assert reader.decided_by("wang") == (2, third)
    assert reader.decided_by("nobody") == (0, None)
    assert list(faults(reader)) == []


@pytest.mark.parametrize(
    "other", [{"partner": "au"}, {"number": "NZ-2"}, {"issuer": "au"}], ids=["authority", "certificate", "issuer"]
)
def test_another_ones_decision_supersedes_nothing(
    ledger: SqliteLedger, reader: LedgerReader, other: dict[str, Any]
) -> None:
    with ledger.transaction() as tx:
        first, _ = decide(tx)
        _, superseded = decide(tx, **other)
        assert superseded is None
        assert tx.officials.decisions("nz", "NZ-1")[0] == first
    assert list(faults(reader)) == []


@given(st.lists(st.tuples(st.sampled_from(["self", "au"]), st.sampled_from(list(Decision))), max_size=8))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_of_each_authority_exactly_the_last_decision_stands(
    ledger: SqliteLedger, said: list[tuple[str, Decision]]
) -> None:
    with ledger.db.writing() as cursor:
        cursor.execute("DELETE FROM decision")
    with ledger.transaction() as tx:
        for partner, decision in said:
            decide(tx, partner=partner, decision=decision)
        kept = tx.officials.decisions("nz", "NZ-1")
    assert [(one.partner, one.decision) for one in kept] == said
    standing = {one.partner: one.decision for one in kept if one.superseded_by is None}
    assert standing == dict(said)


FORGED = {
    "another decision": ("UPDATE decision SET decision='41' WHERE entry=0", "entry 0: the stored decision"),
    "another number": ("UPDATE decision SET number='NZ-9' WHERE entry=0", "entry 0: the stored decision"),
    "another authority": ("UPDATE decision SET partner='au' WHERE entry=0", "entry 0: the stored decision"),
    "another issuer": ("UPDATE decision SET issuer='au' WHERE entry=0", "entry 0: the stored decision"),
    "another official": ("UPDATE decision SET official='li' WHERE entry=0", "entry 0: the stored decision"),
    "another person": ("UPDATE decision SET operator='Li Na' WHERE entry=0", "entry 0: the stored decision"),
    "another level": ("UPDATE decision SET assurance='signed' WHERE entry=0", "entry 0: the stored decision"),
    "another remark": ("UPDATE decision SET remark='' WHERE entry=0", "entry 0: the stored remark"),
    "no decision": ("DELETE FROM decision WHERE entry=1", "entry 1: the stored decision"),
    "no entry": ("PRAGMA foreign_keys=OFF; DROP TRIGGER entry_no_delete; DELETE FROM entry WHERE idx=1", "entry 1: a"),
    "an entry of another kind": ("INSERT INTO entry VALUES (2,'x','{}',x''); UPDATE decision SET entry=2 WHERE entry=1",
                                 "entry 2: a decision is stored"),
    "no longer superseded": ("UPDATE decision SET superseded_by=NULL", "entry 0: a decision is stored"),
    "superseded by nobody": ("UPDATE decision SET superseded_by=1 WHERE entry=1", "entry 1: a decision is stored"),
}  # fmt: skip


@pytest.mark.parametrize(("statements", "words"), FORGED.values(), ids=FORGED.keys())
def test_whoever_changes_a_decision_is_found(
    ledger: SqliteLedger, reader: LedgerReader, path: Path, statements: str, words: str
) -> None:
    with ledger.transaction() as tx:
        decide(tx)
        decide(tx, decision=Decision.REQUEST)
    assert list(faults(reader)) == []
    other = sqlite3.connect(path)
    other.executescript(statements.replace("'{}'", "x'7b7d'"))
    other.close()
    assert any(words in fault for fault in faults(reader)), list(faults(reader))
