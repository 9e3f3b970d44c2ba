"""A question travels from an official to the duty officer of the authority that issued, and the answer comes back."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from ecertmail.conversation import InquiryState, Message
from ecertmail.errors import NotFoundError, PermanentError
from ecertmail.flow import inquiry_watch
from ecertmail.letter import LetterKind, Reason
from ecertmail.model import CertificateStatus
from ecertmail.official import File, OfficialState, Purpose, Subject
from tests.builders import room
from tests.flow.conversing import HEMI, KIRI, NUMBER, SEAL, WANG, DyingSigner, Side, wellington
from tests.flow.fakes import Trouble

SHANGHAI, MPI = WANG.signs_as, KIRI.signs_as
ASKED = ("request", SHANGHAI, "Which seal?", 1)
SAID = ("response", MPI, "Seal 17.", 1)


def ask(here: Side, there: Side, remark: str = "Which seal?", *files: File) -> Message:
    """Wang asks, and Wellington's node gets it; return what travelled."""
    _, message = here.request(WANG, remark, *(files or (SEAL,)))
    there.receive("cn", message)
    assert message is not None
    return message


def test_a_question_goes_to_the_duty_officer_and_the_answer_comes_back(here: Side, there: Side) -> None:
    inquiry, message = here.request(WANG, "Which seal?", SEAL)
    assert (inquiry.name, inquiry.due_at) == ("Q1", here.now + timedelta(hours=72))
    assert here.mails() == [], "the desk confirms it, and announces it to Wellington"
    assert "Q1: is Q1 here; an answer is due by" in there.receive("cn", message)
    [question] = there.templates.letters
    assert (question.text, question.operator, question.files) == ("Which seal?", SHANGHAI, (SEAL.name,))
    assert [(one.number, one.status, one.issuer, one.choices) for one in question.shown] == [(NUMBER, "70", "MPI", ())]
    assert (question.reader, question.inquiry, question.due_at) == ("Kiri", "Q1", there.inquiry().due_at)
    there.reply(KIRI, "Seal 17.", SEAL)
    assert there.mails() == [(KIRI.address, "inquiry"), (KIRI.address, "answer_sent")]
    [(back_to, answer)] = there.said
    assert (back_to, answer.reference, answer.number) == ("cn", "Q1", NUMBER)
    assert here.receive("nz", answer) == "Q1: the answer goes to the official who asked"
    [told] = here.templates.letters
    assert (told.text, told.operator, told.reader, told.files) == ("Seal 17.", MPI, "Wang Wei", (SEAL.name,))
    assert len(told.shown[0].choices) == 3
    assert here.mails() == [(WANG.address, "answered")]
    for side in (here, there):
        assert side.thread() == [ASKED, SAID]
        assert side.inquiry().state is InquiryState.ANSWERED
        assert side.kinds().count("inquiry") == 2
        assert list(side.log_faults()) == []
        assert "Which seal" not in str(side.log.lines)


def test_the_file_and_the_ticket_are_in_the_mail(here: Side, there: Side) -> None:
    ask(here, there)
    [mail] = there.outbox.take_due(there.now, room(10))
    assert b"filename*=utf-8''%E5%B0%81%E6%9D%A1.jpg" in mail.octets
    assert mail.octets.count(b"\r\nReply-To: ecert+a1.") == 2
    assert b"Auto-Submitted: auto-generated" in mail.octets


def test_the_answer_has_its_file_and_the_confirmation_its_thread(here: Side, there: Side) -> None:
    ask(here, there)
    there.reply(KIRI, "Seal 17.", SEAL)
    here.receive("nz", there.said[-1][1])
    [answer] = here.outbox.take_due(here.now, room(10))
    confirmation = there.outbox.take_due(there.now, room(10))[1]
    assert b"filename*=utf-8''%E5%B0%81%E6%9D%A1.jpg" in answer.octets
    assert b"In-Reply-To: <their@mail.example>" in confirmation.octets
    assert b"Auto-Submitted: auto-replied" in confirmation.octets


