"""How sure a decision is: a level holds for nothing that stands outside of what makes it sure."""

import base64
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ecertmail.core import compose
from ecertmail.edge.openpgp import read_public_key
from ecertmail.official import Decision
from ecertmail.parties import Assurance, Demands
from tests.builders import CHINA, batch_mail, certificates_xml, key_of
from tests.flow.border import LI, Border
from tests.flow.node import Node
from tests.flow.test_desk import ask, decisions, enrol, last, letters, mail
from tests.hostile.keys import NZ_KEYS
from tests.hostile.packets import armour

Sign = Callable[[bytes], bytes]
KEYED = replace(LI, public_key=key_of(LI.address).public.octets, fingerprint=key_of(LI.address).fingerprint)
DKIM = Demands(passes=Assurance.TOKEN_DKIM, refuses=Assurance.TOKEN_DKIM)
SIGNED = Demands(passes=Assurance.SIGNED, refuses=Assurance.SIGNED)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path)
    enrol(made, KEYED)
    made.take(batch_mail(certificates_xml("NZ-1", "NZ-2"), serial="certificates"))
    yield made
    made.close()


def signed(
    text: str, subject: str, to: str, serial: str = "1", sign: Sign | None = None, inside: dict[str, str] | None = None
) -> bytes:
    """A reply that the official's program signed; `inside` is its protected header, where it makes one."""
    message_id = f"<{serial}@customs.example>"
    outer = {"From": LI.address, "To": to, "Subject": subject, "Message-ID": message_id}
    marked = 'text/plain; charset=utf-8; hp="clear"' if inside else "text/plain; charset=utf-8"
    part = compose.headers({**(inside or {}), "Content-Type": marked}) + b"\r\n" + text.encode() + b"\r\n"
    return compose.signed(part, (sign or key_of(LI.address).sign)(part), message_id, outer)


def token_of(to: str) -> str:
    return to.partition("+")[2].partition("@")[0]


def levels(node: Node, number: str = "NZ-1") -> list[tuple[Decision, Assurance]]:
    return [(one.decision, one.assurance) for one in decisions(node, number)]


def test_a_signed_reply_that_quotes_its_token_is_signed(node: Node) -> None:
    subject, to = ask(node, "NZ-1")
    node.take(signed(f"REFUSE The seal is broken.\r\n> write to {to}", subject, to))
    assert levels(node) == [(Decision.REFUSE, Assurance.SIGNED)]


def test_protected_headers_make_it_surer(node: Node) -> None:
    subject, to = ask(node, "NZ-1")
    inside = {"From": LI.address, "To": to, "Subject": subject}
    node.take(signed("PASS", subject, to, inside=inside))
    assert levels(node) == [(Decision.PASS, Assurance.SIGNED_PROTECTED)]


@pytest.mark.parametrize("where", ["subject", "text"])
def test_a_token_that_is_encoded_is_found_in_what_was_signed(node: Node, where: str) -> None:
    """Mail programs encode what is not Latin, and with it all that stands beside it."""
    subject, to = ask(node, "NZ-1")
    inside = {"From": LI.address, "To": CHINA.address}
    inside["Subject"] = f"回复 {subject[-20:]}" if where == "subject" else "回复"
    quoted = base64.encodebytes(f"通过\r\n> 请写信至 {to if where == 'text' else ''}\r\n".encode()).decode()
    inside["Content-Transfer-Encoding"] = "base64"
    node.take(signed(quoted.replace("\n", "\r\n"), subject, to, inside=inside))
    assert levels(node) == [(Decision.PASS, Assurance.SIGNED_PROTECTED)]


def test_a_decision_in_a_protected_subject_is_signed(node: Node) -> None:
    _, to = ask(node, "NZ-1")
    subject = f"PASS NZ-1 [{token_of(to)}]"
    node.take(signed("", subject, to, inside={"From": LI.address, "To": to, "Subject": subject}))
    assert levels(node) == [(Decision.PASS, Assurance.SIGNED_PROTECTED)]


