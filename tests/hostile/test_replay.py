"""The same word again: whoever repeats it, however it is wrapped, it counts once and is answered the same."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from ecertmail.core import compose
from ecertmail.delivery import Delivery
from ecertmail.parties import Policy
from tests.builders import AU_ADDRESS, NOW, NZ_ADDRESS, batch_mail, certificates_xml, envelope, key_of
from tests.flow.node import Node
from tests.hostile.case import as_received, sent
from tests.hostile.mails import HEAD, PART, by_nz, mixed, signed
from tests.hostile.packets import armour
from tests.hostile.test_encryption import sealed, wrapped
from tests.hostile.test_signatures import commented, one

FIRST = signed()
SIGNATURE = by_nz(PART)
TEXT_MODE = armour(one(kind=1))


@dataclass(frozen=True, kw_only=True)
class Again:
    """A mail that comes after another one with the same signed octets."""

    name: str
    mail: Callable[[], bytes]
    first: Callable[[], bytes] = lambda: FIRST
    reverse_path: str = NZ_ADDRESS


SAME = (
    Again(name="the same octets", mail=lambda: FIRST),
    Again(name="over a relay", mail=lambda: b"Received: from relay.example\r\n" + FIRST),
    Again(name="over thirty relays", mail=lambda: b"Received: from relay.example\r\n" * 29 + FIRST),
    Again(name="with another outer header",
          mail=lambda: signed(Subject="Other", Message_ID="<2@mpi.example>", Date="Mon, 1 Jan 2001 00:00:00 +0000")),
    Again(name="with another To", mail=lambda: signed(To="x@x.example", Cc="y@x.example")),
    Again(name="with another return path", mail=lambda: FIRST, reverse_path="evil@x.example"),
    Again(name="with a Reply-To", mail=lambda: signed(Reply_To="evil@x.example")),
    Again(name="with another boundary", mail=lambda: compose.signed(PART, SIGNATURE, "another", HEAD)),
    Again(name="with a preamble", mail=lambda: FIRST.replace(b"\r\n\r\n--", b"\r\n\r\nBeef\r\n--", 1)),
    Again(name="with an armour comment", mail=lambda: signed(commented(SIGNATURE))),
    Again(name="signed anew", mail=lambda: signed(by_nz(PART + b"")), first=lambda: signed(SIGNATURE)),
    Again(name="wrapped in encryption", mail=sealed(wrapped())),
    Again(name="taken out of encryption", mail=lambda: FIRST, first=sealed(wrapped())),
)  # fmt: skip


def entries(node: Node) -> list[object]:
    return [record["kind"] for record in node.records()]


def answer(node: Node) -> Delivery:
    [delivery] = sent(node)
    return delivery


@pytest.mark.parametrize("again", SAME, ids=[again.name for again in SAME])
def test_the_same_signed_octets_are_answered_with_the_same_receipt_and_recorded_once(node: Node, again: Again) -> None:
    node.take(again.first())
    receipt = answer(node)
    [second] = node.receive(mail := again.mail(), sender=again.reverse_path)
    node.run()
    repeated = answer(node)
    assert entries(node) == ["message", "certificate"]
    assert (repeated.octets, repeated.recipient) == (receipt.octets, NZ_ADDRESS)
    assert as_received(node, second) == mail
    assert node.log.events[-1] == ("info", "mail.repeated")


def test_a_text_mode_mail_with_other_line_ends_is_not_taken_again(node: Node) -> None:
    node.take(signed(TEXT_MODE))
    node.take(signed(TEXT_MODE, part=PART.replace(b".\r\n\r\n--", b".\n\r\n--")))
    assert entries(node) == ["message", "certificate", "message"], "the refusal, and no certificate"


def test_eight_days_later_the_first_receipt_goes_out_again_although_the_signature_is_stale(node: Node) -> None:
    """MAIL.md section 2, rule 8: seen before counts before fresh."""
    node.take(FIRST)
    receipt = answer(node)
    late = replace(envelope(), received_at=NOW + timedelta(days=8))
    node.spool.add([("late", late, FIRST)])
    node.run()
    assert answer(node).octets == receipt.octets
    assert entries(node) == ["message", "certificate"]


def test_a_mail_that_was_held_back_for_eight_days_is_refused(node: Node) -> None:
    late = replace(envelope(), received_at=NOW + timedelta(days=8))
    node.spool.add([("late", late, FIRST)])
    node.run()
    assert node.records()[0]["findings"] == ["signature-stale"]
    assert answer(node).recipient == NZ_ADDRESS


def test_a_hundred_copies_in_different_wrappings_are_recorded_once_and_answered_once(node: Node) -> None:
    node.take(*[signed(SIGNATURE, Subject=str(number)) for number in range(100)])
    assert entries(node) == ["message", "certificate"]
    assert answer(node).recipient == NZ_ADDRESS


def test_a_copy_in_another_partners_name_is_set_aside_and_does_not_use_up_the_first(node: Node) -> None:
    node.take(signed(SIGNATURE, From=AU_ADDRESS))
    assert (entries(node), sent(node)) == ([], [])
    node.take(signed(SIGNATURE))
    assert entries(node) == ["message", "certificate"]
    assert answer(node).recipient == NZ_ADDRESS


def test_another_partner_that_signs_a_copy_is_not_taken_for_the_first(node: Node) -> None:
    node.take(FIRST)
    first = answer(node)
    node.take(signed(key_of(AU_ADDRESS).sign(PART), From=AU_ADDRESS))
    assert entries(node) == ["message", "certificate", "message"]
    assert node.records()[-1]["refused"] == [{"number": "NZ-1", "codes": ["country-not-allowed"]}]
    refusal = answer(node)
    assert (refusal.recipient, refusal.octets == first.octets) == (AU_ADDRESS, False)


def test_a_refused_mail_that_comes_again_gets_the_same_refusal_and_no_new_entry(node: Node) -> None:
    mail = signed(part=compose.text("no certificate"))
    node.take(mail)
    refusal = answer(node)
    node.take(b"Received: from relay.example\r\n" + mail)
    assert (entries(node), answer(node).octets) == (["message"], refusal.octets)


def test_a_mail_that_was_set_aside_is_set_aside_again(node: Node) -> None:
    mail = signed(b"")
    node.take(mail, mail)
    assert node.states() == {"quarantined": 2}
    assert (entries(node), sent(node)) == ([], [])


def test_an_old_mail_again_does_not_bring_a_withdrawn_certificate_back(node: Node) -> None:
    old = batch_mail(certificates_xml("NZ-1"))
    node.take(old, batch_mail(certificates_xml("NZ-1", status="Revoked"), serial="2"), old)
    assert node.status("NZ-1") == "40"
    assert entries(node) == ["message", "certificate"] * 2


def test_a_mail_for_another_node_is_refused_here(node: Node) -> None:
    """The mail is for China; this node is Australia's, and its partner New Zealand is told."""
    node.policy = Policy(mailboxes=frozenset({AU_ADDRESS}), country="AU")
    node.take(FIRST, batch_mail(certificates_xml("NZ-2")))
    codes = [[*record["findings"], *(r["codes"][0] for r in record["refused"])] for record in node.records()]  # type: ignore[misc, attr-defined]
    assert codes == [["not-for-us"], ["not-for-us"]]
    assert [delivery.recipient for delivery in sent(node)] == [NZ_ADDRESS] * 2


def test_the_same_certificate_in_a_new_mail_changes_nothing(node: Node) -> None:
    node.take(FIRST, signed(part=mixed(compose.text("again"), PART, seed="around")))
    assert entries(node) == ["message", "certificate", "message"]
    assert len(node.lookup("NZ-1")[0].versions) == 1