def test_a_ticket_is_for_one_officer_one_inquiry_and_sixty_days(here: Side, there: Side) -> None:
    ask(here, there)
    with there.ledger.transaction() as tx:
        ticket = tx.officials.ticket(there.ticket_of(KIRI))
    assert ticket is not None
    assert (ticket.purpose, ticket.official, ticket.inquiry) == (Purpose.ANSWER, "kiri", 1)
    assert ticket.expires_at == there.now + timedelta(days=60)


def test_people_read_it_in_their_language(here: Side, there: Side) -> None:
    ask(here, there)
    there.reply(KIRI, "Seal 17.")
    here.receive("nz", there.said[-1][1])
    here.now += timedelta(hours=80)
    question, confirmed = (rendered.subject for rendered in there.templates.rendered)
    assert "question about certificate NZ-1" in question
    assert "your answer has been passed on" in confirmed
    [answer] = here.templates.rendered
    assert "收到回复" in answer.subject
    assert "Seal 17." in answer.text
    assert answer.html.count("mailto:") >= 3


@pytest.mark.parametrize(("status", "choices"), [(CertificateStatus.ISSUED, 3), (CertificateStatus.WITHDRAWN, 0)])
def test_the_answer_comes_with_the_choices_that_there_still_are(
    here: Side, there: Side, status: CertificateStatus, choices: int
) -> None:
    ask(here, there)
    here.issue(issuer="nz", status=status)
    there.reply(KIRI, "Seal 17.")
    here.receive("nz", there.said[-1][1])
    [letter] = here.templates.letters
    assert (len(letter.shown[0].choices), bool(letter.reply_to)) == (choices, bool(choices))


def test_the_same_question_and_the_same_answer_again_change_nothing(here: Side, there: Side) -> None:
    message = ask(here, there)
    assert "was received before" in there.receive("cn", message)
    there.reply(KIRI, "Seal 17.")
    [(_, answer)] = there.said
    here.receive("nz", answer)
    assert "was received before" in here.receive("nz", answer)
    assert [kind for _, kind in there.mails()] == ["inquiry", "answer_sent"]
    assert [kind for _, kind in here.mails()] == ["answered"]
    assert "was received before" in there.receive("cn", message), "an answered question is not opened by a copy of it"
    assert there.inquiry().state is InquiryState.ANSWERED


def test_what_is_asked_again_goes_on_and_waits_anew(here: Side, there: Side) -> None:
    ask(here, there)
    there.reply(KIRI, "Seal 17.")
    here.receive("nz", there.said[-1][1])
    for side in (here, there):
        side.now += timedelta(hours=30)
    ask(here, there, "And the weight?")
    for side in (here, there):
        assert (side.inquiry().state, side.inquiry().opened_at) == (InquiryState.OPEN, side.now)
        assert [turn for turn, *_ in side.thread()] == ["request", "response", "request"]


def test_after_a_decision_the_next_question_is_another_inquiry(here: Side) -> None:
    here.request(WANG)
    with here.ledger.transaction() as tx:
        here.inquirer.settle(here.visit(tx, WANG, "PASS", ()), Subject(issuer="nz", number=NUMBER, entry=0))
    assert here.inquiry().state is InquiryState.CLOSED
    assert here.request(WANG)[0].name == "Q2"
    assert here.request(replace(WANG, id="li"))[0].name == "Q3", "each official has an own one"


def test_a_late_answer_to_a_closed_inquiry_is_passed_on_and_opens_nothing(here: Side, there: Side) -> None:
    ask(here, there)
    inquiry_watch.close(here.ledger, "Q1", here.log, here.now)
    there.reply(KIRI, "Seal 17.")
    here.receive("nz", there.said[-1][1])
    assert here.mails() == [(WANG.address, "answered")]
    assert here.inquiry().state is InquiryState.CLOSED


