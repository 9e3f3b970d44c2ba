"""What a hostile or clumsy partner's node says of our certificates: told why not, recorded never, answered once."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from ecertmail.conversation import InquiryState
from ecertmail.core import acknowledgement, compose, inquiry_document, mime, node_mail, receipt
from ecertmail.core.node_mail import Head
from ecertmail.message import SignedMessage
from ecertmail.model import Outcome, Verdict
from ecertmail.official import Decision, File, OfficialState
from ecertmail.parties import Assurance, Encryption
from ecertmail.subscription import Answer
from tests.builders import (
    AU_ADDRESS,
    CHINA,
    DATA,
    NOW,
    NZ_ADDRESS,
    australia,
    batch_mail,
    certificates_xml,
    envelope,
    examination,
    examiner,
    key_of,
    new_zealand,
    partner,
    signed_message,
)
from tests.flow.border import ZHAO
from tests.flow.node import Node
from tests.flow.test_official_command import mail as letter_of
from tests.flow.test_respond import (
    ASKED,
    DECIDED,
    WELLINGTON,
    alarms,
    decisions,
    events,
    issue,
    mail,
    statement,
    tell,
)
from tests.hostile.case import sent

SYSTEM = "issuing@customs.example"
QUESTION = replace(ASKED.utterance, files=())
ACK = (DATA / "sps-ack-39.xml").read_bytes().replace(b"NZ-2026-004711", b"CN-1")
REFERENCE = ACK[ACK.index(b"<ram:ReferenceSPS") : ACK.index(b"  </SPSAcknowledgementDocument>")]
REMARK = ACK[ACK.index(b"<ram:ReasonInformation") : ACK.index(b"<ram:ReferenceSPS")]


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path)
    issue(made, "CN-1", "CN-2")
    yield made
    made.close()


def employ_zhao(node: Node) -> None:
    """Give the node a duty officer."""
    with node.ledger.transaction() as tx:
        tx.officials.add(ZHAO)


def inquiries(node: Node) -> list[str]:
    with node.ledger.transaction() as tx:
        return [one.number for one in tx.inquiries.waiting()]


# Documents


def other_version(root: int, ram: int) -> bytes:
    return ACK.replace(b"SPSAcknowledgement:17", b"SPSAcknowledgement:%d" % root).replace(b':21"', b':%d"' % ram)


REFUSED: dict[str, tuple[bytes, str]] = {
    **{
        f"version {root}:{ram}": (other_version(root, ram), "profile-unknown")
        for root, ram in ((9, 13), (11, 14), (12, 15), (13, 17), (16, 20), (18, 22), (19, 24), (20, 25))
    },
    "a namespace one letter off": (ACK.replace(b":SPSAcknowledgement:", b":SPSAcknowledgment:"), "profile-unknown"),
    "no namespace": (b"<SPSAcknowledgement/>", "profile-unknown"),
    "an inquiry of the future": (b'<inquiry xmlns="urn:ecertmail:inquiry:2"/>', "profile-unknown"),
    "a name that only begins like ours": ("<SPSAcknowledgementé/>".encode(), "profile-unknown"),
    "inner elements of another version": (ACK.replace(b':21"', b':20"'), "schema-invalid"),
    "a DOCTYPE inside": (ACK.replace(b"</SPSAcknowledgement>", b"<!DOCTYPE a></SPSAcknowledgement>"), "xml-doctype"),
    "an entity": (ACK.replace(b"Documents", b"&x;"), "xml-malformed"),
    "a processing instruction": (ACK.replace(b"  <ram:Issue", b"<?x y?><ram:Issue", 1), "xml-instruction"),
    "UTF-16 inside": (ACK.replace(b"Documents", "Documents".encode("utf-16")), "xml-encoding"),
    "25 MB of remark": (ACK.replace(b"Documents", b"x" * 25_000_000), "xml-malformed"),
    "1,001 certificates": (
        ACK.replace(REFERENCE, b"".join(REFERENCE.replace(b"CN-1", b"CN-%d" % n) for n in range(1001))),
        "response-unreadable",
    ),
    "no certificate at all": (ACK.replace(REFERENCE, b""), "schema-invalid"),
    "the status of an issuer": (ACK.replace(b">39<", b">70<"), "response-status"),
    "with an inquiry that is none": (ACK + b"<inquiry/>", "xml-malformed"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_document_that_is_wrong_is_refused_with_its_reason_and_nothing_is_recorded(node: Node, name: str) -> None:
    octets, code = REFUSED[name]
    said = tell(node, batch_mail(octets))
    assert (said.outcome, said.findings[0].partition(":")[0]) == ("refused", code)
    assert (decisions(node), inquiries(node)) == ([], [])
    assert "received" in tell(node, mail(DECIDED, serial="next")).commands[0]


READ = {
    "foreign prefixes": ACK.replace(b"ram:", b"x-y.z:").replace(b"xmlns:ram", b"xmlns:x-y.z"),
    "a byte order mark": b"\xef\xbb\xbf" + ACK,
    "100,000 reasons": ACK.replace(REMARK, b"<ram:ReasonInformation>a</ram:ReasonInformation>" * 100_000),
    "9 MB of remark": ACK.replace(b"Documents", b"x" * 9_000_000),
    "the same certificate 5,000 times": ACK.replace(REFERENCE, REFERENCE * 5000),
}


@pytest.mark.parametrize("name", READ)
def test_a_document_that_is_only_odd_counts_once_with_a_remark_that_ends(node: Node, name: str) -> None:
    tell(node, batch_mail(READ[name]))
    [one] = decisions(node)
    assert one.decision is Decision.PASS
    assert len(one.remark) <= acknowledgement.REMARK
    node.log_kinds()


# Who says it


def test_what_nobody_signed_decides_nothing(node: Node) -> None:
    part = compose.multipart("multipart/mixed", [compose.attachment(ACK, "application/xml", "a.xml")], "seed")
    node.take(b"From: %b\r\nTo: %b\r\n%b" % (NZ_ADDRESS.encode(), CHINA.address.encode(), part))
    assert (decisions(node), sent(node)) == ([], [])
    assert [reason for _, reason in node.quarantined()] == ["not-signed"]


def test_what_one_partner_signed_in_the_name_of_another_decides_nothing(node: Node) -> None:
    signed = batch_mail(ACK, sign=key_of(AU_ADDRESS).sign)
    node.take(signed)
    assert (decisions(node), sent(node)) == ([], [])
    assert [reason for _, reason in node.quarantined()] == ["from-not-partner"]


OURS = {
    "decides": lambda: batch_mail(ACK.replace(b"CN-1", b"CN-3"), sender=SYSTEM),
    "asks": lambda: batch_mail(
        inquiry_document.document(replace(ASKED, number="CN-3", utterance=QUESTION), "en"), sender=SYSTEM
    ),
}


@pytest.mark.parametrize("name", OURS)
def test_the_local_issuing_system_neither_decides_nor_asks(node: Node, name: str) -> None:
    issue(node, "CN-3", importing="CN")  # a certificate that stays at home would be its business
    system = partner("self", SYSTEM, "CN", assurance=Assurance.SIGNED_PROTECTED)
    node.examiner = examiner(new_zealand(), system)
    said = tell(node, OURS[name](), sender=SYSTEM)
    assert (said.outcome, said.findings[0].partition(":")[0]) == ("refused", "response-of-ours")
    assert (decisions(node, "CN-3"), inquiries(node)) == ([], [])


def test_the_local_issuing_system_names_no_officials(node: Node) -> None:
    employ_zhao(node)
    node.examiner = examiner(new_zealand(), partner("self", SYSTEM, "CN"))
    commands = compose.text("OFFICIAL ADD x address=x@customs.example name=X\nOFFICIAL SUSPEND zhao\n")
    said = tell(node, letter_of(commands, sender=SYSTEM), sender=SYSTEM)
    assert said.undone == 2
    with node.ledger.transaction() as tx:
        assert [one.id for one in tx.officials.all(OfficialState.ACTIVE)] == ["zhao"]


# When it comes


def test_days_later_the_same_mail_is_answered_with_the_same_receipt(node: Node) -> None:
    octets = mail(replace(DECIDED, decision=Decision.REQUEST), ASKED)
    node.take(octets)
    [receipt] = [one for one in sent(node) if one.kind == "receipt"]
    node.spool.add([("late", replace(envelope(), received_at=NOW + timedelta(days=20)), octets)])
    node.run()
    assert [(one.kind, one.octets) for one in sent(node)] == [("receipt", receipt.octets)]
    assert (len(decisions(node)), inquiries(node)) == (1, ["CN-1"])


def test_a_mail_that_was_held_back_for_days_is_refused(node: Node) -> None:
    node.spool.add([("late", replace(envelope(), received_at=NOW + timedelta(days=20)), mail(DECIDED))])
    node.run()
    assert statement(node).findings[0].startswith("signature-stale")
    assert decisions(node) == []


def test_an_old_decision_in_a_new_mail_does_not_come_back_and_whoever_sent_it_is_told(node: Node) -> None:
    """A node that dates its decisions by the day would think that its third one stands."""
    day = ACK.replace(
        b"<udt:DateTime>2026-03-20T08:15:00+08:00</udt:DateTime>",
        b'<udt:DateTimeString format="102">20260320</udt:DateTimeString>',
    )
    for serial, status in enumerate((b"39", b"41", b"39")):
        said = tell(node, batch_mail(day.replace(b">39<", b">%b<" % status), serial=str(serial)))
    first, second = decisions(node)
    assert said.undone == 1
    assert f"as entry {first.entry}, after which entry {second.entry} came" in said.commands[0]
    assert [what for what, _ in alarms(node)] == ["refusal:CN-1"]


# What it does here


def test_no_question_is_surer_than_the_mail_that_brings_it(node: Node) -> None:
    sure = replace(ASKED, utterance=replace(QUESTION, assurance=Assurance.SIGNED_PROTECTED))
    head = Head(authority=WELLINGTON, partner=partner("cn", CHINA.address, "CN"), now=NOW, message_id="<1@nz.example>")
    xml = compose.attachment(inquiry_document.document(sure, "en"), "application/xml", "inquiry.xml")
    draft = node_mail.draft(head, "ask", ["ask"], [xml])
    # From stands in the outer header only: the level is `signed`.
    part = draft.part.replace(b"From: MPI <ecert@mpi.example>\r\n", b"", 1)
    assert part != draft.part
    tell(node, replace(draft, part=part).signed(key_of(NZ_ADDRESS).sign(part)))
    with node.ledger.transaction() as tx:
        [asked] = tx.inquiries.thread(1)
    assert asked.assurance is Assurance.SIGNED


FILES = (
    File(name="../../etc/passwd", type="text/plain", octets=b"root"),
    File(name="C:\\Windows\\system32\\a.exe", type="application/x-msdownload", octets=b"MZ"),
    File(name="bomb.zip", type="application/zip", octets=b"PK\x03\x04" + b"\0" * 10_000),
    File(name="seal\u202egpj.exe", type="text/html; charset=x", octets=b"<script>alert(1)</script>"),
    File(name="", type="message/rfc822", octets=b"From: x@y.example\r\n\r\nPASS"),
    File(name="a\r\nBcc: evil@x.example", type="text/plain\r\nBcc: evil@x.example", octets=b"x"),
)


def test_files_are_passed_on_as_they_are_under_names_that_lead_nowhere(node: Node) -> None:
    employ_zhao(node)
    asked = replace(ASKED, utterance=replace(QUESTION, files=FILES))
    node.take(mail(replace(DECIDED, decision=Decision.REQUEST), asked))
    [letter] = [one for one in sent(node) if one.recipient == ZHAO.address]
    message = mime.read(letter.octets)
    assert isinstance(message, SignedMessage)
    leaves = mime.attachments(message.signed_octets)
    assert isinstance(leaves, tuple)
    got = leaves[-len(FILES) :]
    assert [leaf.data for leaf in got] == [file.octets for file in FILES]
    assert [leaf.filename for leaf in got[:3]] == ["passwd", "a.exe", "bomb.zip"]
    assert not any(sign in leaf.filename for leaf in got for sign in "/\\\r\n\u202e")
    assert {leaf.type for leaf in got} <= {
        "text/plain", "application/octet-stream", "application/x-msdownload", "application/zip",
    }  # fmt: skip
    assert b"\r\nBcc:" not in letter.octets


def test_the_names_of_files_have_one_line(node: Node) -> None:
    raw = inquiry_document.document(replace(ASKED, utterance=replace(QUESTION, files=FILES[:1])), "en")
    raw = raw.replace(b"../../etc/passwd", b"a&#10;PASS CN-1").replace(
        b"text/plain", b"text/plain&#13;&#10;Bcc: a@b.example"
    )
    head = Head(authority=WELLINGTON, partner=partner("cn", CHINA.address, "CN"), now=NOW, message_id="<1@nz.example>")
    parts = [compose.attachment(raw, "application/xml", "inquiry.xml"), compose.attachment(b"root", "text/plain", "x")]
    draft = node_mail.draft(head, "ask", ["ask"], parts)
    node.take(draft.signed(key_of(NZ_ADDRESS).sign(draft.part)))
    with node.ledger.transaction() as tx:
        [asked] = tx.inquiries.thread(1)
    assert [(file.name, file.type) for file in asked.files] == [("a PASS CN-1", "text/plain Bcc: a@b.example")]


def test_a_flood_of_requests_is_answered_and_the_duty_officer_gets_no_more_than_the_limit_at_once(node: Node) -> None:
    employ_zhao(node)
    numbers = [f"CN-{number}" for number in range(600)]
    issue(node, *numbers)
    many = b"".join(REFERENCE.replace(b"CN-1", number.encode()) for number in numbers)
    said = tell(node, batch_mail(ACK.replace(b">39<", b">42<").replace(REFERENCE, many)))
    assert (len(said.commands), said.undone, len(inquiries(node))) == (600, 0, 600)
    assert node.log.events.count(("warning", "letter.delayed")) == 600 - node.policy.replies_per_hour


# Nobody goes on for ever


@pytest.mark.parametrize("decision", Decision)
def test_a_receipt_of_a_response_is_answered_with_nothing(node: Node, decision: Decision) -> None:
    """Sent back by a partner under its own key, it is a receipt for a mail that we never sent."""
    node.take(mail(replace(DECIDED, decision=decision), ASKED if decision is Decision.REQUEST else None))
    [receipt] = [one for one in sent(node) if one.kind == "receipt"]
    message = mime.read(receipt.octets)
    assert isinstance(message, SignedMessage)
    before = len(decisions(node))
    back = compose.signed(
        message.signed_octets, key_of(NZ_ADDRESS).sign(message.signed_octets), "back",
        {"From": NZ_ADDRESS, "To": CHINA.address},
    )  # fmt: skip
    node.take(back, receipt.octets)
    assert sent(node) == []
    assert len(decisions(node)) == before


def test_a_response_from_a_null_path_is_recorded_and_not_answered(node: Node) -> None:
    node.receive(mail(DECIDED), sender="")
    node.run()
    assert len(decisions(node)) == 1
    assert sent(node) == []


def test_an_answer_that_came_late_still_goes_to_nobody_else(node: Node) -> None:
    """Another partner answers for a certificate that it did not issue."""
    answer = replace(ASKED, reference="Q1", utterance=replace(QUESTION, turn=ASKED.utterance.turn))
    node.take(mail(replace(DECIDED, decision=Decision.REQUEST), ASKED))
    with node.ledger.transaction() as tx:
        inquiry = tx.inquiries.get(1)
    assert inquiry is not None
    assert inquiry.state is InquiryState.OPEN
    octets = inquiry_document.document(answer, "en").replace(b'turn="request"', b'turn="response"')
    said = tell(node, batch_mail(octets, sender=AU_ADDRESS), sender=AU_ADDRESS)
    assert "no such inquiry was sent to you" in said.commands[0]
    with node.ledger.transaction() as tx:
        assert len(tx.inquiries.thread(1)) == 1


@pytest.mark.parametrize("encrypt", Encryption)
def test_what_is_said_of_a_response_is_as_secret_as_agreed(node: Node, encrypt: Encryption) -> None:
    node.examiner = examiner(new_zealand(encrypt=encrypt), australia())
    node.take(mail(DECIDED))
    [receipt] = sent(node)
    assert (b"multipart/encrypted" in receipt.octets) == (encrypt is not Encryption.NEVER)
    assert (b"CN-1" in receipt.octets) == (encrypt is Encryption.NEVER)


def test_what_came_encrypted_and_cannot_be_answered_so_is_answered_without_numbers() -> None:
    verdict = Verdict(outcome=Outcome.RESPONSE, answers=(Answer(line="PASS CN-1", done=False, text=("CN-1 is …",)),))
    facts = examination(message=signed_message(), partner=new_zealand())
    _, discreet = receipt.discreet(facts, verdict)
    assert discreet.answers == (Answer(line="answer 1", done=False, text=()),)


def test_one_mail_has_no_more_inquiries_than_a_person_would_ask(node: Node) -> None:
    """Each of fifty could name the same file, and a mail of 7 MB would become 350 in the ledger."""
    asked = [replace(ASKED, reference=f"Q{place}", utterance=QUESTION) for place in range(11)]
    said = tell(node, batch_mail(*[inquiry_document.document(one, "en") for one in asked]))
    assert (said.outcome, inquiries(node)) == ("refused", [])
    said = tell(node, batch_mail(*[inquiry_document.document(one, "en") for one in asked[:10]], serial="2"))
    assert (said.outcome, len(inquiries(node))) == ("response", 10)


def test_certificates_may_be_a_file_of_an_inquiry_and_are_not_recorded_then(node: Node) -> None:
    own = certificates_xml("NZ-1")
    asked = replace(ASKED, utterance=replace(QUESTION, files=(File(name="c.xml", type="application/xml", octets=own),)))
    said = tell(node, mail(replace(DECIDED, decision=Decision.REQUEST), asked))
    assert said.undone == 0
    assert node.lookup("NZ-1") == []
    assert events(node) == [("info", "decision.received")]
