"""Bad days: whatever fails, and wherever, an official's word is recorded once and answered once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ecertmail.errors import KeyringError
from ecertmail.letter import Letter, Rendered
from ecertmail.official import Decision
from tests.builders import batch_mail, certificates_xml
from tests.flow.border import LI
from tests.flow.fakes import Trouble
from tests.flow.node import Node
from tests.flow.test_desk import ask, decisions, enrol, letters, mail

HOSTILE = {
    "a format string": "{{ 7*7 }} {% include 'x' %} %s %(x)s {0} ${x}",
    "HTML": "<script>alert(1)</script> &amp; <img src=x>",
    "control characters": "\x00\x01\x07\x1b[31m\x7f\x85",
    "no characters": "\ufffe\uffff\U000e0001",
    "directions": "\u202e\u2066\u200f",
    "markup of our own": "\n# heading\n## heading\n@ a = b\n!bad x\n> a = mailto:x\n##- ecertmail -##",
    "much": "x" * 1_000_000,
    "many lines": "\n" * 100_000 + "x",
    "marks": "e" + "\u0301" * 5000,
}


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path)
    enrol(made, LI)
    made.take(batch_mail(certificates_xml("NZ-1"), serial="certificates"))
    yield made
    made.close()


@pytest.mark.parametrize("call", range(1, 4))
@pytest.mark.parametrize("where", ["before", "after", "finish"])
def test_trouble_with_a_store_records_and_answers_everything_once(node: Node, where: str, call: int) -> None:
    subject, to = ask(node, "NZ-1")
    node.receive(*(mail(text, subject, to) for text in ("PASS", "REQUEST Which seal?", "REFUSE forged")))
    if where == "finish":
        node.spool.finishing = Trouble(call)
    else:
        setattr(node, where, Trouble(call))
    node.run_through_trouble()
    assert [one.decision for one in decisions(node)] == [Decision.PASS, Decision.REQUEST, Decision.REFUSE]
    assert len(letters(node)) == 4
    assert node.log_kinds().count("decision") == node.log_kinds().count("written") - 1 == 3
    with node.ledger.transaction() as tx:
        assert len(tx.inquiries.thread(1)) == 1


@pytest.mark.parametrize("call", range(1, 4))
def test_a_letter_that_cannot_be_signed_leaves_nothing_behind_until_it_can(node: Node, call: int) -> None:
    subject, to = ask(node, "NZ-1")
    node.receive(*(mail(text, subject, to) for text in ("PASS", "REQUEST Which seal?", "REFUSE forged")))
    real, trouble = node.examiner.openpgp, Trouble(call, error=KeyringError("the key is locked"))

    class Signer:
        def sign(self, octets: bytes) -> bytes:
            trouble()
            return real.sign(octets)

        def __getattr__(self, name: str) -> object:
            return getattr(real, name)

    object.__setattr__(node.examiner, "openpgp", Signer())
    with pytest.raises(KeyringError):
        node.run()
    assert len(decisions(node)) == call - 1
    node.run()
    assert [one.decision for one in decisions(node)] == [Decision.PASS, Decision.REQUEST, Decision.REFUSE]
    assert len(letters(node)) == 4


@pytest.mark.parametrize("word", ["REFUSE", "REQUEST", "VERIFY", ""])
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_nothing_that_is_written_keeps_a_mail_from_being_answered(node: Node, word: str, text: str) -> None:
    subject, to = ask(node, "NZ-1")
    before = len(letters(node))
    node.take(mail(f"{word} {text}", subject, to))
    assert [facts for level, _, facts in node.log.lines if level == "error"] == []
    assert len(letters(node)) == before + 1
    assert node.quarantined() == []


def test_a_template_that_is_broken_ends_in_quarantine_and_stops_nobody_else(node: Node) -> None:
    """Nothing is recorded that its official does not hear of; the operator can have the mail read again."""
    subject, to = ask(node, "NZ-1")
    real = node.border.post.templates

    class Broken:
        words = real.words

        def render(self, letter: Letter) -> Rendered:
            raise ZeroDivisionError(letter.kind)

    object.__setattr__(node.border.post, "templates", Broken())
    bad, _ = node.receive(mail("REFUSE", subject, to), batch_mail(certificates_xml("NZ-7"), serial="next"))
    node.run()
    assert [spool_id for spool_id, _ in node.quarantined()] == [bad]
    assert decisions(node) == []
    assert node.status("NZ-7")
