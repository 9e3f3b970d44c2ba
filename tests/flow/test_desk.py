"""Officials' mails at the desk: look-ups, decisions, questions back, and who is not listened to."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from itertools import count
from pathlib import Path

import pytest

from ecertmail.flow.enrol import Enroller
from ecertmail.official import Decided, Decision, Official, OfficialState
from ecertmail.parties import Assurance, Demands
from tests.builders import CHINA, NOW, NZ_ADDRESS, batch_mail, certificate, certificates_xml, sps_replacement, sps_xml
from tests.flow.border import ANA, LI, Border
from tests.flow.node import Node

_serial = count(1)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    node = Node(tmp_path)
    enrol(node, LI)
    node.take(batch_mail(certificates_xml("NZ-1", "NZ-2"), serial="certificates"))
    node.receipts()
    yield node
    node.close()


def enrol(node: Node, *officials: Official) -> None:
    with node.ledger.transaction() as tx:
        for official in officials:
            Enroller(tx=tx, log=node.log, now=NOW).add(official)


def mail(text: str, subject: str = "", to: str = CHINA.address, sender: str = LI.address, **header: str) -> bytes:
    """A plain mail as a person's program sends it."""
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = sender, to, subject
    made["Message-ID"] = header.pop("message_id", f"<{next(_serial)}@customs.example>")
    for name, value in header.items():
        made[name.replace("_", "-")] = value
    made.set_content(text)
    return made.as_bytes(policy=policy.SMTP)


def letters(node: Node, address: str = LI.address) -> list[EmailMessage]:
    """The letters that an official got, oldest first."""
    octets = [one.octets for one in node.receipts() if one.recipient == address]
    made = [message_from_bytes(one, policy=policy.default) for one in octets]
    return [one for one in made if isinstance(one, EmailMessage)]


def last(node: Node, address: str = LI.address) -> tuple[str, str, str]:
    """Subject, text and Reply-To of the last letter."""
    newest = letters(node, address)[-1]
    text = next(part for part in newest.walk() if part.get_content_type() == "text/plain")
    assert isinstance(text, EmailMessage)
    return str(newest["Subject"]), text.get_content(), str(newest["Reply-To"] or "")


def ask(node: Node, *numbers: str, sender: str = LI.address) -> tuple[str, str]:
    """Look certificates up; return subject and address of a reply to what comes back."""
    node.take(
        mail("", f"VERIFY {', '.join(numbers)}", sender=sender),
    )
    subject, _, reply_to = last(node, sender)
    return f"Re: {subject}", reply_to


def decisions(node: Node, number: str = "NZ-1") -> list[Decided]:
    with node.ledger.transaction() as tx:
        return tx.officials.decisions("nz", number)


def test_a_look_up_is_answered_with_the_state_and_a_ticket(node: Node) -> None:
    node.take(mail("VERIFY NZ-1, NZ-9"))
    subject, text, reply_to = last(node)
    assert re.search(r"\[d1\.[a-z2-7]{12}\]$", subject)
    assert re.fullmatch(r"ecert\+d1\.[a-z2-7]{12}@customs\.example", reply_to)
    for expected in ("NZ-1", "NZ-9", "not known", "Lamb", "Authority of NZ", "mailto:ecert%2Bd1."):
        assert expected.lower() in text.lower()


@pytest.mark.parametrize(
    ("words", "decision"),
    [("PASS", Decision.PASS), ("REFUSE The seal is broken.", Decision.REFUSE), ("通过", Decision.PASS)],
)
def test_a_reply_is_recorded_confirmed_and_told_to_the_issuer(node: Node, words: str, decision: Decision) -> None:
    subject, to = ask(node, "NZ-1")
    node.take(mail(words, subject, to))
    [decided] = decisions(node)
    assert (decided.decision, decided.official, decided.operator) == (decision, "li-wei", "Li Wei, Shanghai")
    assert decided.assurance is Assurance.TOKEN
    assert decided.remark == ("The seal is broken." if "seal" in words else "")
    assert node.border.announced == [("nz", decided, None)]
    assert "NZ-1" in last(node)[1]
    assert node.log_kinds()[-3:] == ["written", "written", "decision"]
    assert node.records()[-1]["assurance"] == "token"


@pytest.mark.parametrize("told", [True, False])
def test_the_confirmation_says_that_the_issuer_is_told_only_if_it_is(node: Node, told: bool) -> None:
    """A partner that must have all mail encrypted, and has no key for it, is not."""
    node.border.tells = told
    subject, to = ask(node, "NZ-1")
    node.take(mail("PASS", subject, to))
    assert ("Told to" in last(node)[1]) == told
    assert len(decisions(node)) == 1


