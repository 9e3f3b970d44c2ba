"""README's two commands, on a machine that has nothing else."""

import pytest

from tests.machine.machine import Machine, printed

COMMANDS = [line.split("#")[0].strip() for line in printed("README.md", "Two commands")[0].splitlines()]


@pytest.mark.parametrize("command", COMMANDS)
def test_readme(reader: Machine, command: str) -> None:
    """Each ends well. Tests that need more programs are skipped there; PYTEST_ARGS makes `make test` shorter."""
    reader.run("unset ECERTMAIL_CI", command)
