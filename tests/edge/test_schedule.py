"""Cron lines as cron reads them, across daylight saving."""

from datetime import UTC, datetime

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


@pytest.mark.parametrize("line", ["", "0 6 * *", "0 25 * * *", "daily", "0 6 * * 9", "* * * * * *"])
def test_what_is_no_cron_line_is_told(line: str) -> None:
    with pytest.raises(ConfigError, match="is no schedule"):
        next_run(line, "UTC", TUESDAY)


def test_an_unknown_time_zone_is_told() -> None:
    with pytest.raises(ConfigError, match="is no time zone"):
        next_run("0 6 * * *", "Asia/Schanghai", TUESDAY)
