"""A ledger on a real file, for the tests of what is in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ecertmail.store.ledger import SqliteLedger


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[SqliteLedger]:
    made = SqliteLedger(path)
    yield made
    made.close()
