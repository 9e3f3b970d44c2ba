"""What a partner's node says of our certificates is recorded, answered, and brought to who must know."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from lxml import etree

from ecertmail.config import packaged
from ecertmail.conversation import InquiryState, Message, Turn, Utterance
from ecertmail.core import acknowledgement, inquiry_document, mime, read_receipt
from ecertmail.core.node_mail import Head
from ecertmail.core.read_receipt import Statement
from ecertmail.flow.issue import Issuer
from ecertmail.message import SignedMessage
from ecertmail.official import Decided, Decision, File
from ecertmail.parties import Assurance, Authority
from tests.builders import (
    AU_ADDRESS,
    CHINA,
    NOW,
    NZ_ADDRESS,
    batch_mail,
    certificates_xml,
    compiled_schemas,
    examination,
    key_of,
    partner,
    signed_message,
)
from tests.flow.border import ZHAO
from tests.flow.node import Node
from tests.hostile.case import sent

SCHEMA = etree.XMLSchema(etree.parse(packaged("schemas") / "receipt/receipt.xsd"))
WELLINGTON = Authority(name="MPI", country="NZ", address=NZ_ADDRESS)
CANBERRA = Authority(name="DAFF", country="AU", address=AU_ADDRESS)
DECIDED = Decided(
    entry=3, issuer="cn", number="CN-1", decision=Decision.PASS, remark="Good lamb.", partner="self", official="ana",
    operator="Ana, Auckland", assurance=Assurance.TOKEN_DKIM, at=NOW,
)  # fmt: skip
ASKED = Message(
    reference="Q7", number="CN-1",
    utterance=Utterance(
        turn=Turn.REQUEST, operator="Ana, Auckland", at=NOW, content="Which seal?", assurance=Assurance.TOKEN_DKIM,
        files=(File(name="seal.jpg", type="image/jpeg", octets=b"\0\xff"),),
    ),
)  # fmt: skip


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path)
    issue(made, "CN-1", "CN-2")
    yield made
    made.close()


def issue(node: Node, *numbers: str, importing: str = "NZ", title: str = "Lamb") -> None:
    """Record certificates of China's own."""
    octets = certificates_xml(*numbers, country="CN", title=title)
    octets = octets.replace(
        b'<importing_country country_code="CN"', b'<importing_country country_code="%b"' % importing.encode()
    )
    issuer = Issuer(ledger=node.ledger, schemas=compiled_schemas(), country="CN", log=node.log)
    batch, sha256 = issuer.read("own.xml", octets)
    issuer.decide("own.xml", "folder", batch, sha256, NOW)


def mail(
    decided: Decided,
    message: Message | None = None,
    serial: str = "1",
    sender: Authority = WELLINGTON,
    sha256: str = "",
) -> bytes:
    """What another node of ours sends."""
    china = partner("cn", CHINA.address, "CN")
    head = Head(authority=sender, partner=china, now=NOW, message_id=f"<{serial}@{sender.country}.example>")
    draft = acknowledgement.draft(head, decided, "", sha256, "en", message)
    return draft.signed(key_of(sender.address).sign(draft.part))


def document(number: str, decision: Decision = Decision.PASS) -> bytes:
    return acknowledgement.document(replace(DECIDED, number=number, decision=decision), "", "", "en")


def tell(node: Node, octets: bytes, sender: str = NZ_ADDRESS) -> Statement:
    """Send a mail and return the receipt."""
    node.receive(octets, sender=sender)
    node.run()
    return statement(node)


def statement(node: Node) -> Statement:
    answer = [one for one in sent(node) if one.kind == "receipt"][-1]
    message = mime.read(answer.octets)
    assert isinstance(message, SignedMessage)
    leaves = mime.attachments(message.signed_octets)
    assert isinstance(leaves, tuple)
    SCHEMA.assertValid(etree.fromstring(leaves[-1].data))
    said = read_receipt.statement(message.signed_octets)
    assert said is not None
    return said


def decisions(node: Node, number: str = "CN-1") -> list[Decided]:
    with node.ledger.transaction() as tx:
        return tx.officials.decisions("self", number)


def alarms(node: Node) -> list[tuple[str, str]]:
    with node.ledger.transaction() as tx:
        return [(alarm.what, alarm.text) for alarm in tx.alarms()]


def events(node: Node, prefix: str = "decision.") -> list[tuple[str, str]]:
    return [(level, event) for level, event in node.log.events if event.startswith(prefix)]


@pytest.mark.parametrize("decision", Decision)
def test_a_decision_on_our_certificate_is_recorded_and_confirmed(node: Node, decision: Decision) -> None:
    said = tell(node, mail(replace(DECIDED, decision=decision)))
    assert said.outcome == "response"
    [one] = decisions(node)
    assert (one.partner, one.official, one.decision, one.operator) == ("nz", "", decision, "Ana, Auckland")
    assert (one.remark, one.at, one.assurance) == ("Good lamb.", NOW, Assurance.TOKEN_DKIM)
    assert said.commands[0].startswith(f"{decision.word} CN-1: received\n  is recorded as entry {one.entry}")
    assert ("info", "decision.received") in node.log.events
    record = next(record for record in node.records() if record["kind"] == "decision")
    assert (record["partner"], record["told_assurance"]) == ("nz", "token+dkim")
    node.log_kinds()