def test_either_of_address_and_subject_is_enough(node: Node) -> None:
    subject, to = ask(node, "NZ-1")
    node.take(mail("PASS", "no subject", to), mail("REFUSE forged", subject, CHINA.address))
    assert [one.decision for one in decisions(node)] == [Decision.PASS, Decision.REFUSE]


def test_a_later_decision_supersedes_and_both_are_kept(node: Node) -> None:
    subject, to = ask(node, "NZ-1")
    node.take(mail("PASS", subject, to), mail("REFUSE forged stamp", subject, to))
    first, second = decisions(node)
    assert (first.superseded_by, second.superseded_by) == (second.entry, None)
    assert "Li Wei, Shanghai" in last(node)[1]


def test_the_same_decision_again_is_confirmed_and_not_recorded_twice(node: Node) -> None:
    subject, to = ask(node, "NZ-1")
    node.take(mail("PASS", subject, to), mail("PASS", subject, to))
    assert len(decisions(node)) == len(node.border.announced) == 1
    assert len(letters(node)) == 3


def test_the_same_mail_again_does_nothing_even_after_another_decision(node: Node) -> None:
    subject, to = ask(node, "NZ-1")
    passed = mail("PASS", subject, to)
    node.take(passed, mail("REFUSE", subject, to))
    node.take(b"Received: from relay.example by mx.example; today\r\n" + passed)
    assert [one.decision for one in decisions(node)] == [Decision.PASS, Decision.REFUSE]
    assert len(letters(node)) == 3


def test_one_mail_decides_on_several_certificates(node: Node) -> None:
    subject, to = ask(node, "NZ-1", "NZ-2")
    node.take(mail("PASS NZ-1\r\nREFUSE NZ-2 wrong weight", subject, to))
    assert [one.decision for one in decisions(node)] == [Decision.PASS]
    assert [(one.decision, one.remark) for one in decisions(node, "NZ-2")] == [(Decision.REFUSE, "wrong weight")]


@pytest.mark.parametrize(
    "words", ["", "Thank you!", "PASS or REFUSE?", "I will look at it tomorrow.", "PASS NZL2009/0099/26"]
)
def test_what_is_not_clear_is_asked_back_and_nothing_is_recorded(node: Node, words: str) -> None:
    subject, to = ask(node, "NZ-1")
    node.take(mail(words, subject, to))
    assert decisions(node) == []
    _, text, again = last(node)
    assert (again, "mailto:" in text) == (to, True)


def test_a_bare_word_for_several_certificates_is_asked_back(node: Node) -> None:
    subject, to = ask(node, "NZ-1", "NZ-2")
    node.take(mail("PASS", subject, to))
    assert decisions(node) + decisions(node, "NZ-2") == []


@pytest.mark.parametrize("header", [{"Auto_Submitted": "auto-replied"}, {"Precedence": "bulk"}, {"X_Autoreply": "yes"}])
def test_a_program_decides_nothing_and_is_not_answered(node: Node, header: dict[str, str]) -> None:
    subject, to = ask(node, "NZ-1")
    before = len(letters(node))
    node.take(mail("PASS", subject, to, **header))
    assert (decisions(node), len(letters(node))) == ([], before)
    assert ("info", "mail.automatic") in node.log.events


def test_somebody_else_with_the_token_is_not_answered(node: Node) -> None:
    subject, to = ask(node, "NZ-1")
    before = len(node.receipts())
    node.take(mail("PASS", subject, to, sender="thief@evil.example"))
    assert (decisions(node), len(node.receipts())) == ([], before)
    assert [reason for _, reason in node.quarantined()] == ["not-signed"]


def test_another_official_with_the_token_is_told_that_it_is_not_theirs(node: Node) -> None:
    other = replace(LI, id="chen", address="chen@customs.example", name="Chen")
    enrol(node, other)
    subject, to = ask(node, "NZ-1")
    node.take(mail("PASS", subject, to, sender=other.address))
    assert decisions(node) == []
    assert "NZ-1" not in last(node, other.address)[1]


def test_a_token_with_another_number_or_tag_is_no_token(node: Node) -> None:
    _, to = ask(node, "NZ-1")
    for wrong in (to.replace("+d1.", "+d2."), to.replace("+d1.", "+a1."), re.sub(r"[^@]{3}@", "zzz@", to)):
        node.take(mail("PASS", "", wrong))
    assert decisions(node) == []


