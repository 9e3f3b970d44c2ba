"""Conversations on a real file."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ecertmail.conversation import Inquiry, InquiryState, Turn, Utterance
from ecertmail.official import File
from ecertmail.parties import Assurance
from ecertmail.store import database, inquiries
from ecertmail.store.inquiries import Waiting
from ecertmail.store.ledger import SqliteLedger
from ecertmail.store.reader import LedgerReader

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ASKED = Inquiry(
    id=0, issuer="nz", number="NZL2009/0001/26", partner="self", official="wang", reference="",
    state=InquiryState.OPEN, opened_at=NOW, due_at=NOW + timedelta(days=3),
)  # fmt: skip
CAME = replace(ASKED, issuer="self", partner="nz", official="", reference="Q4")
SEAL = File(name="封条.jpg", type="image/jpeg", octets=b"\0\xff")
QUESTION = Utterance(
    turn=Turn.REQUEST, operator="Wang Wei, Port of Shanghai", at=NOW, content="封条号不符。\nWhich is it?",
    assurance=Assurance.TOKEN_DKIM, files=(SEAL, replace(SEAL, name="2.jpg", octets=b"")), entry=0,
)  # fmt: skip
ANSWER = replace(QUESTION, turn=Turn.RESPONSE, operator="Kiri, MPI", content="It is 17.", files=(), entry=1)


@pytest.fixture
def reader(ledger: SqliteLedger, path: Path) -> Iterator[LedgerReader]:
    made = LedgerReader(path)
    yield made
    made.close()


def test_an_inquiry_is_found_by_number_by_who_asked_and_by_its_name_at_the_partner(ledger: SqliteLedger) -> None:
    with ledger.transaction() as tx:
        first, asked, came = tx.inquiries.open(ASKED), tx.inquiries.open(ASKED), tx.inquiries.open(CAME)
        assert [one.name for one in (first, asked, came)] == ["Q1", "Q2", "Q3"]
        assert tx.inquiries.get(2) == asked == replace(ASKED, id=2)
        assert tx.inquiries.about("nz", ASKED.number, "wang") == asked, "the newest"
        assert tx.inquiries.asked_by("nz", "Q4") == came
        for nobodys in (tx.inquiries.get(9), tx.inquiries.about("nz", ASKED.number, "li"),
                        tx.inquiries.asked_by("au", "Q4"), tx.inquiries.about("au", ASKED.number, "wang")):  # fmt: skip
            assert nobodys is None


def test_state_and_times_change_and_what_it_is_about_does_not(ledger: SqliteLedger) -> None:
    later = NOW + timedelta(days=1)
    with ledger.transaction() as tx:
        opened = tx.inquiries.open(ASKED)
        changed = replace(opened, opened_at=later, due_at=later, reminded_at=later, escalated_at=later)
        tx.inquiries.put(replace(changed, issuer="au", number="X", official="li"))
        assert tx.inquiries.get(opened.id) == changed
        assert tx.inquiries.waiting() == [changed]
        tx.inquiries.put(replace(changed, state=InquiryState.ANSWERED, reminded_at=None))
        assert tx.inquiries.waiting() == []


def test_a_thread_keeps_what_was_said_in_its_order_with_its_files(ledger: SqliteLedger) -> None:
    with ledger.transaction() as tx:
        one, other = tx.inquiries.open(ASKED), tx.inquiries.open(CAME)
        tx.inquiries.say(one.id, QUESTION)
        tx.inquiries.say(other.id, ANSWER)
        tx.inquiries.say(one.id, ANSWER)
        assert tx.inquiries.thread(one.id) == [QUESTION, ANSWER]


def test_what_waits_is_read_oldest_first(ledger: SqliteLedger) -> None:
    with ledger.transaction() as tx:
        for hours in (3, 1, 2):
            tx.inquiries.open(replace(ASKED, opened_at=NOW + timedelta(hours=hours)))
        assert [one.name for one in tx.inquiries.waiting()] == ["Q2", "Q3", "Q1"]


def test_nothing_stays_of_a_commit_that_fails(ledger: SqliteLedger) -> None:
    def cut() -> None:
        with ledger.transaction() as tx:
            tx.inquiries.say(tx.inquiries.open(ASKED).id, QUESTION)
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        cut()
    with ledger.transaction() as tx:
        assert (tx.inquiries.get(1), tx.inquiries.thread(1)) == (None, [])


def test_the_reader_lists_counts_and_shows(ledger: SqliteLedger, reader: LedgerReader) -> None:
    with ledger.transaction() as tx:
        one = tx.inquiries.open(ASKED)
        tx.inquiries.open(replace(CAME, state=InquiryState.CLOSED))
        tx.inquiries.say(one.id, QUESTION)
        tx.inquiries.say(one.id, ANSWER)
    [listed] = reader.inquiries(InquiryState.OPEN, InquiryState.ANSWERED)
    assert (listed.inquiry, listed.asked_by) == (one, QUESTION.operator)
    assert len(reader.inquiries(*InquiryState)) == 2
    assert reader.conversation(1) == (one, [QUESTION, ANSWER])
    assert reader.conversation(9) is None


def test_what_waits_is_counted(ledger: SqliteLedger, path: Path) -> None:
    with ledger.transaction() as tx:
        tx.inquiries.open(ASKED)
        tx.inquiries.open(replace(CAME, state=InquiryState.CLOSED))
    with closing(database.open_reader(path)) as db:
        assert inquiries.counted(db, NOW) == Waiting(open=1, overdue=0)
        assert inquiries.counted(db, ASKED.due_at) == Waiting(open=1, overdue=1)