@pytest.mark.parametrize("protected", [False, True])
def test_a_decision_in_the_outer_subject_of_a_signed_mail_is_asked_back(node: Node, protected: bool) -> None:
    """Somebody on the way puts a decision over a signed mail that has none."""
    subject, to = ask(node, "NZ-1")
    inside = {"From": LI.address, "To": to, "Subject": subject} if protected else None
    node.take(signed(f"Which seal is that?\r\n> {to}", f"PASS NZ-1 [{token_of(to)}]", to, inside=inside))
    assert decisions(node) == []


@pytest.mark.parametrize(
    ("inside", "name"),
    [({"From": "chen@customs.example", "To": CHINA.address}, "from"), ({"To": CHINA.address}, "no from")],
)
def test_a_protected_header_that_names_somebody_else_makes_a_signature_worth_nothing(
    node: Node, inside: dict[str, str], name: str
) -> None:
    node.border = Border(node.log, demands=SIGNED)
    subject, to = ask(node, "NZ-1")
    node.take(signed(f"PASS\r\n> {to}", subject, to, inside=inside))
    assert levels(node) == ([] if name == "from" else [(Decision.PASS, Assurance.SIGNED)])


@pytest.mark.parametrize("name", ["expired", "lost", "certifies only"])
def test_a_key_that_is_no_good_makes_no_decision_surer(node: Node, name: str) -> None:
    key = NZ_KEYS[name]
    public = read_public_key(key.public)
    enrol(node, replace(KEYED, id="chen", address="chen@customs.example", public_key=public.octets,
                        fingerprint=public.fingerprint))  # fmt: skip
    subject, to = ask(node, "NZ-1", sender="chen@customs.example")
    reply = signed(f"PASS\r\n> {to}", subject, to, sign=lambda part: armour(key.primary.signature(part)))
    node.take(reply.replace(LI.address.encode(), b"chen@customs.example"))
    assert levels(node) == [(Decision.PASS, Assurance.TOKEN)]


WRONG: dict[str, Callable[[str, str], bytes]] = {
    "another's key": lambda s, to: signed(f"PASS\r\n> {to}", s, to, sign=key_of("chen@customs.example").sign),
    "a changed octet": lambda s, to: signed(f"PASS\r\n> {to}", s, to).replace(b"\r\nPASS", b"\r\nPASS "),
    "no token inside": lambda s, to: signed("PASS", s, to),
    "another token inside": lambda s, to: signed(f"PASS\r\n> {to.replace('+d1', '+d2')}", s, to),
}


@pytest.mark.parametrize("make", WRONG.values(), ids=WRONG)
def test_a_signature_that_is_no_good_or_about_nothing_makes_no_decision_surer(
    node: Node, make: Callable[[str, str], bytes]
) -> None:
    node.border = Border(node.log, demands=SIGNED)
    subject, to = ask(node, "NZ-1")
    node.take(make(subject, to))
    assert decisions(node) == []
    assert "NZ-1" in last(node)[1]


def test_a_signed_mail_that_somebody_sends_again_decides_nothing(node: Node) -> None:
    subject, to = ask(node, "NZ-1")
    passed = signed(f"PASS\r\n> {to}", subject, to)
    node.take(passed, signed(f"REFUSE forged\r\n> {to}", subject, to, serial="2"))
    again = passed.replace(b"<1@customs.example>", b"<9@customs.example>").replace(b"Subject: Re:", b"Subject: AW:")
    node.take(again)
    assert [decision for decision, _ in levels(node)] == [Decision.PASS, Decision.REFUSE]


def test_the_same_signed_word_about_two_certificates_decides_on_both(node: Node) -> None:
    """Without quotation and protected header what was signed is the same; then the token alone counts."""
    replies = [signed("PASS", *ask(node, number), serial=number) for number in ("NZ-1", "NZ-2")]
    node.take(*replies)
    assert levels(node) == levels(node, "NZ-2") == [(Decision.PASS, Assurance.TOKEN)]


def with_dkim(node: Node, *found: str) -> None:
    node.examiner = replace(node.examiner, authenticate=lambda _: frozenset(found))
    node.border = Border(node.log, demands=DKIM)


