"""Floods and loops at the desk: they end by themselves, and nothing that was recorded stays unsaid."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ecertmail.official import Decision
from tests.builders import POLICY, batch_mail, certificates_xml, room
from tests.flow.border import LI, Border
from tests.flow.node import Node
from tests.flow.test_desk import ask, decisions, enrol, last, letters, mail


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path)
    made.border = Border(made.log, policy=replace(POLICY, replies_per_hour=5))
    enrol(made, LI)
    made.take(batch_mail(certificates_xml("NZ-1"), serial="certificates"))
    yield made
    made.close()


def due_now(node: Node) -> int:
    return sum(one.recipient == LI.address for one in node.outbox.take_due(node.clock(), room(1000)))


@pytest.mark.parametrize("first", ["VERIFY NZ-1", "VERIFY NZ-9", "hello", "[d1.aaaaaaaaaaaa]"])
@pytest.mark.parametrize("answer", ["I am away until Monday.", "", "Case {} was opened for you.", "VERIFY NZ-1"])
def test_a_program_that_answers_every_letter_as_a_person_would_is_left_alone(
    node: Node, first: str, answer: str
) -> None:
    node.take(mail("", first))
    for place in range(20):
        before = len(letters(node))
        subject, _, to = last(node)
        node.take(mail(answer.format(place), f"Re: {subject}", to or "ecert@customs.example"))
        if len(letters(node)) == before:
            break
    assert len(letters(node)) == 5
    assert decisions(node) == []


def test_many_mails_of_one_official_are_answered_up_to_the_limit_and_all_are_on_record(node: Node) -> None:
    node.take(*(mail(f"VERIFY NZ-{place}") for place in range(40)))
    assert due_now(node) == 5
    assert node.log_kinds().count("written") == 40
    assert node.log.events.count(("warning", "letter.unsent")) == 35


def test_a_decision_is_confirmed_later_when_its_official_got_too_many_letters(node: Node) -> None:
    """Somebody else's mails in the official's name must not keep the official from hearing what was recorded."""
    subject, to = ask(node, "NZ-1")
    node.take(*(mail(f"hello {place}") for place in range(10)))
    assert len(letters(node)) == 5
    node.take(mail("REFUSE The seal is broken.", subject, to))
    assert [one.decision for one in decisions(node)] == [Decision.REFUSE]
    node.outbox.recover(node.clock())
    assert due_now(node) == 5
    assert len(letters(node)) == 6, "an hour later"
