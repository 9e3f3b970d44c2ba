"""Who is taken for an official, what each is told, and what nobody can find out."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ecertmail.official import OfficialState
from tests.builders import CHINA, NOW, australia, batch_mail, certificates_xml
from tests.flow.border import ANA, LI, Border
from tests.flow.node import Node
from tests.flow.test_desk import ask, decisions, enrol, last, letters, mail

MATE = replace(ANA, id="au-mate", address="mate@daff.example", name="Mate", partner="au")
THIEF = "thief@evil.example"

NOBODY = {
    "two addresses": f"{LI.address}, {THIEF}",
    "a name that is the address": f'"{LI.address}" <{THIEF}>',
    "a name in angles": f"<{LI.address}> <{THIEF}>",
    "a comment": f"{THIEF} ({LI.address})",
    "a comment in front": f"({LI.address}) {THIEF}",
    "a group": f"officials: {LI.address};",
    "a look-alike": "l\u0456.wei@customs.example",
    "a route": f"<@evil.example:{LI.address}>",
    "a longer domain": f"{LI.address}.evil.example",
    "an extension": LI.address.replace("@", "+x@"),
    "a quoted part": '"li.wei"@customs.example',
    "our own address": CHINA.address,
    "our own address with a token": CHINA.address.replace("@", "+d1.aaaaaaaaaaaa@"),
    "nothing": "",
}


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path)
    enrol(made, LI)
    made.take(batch_mail(certificates_xml("NZ-1"), serial="certificates"))
    yield made
    made.close()


def written_from(sender: str, text: str, subject: str, to: str, more: str = "") -> bytes:
    head = f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <x@evil.example>\r\n{more}"
    return f"{head}Content-Type: text/plain\r\n\r\n{text}\r\n".encode()


@pytest.mark.parametrize("sender", NOBODY.values(), ids=NOBODY)
def test_whoever_is_not_plainly_an_official_is_a_stranger(node: Node, sender: str) -> None:
    subject, to = ask(node, "NZ-1")
    before = len(node.receipts())
    node.take(written_from(sender, "PASS", subject, to))
    assert (decisions(node), len(node.receipts()), len(node.quarantined())) == ([], before, 1)


@pytest.mark.parametrize("name", ["Sender", "Reply-To", "Resent-From", "Return-Path", "From "])
def test_only_from_says_who_wrote_a_mail(node: Node, name: str) -> None:
    subject, to = ask(node, "NZ-1")
    before = len(node.receipts())
    node.take(written_from(THIEF, "PASS", subject, to, f"{name}: {LI.address}\r\n"))
    assert (decisions(node), len(node.receipts())) == ([], before)


def test_a_second_from_makes_a_mail_nobodys(node: Node) -> None:
    subject, to = ask(node, "NZ-1")
    node.take(written_from(LI.address, "PASS", subject, to, f"From: {THIEF}\r\n"))
    assert decisions(node) == []


@pytest.mark.parametrize("name", ["Reply-To", "Sender", "Disposition-Notification-To", "Errors-To"])
def test_only_the_registered_address_is_answered(node: Node, name: str) -> None:
    node.take(written_from(LI.address, "VERIFY NZ-1", "", CHINA.address, f"{name}: {THIEF}\r\n"))
    assert len(letters(node)) == 1
    assert not any(one.recipient == THIEF for one in node.receipts())


@pytest.mark.parametrize("path", ["", "MAILER-DAEMON@customs.example", CHINA.address])
def test_what_comes_on_a_path_of_programs_decides_nothing(node: Node, path: str) -> None:
    subject, to = ask(node, "NZ-1")
    node.receive(mail("PASS", subject, to), sender=path)
    node.run()
    assert (decisions(node), len(letters(node))) == ([], 1)


@pytest.mark.parametrize("state", [OfficialState.PENDING, OfficialState.SUSPENDED])
def test_a_ticket_is_worth_nothing_while_its_official_is_not_active(node: Node, state: OfficialState) -> None:
    subject, to = ask(node, "NZ-1")
    with node.ledger.transaction() as tx:
        tx.officials.change(LI.id, state, NOW)
    before = len(node.receipts())
    node.take(mail("PASS", subject, to))
    assert (decisions(node), len(node.receipts())) == ([], before)


def test_a_new_official_with_the_address_of_another_does_not_inherit_tickets(node: Node) -> None:
    subject, to = ask(node, "NZ-1")
    with node.ledger.transaction() as tx:
        tx.officials.change(LI.id, OfficialState.SUSPENDED, NOW)
    enrol(node, replace(LI, id="li-wei-2"))
    node.take(mail("PASS", subject, to))
    assert decisions(node) == []
    assert "NZ-1" not in last(node)[1]


def test_an_official_of_a_partner_that_was_removed_is_a_stranger(node: Node) -> None:
    enrol(node, ANA)
    subject, to = ask(node, "NZ-1", sender=ANA.address)
    node.border = Border(node.log, partners=(australia(),))
    before = len(node.receipts())
    node.take(mail("VERIFY NZ-1", sender=ANA.address), mail("PASS", subject, to or CHINA.address, sender=ANA.address))
    assert (decisions(node), len(node.receipts()), len(node.quarantined())) == ([], before, 2)


@pytest.mark.parametrize("asked", ["VERIFY {}", "VERIFY ECERT:NZ:{}:" + "0" * 64, "VERIFY {} and {}X", "PASS {}"])
def test_what_may_not_be_seen_is_answered_as_if_it_were_not_there(node: Node, asked: str) -> None:
    """NZ-1 is there and none of Australia's business; NZ-7 is not there."""
    enrol(node, MATE)
    texts = []
    for number in ("NZ-1", "NZ-7"):
        node.take(mail(asked.replace("{}", number), sender=MATE.address))
        subject, text, to = last(node, MATE.address)
        texts.append(re.sub(r"NZ-[17]", "NZ-?", f"{subject} {text} {to}"))
    assert texts[0] == texts[1]