DATED = {"Date": "Tue, 24 Nov 2026 10:00:00 +0800"}


def test_a_mail_with_dkim_that_somebody_sends_again_with_another_message_id_decides_nothing(node: Node) -> None:
    with_dkim(node, "customs.example")
    subject, to = ask(node, "NZ-1")
    node.take(mail("PASS", subject, to, **DATED), mail("REFUSE forged", subject, to, **DATED))
    node.take(mail("PASS", subject, to, message_id="<new@customs.example>", **DATED))
    assert [decision for decision, _ in levels(node)] == [Decision.PASS, Decision.REFUSE]
    node.take(mail("PASS", subject, to, Date="Tue, 24 Nov 2026 10:05:00 +0800"))
    assert [decision for decision, _ in levels(node)] == [Decision.PASS, Decision.REFUSE, Decision.PASS]


@pytest.mark.parametrize("found", [("customs.example", ""), ("", "customs.example")])
def test_a_mail_that_comes_twice_decides_once_though_the_dns_did_not_answer_once(
    node: Node, found: tuple[str, str]
) -> None:
    subject, to = ask(node, "NZ-1")
    passed = mail("PASS", subject, to, **DATED)
    for domain in found:
        with_dkim(node, domain)
        node.border = Border(node.log)
        node.take(b"Received: from relay.example by mx.example; today\r\n" + passed)
    assert len(decisions(node)) == 1


def test_dkim_speaks_for_a_token_only_where_the_subject_has_it(node: Node) -> None:
    """To is not signed by all: a mail to somebody else could be sent on to the address with the token."""
    with_dkim(node, "customs.example")
    subject, to = ask(node, "NZ-1")
    node.take(mail("PASS", "Re: lunch", to, **DATED))
    assert decisions(node) == []
    node.take(mail("PASS", subject, CHINA.address, **DATED))
    assert levels(node) == [(Decision.PASS, Assurance.TOKEN_DKIM)]


@pytest.mark.parametrize("domain", ["example", "thief.example", "mail.customs.example", "ustoms.example", ""])
def test_dkim_of_another_domain_makes_no_decision_surer(node: Node, domain: str) -> None:
    with_dkim(node, domain)
    subject, to = ask(node, "NZ-1")
    node.take(mail("PASS", subject, to, **DATED))
    assert decisions(node) == []


def test_replies_without_message_id_to_different_certificates_are_different_mails(node: Node) -> None:
    """All that differs is the address they go to."""
    addresses = [ask(node, number)[1] for number in ("NZ-1", "NZ-2")]
    node.take(*(mail("PASS", "", to, message_id="") for to in addresses))
    assert levels(node) == levels(node, "NZ-2") == [(Decision.PASS, Assurance.TOKEN)]
    assert len(letters(node)) == 4


def test_other_line_ends_make_no_other_mail_of_a_signed_one(node: Node) -> None:
    """A signature over text (RFC 9580 section 5.2.1.2) is good for either line end."""
    node.border = Border(node.log, demands=SIGNED)
    key = NZ_KEYS["good"]
    public = read_public_key(key.public)
    enrol(node, replace(KEYED, id="chen", address="chen@customs.example", public_key=public.octets,
                        fingerprint=public.fingerprint))  # fmt: skip
    subject, to = ask(node, "NZ-1", sender="chen@customs.example")

    def reply(text: str, serial: str) -> bytes:
        made = signed(text, subject, to, serial, lambda part: armour(key.primary.signature(part, kind=1)))
        return made.replace(LI.address.encode(), b"chen@customs.example")

    passed = reply(f"PASS\r\n> {to}", "1")
    node.take(passed, reply(f"REFUSE forged\r\n> {to}", "2"))
    node.take(passed.replace(b"PASS\r\n", b"PASS\n").replace(b"<1@customs.example>", b"<9@customs.example>"))
    assert [decision for decision, _ in levels(node)] == [Decision.PASS, Decision.REFUSE]