def test_a_question_about_what_was_not_issued_here_is_said_to_be_so(here: Side, there: Side) -> None:
    _, message = here.request(WANG, number="NZ-2")
    with there.ledger.transaction() as tx:
        tx.put_awaited("self", [("NZ-2", "NZ-3")])
    assert "NZ-2 is not known here" in there.receive("cn", message)
    assert there.mails() == []
    assert "inquiry" not in there.kinds()
    assert ("warning", "inquiry.unknown") in there.log.events


@pytest.mark.parametrize(
    ("sender", "changes"),
    [("au", {}), ("nz", {"number": "NZ-2"}), ("nz", {"reference": "Q2"}), ("nz", {"reference": "Q99"}),
     ("nz", {"reference": "x' OR 1=1"})],
)  # fmt: skip
def test_only_the_issuer_answers_and_only_what_was_asked(
    here: Side, there: Side, sender: str, changes: dict[str, str]
) -> None:
    ask(here, there)
    here.request(WANG, issuer="self", number="CN-1")
    there.reply(KIRI, "Seal 17.")
    answer = replace(there.said[-1][1], **changes)  # type: ignore[arg-type]
    here.mails()
    assert "no such inquiry" in here.receive(sender, answer)
    assert here.thread() == [ASKED]
    assert here.mails() == []


def test_a_node_that_asked_is_no_one_who_may_answer(here: Side, there: Side) -> None:
    """A response to what the other node asked of us: we did not ask it."""
    message = ask(here, there)
    there.reply(KIRI, "Seal 17.")
    assert "no such inquiry" in there.receive("cn", replace(there.said[-1][1], reference="Q1", number=message.number))
    assert there.thread() == [ASKED, (*SAID[:3], 0)]


def test_a_reference_stands_for_one_certificate(here: Side, there: Side) -> None:
    message = ask(here, there)
    there.issue("NZ-2")
    assert "is about NZ-1, not about NZ-2" in there.receive("cn", replace(message, number="NZ-2"))
    assert there.receive("jp", message).startswith("Q1: is Q2 here"), "another partner's Q1 is another inquiry"


def test_every_duty_officer_is_asked_with_an_own_ticket(here: Side, there: Side) -> None:
    there.employ(HEMI)
    ask(here, there)
    assert len({there.ticket_of(KIRI), there.ticket_of(HEMI)}) == 2
    assert there.mails() == [(KIRI.address, "inquiry"), (HEMI.address, "inquiry")]


def test_without_a_duty_officer_the_operator_is_alarmed(tmp_path: Path, here: Side) -> None:
    there = wellington(tmp_path)
    there.operator = "operator@mpi.example"
    ask(here, there)
    assert there.mails() == [(there.operator, "inquiry_reminder")]
    assert there.alarms() == ["inquiry:Q1"]
    assert ("error", "inquiry.nobody") in there.log.events
    there.ledger.close()


def test_a_partners_official_who_asks_the_issuing_node_itself_is_answered_by_mail(there: Side) -> None:
    li = replace(WANG, id="li", partner="cn", address="li@customs.example")
    there.employ(li)
    inquiry, message = there.request(li, issuer="self")
    assert (inquiry.partner, message) == ("cn", None)
    there.reply(KIRI, "Seal 17.")
    assert there.mails() == [(KIRI.address, "inquiry"), (li.address, "answered"), (KIRI.address, "answer_sent")]
    assert there.said == []


def test_a_second_answer_is_passed_on_and_a_repeated_one_only_confirmed(here: Side, there: Side) -> None:
    ask(here, there)
    for text in ("Seal 17.", "Seal 17.", "Sorry, 18."):
        assert there.reply(KIRI, text, ticket_id=1) is not None
    assert [message.utterance.content for _, message in there.said] == ["Seal 17.", "Sorry, 18."]
    assert [kind for _, kind in there.mails()] == ["inquiry", "answer_sent", "answer_sent", "answer_sent"]


def test_an_empty_reply_is_asked_back_and_nothing_is_recorded(here: Side, there: Side) -> None:
    ask(here, there)
    there.reply(KIRI, " \n ")
    letter = there.templates.letters[-1]
    assert (letter.kind, letter.text, letter.inquiry) == (LetterKind.INQUIRY_REMINDER, "Which seal?", "Q1")
    assert there.thread() == [ASKED]
    assert there.said == []
    there.reply(KIRI, "", SEAL)
    assert there.thread()[1:] == [("response", MPI, "", 1)], "a file alone is an answer"