def test_an_expired_ticket_is_answered_with_a_new_one(node: Node) -> None:
    node.border = Border(node.log, life=timedelta(seconds=-1))
    subject, to = ask(node, "NZ-1")
    node.border = Border(node.log)
    node.take(mail("PASS", subject, to))
    assert decisions(node) == []
    subject, text, again = last(node)
    assert again != to
    assert "NZ-1" in text
    node.take(mail("PASS", subject, again))
    assert len(decisions(node)) == 1


def test_a_suspended_official_is_a_stranger(node: Node) -> None:
    subject, to = ask(node, "NZ-1")
    with node.ledger.transaction() as tx:
        tx.officials.change("li-wei", OfficialState.SUSPENDED, NOW)
    before = len(node.receipts())
    node.take(mail("PASS", subject, to), mail("VERIFY NZ-1"))
    assert (decisions(node), len(node.receipts()), len(node.quarantined())) == ([], before, 2)


def test_a_level_that_is_not_reached_is_told(node: Node) -> None:
    node.border = Border(node.log, demands=Demands(refuses=Assurance.TOKEN_DKIM))
    subject, to = ask(node, "NZ-1")
    node.take(mail("REFUSE", subject, to))
    assert decisions(node) == []
    node.take(mail("PASS", subject, to))
    assert [one.decision for one in decisions(node)] == [Decision.PASS]


def test_a_withdrawn_certificate_is_not_decided_on(node: Node) -> None:
    subject, to = ask(node, "NZ-1")
    node.take(batch_mail(certificates_xml("NZ-1", status="Withdrawn"), serial="withdrawn"))
    node.take(mail("PASS", subject, to))
    assert (decisions(node), node.border.announced) == ([], [])
    assert "withdrawn" in last(node)[1].lower()


def test_a_replaced_certificate_is_answered_with_its_successor(node: Node) -> None:
    node.take(batch_mail(sps_xml("NZ-S-1"), serial="first"))
    subject, to = ask(node, "NZ-S-1")
    node.take(batch_mail(sps_replacement("NZ-S-2", "NZ-S-1"), serial="second"))
    node.take(mail("PASS", subject, to))
    assert decisions(node, "NZ-S-1") == []
    assert "NZ-S-2" in last(node)[1]


def test_a_request_opens_an_inquiry_that_is_announced_with_it(node: Node) -> None:
    subject, to = ask(node, "NZ-1")
    node.take(mail("REQUEST Which weight is right?", subject, to))
    [(partner, decided, message)] = node.border.announced
    assert (partner, decided.decision) == ("nz", Decision.REQUEST)
    assert message is not None
    assert (message.reference, message.utterance.content) == ("Q1", "Which weight is right?")
    assert "Q1" in last(node)[1]
    node.take(mail("PASS", subject, to))
    with node.ledger.transaction() as tx:
        found = tx.inquiries.get(1)
    assert found is not None
    assert found.state == "closed"


def test_a_partners_official_sees_and_decides_only_what_its_country_imports(node: Node) -> None:
    enrol(node, ANA)
    subject, to = ask(node, "NZ-1", sender=ANA.address)
    assert to == ""
    node.take(mail("PASS NZ-1", subject, CHINA.address, sender=ANA.address))
    assert decisions(node) == []


def test_the_remark_is_cut_and_that_is_said(node: Node) -> None:
    node.border = Border(node.log, remark_length=100)
    subject, to = ask(node, "NZ-1")
    node.take(mail("REFUSE " + "long " * 200_000, subject, to))
    [decided] = decisions(node)
    assert len(decided.remark) == 100


def test_what_makes_no_sense_is_answered_with_help(node: Node) -> None:
    node.take(mail("Good morning, how does this work?"))
    assert "VERIFY" in last(node)[1]


def test_a_partners_node_is_no_official(node: Node) -> None:
    node.take(mail("VERIFY NZ-1", sender=NZ_ADDRESS))
    assert len(node.quarantined()) == 1


def test_a_partners_official_who_refuses_a_certificate_of_ours_is_an_alarm(node: Node) -> None:
    enrol(node, ANA)
    with node.ledger.transaction() as tx:
        [entry] = tx.append([("certificate", b'{"at":"2026-01-01T00:00:00Z","kind":"certificate"}')])
        tx.put_versions("self", [(entry, "certificate", replace(certificate("CN-1"), importing_country="NZ"))])
    subject, to = ask(node, "CN-1", sender=ANA.address)
    node.take(mail("REFUSE wrong seal", subject, to, sender=ANA.address))
    with node.ledger.transaction() as tx:
        [alarm] = tx.alarms()
    assert (alarm.what, "Authority of NZ (Ana, Auckland)" in alarm.text) == ("refusal:CN-1", True)
    node.take(mail("PASS", subject, to, sender=ANA.address))
    with node.ledger.transaction() as tx:
        assert tx.alarms() == []