@pytest.mark.parametrize(
    ("told", "level"),
    [
        (b"Assurance: token", Assurance.TOKEN),
        (b"Assurance: signed+protected", Assurance.SIGNED_PROTECTED),
        (b"Assurance: certain", Assurance.SIGNED_PROTECTED),
    ],
)
def test_a_decision_is_as_sure_as_the_weaker_of_both_words(node: Node, told: bytes, level: Assurance) -> None:
    tell(node, batch_mail(document("CN-1").replace(b"Assurance: token+dkim", told)))
    assert [one.assurance for one in decisions(node)] == [level]


def test_no_decision_is_surer_than_the_mail_that_brings_it(node: Node) -> None:
    sure = replace(DECIDED, assurance=Assurance.SIGNED_PROTECTED)
    found = acknowledgement.read(etree.fromstring(acknowledgement.document(sure, "", "", "en")))
    assert isinstance(found, tuple)
    facts = examination(message=signed_message(protected=None), responses=found)
    with node.ledger.transaction() as tx:
        [entry] = tx.append([("message", b'{"kind":"message"}')])
        node.border.responder.take(tx, "m1", facts, entry, node.examiner.openpgp, NOW)
    assert [one.assurance for one in decisions(node)] == [Assurance.SIGNED]


def test_a_refusal_is_an_alarm_until_the_certificate_may_pass(node: Node) -> None:
    tell(node, mail(replace(DECIDED, decision=Decision.REFUSE, remark="No\nseal")))
    assert alarms(node) == [
        ("refusal:CN-1", "certificate CN-1 was refused by Authority of NZ (Ana, Auckland): No seal"),
    ]  # fmt: skip
    assert ("warning", "decision.refusal") in node.log.events
    said = tell(node, mail(DECIDED, serial="2"))
    assert "after that of entry" in said.commands[0]
    assert alarms(node) == []
    assert [one.superseded_by is None for one in decisions(node)] == [False, True]


STRANGE = {
    "a number that nobody issued": ("CN-9", "is not known here"),
    "another authority's certificate": ("NZ-1", "is not known here"),
    "a certificate for another country": ("CN-AU", "goes to a country that your authority does not speak for"),
}


@pytest.mark.parametrize("name", STRANGE)
def test_what_is_none_of_the_partners_business_is_told_and_not_recorded(node: Node, name: str) -> None:
    number, words = STRANGE[name]
    issue(node, "CN-AU", importing="AU")
    node.take(batch_mail(certificates_xml("NZ-1"), serial="c"))
    said = tell(node, mail(replace(DECIDED, number=number)))
    assert said.outcome == "response"
    assert said.commands[0].startswith(f"PASS {number}: NOT RECORDED\n  {words}")
    assert decisions(node, number) == []
    assert events(node) == [("warning", "decision.strange")]


def test_one_mail_decides_on_several_certificates(node: Node) -> None:
    said = tell(node, batch_mail(document("CN-1"), document("CN-2", Decision.REFUSE), document("CN-9")))
    assert [line.partition("\n")[0] for line in said.commands] == [
        "PASS CN-1: received", "REFUSE CN-2: received", "PASS CN-9: NOT RECORDED",
    ]  # fmt: skip
    assert [len(decisions(node, number)) for number in ("CN-1", "CN-2")] == [1, 1]


def test_the_same_mail_again_is_answered_again_and_changes_nothing(node: Node) -> None:
    octets = mail(DECIDED)
    tell(node, octets)
    before = node.records()
    node.take(octets)
    assert node.records() == before
    assert len(decisions(node)) == 1


def test_the_same_decision_in_another_mail_is_recorded_once(node: Node) -> None:
    tell(node, mail(DECIDED))
    said = tell(node, mail(DECIDED, serial="2"))
    [one] = decisions(node)
    assert said.commands == (f"PASS CN-1: received\n  is recorded already as entry {one.entry}",)


def test_the_order_is_that_of_the_ledger_whatever_the_senders_clock_says(node: Node) -> None:
    tell(node, mail(DECIDED))
    tell(node, mail(replace(DECIDED, decision=Decision.REFUSE, at=NOW - timedelta(days=3)), serial="2"))
    assert [(one.decision, one.superseded_by is None) for one in decisions(node)] == [
        (Decision.PASS, False), (Decision.REFUSE, True),
    ]  # fmt: skip
    days = {str(record["at"])[:10] for record in node.records() if record["kind"] == "decision"}
    assert days == {f"{NOW:%Y-%m-%d}"}, "entries are dated by our clock"


def test_the_version_that_was_decided_on_is_recorded(node: Node) -> None:
    with node.ledger.transaction() as tx:
        [found] = tx.look_ups.find("CN-1")
    said = tell(node, mail(DECIDED, sha256=found.sha256))
    assert "compare" not in said.commands[0]
    said = tell(node, mail(replace(DECIDED, decision=Decision.REFUSE), serial="2", sha256="00" * 32))
    assert "the hash that you name is of no version" in said.commands[0]
    assert ("warning", "decision.other-version") in node.log.events
    assert [r["sha256"] for r in node.records() if r["kind"] == "decision"] == [found.sha256] * 2


