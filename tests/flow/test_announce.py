"""What partners' nodes are told of our officials' decisions and answers: signed, encrypted where agreed, receipted."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from lxml import etree

from ecertmail.cli import main
from ecertmail.core import mime, receipt
from ecertmail.core.judge import judge
from ecertmail.core.verp import delivery_of, reverse_path
from ecertmail.delivery import Attempt, Attempted, Delivery, DeliveryState
from ecertmail.flow.announce import Announcer
from ecertmail.flow.examine import Examiner
from ecertmail.flow.visit import Visit
from ecertmail.message import SignedMessage
from ecertmail.model import Examination, Outcome
from ecertmail.official import Decided, Decision, Language, Written
from ecertmail.parties import Assurance, Demands, Encryption, Partner, Policy
from ecertmail.store.deliveries import DeliveryReader
from ecertmail.subscription import Answer
from tests.builders import (
    AU_ADDRESS,
    CHINA,
    NOW,
    NZ_ADDRESS,
    batch_mail,
    certificates_xml,
    compiled_schemas,
    envelope,
    examiner,
    key_of,
    new_zealand,
    partner,
    room,
    settle,
    sps_xml,
)
from tests.flow.border import LI
from tests.flow.node import SECRET, Node
from tests.flow.test_respond import ASKED, WELLINGTON, alarms, issue, mail
from tests.flow.test_respond import DECIDED as THEIRS

DECIDED = Decided(
    entry=9, issuer="nz", number="NZ-1", decision=Decision.REFUSE, remark="封条破损", partner="self", official=LI.id,
    operator=LI.signs_as, assurance=Assurance.TOKEN_DKIM, at=NOW,
)  # fmt: skip
ANSWER = replace(ASKED, utterance=replace(ASKED.utterance, content="The blue one."))
UNUSABLE = ()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path)
    made.take(batch_mail(certificates_xml("NZ-1"), sps_xml("NZ-2"), serial="c"))
    made.receipts()
    yield made
    made.close()


def announcer(node: Node) -> Announcer:
    return Announcer(authority=CHINA, new_message_id=lambda: "<a-1@customs.example>", log=node.log)


def announce(node: Node, to: Partner, decided: Decided = DECIDED) -> bool:
    """What the desk does with a decision; say whether the partner is told."""
    written = Written(
        sender=LI.address, recipients=frozenset(), subject="", message_id="<1@customs.example>", text=decided.remark
    )
    with node.ledger.transaction() as tx:
        visit = Visit(
            tx=tx, spool_id="m1", entry=8, official=LI, written=written, assurance=decided.assurance,
            demands=Demands(), openpgp=node.examiner.openpgp, now=NOW,
        )  # fmt: skip
        message = ASKED if decided.decision is Decision.REQUEST else None
        return announcer(node).announce(visit, to, decided, message)


def told(node: Node) -> list[Delivery]:
    return [one for one in node.receipts() if one.kind == "acknowledgement"]


def examined(octets: bytes) -> Examination:
    """What New Zealand's node reads in a mail of China's."""
    china = partner("cn", CHINA.address, "CN")
    reader = Examiner(
        openpgp=examiner(china).openpgp, partners={china.keys[0].fingerprint: china}, schemas=compiled_schemas()
    )
    return reader.examine(replace(envelope(CHINA.address), recipients=(NZ_ADDRESS,)), octets)


@pytest.mark.parametrize("decision", Decision)
def test_the_issuer_is_told_in_a_mail_that_its_node_understands(node: Node, decision: Decision) -> None:
    announce(node, new_zealand(), replace(DECIDED, decision=decision))
    [one] = told(node)
    assert one.recipient == NZ_ADDRESS
    found = examined(one.octets)
    with node.ledger.transaction() as tx:
        [held] = tx.look_ups.find("NZ-1")
    [response] = found.responses
    assert (response.number, response.decision, response.remark) == ("NZ-1", decision, "封条破损")
    assert (response.operator, response.assurance) == ("Li Wei, Shanghai", "token+dkim")
    assert response.sha256 == held.sha256
    assert found.messages == ((ASKED,) if decision is Decision.REQUEST else ())
    policy = Policy(mailboxes=frozenset({NZ_ADDRESS}), country="NZ")
    assert judge(found, {}, policy, NOW).outcome is Outcome.RESPONSE
    assert ("info", "acknowledgement.staged") in node.log.events


@pytest.mark.parametrize(("number", "code"), [("NZ-1", None), ("NZ-2", "851"), ("NZ-9", None)])
def test_a_type_is_told_where_the_certificate_has_one(node: Node, number: str, code: str | None) -> None:
    announce(node, new_zealand(), replace(DECIDED, number=number))
    message = mime.read(told(node)[0].octets)
    assert isinstance(message, SignedMessage)
    leaves = mime.attachments(message.signed_octets)
    assert isinstance(leaves, tuple)
    root = etree.fromstring(leaves[1].data)
    assert root.findtext(".//{*}ReferenceSPSReferencedDocument/{*}TypeCode") == code


def test_an_answer_travels_to_the_node_that_asked(node: Node) -> None:
    with node.ledger.transaction() as tx:
        announcer(node).respond(tx, new_zealand(), ANSWER, Language.ZH, node.examiner.openpgp, NOW)
    [one] = told(node)
    assert examined(one.octets).messages == (ANSWER,)


@pytest.mark.parametrize("encrypt", [Encryption.REQUIRED, Encryption.WHEN_POSSIBLE])
def test_it_is_encrypted_where_that_is_agreed_and_possible(node: Node, encrypt: Encryption) -> None:
    node.examiner = examiner(new_zealand(encrypt=encrypt))
    announce(node, new_zealand(encrypt=encrypt))
    [one] = told(node)
    assert isinstance(mime.read(one.octets), mime.Encrypted)
    assert b"NZ-1" not in one.octets


def test_without_a_usable_key_it_goes_in_clear_where_that_is_allowed(node: Node) -> None:
    assert announce(node, new_zealand(encrypt=Encryption.WHEN_POSSIBLE, keys=UNUSABLE))
    assert len(told(node)) == 1


def test_where_encryption_is_required_and_impossible_a_person_hears_of_it(node: Node) -> None:
    assert not announce(node, new_zealand(encrypt=Encryption.REQUIRED, keys=UNUSABLE))
    assert told(node) == []
    assert alarms(node) == [
        ("acknowledgement:NZ-1", "nz was not told about NZ-1: no key of it can be used for encryption"),
    ]  # fmt: skip
    assert ("error", "acknowledgement.unsent") in node.log.events


def test_a_bounce_of_it_is_heard_of(node: Node) -> None:
    announce(node, new_zealand())
    [one] = told(node)
    assert delivery_of(reverse_path(CHINA.address, SECRET, one), CHINA.address, SECRET) == one.id


def sent(node: Node) -> Delivery:
    announce(node, new_zealand())
    [one] = told(node)
    settle(node.outbox, one, Attempt(outcome=Attempted.SENT, reply="250 OK"), DeliveryState.DELIVERED, None, NOW)
    return one


def state(node: Node, delivery: Delivery) -> str:
    reader = DeliveryReader(node.folder / "ledger.db")
    shown = reader.show(delivery.id)
    reader.close()
    return shown.row.state


@pytest.mark.parametrize(("done", "alarm"), [(True, []), (False, ["refused by partner"])])
def test_the_receipt_of_the_partners_node_closes_it(node: Node, done: bool, alarm: list[str]) -> None:
    """What the issuer did not record has come, and is no news for nobody: a person has to look."""
    one = sent(node)
    found = examined(one.octets)
    verdict = judge(found, {}, Policy(mailboxes=frozenset({NZ_ADDRESS}), country="NZ"), NOW)
    answers = (Answer(line="REFUSE NZ-1", done=done, text=("is not known here",)),)
    draft = receipt.draft(WELLINGTON, found, replace(verdict, answers=answers), 4, NOW, "<r-1@mpi.example>")
    node.take(draft.signed(key_of(NZ_ADDRESS).sign(draft.part)))
    assert state(node, one) == "acknowledged"
    assert [text.rpartition(": ")[2] for _, text in alarms(node)] == alarm


def test_silence_is_a_reminder_and_then_an_alarm(node: Node) -> None:
    one = sent(node)
    start = node.clock()
    assert node.reconciler.look(start + node.reconciler.remind_after) == 1
    [again] = node.outbox.take_due(start + node.reconciler.remind_after, room(9))
    assert again.octets == one.octets
    settle(node.outbox, again, Attempt(outcome=Attempted.SENT, reply="250 OK"), DeliveryState.DELIVERED, None,
           start + node.reconciler.remind_after)  # fmt: skip
    node.reconciler.look(start + node.reconciler.alarm_after * 2)
    assert state(node, one) == "alarmed"
    [(what, text)] = alarms(node)
    assert (what, "acknowledgement to ecert@mpi.example: no answer" in text) == (f"delivery:{one.id}", True)


def alarmed(node: Node) -> Delivery:
    """A mail that was sent, reminded of, and never answered."""
    one, start, day = sent(node), node.clock(), node.reconciler.remind_after
    node.reconciler.look(start + day)
    [again] = node.outbox.take_due(start + day, room(9))
    settle(node.outbox, again, Attempt(outcome=Attempted.SENT, reply="250"), DeliveryState.DELIVERED, None, start + day)
    node.reconciler.look(start + day * 4)
    assert state(node, one) == "alarmed"
    return one


def receipt_of(one: Delivery, sender: str, *, done: bool = True) -> bytes:
    """The receipt of a mail, signed by whoever sends it."""
    found = examined(one.octets)
    verdict = judge(found, {}, Policy(mailboxes=frozenset({NZ_ADDRESS}), country="NZ"), NOW)
    verdict = replace(verdict, answers=(Answer(line="REFUSE NZ-1", done=done, text=("",)),))
    who = replace(WELLINGTON, address=sender)
    draft = receipt.draft(who, found, verdict, 4, NOW, f"<r-{done}@mpi.example>")
    return draft.signed(key_of(sender).sign(draft.part))


@pytest.mark.parametrize(
    ("sender", "done", "expected"),
    [
        (NZ_ADDRESS, True, ("acknowledged", [])),
        (NZ_ADDRESS, False, ("acknowledged", ["refused by partner"])),
        (AU_ADDRESS, True, ("alarmed", ["no answer, and none to a reminder"])),
    ],
)
def test_a_late_receipt_ends_the_alarm_if_it_is_the_partners(
    node: Node, sender: str, done: bool, expected: tuple[str, list[str]]
) -> None:
    one = alarmed(node)
    node.receive(receipt_of(one, sender, done=done), sender=sender)
    node.run()
    assert (state(node, one), [text.rpartition(": ")[2] for _, text in alarms(node)]) == expected
    assert [waiting.id for waiting in node.receipts()] == [1], "for the certificates; nobody answers a receipt"


def test_verify_receipt_prints_what_became_of_an_answer(node: Node, tmp_path: Path) -> None:
    issue(node, "CN-1")
    node.take(mail(THEIRS))
    octets = [one.octets for one in node.receipts() if one.kind == "receipt"][-1]
    (tmp_path / "receipt.eml").write_bytes(octets)
    (tmp_path / "cn.asc").write_bytes(bytes(key_of(CHINA.address).tsk.extract_certificate()))
    command = ["verify-receipt", str(tmp_path / "receipt.eml"), "--key", str(tmp_path / "cn.asc")]
    printed = CliRunner().invoke(main, command)
    assert printed.exit_code == 0, printed.output
    assert "PASS CN-1: received" in printed.output
    facts = json.loads(CliRunner().invoke(main, [*command, "--json"]).stdout)
    assert facts["receipt"]["outcome"] == "response"
