"""Fixtures that start real things, and stop them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import installation
from tests.installation import Installation, Sink


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
