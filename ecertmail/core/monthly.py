"""The monthly report: what was recorded, answered and sent in one month, as sections that text and page both show."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from ecertmail.core.entity import printable
from ecertmail.model import CertificateStatus

Row = tuple[str, ...]

_WITHIN = (("1 s", 1), ("10 s", 10), ("1 min", 60), ("10 min", 600), ("1 h", 3600), ("6 h", 21600), ("1 d", 86400))


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """How many certificate versions of one kind were recorded on one day."""

    day: str
    issuer: str
    type: str
    status: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """How many messages of a partner were judged in one way."""

    partner: str
    outcome: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """How many deliveries of one kind stand where, and the seconds that each delivered one took."""

    kind: str
    states: Mapping[str, int]
    seconds: Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """How many deliveries to an address came to nothing, and what the server said the last time."""

    recipient: str
    state: str
    count: int
    reply: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """What the databases hold of the days from `first` up to and without `end`, in UTC."""

    first: datetime
    end: datetime
    recorded: Sequence[Recorded]
    answered: Sequence[Answered]
    sent: Sequence[Sent]
    failed: Sequence[Failed]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A table, and what of it is to be plotted: (label, value) pairs, as columns over time or as bars."""

    title: str
    head: Row
    rows: Sequence[Row]
    plot: Sequence[tuple[str, int]] = ()
    over_time: bool = False


def bounds(year: int, month: int) -> tuple[date, date]:
    """Return the first day of a month and of the next."""
    first = date(year, month, 1)
    return first, (first + timedelta(days=31)).replace(day=1)


def sections(month: Month, names: Mapping[str, str]) -> list[Section]:
    """Write the report; `names` are partners' names by ID."""
    return [
        _by_day(month),
        _counted(month.recorded, "authority", lambda one: names.get(one.issuer, one.issuer)),
        _counted(month.recorded, "type", lambda one: one.type or "none given"),
        _counted(month.recorded, "status", lambda one: _status(one.status)),
        _answers(month.answered, names),
        _deliveries(month.sent),
        _times(month.sent),
        _failures(month.failed),
    ]


def nearest(ordered: Sequence[float], share: float) -> float:
    """Return the value that this share of the ordered values does not exceed, by the nearest rank."""
    return ordered[max(math.ceil(share * len(ordered)), 1) - 1]


def _by_day(month: Month) -> Section:
    counts: Counter[str] = Counter()
    for one in month.recorded:
        counts[one.day] += one.count
    days = [f"{month.first + timedelta(days=n):%Y-%m-%d}" for n in range((month.end - month.first).days)]
    rows = [(day, str(counts[day])) for day in days if counts[day]]
    total = [("all", str(counts.total()))]
    plot = [(day[-2:].lstrip("0"), counts[day]) for day in days]
    return Section(
        title="Certificates by day", head=("DAY", "RECORDED"), rows=[*rows, *total], plot=plot, over_time=True
    )


def _counted(recorded: Iterable[Recorded], what: str, key: Callable[[Recorded], str]) -> Section:
    counts: Counter[str] = Counter()
    for one in recorded:
        counts[printable(key(one))] += one.count
    ordered = counts.most_common()
    rows = [(value, str(count)) for value, count in ordered]
    return Section(title=f"Certificates by {what}", head=(what.upper(), "RECORDED"), rows=rows, plot=ordered)


def _answers(answered: Sequence[Answered], names: Mapping[str, str]) -> Section:
    counts: Counter[str] = Counter()
    for one in answered:
        counts[one.outcome] += one.count
    rows = [(printable(names.get(one.partner, one.partner)), one.outcome, str(one.count)) for one in answered]
    return Section(
        title="Messages and answers", head=("PARTNER", "OUTCOME", "MESSAGES"), rows=rows, plot=counts.most_common()
    )


def _deliveries(sent: Sequence[Sent]) -> Section:
    rows = []
    for one in sent:
        ordered = sorted(one.seconds)
        times = [_duration(nearest(ordered, share)) for share in (0.5, 0.95)] if ordered else ["-", "-"]
        states = ", ".join(f"{count} {state}" for state, count in sorted(one.states.items()))
        rows.append((printable(one.kind), str(sum(one.states.values())), states, *times))
    return Section(title="Deliveries", head=("KIND", "STAGED", "OF THESE", "MEDIAN TIME", "95 % WITHIN"), rows=rows)


def _times(sent: Sequence[Sent]) -> Section:
    counts: Counter[str] = Counter()
    for seconds in (seconds for one in sent for seconds in one.seconds):
        counts[next((f"up to {name}" for name, most in _WITHIN if seconds <= most), "longer")] += 1
    labels = [*(f"up to {name}" for name, _ in _WITHIN), "longer"]
    plot = [(label, counts[label]) for label in labels] if counts else []
    rows = [(label, str(count)) for label, count in plot if count]
    return Section(title="Delivery times", head=("FROM STAGING TO DELIVERY", "DELIVERIES"), rows=rows, plot=plot)


def _failures(failed: Iterable[Failed]) -> Section:
    rows = [(printable(one.recipient), one.state, str(one.count), printable(one.reply)[:120]) for one in failed]
    return Section(title="Failed deliveries", head=("ADDRESS", "STATE", "MAILS", "LAST REPLY"), rows=rows)


def _status(code: str) -> str:
    return f"{CertificateStatus(code).name.lower()} ({code})"


def _duration(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"
