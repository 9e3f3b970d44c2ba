"""The table of commands: every name leads to a command, and help needs nothing of the daemon."""

import subprocess
import sys

import click
import pytest

from ecertmail.cli import Commands, main

HEAVY = ("aiosmtpd", "apscheduler", "dkim", "lxml", "pydantic", "pysequoia", "sqlite_utils", "xmlschema")


@pytest.mark.parametrize("name", sorted(Commands.places))
def test_every_name_leads_to_the_command_of_that_name(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert command.name == name


def test_an_unknown_name_leads_nowhere() -> None:
    assert main.get_command(click.Context(main), "sreve") is None


@pytest.mark.parametrize("place", Commands.places.values(), ids=Commands.places)
def test_the_line_for_a_command_is_a_sentence_that_is_not_cut(place: object) -> None:
    summary = getattr(place, "summary", "")
    assert summary.endswith(".")
    assert len(summary) <= 60


def test_help_imports_no_part_of_the_daemon() -> None:
    code = f"""
import sys
from ecertmail.cli import main
main(["--help"], standalone_mode=False)
print(*[name for name in {HEAVY} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stderr.split() == []
    assert "verify-receipt" in done.stdout