def test_an_answer_to_a_closed_inquiry_is_not_recorded(here: Side, there: Side) -> None:
    ask(here, there)
    inquiry_watch.close(there.ledger, "Q1", there.log, there.now)
    there.reply(KIRI, "Seal 17.")
    letter = there.templates.letters[-1]
    assert (letter.kind, letter.refused[0].reason) == (LetterKind.NOT_RECORDED, Reason.CLOSED)
    assert there.thread() == [ASKED]
    assert there.said == []


def test_a_file_that_is_too_large_stays_out_and_everybody_sees_that(here: Side, there: Side) -> None:
    large = File(name="film.mp4", type="video/mp4", octets=b"x" * 2_000_000)
    ask(here, there, "Look", large, SEAL)
    noted = "Look\n\n✗ film.mp4 (2.0 MB > 0.0 MB)"
    assert there.thread() == [("request", SHANGHAI, noted, 1)]
    there.reply(KIRI, "", large)
    assert there.templates.letters[-1].kind is LetterKind.INQUIRY_REMINDER
    there.reply(KIRI, "See", large)
    assert there.said[-1][1].utterance.content == "See\n\n✗ film.mp4 (2.0 MB > 0.0 MB)"


def test_a_partner_whose_files_are_too_large_is_told_so(here: Side, there: Side) -> None:
    _, message = here.request(WANG)
    assert message is not None
    large = replace(message, utterance=replace(message.utterance, files=(replace(SEAL, octets=b"x" * 2_000_000),)))
    assert there.receive("cn", large).endswith("; too large: ✗ 封条.jpg (2.0 MB > 0.0 MB)")


def test_an_official_who_was_suspended_meanwhile_is_not_written_to(here: Side, there: Side) -> None:
    ask(here, there)
    with here.ledger.transaction() as tx:
        tx.officials.change("wang", OfficialState.SUSPENDED, here.now)
    there.reply(KIRI, "Seal 17.")
    assert here.receive("nz", there.said[-1][1]).endswith("the official who asked is no longer active")
    assert here.mails() == []
    assert len(here.thread()) == 2, "it is kept"


def test_an_answer_for_a_partner_that_is_none_any_more_is_an_alarm(here: Side, there: Side) -> None:
    ask(here, there)
    there.partners = ()
    there.reply(KIRI, "Seal 17.")
    assert there.said == []
    assert there.alarms() == ["inquiry:Q1"]


def test_a_decision_of_the_authority_that_asked_ends_the_waiting_there(here: Side, there: Side) -> None:
    ask(here, there)
    with there.ledger.transaction() as tx:
        inquiry_watch.decided_by(tx, "jp", NUMBER, there.log, there.now)
        assert len(tx.inquiries.waiting()) == 1
        inquiry_watch.decided_by(tx, "cn", NUMBER, there.log, there.now)
        assert tx.inquiries.waiting() == []


def test_an_inquiry_is_closed_once_and_by_its_name(here: Side) -> None:
    here.request(WANG)
    inquiry_watch.close(here.ledger, "q1", here.log, here.now)
    with pytest.raises(PermanentError, match="is closed"):
        inquiry_watch.close(here.ledger, "Q1", here.log, here.now)
    with pytest.raises(NotFoundError, match="Q2"):
        inquiry_watch.close(here.ledger, "Q2", here.log, here.now)


def test_a_crash_leaves_nothing_of_a_question(here: Side, there: Side) -> None:
    _, message = here.request(WANG)
    there.openpgp = DyingSigner(there, Trouble(1, error=RuntimeError("power cut")))
    with pytest.raises(RuntimeError):
        there.receive("cn", message)
    assert there.outbox.take_due(there.now, room(10)) == []
    assert "is Q1 here; an answer is due" in there.receive("cn", message)
