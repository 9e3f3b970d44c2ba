"""One month as the ledger has it: nothing of the month before, nothing of the next."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ecertmail.core.monthly import Answered, Failed, Recorded
from ecertmail.store import month
from tests.scenery import REFUSED, Past

FIRST, END = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
def past(tmp_path: Path) -> Iterator[Past]:
    made = Past(tmp_path)
    yield made
    made.close()


def test_a_month_begins_and_ends_with_its_days(past: Past, tmp_path: Path) -> None:
    for at, number in ((FIRST - SECOND, "1"), (FIRST, "2"), (END - SECOND, "3"), (END, "4")):
        past.record(at, "nz", f"NZ-{number}")
        past.deliver(at, "post@x.example", 2)
    seen = month.read(tmp_path / "ledger.db", 2026, 11)
    assert seen.recorded == [
        Recorded(day="2026-11-01", issuer="nz", type="851", status="70", count=1),
        Recorded(day="2026-11-30", issuer="nz", type="851", status="70", count=1),
    ]
    assert seen.answered == [Answered(partner="nz", outcome="accepted", count=2)]
    [sent] = seen.sent
    assert (sent.kind, sent.states, sent.seconds) == ("push", {"delivered": 2}, [2.0, 2.0])


def test_failures_are_told_with_the_last_reply(past: Past, tmp_path: Path) -> None:
    for hours in (1, 2):
        past.deliver(FIRST + timedelta(hours=hours), "gone@x.example", 1, REFUSED)
    seen = month.read(tmp_path / "ledger.db", 2026, 11)
    assert seen.failed == [Failed(recipient="gone@x.example", state="failed", count=2, reply="550 no such user")]


@pytest.mark.parametrize(("year", "number"), [(2025, 1), (2026, 10), (2030, 12)])
def test_a_month_without_anything_is_empty(past: Past, tmp_path: Path, year: int, number: int) -> None:
    past.record(FIRST, "nz", "NZ-1")
    seen = month.read(tmp_path / "ledger.db", year, number)
    assert (seen.recorded, seen.answered, seen.sent, seen.failed) == ([], [], [], [])
