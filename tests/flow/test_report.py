"""The daily report: staged once, to the operator alone, and what was told is remembered."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from itertools import count
from pathlib import Path

import pytest

from ecertmail.flow.report import Reporter
from ecertmail.parties import KeyLife
from ecertmail.store.spool import SpoolReader
from tests.builders import CHINA, NOW, NZ_ADDRESS, room
from tests.flow.node import Node

TODAY = datetime.combine(NOW.date() + timedelta(days=1), time(8), UTC)
ENDING = KeyLife(owner="partner nz", fingerprint="A" * 40, ends_at=TODAY + timedelta(days=20))
OPERATOR = "operator@customs.example"


class Desk:
    """China's node and its reporter."""

    def __init__(self, folder: Path) -> None:
        self.node, serial = Node(folder), count(1)
        self.seen = SpoolReader(folder / "spool.db")
        self.reporter = Reporter(
            authority=CHINA, operator=OPERATOR, at=time(7), ledger=self.node.ledger, quarantine=self.seen,
            new_message_id=lambda: f"<{next(serial)}@customs.example>", log=self.node.log,
        )  # fmt: skip

    def report(self, *keys: KeyLife, now: datetime = TODAY) -> bool:
        return self.reporter.report_if_due(keys, self.node.examiner.openpgp, now)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.seen.close()
    made.node.close()


def test_nothing_to_say_is_not_said(desk: Desk) -> None:
    assert not desk.report()
    assert desk.node.outbox.take_due(TODAY + timedelta(days=1), room(10)) == []


def test_a_quarantined_mail_is_reported_once_to_the_operator_and_to_nobody_else(desk: Desk) -> None:
    desk.node.take(b"From: x@y.example\r\n\r\nnot signed\r\n")
    assert desk.report()
    [delivery] = desk.node.outbox.take_due(TODAY + timedelta(days=1), room(10))
    assert (delivery.recipient, delivery.kind) == (OPERATOR, "report")
    assert b"not-signed" in delivery.octets
    assert NZ_ADDRESS.encode() in delivery.octets, "the return path is shown"
    assert not desk.report(now=TODAY + timedelta(days=400))


def test_a_key_that_ends_is_told_once_a_step_in_the_mail_and_in_the_log(desk: Desk) -> None:
    assert desk.report(ENDING)
    assert not desk.report(ENDING, now=TODAY + timedelta(days=1))
    assert desk.report(ENDING, now=TODAY + timedelta(days=14))
    assert [event for event in desk.node.log.events if event[1] == "key.ends"] == [("warning", "key.ends")] * 2


def test_a_second_look_on_the_same_day_finds_nothing_due(desk: Desk) -> None:
    assert desk.report(ENDING)
    desk.node.take(b"From: x@y.example\r\n\r\nnot signed\r\n")
    assert not desk.report(ENDING, now=TODAY + timedelta(hours=1))


def test_an_alarm_is_reason_for_one_mail_and_listed_while_it_is_open(desk: Desk) -> None:
    with desk.node.ledger.transaction() as tx:
        assert tx.raise_alarm("delivery:7", "push to ecert@mpi.example: bounced", TODAY)
        assert not tx.raise_alarm("delivery:7", "push to ecert@mpi.example: bounced", TODAY)
    assert desk.report()
    assert not desk.report(now=TODAY + timedelta(days=1))
    assert desk.report(ENDING, now=TODAY + timedelta(days=2))
    first, second = desk.node.outbox.take_due(TODAY + timedelta(days=9), room(10))
    for delivery in (first, second):
        assert b"1 alarms" in delivery.octets
        assert b"push to ecert@mpi.example: bounced" in delivery.octets
    with desk.node.ledger.transaction() as tx:
        assert tx.clear_alarm("delivery:7", TODAY)
        assert tx.raise_alarm("delivery:7", "push to ecert@mpi.example: bounced", TODAY + timedelta(days=3))
    assert desk.report(now=TODAY + timedelta(days=3)), "raised again is news again"


def test_without_an_operator_the_log_alone_is_told(desk: Desk) -> None:
    desk.reporter = replace(desk.reporter, operator="")
    assert not desk.report(ENDING)
    assert ("warning", "key.ends") in desk.node.log.events
    assert desk.node.outbox.take_due(TODAY + timedelta(days=1), room(10)) == []