def test_near_numbers_are_only_those_that_may_be_seen(node: Node) -> None:
    enrol(node, MATE)
    node.take(mail("VERIFY NZ-2", sender=MATE.address), mail("VERIFY NZ-2"))
    assert "NZ-1" not in last(node, MATE.address)[1]
    assert "NZ-1" in last(node)[1]


def test_asking_in_vain_counts_alike_for_what_may_not_be_seen_and_what_is_not_there(node: Node) -> None:
    enrol(node, MATE, replace(MATE, id="au-other", address="other@daff.example"))
    for place in range(5):
        node.take(mail(f"VERIFY NZ-1{' ' * place}", sender=MATE.address))
        node.take(mail(f"VERIFY NZ-7{' ' * place}", sender="other@daff.example"))
    with node.ledger.transaction() as tx:
        assert {one.what for one in tx.alarms()} >= {"misses:au-mate", "misses:au-other", "number:NZ-1", "number:NZ-7"}


def test_nothing_secret_and_nothing_that_was_written_is_in_the_log(node: Node) -> None:
    subject, to = ask(node, "NZ-1")
    token = to.partition("+")[2].partition("@")[0]
    node.take(
        mail("REFUSE The seal smells of fish.", subject, to), mail("REQUEST Why fish?", subject, to),
        mail("Fish?", subject, to), mail("PASS fish", subject, to, sender="chen@customs.example"),
        mail("PASS", f"[{token[:-1]}z]"),
    )  # fmt: skip
    said = repr(node.log.lines)
    assert not any(secret in said for secret in (token, "fish", "Fish", LI.address, "chen@"))


def test_a_partners_official_cannot_decide_on_what_another_country_imports(node: Node) -> None:
    enrol(node, MATE)
    subject, to = ask(node, "NZ-1")
    for head in (subject, f"PASS NZ-1 {subject}"):
        node.take(mail("PASS NZ-1", head, to, sender=MATE.address))
    assert decisions(node) == []
    assert "Authority of NZ" not in last(node, MATE.address)[1]
