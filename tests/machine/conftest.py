"""Machines that start from nothing, one of each kind for each Debian release."""

import os
from collections.abc import Iterator

import pytest

from tests.machine import machine, service
from tests.machine.machine import Machine

SUITES = os.environ.get("ECERTMAIL_SUITES", "bookworm trixie").split()
SERVER = ("python3-venv", "gnupg", "sudo", "systemd", "procps")


@pytest.fixture(scope="session", params=SUITES)
def suite(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def reader(suite: str) -> Iterator[Machine]:
    """What README's reader has: Python, GnuPG and make."""
    with machine.empty(suite) as made:
        made.install("python3-venv", "gnupg", "make")
        yield made


@pytest.fixture(scope="session")
def server(suite: str) -> Iterator[Machine]:
    """Where the operator guide is followed."""
    with machine.empty(suite) as made:
        made.install(*SERVER)
        service.stand_in(made)
        yield made


@pytest.fixture(scope="session")
def spare(suite: str) -> Iterator[Machine]:
    """The machine that takes over when the first one is lost."""
    with machine.empty(suite) as made:
        made.install(*SERVER)
        service.stand_in(made)
        yield made


@pytest.fixture(autouse=True)
def _recorded(request: pytest.FixtureRequest) -> None:
    """Record the versions of the machine that a test used."""
    used = [request.getfixturevalue(name) for name in ("reader", "server") if name in request.fixturenames]
    request.node.user_properties.extend(used[0].versions().items())
