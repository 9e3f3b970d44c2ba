"""Schedules in cron form, by APScheduler's trigger, which knows time zones and daylight saving.

Only the trigger is used: which runs are due follows from the ledger and the clock each time anew, so an outage, a
restart and a clock that jumps need no code of their own.
"""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from apscheduler.triggers.cron import CronTrigger

from ecertmail.errors import ConfigError

IMMEDIATELY = "immediately"
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


def next_run(schedule: str, time_zone: str, after: datetime) -> datetime | None:
    """Return the first run after a moment; `immediately` is always now, and None is never.

    Raises:
        ConfigError: the schedule is no cron line, or the time zone is unknown.
    """
    if schedule == IMMEDIATELY:
        return after
    run: datetime | None = _trigger(schedule, time_zone).get_next_fire_time(None, after + timedelta(seconds=1))
    return run


def _trigger(schedule: str, time_zone: str) -> CronTrigger:
    fields = schedule.split()
    try:
        zone = ZoneInfo(time_zone)
        fields[4:5] = [",".join(map(_days, field.split(","))) for field in fields[4:5]]
        return CronTrigger.from_crontab(" ".join(fields), timezone=zone)
    except (ZoneInfoNotFoundError, OSError) as error:
        raise ConfigError(f"{time_zone!r} is no time zone; one looks like Asia/Shanghai or UTC") from error
    except ValueError as error:
        raise ConfigError(
            f'{schedule!r} is no schedule ({error}); one is `immediately`, or five cron fields such as "0 6 * * *"'
        ) from error


def _days(item: str) -> str:
    """Write numbered weekdays as names: cron counts from Sunday, APScheduler from Monday, and names mean one thing."""
    match = re.fullmatch(r"([0-7])(?:-([0-7]))?(?:/([1-7]))?", item)
    if match is None:
        return item
    first, last, step = int(match[1]), int(match[2] or match[1]), int(match[3] or 1)
    return ",".join(_DAYS[day % 7] for day in range(first, last + 1, step))
