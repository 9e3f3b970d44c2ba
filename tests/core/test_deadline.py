"""What silence leads to, as a table; names of inquiries; what is kept of a contribution."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecertmail.conversation import Inquiry, InquiryState, Turn, Utterance
from ecertmail.core import contribution, deadline, inquiry_record, record
from ecertmail.core.deadline import Hours, Step
from ecertmail.official import File
from ecertmail.parties import Assurance

T = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOURS = Hours()
NONE: set[Step] = set()
REMIND, ESCALATE, OVERDUE = Step.REMIND, Step.ESCALATE, Step.OVERDUE


def inquiry(issuer: str = "self", reminded: int | None = None, escalated: int | None = None) -> Inquiry:
    return Inquiry(
        id=17, issuer=issuer, number="NZ-1", partner="nz", official="", reference="Q4", state=InquiryState.OPEN,
        opened_at=T, due_at=T + HOURS.answer_within, reminded_at=_at(reminded), escalated_at=_at(escalated),
    )  # fmt: skip


def _at(hours: int | None) -> datetime | None:
    return None if hours is None else T + timedelta(hours=hours)


@pytest.mark.parametrize(
    ("waits", "hour", "expected"),
    [
        (inquiry(), 23, NONE),
        (inquiry(), 24, {REMIND}),
        (inquiry(reminded=24), 47, NONE),
        (inquiry(reminded=24), 48, {ESCALATE}),
        (inquiry(reminded=24, escalated=48), 71, NONE),
        (inquiry(reminded=24, escalated=48), 72, {OVERDUE}),
        (inquiry(reminded=24, escalated=72), 999, NONE),
        (inquiry(), 999, {REMIND, ESCALATE, OVERDUE}),
        (inquiry(escalated=48), 60, {REMIND}),
        (inquiry("nz"), 71, NONE),
        (inquiry("nz"), 72, {OVERDUE}),
        (inquiry("nz", escalated=72), 999, NONE),
    ],
)
def test_silence_leads_to_each_step_once(waits: Inquiry, hour: int, expected: set[Step]) -> None:
    now = T + timedelta(hours=hour)
    assert deadline.steps(waits, HOURS, now) == expected
    for state in (InquiryState.ANSWERED, InquiryState.CLOSED):
        assert deadline.steps(replace(waits, state=state), HOURS, now) == NONE


@pytest.mark.parametrize(
    ("name", "number"),
    [("Q17", 17), ("q17", 17), ("17", 17), (" Q17 ", 17), ("Q0", 0), ("Q017", 0), ("Q", 0), ("", 0), ("Q-1", 0),
     ("Q٣", 0), ("Q" + "9" * 30, 0), ("QQ1", 0)],
)  # fmt: skip
def test_names_are_read_strictly(name: str, number: int) -> None:
    assert deadline.number_of(name) == number


def said(content: str = "Which seal?", *files: File) -> Utterance:
    return Utterance(turn=Turn.REQUEST, operator="Wang", at=T, content=content, assurance=Assurance.TOKEN, files=files)


def file(octets: int, name: str = "a.jpg") -> File:
    return File(name=name, type="image/jpeg", octets=b"x" * octets)


def test_files_are_kept_while_there_is_room_and_the_others_are_named() -> None:
    small, large, last = file(400_000, "1.jpg"), file(900_000, "2\n.jpg"), file(500_000, "3.jpg")
    kept, left_out = contribution.within([small, large, last], 1_000_000)
    assert kept == (small, last)
    assert left_out == ("✗ 2�.jpg (0.9 MB > 0.6 MB)",)
    assert contribution.noted(said("Look", *kept), left_out).content == "Look\n\n✗ 2�.jpg (0.9 MB > 0.6 MB)"
    assert contribution.noted(said("Look"), ()) == said("Look")


@given(st.text(max_size=200), st.integers(0, 3))
def test_a_text_is_cut_once_and_holds_no_control_characters(text: str, times: int) -> None:
    kept = contribution.cut(text * 10**times)
    assert len(kept) <= contribution.TEXT_LENGTH + 4
    assert all(c.isprintable() or c == "\n" for c in kept)
    assert len(kept) > contribution.TEXT_LENGTH or contribution.cut(kept) == kept


def test_marks_of_direction_leave_no_trace_and_control_characters_do() -> None:
    assert contribution.cut("\u200fرقم الختم؟\u202e 17\ttabs \x07\r\n\r\nend \n") == "رقم الختم؟ 17 tabs �\n\nend"


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (replace(said(), at=T + timedelta(milliseconds=300), entry=9), True),
        (replace(said(), content="Which  seal?\n"), True),
        (replace(said(), at=T + timedelta(seconds=1)), False),
        (replace(said(), content="Which seal"), False),
        (replace(said(), operator="Li"), False),
        (replace(said(), turn=Turn.RESPONSE), False),
        (said("Which seal?", file(1)), False),
    ],
)
def test_a_contribution_is_the_same_by_its_words_files_person_and_second(other: Utterance, same: bool) -> None:
    assert contribution.is_said([said("first"), said(), said("last")], other) is same


def test_the_log_has_hashes_and_never_content() -> None:
    facts = inquiry_record.of_utterance(inquiry(), said("secret words", file(3)), T, official="wang", spool_id="m1")
    octets = record.canonical(facts)
    assert facts["kind"] == "inquiry"
    assert (facts["inquiry"], facts["turn"], facts["official"], facts["spool"]) == ("Q17", "request", "wang", "m1")
    assert not {word for word in (b"secret", b"Wang", b"a.jpg", b"decision") if word in octets}
