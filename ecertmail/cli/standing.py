"""What `ecertmail status` says of queues and subscribers, as facts for scripts and as words for people."""

from collections.abc import Mapping
from datetime import datetime

from ecertmail.edge.schedule import IMMEDIATELY, next_run
from ecertmail.errors import ConfigError
from ecertmail.store.overview import TROUBLE_DAYS, Overview
from ecertmail.subscription import Subscription, SubscriptionState

_SHOWN = 5


def facts(seen: Overview, now: datetime) -> dict[str, object]:
    """Return what the databases say, in the order in which people read it."""
    return {
        "spool": seen.spool,
        "oldest_spooled_seconds": _age(seen.oldest_message, now),
        "deliveries": seen.deliveries,
        "oldest_delivery_seconds": _age(seen.oldest_delivery, now),
        "delayed": seen.delayed,
        "next_runs": _runs(seen, now),
        "problems": _problems(seen),
        "officials": seen.officials,
        "inquiries": {"open": seen.inquiries.open, "overdue": seen.inquiries.overdue},
        "certificates": seen.certificates,
        "ledger_size": seen.ledger_size,
    }


def words(name: str, value: object) -> object:
    """Return a fact as people read it."""
    if name.endswith("_seconds"):
        return "nothing waits" if value is None else _duration(int(str(value)))
    if name == "disk_free":
        return "unknown" if value is None else _megabytes(value)
    if name == "last_backup":
        return value or "never"
    if name in _SENTENCES and isinstance(value, list):
        return "\n".join(_SENTENCES[name](one) for one in value) or "kept for ever"
    if isinstance(value, list):
        lines = [_line(one) for one in value[:_SHOWN]]
        more = [f"and {len(value) - _SHOWN} more; see --json"] if len(value) > _SHOWN else []
        return "\n".join([*lines, *more]) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{count} {state}" for state, count in sorted(value.items())) or "none"
    return value


def _line(one: object) -> str:
    return "  ".join(str(part) for part in one.values() if part) if isinstance(one, Mapping) else str(one)


def _megabytes(octets: object) -> str:
    return f"{int(str(octets)) // 1_000_000} MB"


def _retained(run: Mapping[str, object]) -> str:
    last = f", {run['removed']} removed in the last run ({run['began_at']:%Y-%m-%d})" if "began_at" in run else ""
    return f"{run['what']} mails are kept {run['days']} days{last}"


def _file(file: Mapping[str, object]) -> str:
    return f"{file['name']} {_megabytes(file['octets'])}, {_megabytes(file['free'])} of it free"


_SENTENCES = {"retention": _retained, "databases": _file}


def _age(since: datetime | None, now: datetime) -> int | None:
    return None if since is None else max(int((now - since).total_seconds()), 0)


def _duration(seconds: int) -> str:
    """Name a duration by its largest unit or two: 42 s, 5 min, 3 h 20 min, 2 d 1 h."""
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if days:
        return f"{days} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min" if minutes else f"{seconds} s"


def _runs(seen: Overview, now: datetime) -> list[dict[str, str]]:
    """Return active subscriptions with a schedule and when each runs next, the soonest first; never comes last."""
    scheduled = [s for s in seen.subscriptions if s.state is SubscriptionState.ACTIVE and s.schedule != IMMEDIATELY]
    runs = [(run.isoformat() if (run := _next(s, now)) else "never", run, s.id) for s in scheduled]
    runs.sort(key=lambda found: (found[1] is None, found[1] or now, found[2]))
    return [{"id": subscription_id, "at": at} for at, _, subscription_id in runs]


def _next(subscription: Subscription, now: datetime) -> datetime | None:
    try:
        return next_run(subscription.schedule, subscription.time_zone, now)
    except ConfigError:  # a time zone that this machine no longer knows is seen in the log; the rest is to be shown
        return None


def _problems(seen: Overview) -> list[dict[str, str]]:
    """Return subscribers that are not sent anything, or whose mails came to nothing lately."""
    found = []
    for one in seen.subscriptions:
        state = one.state.value if one.state is not SubscriptionState.ACTIVE else ""
        trouble = seen.trouble.get(one.address, {})
        counted = ", ".join(f"{count} {name}" for name, count in sorted(trouble.items()))
        if state or counted:
            lately = f"{counted} in {TROUBLE_DAYS} days" if counted else ""
            found.append({"id": one.id, "state": state, "reason": one.reason, "deliveries": lately})
    return found
