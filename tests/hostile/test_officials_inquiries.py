"""Conversations that somebody wants to get into, to overhear or to drown."""

from dataclasses import replace

import pytest

from ecertmail.conversation import InquiryState, Message
from ecertmail.official import File, Official
from tests.flow.conftest import here, there
from tests.flow.conversing import KIRI, WANG, Side

__all__ = ["here", "there"]

MATE = replace(WANG, id="au-mate", address="mate@daff.example", name="Mate", partner="au")


def answered(here: Side, there: Side, official: Official = WANG) -> Message:
    """Ask, and return New Zealand's answer on its way."""
    _, message = here.request(official)
    there.receive("cn", message)
    there.reply(KIRI, "Seal 17.")
    here.mails()
    return there.said[-1][1]


def test_nobody_is_told_the_answer_whose_authority_is_no_partner_any_more(here: Side, there: Side) -> None:
    here.employ(MATE)
    answer = answered(here, there, MATE)
    here.partners = here.partners[:1]
    assert here.receive("nz", answer).endswith("the official who asked is no longer active")
    assert here.mails() == []


def test_another_partner_cannot_answer(here: Side, there: Side) -> None:
    answer = answered(here, there)
    assert "no such inquiry" in here.receive("au", answer)
    assert (here.mails(), len(here.thread()), here.inquiry().state) == ([], 1, InquiryState.OPEN)


@pytest.mark.parametrize(
    "reference", ["Q2", "Q0", "q", "", "1 ", "Q-1", "Q" + "9" * 18, "Q" + "9" * 30, "Q1; DROP", "NZ-1"]
)
def test_a_guessed_reference_leads_nowhere(here: Side, there: Side, reference: str) -> None:
    answer = replace(answered(here, there), reference=reference)
    heard = here.receive("nz", answer)
    assert ("no such inquiry" in heard) == (reference != "1 ")


def test_the_right_reference_for_another_certificate_leads_nowhere(here: Side, there: Side) -> None:
    here.issue("NZ-2", issuer="nz")
    assert "no such inquiry" in here.receive("nz", replace(answered(here, there), number="NZ-2"))


def test_an_answer_again_is_heard_once(here: Side, there: Side) -> None:
    answer = answered(here, there)
    here.receive("nz", answer)
    before = here.mails()
    assert [kind for _, kind in before] == ["answered"]
    assert "received before" in here.receive("nz", answer)
    assert (here.mails(), len(here.thread())) == ([], 2)


def test_an_answer_to_what_is_closed_does_not_open_it(here: Side, there: Side) -> None:
    answer = answered(here, there)
    with here.ledger.transaction() as tx:
        found = tx.inquiries.get(1)
        assert found is not None
        tx.inquiries.put(replace(found, state=InquiryState.CLOSED))
    here.receive("nz", answer)
    assert here.inquiry().state is InquiryState.CLOSED


def test_what_was_said_in_a_long_conversation_is_known_again(here: Side, there: Side) -> None:
    answer = answered(here, there)
    file = File(name="photo.jpg", type="image/jpeg", octets=b"x" * 900)
    for place in range(200):
        said = replace(answer.utterance, content=f"Seal {place}.", files=(file,))
        here.receive("nz", replace(answer, utterance=said))
    assert len(here.thread()) == 201
