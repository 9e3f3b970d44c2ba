"""README's two commands, on a machine that has nothing else."""

import pytest

from tests.machine.machine import Machine, printed


@pytest.mark.parametrize("command", [line.split("#")[0].strip() for line in printed("README.md", "Two commands")])
def test_readme(reader: Machine, command: str) -> None:
    """Each ends well. Tests that need more programs are skipped there; PYTEST_ARGS makes `make test` shorter."""
    reader.run("unset ECERTMAIL_CI", command)
