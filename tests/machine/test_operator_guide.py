"""The operator guide on machines that have nothing else: its blocks of commands, as printed, chapter by chapter."""

import subprocess

import pytest

from tests.machine.machine import ROOT, Machine, printed
from tests.machine.service import RUNNING

GUIDE = "docs/operator-guide.md"
WHEEL = "pip wheel --no-deps ."
WHOLE = ("sudo -u ecertmail ecertmail ledger verify", "sudo -u ecertmail ecertmail lookup NZ-2026-004711")
"""The ledger has what was issued before."""


def build(machine: Machine, version: str) -> None:
    """Build the wheel as the guide says, with a version number."""
    assert f"`{WHEEL}` in a checkout" in (ROOT / GUIDE).read_text(encoding="utf-8")
    machine.run(f"sed -i 's/0.1.0/{version}/' pyproject.toml ecertmail/__init__.py", "rm -f ecertmail-*.whl",
                f"test -e /tmp/build || python3 -m venv /tmp/build; /tmp/build/bin/{WHEEL}")  # fmt: skip


@pytest.fixture(scope="session")
def node(server: Machine) -> Machine:
    """The machine after `Installation`, with a certificate of its own in the ledger."""
    build(server, "0.1.0")
    server.run(*printed(GUIDE, "Installation"))
    server.run("install -m 644 tests/data/sps-851-nz.xml /tmp/certificate.xml",
               "as-service ecertmail issue /tmp/certificate.xml")  # fmt: skip
    return server


@pytest.fixture(scope="session")
def backed_up(node: Machine) -> Machine:
    """The same after `Backup`, made while the daemon runs."""
    node.run(RUNNING, *printed(GUIDE, "Backup"))
    return node


def test_installation(server: Machine, node: Machine) -> None:
    units = "systemd-analyze verify /etc/systemd/system/ecertmail.service"
    node.run(units, RUNNING, "sudo -u ecertmail ecertmail status", *WHOLE)


def test_backup_and_restore_on_an_empty_machine(server: Machine, backed_up: Machine, spare: Machine) -> None:
    build(spare, "0.1.0")
    subprocess.run(["cp", "-a", backed_up.root / "var/backups/ecertmail", spare.root / "var/backups/"], check=True)
    spare.run(*printed(GUIDE, "Restore")[:2])
    spare.run(RUNNING, *WHOLE)


def test_restore_on_the_same_machine(server: Machine, backed_up: Machine) -> None:
    backed_up.run("dd if=/dev/urandom of=/var/lib/ecertmail/spool/ledger.db bs=4096 count=9 conv=notrunc status=none")
    backed_up.run(printed(GUIDE, "Restore")[2])
    backed_up.run(RUNNING, *WHOLE)


def test_upgrade(server: Machine, backed_up: Machine) -> None:
    build(backed_up, "0.1.1")
    backed_up.run(printed(GUIDE, "Upgrade")[0])
    assert "0.1.1" in backed_up.run(RUNNING, *WHOLE, "ecertmail --version")
