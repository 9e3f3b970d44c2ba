"""The operator guide, command by command, on a machine that has nothing else."""

import pytest

from tests.machine.machine import ROOT, Machine, printed

GUIDE = "docs/operator-guide.md"
CERTIFICATE = "tests/data/sps-851-nz.xml"
AS_SERVICE = """#!/bin/sh
cd / && exec setpriv --reuid=ecertmail --regid=ecertmail --init-groups \\
  env HOME=/var/lib/ecertmail CREDENTIALS_DIRECTORY=/run/credentials "$@"
"""
"""Runs a command as the service's user, with the passphrase as systemd would give it to the service."""
RUNNING = """
install -d -m 700 -o ecertmail /run/credentials
install -m 400 -o ecertmail /etc/ecertmail/passphrase /run/credentials/
as-service $(sed -n 's/^ExecStart=//p' /etc/systemd/system/ecertmail.service) 2>/var/log/ecertmail.log &
trap 'kill $!; wait $!' EXIT
for second in $(seq 60); do grep -q start.ready /var/log/ecertmail.log && break; sleep 1; done
grep start.ready /var/log/ecertmail.log || { cat /var/log/ecertmail.log; exit 1; }
"""
"""Starts the daemon as the unit does; it is stopped after the last command, and must end well."""


def install(server: Machine) -> None:
    """Follow the chapter `Installation` but for systemctl; the wheel is built as the guide says."""
    assert "`pip wheel --no-deps .` in a checkout" in (ROOT / GUIDE).read_text(encoding="utf-8")
    wheel = "python3 -m venv /tmp/build && /tmp/build/bin/pip wheel --quiet --no-deps ."
    server.run(wheel, *printed(GUIDE, "Installation"))
    server.write("/usr/local/bin/as-service", AS_SERVICE)


@pytest.fixture(scope="session")
def installed(server: Machine) -> Machine:
    """The machine with a node that has a certificate of its own in the ledger."""
    install(server)
    server.run(f"install -m 644 {CERTIFICATE} /tmp/certificate.xml", "as-service ecertmail issue /tmp/certificate.xml")
    return server


def test_installation(server: Machine, installed: Machine) -> None:
    said = installed.run("systemd-analyze verify /etc/systemd/system/ecertmail.service", RUNNING,
                         "as-service ecertmail check-config", "sudo -u ecertmail ecertmail status")  # fmt: skip
    assert "running" in said
