"""What stands where: counts, the oldest of each queue, and who has trouble, without reading tables from end to end."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ecertmail.store import overview
from ecertmail.store.database import open_reader
from tests.builders import room
from tests.scenery import REFUSED, Past

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.fixture
def past(tmp_path: Path) -> Iterator[Past]:
    made = Past(tmp_path)
    yield made
    made.close()


def test_an_empty_node_has_nothing_to_tell(past: Past, tmp_path: Path) -> None:
    seen = overview.read(tmp_path, NOW)
    assert (seen.spool, seen.deliveries, seen.certificates, seen.trouble) == ({}, {}, {}, {})
    assert (seen.oldest_message, seen.oldest_delivery, seen.ledger_size, seen.subscriptions) == (None, None, 0, ())


def test_the_oldest_of_each_queue_is_found_whatever_was_done_since(past: Past, tmp_path: Path) -> None:
    past.spooled(NOW - 3 * MINUTE, "first")
    past.spooled(NOW - 2 * MINUTE, "second")
    past.spool.claim(NOW, 1)
    past.deliver(NOW - 9 * MINUTE, "a@x.example", 1)
    past.stage(NOW - 8 * MINUTE, "b@x.example")
    past.stage(NOW - 7 * MINUTE, "c@x.example")
    past.outbox.take_due(NOW, room(1))
    seen = overview.read(tmp_path, NOW)
    assert (seen.spool, seen.oldest_message) == ({"claimed": 1, "spooled": 1}, NOW - 3 * MINUTE)
    assert seen.deliveries == {"delivered": 1, "due": 1, "sending": 1}
    assert seen.oldest_delivery == NOW - 8 * MINUTE


def test_trouble_is_counted_for_thirty_days(past: Past, tmp_path: Path) -> None:
    past.deliver(NOW - 31 * DAY, "gone@x.example", 1, REFUSED)
    past.deliver(NOW - 29 * DAY, "gone@x.example", 1, REFUSED)
    past.deliver(NOW - DAY, "well@x.example", 1)
    assert overview.read(tmp_path, NOW).trouble == {"gone@x.example": {"failed": 1}}


def test_a_receipt_that_failed_counts_until_an_alarm_tells_of_it(past: Past, tmp_path: Path) -> None:
    past.deliver(NOW - DAY, "ecert@x.example", 1, REFUSED, "receipt")
    past.deliver(NOW - DAY, "post@x.example", 1, REFUSED, "push")
    past.deliver(NOW - 31 * DAY, "ecert@x.example", 1, REFUSED, "receipt")
    assert overview.read(tmp_path, NOW).lost_receipts == (1,)
    with past.ledger.transaction() as tx:
        tx.raise_alarm("delivery:1", "receipt to nz: refused", NOW)
        tx.clear_alarm("delivery:1", NOW)
    assert overview.read(tmp_path, NOW).lost_receipts == ()


def test_what_is_staged_for_later_is_delayed_and_counts_for_its_address(past: Past, tmp_path: Path) -> None:
    past.stage(NOW - 2 * MINUTE, "ecert@x.example")
    past.stage(NOW + 50 * MINUTE, "ecert@x.example")
    seen = overview.read(tmp_path, NOW, ["ecert@x.example", "other@x.example"])
    assert (seen.delayed, seen.delayed_until) == (1, NOW + 50 * MINUTE)
    assert seen.replies == {"ecert@x.example": 2, "other@x.example": 0}


def test_certificates_are_counted_by_status_and_subscribers_are_there_unless_removed(
    past: Past, tmp_path: Path
) -> None:
    past.record(NOW, "nz", "NZ-1", "NZ-2")
    past.subscribe(NOW, "post")
    past.subscribe(NOW, "former", state="removed")
    seen = overview.read(tmp_path, NOW)
    assert (seen.certificates, seen.ledger_size) == ({"70": 2}, 3)
    assert [one.id for one in seen.subscriptions] == ["post"]


@pytest.mark.parametrize(
    ("file", "statement"),
    [
        ("ledger.db", "SELECT status, count(*) FROM certificate GROUP BY 1"),
        ("ledger.db", "SELECT state, count(*) FROM delivery GROUP BY 1"),
        ("ledger.db", overview._OLDEST_DELIVERY),
        ("ledger.db", overview._TROUBLE),
        ("ledger.db", overview._DELAYED),
        ("ledger.db", overview._LOST_RECEIPTS),
        ("ledger.db", overview._REPLIES),
        ("spool.db", overview._NEWEST_MESSAGE),
        ("spool.db", overview._QUARANTINED),
        ("spool.db", "SELECT state, count(*) FROM message GROUP BY 1"),
        ("spool.db", overview._OLDEST_MESSAGE),
    ],
)
def test_every_question_is_answered_from_an_index(past: Past, tmp_path: Path, file: str, statement: str) -> None:
    db = open_reader(tmp_path / file)
    plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {statement}", ("",) * statement.count("?"))]
    db.close()
    assert plan
    assert not [step for step in plan if re.match(r"SCAN (delivery|message|certificate)\b(?!.* COVERING INDEX)", step)]
