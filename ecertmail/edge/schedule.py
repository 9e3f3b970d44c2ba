"""When a schedule in cron form runs, in the time of a zone and across its changes of daylight saving.

APScheduler's trigger only reads the line; it is given local times in a calendar in which no clock is ever changed. A
run is at the first existing moment at or after the local time that the line names. So a time that a change skips runs
right after the change, and a time that comes twice runs the first time only.

Which runs are due follows from the ledger and the clock each time anew: an outage and a restart need no code of their
own.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from apscheduler.triggers.cron import CronTrigger

from ecertmail.errors import ConfigError

IMMEDIATELY = "immediately"
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_DAY = rf"[0-7]|{'|'.join(_DAYS)}"
_TICK = timedelta(microseconds=1)
_CACHED = 4096  # each subscription is asked for every two seconds, and its last run seldom changes


def next_run(schedule: str, time_zone: str, after: datetime) -> datetime | None:
    """Return the first run after a moment; `immediately` is always now, and None is never.

    Raises:
        ConfigError: the schedule is no cron line, or the time zone is unknown.
    """
    if schedule == IMMEDIATELY:
        return after
    return _next(schedule, time_zone, after.astimezone(UTC))  # two moments of one zone compare without their fold


@lru_cache(_CACHED)
def _next(schedule: str, time_zone: str, after: datetime) -> datetime | None:
    zone, trigger = _zone(time_zone), _trigger(schedule)
    wanted = after.astimezone(zone).replace(tzinfo=UTC)
    while wanted := trigger.get_next_fire_time(None, wanted + _TICK):
        run = _moment(wanted.replace(tzinfo=None), zone)
        if run > after:  # else the local time comes twice, and the first time is over
            return run.astimezone(zone)
    return None


def _moment(local: datetime, zone: ZoneInfo) -> datetime:
    """Return the first moment at which the clocks of a zone show a local time or a later one."""
    last, first = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if last <= first:  # the local time exists; where it comes twice, fold 0 is the first time
        return last
    while last - first > timedelta(seconds=1):  # the change lies between the two readings (PEP 495)
        middle = first + (last - first) // 2
        skipped = middle.astimezone(zone).replace(tzinfo=None) >= local
        first, last = (first, middle) if skipped else (middle, last)
    return last.replace(microsecond=0)


def _zone(time_zone: str) -> ZoneInfo:
    try:
        return ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigError(f"{time_zone!r} is no time zone; one looks like Asia/Shanghai or UTC") from error


@lru_cache(_CACHED)
def _trigger(schedule: str) -> CronTrigger:
    fields = schedule.lower().split()
    try:
        fields[4:5] = [",".join(map(_days, field.split(","))) for field in fields[4:5]]
        return CronTrigger.from_crontab(" ".join(fields), timezone=UTC)
    except ValueError as error:
        raise ConfigError(
            f'{schedule!r} is no schedule ({error}); one is `immediately`, or five cron fields such as "0 6 * * *"'
        ) from error


def _days(item: str) -> str:
    """Write each weekday as its name: cron counts from Sunday, APScheduler from Monday, and names mean one thing."""
    match = re.fullmatch(rf"(?:({_DAY})(?:-({_DAY}))?|\*(?=/))(?:/([1-7]))?", item)
    if match is None:
        return item
    first, last, step = _number(match[1] or "0"), _number(match[2] or match[1] or "6"), int(match[3] or 1)
    days = range(first, last + 1 if first <= last else last + 8, step)
    return ",".join(_DAYS[day % 7] for day in days)


def _number(day: str) -> int:
    return _DAYS.index(day) if day in _DAYS else int(day)
