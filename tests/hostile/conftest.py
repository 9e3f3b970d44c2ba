"""China's node, which knows everybody's keys, and has a real GnuPG beside Sequoia."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.builders import examiner
from tests.flow.node import Node
from tests.hostile import keys


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path)
    partners = {key: partner for partner in keys.partners() for key in partner.fingerprints}
    made.examiner = replace(examiner(), openpgp=keys.engine(), partners=partners)
    yield made
    made.close()
