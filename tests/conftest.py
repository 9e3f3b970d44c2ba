"""Fixtures that start real things, and stop them."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import dovecot as dovecot_server
from tests import installation
from tests.desk import Desk
from tests.dovecot import Account, Dovecot
from tests.installation import Installation, Sink
from tests.records import pytest_runtest_logreport  # noqa: F401 - a hook
from tests.small_disk import small_disk_at

# A slow example says nothing on a busy machine; tests about time measure it themselves.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An installation that is made once and copied for each test."""
    return installation.make(tmp_path_factory.mktemp("template") / "cn")


@pytest.fixture
def sink_on_port() -> Iterator[tuple[Sink, int]]:
    with installation.running_sink() as pair:
        yield pair


@pytest.fixture
def sink(sink_on_port: tuple[Sink, int]) -> Sink:
    return sink_on_port[0]


@pytest.fixture
def china(template: Installation, tmp_path: Path, sink_on_port: tuple[Sink, int]) -> Iterator[Installation]:
    """China's installation, not started, which sends to the sink."""
    made = installation.copy(template, tmp_path / "cn", sink_on_port[1])
    yield made
    made.stop()


@pytest.fixture
def daemon(china: Installation) -> Installation:
    """China's daemon, running."""
    china.start()
    return china


@pytest.fixture(scope="session")
def dovecot() -> Iterator[Dovecot]:
    """A real IMAP server, for the whole run."""
    with dovecot_server.running() as server:
        yield server


@pytest.fixture(scope="session")
def poor_dovecot() -> Iterator[Dovecot]:
    """One that has neither IDLE nor MOVE nor UIDPLUS."""
    with dovecot_server.running(dovecot_server.POOR) as server:
        yield server


@pytest.fixture
def account(dovecot: Dovecot, request: pytest.FixtureRequest) -> Account:
    """An empty mailbox of its own for each test."""
    request.node.user_properties.append(("server", f"Dovecot {dovecot_server.version()}"))
    return dovecot.account(f"{sha256(request.node.nodeid.encode()).hexdigest()[:12]}@customs.example")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Where fetched mail arrives, without a daemon."""
    made = Desk(tmp_path)
    yield made
    made.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 400 kB."""
    (tmp_path / "small").mkdir()
    with small_disk_at(tmp_path / "small", "400k") as folder:
        yield folder
