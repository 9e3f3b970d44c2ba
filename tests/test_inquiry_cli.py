"""`ecertmail inquiry` on an installation whose daemon does not run, and with one that does."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest

from ecertmail.cli import main
from ecertmail.conversation import Inquiry, InquiryState, Turn, Utterance
from ecertmail.official import File
from ecertmail.parties import Assurance
from ecertmail.store.ledger import SqliteLedger
from tests.installation import Installation

LONG_AGO = datetime.now(UTC).replace(microsecond=0) - timedelta(days=9)
ASKED = Inquiry(
    id=0, issuer="nz", number="NZ-1", partner="self", official="wang", reference="", state=InquiryState.OPEN,
    opened_at=LONG_AGO, due_at=LONG_AGO + timedelta(days=3),
)  # fmt: skip
CAME = replace(ASKED, issuer="self", number="CN-1", partner="nz", official="", reference="Q4",
               due_at=LONG_AGO + timedelta(days=99))  # fmt: skip
QUESTION = Utterance(
    turn=Turn.REQUEST, operator="Wang Wei, Shanghai", at=LONG_AGO, content="哪个封条?\n\x1b[31mRED",
    assurance=Assurance.TOKEN_DKIM, entry=3,
    files=(
        File(name="../../etc/passwd", type="text/plain", octets=b"one"),
        File(name=".封条 1.jpg", type="image/jpeg", octets=b"two"),
        File(name="", type="image/jpeg", octets=b"three"),
        File(name="x" * 300 + ".pdf", type="application/pdf", octets=b"four"),
    ),
)  # fmt: skip
ANSWER = replace(QUESTION, turn=Turn.RESPONSE, operator="Kiri, MPI", content="17", files=(QUESTION.files[1],), entry=4)
WRITTEN = {
    "Q1-1.1-passwd": b"one",
    "Q1-1.2-.封条_1.jpg": b"two",
    "Q1-1.3-file": b"three",
    f"Q1-1.4-{'x' * 50}.pdf": b"four",
    "Q1-2.1-.封条_1.jpg": b"two",
}


@pytest.fixture
def talking(china: Installation) -> Installation:
    """China's installation with an inquiry that is overdue, and one that came from New Zealand."""
    ledger = SqliteLedger(china.folder / "spool/ledger.db")
    with ledger.transaction() as tx:
        for inquiry in (ASKED, CAME):
            made = tx.inquiries.open(inquiry)
            tx.inquiries.say(made.id, QUESTION)
        tx.inquiries.say(1, ANSWER)
        tx.raise_alarm("inquiry:Q1", "it is overdue", LONG_AGO)
    ledger.close()
    return china


def test_inquiries_are_listed_with_what_is_overdue(talking: Installation) -> None:
    lines = talking.cli("inquiry", "list").stdout.splitlines()
    assert [line.split()[:3] for line in lines[1:]] == [["Q2", "open", "CN-1"], ["Q1", "open", "NZ-1"]]
    assert ["OVERDUE" in line for line in lines[1:]] == [False, True]
    assert "Wang Wei, Shanghai (nz)" in lines[1]
    came, asked = json.loads(talking.cli("inquiry", "list", "--json").stdout)
    assert (came["partner"], came["reference"], came["overdue"]) == ("nz", "Q4", False)
    assert (asked["official"], asked["asked_by"], asked["overdue"]) == ("wang", "Wang Wei, Shanghai", True)


def test_a_closed_one_is_listed_with_all_and_its_alarm_ends(talking: Installation) -> None:
    assert talking.cli("inquiry", "close", "Q1").stdout == "Q1: is closed.\n"
    assert json.loads(talking.cli("alarm", "list", "--json").stdout) == []
    assert [one["name"] for one in json.loads(talking.cli("inquiry", "list", "--json").stdout)] == ["Q2"]
    every = json.loads(talking.cli("inquiry", "list", "--all", "--json").stdout)
    assert [(one["name"], one["state"], one["overdue"]) for one in every] == [
        ("Q2", "open", False), ("Q1", "closed", False),
    ]  # fmt: skip
    again = talking.cli("inquiry", "close", "Q1")
    assert (again.exit_code, "Q1 is closed" in again.output) == (1, True)


def test_a_thread_is_shown_and_cannot_change_the_terminal(talking: Installation) -> None:
    shown = talking.cli("inquiry", "show", "q1").stdout
    for words in ("NZ-1 of nz", "official wang", "Wang Wei, Shanghai", "哪个封条?", "Kiri, MPI", "token+dkim, entry 4",
                  "../../etc/passwd (text/plain, 3 octets)"):  # fmt: skip
        assert words in shown
    assert "\x1b" not in shown
    thread = json.loads(talking.cli("inquiry", "show", "Q1", "--json").stdout)["thread"]
    assert [(one["type"], one["operator"], one["entry"]) for one in thread] == [
        ("request", "Wang Wei, Shanghai", 3), ("response", "Kiri, MPI", 4),
    ]  # fmt: skip
    assert [file["file"] for one in thread for file in one["files"]] == list(WRITTEN)


def test_files_are_written_under_safe_names_and_nothing_is_overwritten(talking: Installation, tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    assert talking.cli("inquiry", "show", "Q1", "--files", str(folder)).exit_code == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == WRITTEN
    (folder / "Q1-1.1-passwd").unlink()
    again = talking.cli("inquiry", "show", "Q1", "--files", str(folder))
    assert (again.exit_code, "is there already" in again.output) == (1, True)
    assert len(list(folder.iterdir())) == 4, "all or none"
    (folder / "Q2-1.3-file").symlink_to(tmp_path / "elsewhere")
    assert "is there already" in talking.cli("inquiry", "show", "Q2", "--files", str(folder)).output
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("name", ["Q9", "9", "Q", "x", "Q1; DROP TABLE inquiry"])
@pytest.mark.parametrize("command", ["show", "close"])
def test_what_is_not_there_is_said_to_be_so(talking: Installation, command: str, name: str) -> None:
    assert talking.cli("inquiry", command, name).exit_code == 4


def test_the_running_daemon_closes_an_inquiry(talking: Installation) -> None:
    talking.start()
    assert json.loads(talking.cli("inquiry", "close", "Q2", "--json").stdout) == {"name": "Q2", "done": "is closed"}
    assert talking.cli("inquiry", "close", "Q2").exit_code == 1
    assert "inquiry.closed" in talking.log


def test_the_group_explains_itself_with_examples() -> None:
    group = main.get_command(click.Context(main), "inquiry")
    assert sorted(group.commands) == ["close", "list", "show"]  # type: ignore[union-attr]
