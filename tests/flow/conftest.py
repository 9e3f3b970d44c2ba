"""Two nodes that talk about certificates (`tests/flow/conversing.py`)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flow.conversing import KIRI, Side, shanghai, wellington


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Side]:
    made = wellington(tmp_path, KIRI)
    yield made
    made.ledger.close()


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Side]:
    made = shanghai(tmp_path)
    yield made
    made.ledger.close()
