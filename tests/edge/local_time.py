"""A plain computation of what a clock on the wall shows, made from nothing but offsets that `zoneinfo` tells."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

FIRST, LAST = datetime(2024, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
ZONES = sorted(name for name in available_timezones() if name not in {"Factory", "localtime"})


@dataclass(frozen=True)
class Stretch:
    """A time without changes: it begins at a moment, and local time is UTC and an offset."""

    begin: datetime
    end: datetime
    offset: timedelta


Stretches = tuple[Stretch, ...]


@cache
def stretches(name: str) -> Stretches:
    """Look at a zone's offset every day, and to the second where it differs."""
    zone, begin, found = ZoneInfo(name), FIRST, []
    moment, offset = FIRST, FIRST.astimezone(zone).utcoffset()
    while moment < LAST:
        following = moment + DAY
        other = following.astimezone(zone).utcoffset()
        if other != offset:
            change = _change(zone, moment, following)
            found.append(_stretch(zone, begin, change))
            begin = change
        moment, offset = following, other
    return (*found, _stretch(zone, begin, LAST))


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """Return the first moment with the offset that holds after a change."""
    offset = after.astimezone(zone).utcoffset()
    seconds = range(int((after - before) / SECOND) + 1)
    new = bisect_left(seconds, True, key=lambda n: (before + n * SECOND).astimezone(zone).utcoffset() == offset)
    return before + new * SECOND


def _stretch(zone: ZoneInfo, begin: datetime, end: datetime) -> Stretch:
    offset = begin.astimezone(zone).utcoffset()
    assert offset is not None
    return Stretch(begin, end, offset)


def first_moment(local: datetime, parts: Stretches) -> datetime:
    """Return the first moment at which a clock shows this local time (written as if it were UTC) or a later one."""
    for part in parts:
        if local < part.end + part.offset:
            return max(part.begin, local - part.offset)
    raise AssertionError("the local time is after the last stretch")


def runs(days: Iterable[date], minutes: Iterable[int], parts: Stretches) -> list[datetime]:
    """Return each moment at which something planned for these minutes of these days runs."""
    times = sorted(minutes)
    planned = (datetime.combine(day, datetime.min.time(), UTC) for day in days)
    return sorted({first_moment(day + timedelta(minutes=minute), parts) for day in planned for minute in times})


def days(first: date, last: date) -> Iterator[date]:
    """Yield every day from the first to the last."""
    return (first + timedelta(days=number) for number in range((last - first).days + 1))
