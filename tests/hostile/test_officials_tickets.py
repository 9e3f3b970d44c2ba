"""Tickets at the desk: whatever is done with a token, nothing is decided that its official did not plainly decide."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecertmail.official import Decided, Decision
from tests.builders import AU_ADDRESS, batch_mail, certificates_xml, sps_xml
from tests.flow.border import LI
from tests.flow.node import Node
from tests.flow.test_desk import ask, decisions, enrol, last, letters, mail

MAILTO = re.compile(r"PASS: mailto:ecert%2B(d[0-9]+\.[a-z2-7]{12})@customs\.example")


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path)
    enrol(made, LI)
    made.take(batch_mail(certificates_xml("NZ-1", "NZ-2"), serial="certificates"))
    yield made
    made.close()


def decided_by_australia(node: Node, number: str = "NZ-1") -> list[Decided]:
    with node.ledger.transaction() as tx:
        return tx.officials.decisions("au", number)


def failures(node: Node) -> list[dict[str, object]]:
    return [facts for level, _, facts in node.log.lines if level == "error"]


@pytest.mark.parametrize("number", ["9223372036854775807", "9223372036854775808", "9999999999999999999"])
@pytest.mark.parametrize("letter", ["d", "a"])
def test_a_token_with_a_number_that_no_ledger_holds_is_no_token(node: Node, letter: str, number: str) -> None:
    node.take(mail("PASS", f"Re: [{letter}{number}.aaaaaaaaaaaa]"))
    assert (failures(node), node.quarantined(), decisions(node)) == ([], [], [])


@pytest.mark.parametrize(
    ("ours", "theirs", "reply"),
    [("NZ-1", "NZ-1", "PASS"), ("NZ-1", "NZ-1", "PASS NZ-1"), ("NZ-1", "NZ-1", "PASS ALL"),
     ("NZ-1", "nz-1", "PASS NZ-1"), ("NZ-1", "nz-1", "PASS nz-1"), ("NZ-1", "nz-1", "PASS ALL")],
)  # fmt: skip
def test_a_number_that_two_issuers_use_is_asked_back_and_each_has_its_own_link(
    node: Node, ours: str, theirs: str, reply: str
) -> None:
    node.take(batch_mail(certificates_xml(theirs, country="AU"), serial="au", sender=AU_ADDRESS))
    subject, to = ask(node, *{ours: 0, theirs: 0})
    node.take(mail(reply, subject, to))
    assert (decisions(node), decided_by_australia(node, theirs)) == ([], [])
    text = last(node)[1]
    links = dict(zip(re.findall(r"Issued by: +Authority of (\w\w)", text), MAILTO.findall(text), strict=True))
    assert len(set(links.values())) == 2
    node.take(mail("", f"PASS {theirs} [{links['AU']}]"))
    assert (decisions(node), [one.decision for one in decided_by_australia(node, theirs)]) == ([], [Decision.PASS])


def test_what_else_is_in_a_mail_with_a_doubtful_number_can_be_decided_by_a_reply(node: Node) -> None:
    node.take(batch_mail(certificates_xml("NZ-1", country="AU"), serial="au", sender=AU_ADDRESS))
    subject, to = ask(node, "NZ-1", "NZ-2")
    node.take(mail("REFUSE NZ-2 The seal is broken.", subject, to))
    assert [one.decision for one in decisions(node, "NZ-2")] == [Decision.REFUSE]
    node.take(mail("REFUSE NZ-2 The seal is broken.\r\nPASS NZ-1", subject, to))
    assert (decisions(node), decided_by_australia(node), len(decisions(node, "NZ-2"))) == ([], [], 1)


def test_a_doubtful_number_stays_so_for_its_ticket_when_one_of_the_two_ends(node: Node) -> None:
    node.take(batch_mail(certificates_xml("NZ-1", country="AU"), serial="au", sender=AU_ADDRESS))
    subject, to = ask(node, "NZ-1")
    withdrawn = certificates_xml("NZ-1", country="AU", status="Withdrawn")
    node.take(batch_mail(withdrawn, serial="withdrawn", sender=AU_ADDRESS))
    node.take(mail("PASS", subject, to))
    assert decisions(node) == []
    [link] = MAILTO.findall(last(node)[1])
    node.take(mail("", f"PASS NZ-1 [{link}]"))
    assert [one.decision for one in decisions(node)] == [Decision.PASS]
    assert decided_by_australia(node) == []
    assert len(letters(node)) == 3


def test_a_version_that_the_official_has_not_seen_is_shown_before_it_is_decided_on(node: Node) -> None:
    node.take(batch_mail(sps_xml("NZ-3", status="47"), serial="draft"))
    subject, to = ask(node, "NZ-3")
    node.take(batch_mail(sps_xml("NZ-3", status="70"), serial="issued"))
    node.take(mail("PASS", subject, to))
    assert (decisions(node, "NZ-3"), node.border.announced) == ([], [])
    subject, text, again = last(node)
    assert "changed since" in text
    assert again != to
    node.take(mail("PASS", f"Re: {subject}", again))
    assert [one.decision for one in decisions(node, "NZ-3")] == [Decision.PASS]


def test_a_question_can_be_asked_about_a_version_that_is_older(node: Node) -> None:
    node.take(batch_mail(sps_xml("NZ-3", status="47"), serial="draft"))
    subject, to = ask(node, "NZ-3")
    node.take(batch_mail(sps_xml("NZ-3", status="70"), serial="issued"))
    node.take(mail("REQUEST Which weight is right?", subject, to))
    assert [one.decision for one in decisions(node, "NZ-3")] == [Decision.REQUEST]
