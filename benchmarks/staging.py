"""(f) Staging pushes: the time must not depend on how much the ledger holds already."""

import io
import itertools
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from benchmarks.filled import fill
from benchmarks.ratio import Ratio, compare
from ecertmail.edge import log
from ecertmail.edge.schedule import next_run
from ecertmail.flow.publish import Publisher
from ecertmail.store.ledger import SqliteLedger
from tests.builders import CHINA, NOW, examiner
from tests.core.test_audience import SUBSCRIPTION

SMALL, LARGE, FRESH, SUBSCRIBERS, REPEATS = 1_000, 1_000_000, 500, 20, 5


def measure() -> Ratio:
    """Stage so many digests from a ledger with a million certificates, and from one with a thousand."""
    with tempfile.TemporaryDirectory(prefix="ecertmail-bench-") as name:
        runs = [_run(Path(name) / f"{size}.db", size) for size in (LARGE, SMALL)]
        value = compare(runs[0], runs[1], REPEATS)
    against = (
        f"the same {SUBSCRIBERS} digests of {FRESH}, a ledger of {SMALL:,} instead of {LARGE:,}; median of {REPEATS}"
    )
    return Ratio(name="staging", value=value, aim=1.5, higher_is_better=False, against=against)


def _run(file: Path, size: int) -> Callable[[], None]:
    ledger, serial = SqliteLedger(file), itertools.count()
    fill(file, 0, size)
    end = size - 1
    with ledger.transaction() as tx:
        for number in range(SUBSCRIBERS):
            one = replace(SUBSCRIPTION, id=f"s{number}", max_certificates=FRESH, max_octets=10**9, ran_at=NOW)
            tx.subscriptions.add(one, end, None)
    publisher = Publisher(
        authority=CHINA, partners={}, ledger=ledger, next_run=next_run, secret=b"", bounces_to_pause=3,
        new_message_id=lambda: f"<{next(serial)}@customs.example>", log=log.make("json", "info", io.StringIO()),
    )  # fmt: skip
    openpgp = examiner().openpgp
    first = itertools.count(size, FRESH)

    def run() -> None:
        fill(file, next(first), FRESH)
        assert publisher.publish_due(openpgp, NOW + timedelta(days=1)) == SUBSCRIBERS

    return run
