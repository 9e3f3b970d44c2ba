"""What officials attach: too much of it is never passed on as if it were all, and no name leads anywhere."""

from collections.abc import Iterator
from email import policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.builders import batch_mail, certificates_xml
from tests.flow.border import LI
from tests.flow.node import Node
from tests.flow.test_desk import ask, enrol

NAMES = ["../../etc/passwd", "/etc/passwd", "C:\\autoexec.bat", "a\0b.jpg", "\u202egpj.exe", "", "." * 300, "-rf", "~"]


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path)
    enrol(made, LI)
    made.take(batch_mail(certificates_xml("NZ-1"), serial="certificates"))
    yield made
    made.close()


def request(node: Node, *files: tuple[str, int]) -> tuple[list[tuple[str, int]], str]:
    """Ask with these files; return what the issuer is brought."""
    subject, to = ask(node, "NZ-1")
    made = EmailMessage()
    made["From"], made["To"], made["Subject"], made["Message-ID"] = LI.address, to, subject, "<1@customs.example>"
    made.set_content("REQUEST Which seal?")
    for name, size in files:
        made.add_attachment(b"x" * size, maintype="image", subtype="jpeg", filename=name)
    node.take(made.as_bytes(policy=policy.SMTP))
    [(_, _, message)] = node.border.announced
    assert message is not None
    return [(file.name, len(file.octets)) for file in message.utterance.files], message.utterance.content


@pytest.mark.parametrize("size", [1_000_001, 5_000_001, 20_000_000])
def test_a_file_that_is_too_large_is_left_out_and_that_is_said(node: Node, size: int) -> None:
    files, content = request(node, ("small.jpg", 1000), ("large.jpg", size), ("last.jpg", 1000))
    assert files == [("small.jpg", 1000), ("last.jpg", 1000)]
    assert content == f"Which seal?\n\n✗ large.jpg ({size / 1e6:.1f} MB > 1.0 MB)"


def test_an_empty_file_is_passed_on(node: Node) -> None:
    assert request(node, ("empty.jpg", 0))[0] == [("empty.jpg", 0)]


@pytest.mark.parametrize("name", NAMES)
def test_a_strange_name_stops_nothing(node: Node, name: str) -> None:
    [(_, size)], _ = request(node, (name, 10))
    assert size == 10
    assert [facts for level, _, facts in node.log.lines if level == "error"] == []
