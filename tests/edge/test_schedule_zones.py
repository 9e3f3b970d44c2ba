"""Across every change of every zone from 2024 to 2035 each run happens once, as a plain computation has it."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecertmail.edge.schedule import next_run
from tests.edge.local_time import DAY, FIRST, LAST, ZONES, Stretches, days, runs, stretches

BEGIN, END = FIRST + DAY, LAST - 3 * DAY


@cache
def zones() -> dict[Stretches, str]:
    """Return one zone for each set of changes: many names mean the same clock."""
    return {stretches(name): name for name in ZONES}


@cache
def changes() -> list[tuple[str, datetime]]:
    """Return every change of a clock, as (zone, moment)."""
    return [(zone, part.begin) for parts, zone in zones().items() for part in parts[1:] if BEGIN < part.begin < END]


def asked(line: str, zone: str, begin: datetime, end: datetime) -> list[datetime]:
    """Ask for one run after the other between two moments."""

    def answers() -> Iterator[datetime]:
        moment = begin
        while (run := next_run(line, zone, moment)) is not None and run < end:
            assert run > moment
            moment = run.astimezone(UTC)
            yield moment

    return list(answers())


def computed(
    zone: str, begin: datetime, end: datetime, minutes: list[int], on: Callable[[date], bool] = lambda _: True
) -> list[datetime]:
    chosen = [day for day in days((begin - 2 * DAY).date(), (end + 2 * DAY).date()) if on(day)]
    return [run for run in runs(chosen, minutes, stretches(zone)) if begin < run < end]


@pytest.mark.parametrize(
    ("line", "minute", "on"),
    [
        ("0 0 * * sun", 0, lambda day: day.isoweekday() == 7),
        ("30 2 * * 7", 150, lambda day: day.isoweekday() == 7),
        ("0 0 1 * *", 0, lambda day: day.day == 1),
        ("0 0 31 * *", 0, lambda day: day.day == 31),
    ],
)
def test_no_weekly_or_monthly_run_of_twelve_years_is_missed_or_doubled(
    line: str, minute: int, on: Callable[[date], bool]
) -> None:
    for zone in zones().values():
        assert asked(line, zone, BEGIN, END) == computed(zone, BEGIN, END, [minute], on), zone


@pytest.mark.parametrize(
    ("line", "minutes"),
    [
        ("0 0 * * *", [0]),
        ("30 2 * * *", [150]),
        ("0 * * * *", list(range(0, 1440, 60))),
        ("*/30 * * * *", list(range(0, 1440, 30))),
    ],
)
def test_no_daily_or_hourly_run_around_any_change_is_missed_or_doubled(line: str, minutes: list[int]) -> None:
    for zone, change in changes():
        begin, end = change - DAY / 4, change + DAY
        assert asked(line, zone, begin, end) == computed(zone, begin, end, minutes), (zone, change)


@settings(deadline=None, max_examples=300)
@given(data=st.data())
def test_any_line_around_any_change_of_any_zone(data: st.DataObject) -> None:
    zone, change = data.draw(st.sampled_from(changes()))
    hours = data.draw(st.sets(st.integers(0, 23), min_size=1))
    minutes = data.draw(st.sets(st.integers(0, 59), min_size=1, max_size=5))
    weekdays = data.draw(st.sets(st.integers(0, 6), min_size=1))
    begin = change - data.draw(st.timedeltas(timedelta(), timedelta(days=2)))
    line = f"{_list(minutes)} {_list(hours)} * * {_list(weekdays)}"
    of_day = [hour * 60 + minute for hour in hours for minute in minutes]
    end = begin + 3 * DAY
    on = computed(zone, begin, end, of_day, lambda day: day.isoweekday() % 7 in weekdays)
    assert asked(line, zone, begin, end) == on


def _list(numbers: set[int]) -> str:
    return ",".join(map(str, sorted(numbers)))