def test_a_mail_for_another_node_is_refused(node: Node) -> None:
    other = partner("fr", "ecert@daf.example", "FR")
    head = Head(authority=WELLINGTON, partner=other, now=NOW, message_id="<1@nz.example>")
    draft = acknowledgement.draft(head, DECIDED, "", "", "en")
    said = tell(node, draft.signed(key_of(NZ_ADDRESS).sign(draft.part)))
    assert (said.outcome, said.findings[0].partition(":")[0]) == ("refused", "not-for-us")
    assert decisions(node) == []


def test_a_mail_without_a_protected_recipient_is_refused(node: Node) -> None:
    inside = batch_mail(document("CN-1"), sign=lambda part: key_of(NZ_ADDRESS).sign(part.replace(b'; hp="clear"', b"")))
    said = tell(node, inside.replace(b'; hp="clear"', b""))
    assert (said.outcome, said.findings[0].partition(":")[0]) == ("refused", "headers-not-protected")
    assert decisions(node) == []


def test_a_mail_with_certificates_too_is_refused_as_a_whole(node: Node) -> None:
    said = tell(node, batch_mail(document("CN-1"), certificates_xml("NZ-1")))
    assert (said.outcome, said.findings[0].partition(":")[0]) == ("refused", "response-mixed")
    assert decisions(node) == []
    assert node.lookup("NZ-1") == []


def test_a_partner_speaks_for_its_own_countries_only(node: Node) -> None:
    said = tell(node, mail(DECIDED, sender=CANBERRA), sender=AU_ADDRESS)
    assert "NOT RECORDED" in said.commands[0]


def test_a_request_brings_its_question_to_the_duty_officer(node: Node) -> None:
    with node.ledger.transaction() as tx:
        tx.officials.add(ZHAO)
    node.take(mail(replace(DECIDED, decision=Decision.REQUEST), ASKED))
    assert {one.recipient for one in node.receipts()} == {NZ_ADDRESS, ZHAO.address}
    with node.ledger.transaction() as tx:
        [question] = tx.inquiries.thread(1)
    assert (question.content, question.files) == ("Which seal?", ASKED.utterance.files)


def test_a_question_is_answered_with_what_it_is_called_here(node: Node) -> None:
    said = tell(node, mail(replace(DECIDED, decision=Decision.REQUEST), ASKED))
    assert said.commands[1].startswith("request Q7: received\n  Q7: is Q1 here; an answer is due by")


@pytest.mark.parametrize(("number", "words"), [("CN-9", "is not known here"), ("CN-AU", "goes to a country")])
def test_nobody_is_asked_about_what_is_none_of_the_partners_business(node: Node, number: str, words: str) -> None:
    issue(node, "CN-AU", importing="AU")
    said = tell(node, mail(replace(DECIDED, number=number, decision=Decision.REQUEST), replace(ASKED, number=number)))
    assert said.undone == 2
    assert said.commands[1].startswith("request Q7: NOT RECORDED")
    assert words in said.commands[1]
    with node.ledger.transaction() as tx:
        assert list(tx.inquiries.waiting()) == []


def test_a_request_of_a_node_without_our_documents_is_a_question_too(node: Node) -> None:
    with node.ledger.transaction() as tx:
        tx.officials.add(ZHAO)
    said = tell(node, mail(replace(DECIDED, decision=Decision.REQUEST, remark="Which seal?")))
    assert "CN-1: is Q1 here; an answer is due by" in said.commands[0]
    with node.ledger.transaction() as tx:
        [question] = tx.inquiries.thread(1)
    assert question.content == "Which seal?"


@pytest.mark.parametrize("decision", [Decision.PASS, Decision.REFUSE])
def test_a_decision_ends_what_was_asked_before(node: Node, decision: Decision) -> None:
    tell(node, mail(replace(DECIDED, decision=Decision.REQUEST), ASKED))
    tell(node, mail(replace(DECIDED, decision=decision), serial="2"))
    with node.ledger.transaction() as tx:
        inquiry = tx.inquiries.get(1)
    assert inquiry is not None
    assert inquiry.state is InquiryState.CLOSED
    assert ("info", "inquiry.closed") in node.log.events


def test_an_answer_that_nobody_asked_for_goes_to_nobody(node: Node) -> None:
    answer = replace(ASKED, utterance=replace(ASKED.utterance, turn=Turn.RESPONSE, files=()))
    said = tell(node, batch_mail(inquiry_document.document(answer, "en")))
    assert "no such inquiry was sent to you" in said.commands[0]


def test_a_crash_loses_nothing_and_records_nothing_twice(node: Node) -> None:
    node.receive(mail(replace(DECIDED, decision=Decision.REFUSE)))
    node.after.calls, node.after._at = 0, (1,)
    node.run_through_trouble()
    assert len(decisions(node)) == 1
    assert len(alarms(node)) == 1
