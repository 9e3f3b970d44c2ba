"""Cron lines as cron reads them, across daylight saving."""

from datetime import UTC, datetime, timedelta

import pytest

from ecertmail.edge.schedule import next_run
from ecertmail.errors import ConfigError

TUESDAY = datetime(2026, 11, 24, 12, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("line", "zone", "expected"),
    [
        ("immediately", "UTC", "2026-11-24T12:00Z"),
        ("0 6 * * *", "UTC", "2026-11-25T06:00Z"),
        ("0 6 * * *", "Asia/Shanghai", "2026-11-24T22:00Z"),
        ("*/15 * * * *", "UTC", "2026-11-24T12:15Z"),
        ("0 6 * * 0", "UTC", "2026-11-29T06:00Z"),
        ("0 6 * * 7", "UTC", "2026-11-29T06:00Z"),
        ("0 6 * * 1-5", "UTC", "2026-11-25T06:00Z"),
        ("0 6 * * 0-6", "UTC", "2026-11-25T06:00Z"),
        ("0 6 * * 5-7", "UTC", "2026-11-27T06:00Z"),
        ("0 6 * * mon", "UTC", "2026-11-30T06:00Z"),
        ("0 6 * * 1,3", "UTC", "2026-11-25T06:00Z"),
        ("0 6 * * sun-thu", "UTC", "2026-11-25T06:00Z"),
        ("0 6 * * SAT-mon", "UTC", "2026-11-28T06:00Z"),
        ("0 6 * * */2", "UTC", "2026-11-26T06:00Z"),  # Sunday, Tuesday, Thursday, Saturday
        ("0 6 * * tue-fri/2", "UTC", "2026-11-26T06:00Z"),
        ("0 6 1 * mon", "UTC", "2027-02-01T06:00Z"),  # both must hold
        ("0 6 29 2 *", "UTC", "2028-02-29T06:00Z"),
        ("0 6 31 * *", "UTC", "2026-12-31T06:00Z"),
        ("0 6 last feb *", "UTC", "2027-02-28T06:00Z"),
    ],
)
def test_the_next_run_is_the_one_that_cron_would_make(line: str, zone: str, expected: str) -> None:
    run = next_run(line, zone, TUESDAY)
    assert run is not None
    assert run.astimezone(UTC) == at(expected)


def test_a_line_that_never_fires_has_no_next_run() -> None:
    assert next_run("0 6 31 2 *", "UTC", TUESDAY) is None


def test_six_in_the_morning_stays_six_in_the_morning_when_the_clocks_change() -> None:
    before = next_run("0 6 * * *", "Pacific/Auckland", at("2026-09-25T12:00Z"))
    after = next_run("0 6 * * *", "Pacific/Auckland", at("2026-09-27T12:00Z"))
    assert before is not None
    assert after is not None
    assert (before.hour, after.hour) == (6, 6)
    assert before.utcoffset() != after.utcoffset()


@pytest.mark.parametrize(
    ("line", "zone", "after", "expected"),
    [
        # midnight is skipped: the run is at one o'clock, which is the first moment of the day
        ("0 0 * * sun", "America/Santiago", "2026-09-05T12:00Z", "2026-09-06T04:00Z"),
        ("0 0 * * *", "Africa/Cairo", "2026-04-23T12:00Z", "2026-04-23T22:00Z"),
        ("0 0 * * *", "Asia/Beirut", "2026-03-28T12:00Z", "2026-03-28T22:00Z"),
        # the first midnight after a change in spring
        ("0 0 * * mon", "Europe/Helsinki", "2026-03-28T12:00Z", "2026-03-29T21:00Z"),
        ("0 0 1 * *", "America/New_York", "2027-03-13T12:00Z", "2027-04-01T04:00Z"),
        # half past two does not exist, or comes twice
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00Z", "2026-03-29T01:00Z"),
        ("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00Z", "2026-10-25T00:30Z"),
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T00:30Z", "2026-10-26T01:30Z"),
        # two times that are skipped are one run
        ("0,30 2 * * *", "Europe/Berlin", "2026-03-29T01:00Z", "2026-03-30T00:00Z"),
        # an hour that comes twice has each of its runs once
        ("0 * * * *", "Europe/Berlin", "2026-10-25T00:00Z", "2026-10-25T02:00Z"),
        # clocks that change by half an hour
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00Z", "2026-10-03T15:30Z"),
        ("45 1 * * *", "Australia/Lord_Howe", "2027-04-03T12:00Z", "2027-04-03T14:45Z"),
    ],
)
def test_each_run_happens_once_when_the_clocks_change(line: str, zone: str, after: str, expected: str) -> None:
    run = next_run(line, zone, at(after))
    assert run is not None
    assert run.astimezone(UTC) == at(expected)


def test_a_moment_within_the_last_second_before_a_run_is_before_it() -> None:
    before = at("2026-11-24T05:59:59Z") + timedelta(milliseconds=500)
    assert next_run("0 6 * * *", "UTC", before) == at("2026-11-24T06:00Z")


@pytest.mark.parametrize("line", ["", "0 6 * *", "0 25 * * *", "daily", "0 6 * * 9", "* * * * * *"])
def test_what_is_no_cron_line_is_told(line: str) -> None:
    with pytest.raises(ConfigError, match="is no schedule"):
        next_run(line, "UTC", TUESDAY)


def test_an_unknown_time_zone_is_told() -> None:
    with pytest.raises(ConfigError, match="is no time zone"):
        next_run("0 6 * * *", "Asia/Schanghai", TUESDAY)
