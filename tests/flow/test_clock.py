"""A clock that goes back or leaps, and is set right again, stops nothing and doubles nothing."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.flow.clocked import AT_ONCE, AWAY, BACKOFF, DAILY, OPERATOR, PARTNER, STEP, Clocked
from tests.flow.conversing import KIRI, WANG, Side

LOOK, HOUR, DAY = timedelta(minutes=5), timedelta(hours=1), timedelta(days=1)
YEARS = timedelta(days=5 * 365)
JUMPS = {
    "an hour back": -HOUR,
    "three days back": -3 * DAY,
    "five years back": -YEARS,
    "an hour ahead": HOUR,
    "three days ahead": 3 * DAY,
    "five years ahead": YEARS,
}


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Clocked]:
    made = Clocked(tmp_path)
    yield made
    made.close()


@pytest.fixture(params=JUMPS)
def jump(request: pytest.FixtureRequest) -> timedelta:
    return JUMPS[request.param]


@pytest.fixture(params=[timedelta(hours=2), timedelta(hours=30)], ids=["for 2 hours", "for 30 hours"])
def lasting(request: pytest.FixtureRequest) -> timedelta:
    duration = request.param
    assert isinstance(duration, timedelta)
    return duration


def test_each_certificate_is_pushed_once_and_in_time(node: Clocked, jump: timedelta, lasting: timedelta) -> None:
    node.subscribe(AT_ONCE, "immediately")
    node.subscribe(DAILY, "0 6 * * *")
    recorded: dict[str, datetime] = {}

    def live(during: timedelta) -> None:
        for _ in range(during // (3 * STEP)):
            number = f"NZ-{len(recorded)}:"
            node.record(number)
            recorded[number] = node.real
            node.live(3 * STEP)

    live(DAY)
    node.set_clock(jump)
    live(lasting)
    node.set_clock(-jump)
    live(DAY)
    node.live(DAY + 2 * HOUR)
    for number, at in recorded.items():
        [once], [daily] = node.times(AT_ONCE, f"{number}: "), node.times(DAILY, f"{number}: ")
        assert once - at <= STEP
        assert daily - at <= DAY + 2 * HOUR


@pytest.mark.parametrize("before", [2 * HOUR, 20 * HOUR])
def test_who_does_not_answer_is_reminded_once_and_then_is_an_alarm(
    node: Clocked, jump: timedelta, lasting: timedelta, before: timedelta
) -> None:
    node.push(PARTNER)
    node.live(before)
    node.set_clock(jump)
    node.live(lasting)
    node.set_clock(-jump)
    node.live(3 * DAY)
    first, reminder = node.times(PARTNER)
    assert reminder - first <= 2 * DAY
    assert node.alarms().count("delivery:1") == 1


def test_what_is_staged_while_the_clock_is_wrong_is_reminded_of_after_a_day(node: Clocked, jump: timedelta) -> None:
    node.set_clock(jump)
    node.push(PARTNER)
    node.live(HOUR)
    node.set_clock(-jump)
    node.live(2 * DAY + HOUR)
    assert len(node.times(PARTNER)) == 2


def test_what_was_put_off_is_tried_again_within_the_longest_wait(
    node: Clocked, jump: timedelta, lasting: timedelta
) -> None:
    node.away = {AWAY}
    node.push(AWAY)
    node.live(DAY)
    node.set_clock(jump)
    node.live(lasting)
    node.set_clock(-jump)
    node.live(HOUR)
    node.away = set()
    back = node.real
    node.live(max(BACKOFF) + STEP)
    [sent] = node.times(AWAY)
    assert sent - back <= max(BACKOFF) + STEP


def test_a_report_comes_every_day_and_names_each_thing_once(node: Clocked, jump: timedelta, lasting: timedelta) -> None:
    node.live(DAY)
    first = node.quarantine()
    node.live(DAY)
    node.set_clock(jump)
    second = node.quarantine()
    node.live(lasting)
    node.set_clock(-jump)
    third = node.quarantine()
    node.live(5 * DAY)
    reports = {spool_id: node.times(OPERATOR, spool_id) for spool_id in (first, second, third)}
    assert {spool_id: len(times) for spool_id, times in reports.items()} == dict.fromkeys(reports, 1)


def test_a_clock_that_went_back_is_an_alarm_until_it_is_right_again(node: Clocked, jump: timedelta) -> None:
    node.live(HOUR, LOOK)
    node.set_clock(jump)
    node.live(HOUR / 2, LOOK)
    assert node.alarms() == (["clock.back"] if jump < timedelta() else [])
    node.set_clock(-jump)
    node.live(HOUR / 2, LOOK)
    assert node.alarms() == ([] if jump < timedelta() else ["clock.back"])


def test_an_alarm_that_was_closed_does_not_come_back(node: Clocked) -> None:
    node.live(LOOK, LOOK)
    node.set_clock(-3 * DAY)
    node.live(LOOK, LOOK)
    with node.node.ledger.transaction() as tx:
        assert tx.clear_alarm("clock.back", node.now)
    node.live(5 * DAY)
    assert node.alarms() == []
    node.set_clock(-HOUR)
    node.live(LOOK, LOOK)
    assert node.alarms() == ["clock.back"]
    node.set_clock(HOUR)
    node.live(LOOK, LOOK)
    assert node.alarms() == [], "the clock before the first change is forgotten"


def test_a_time_service_that_corrects_some_minutes_is_no_alarm(node: Clocked) -> None:
    node.live(LOOK, LOOK)
    node.set_clock(-timedelta(minutes=4))
    node.live(LOOK, LOOK)
    assert node.alarms() == []


@pytest.mark.parametrize("hours", [2, 30, 60])
def test_an_inquiry_is_reminded_of_escalated_and_overdue_once(
    here: Side, there: Side, jump: timedelta, hours: int
) -> None:
    there.receive("cn", here.request(WANG)[1])
    sides = {"there": there, "here": here}
    for side in sides.values():
        side.mails()
    changes = {hours: jump, hours + 30: -jump}
    sent = []
    for hour in range(10 * 24):
        for name, side in sides.items():
            side.now += HOUR + changes.get(hour, timedelta())
            side.watch.look(side.openpgp, side.now)
            sent += [(name, *mail) for mail in side.mails()]
    assert sorted(sent) == [
        ("here", WANG.address, "still_waiting"),
        ("there", KIRI.address, "inquiry_reminder"),
        ("there", "office@nz.example", "inquiry_reminder"),
    ]
    for side in sides.values():
        assert side.alarms() == ["inquiry:Q1"]
        assert side.log.events.count(("error", "inquiry.overdue")) == 1
