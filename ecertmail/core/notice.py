"""What the operator is mailed: once a day, and only when there is something to say.

Keys are announced 60, 30 and 7 days before they end and when they have ended, each once; quarantined mails since the
last report are listed with their reasons. An alarm is told when it was raised, and listed while it is open. Another
error is told every day while it lasts; warnings are listed in mails that go out anyway.
"""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from email.utils import format_datetime, formataddr

from ecertmail.core import compose
from ecertmail.core.compose import Draft
from ecertmail.core.header import LOOP
from ecertmail.delivery import Alarm
from ecertmail.fault import Fault
from ecertmail.parties import Authority, KeyLife

WARN_DAYS = (60, 30, 7)
_MOST = 100
_DAY = timedelta(days=1)
_SECTIONS = frozenset({"alarm", "key-ends", "key-ended"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """A key that ends soon: `id` is different for each step, so that each is told once."""

    id: str
    key: KeyLife
    days: int

    @property
    def sentence(self) -> str:
        """What the operator reads."""
        ends = f"{self.key.ends_at:%Y-%m-%d}"
        when = f"ends on {ends}, in {self.days} days" if self.days >= 0 else f"ended on {ends}"
        return f"The key of {self.key.owner}, {self.key.fingerprint}, {when}."


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """A quarantined mail, as the report lists it."""

    id: str
    received_at: datetime
    reason: str
    reverse_path: str
    peer: str


def ending(keys: Iterable[KeyLife], now: datetime) -> list[Warned]:
    """Return every key that ends within 60 days, or has ended, the next one first."""
    found = []
    for key in keys:
        left = key.ends_at - now if key.ends_at else timedelta.max
        if left <= timedelta(days=max(WARN_DAYS)):
            step = min((days for days in WARN_DAYS if timedelta() < left <= timedelta(days=days)), default=-1)
            days = left.days if left > timedelta() else min(left.days, -1)
            found.append(Warned(id=f"key:{key.fingerprint}:{step}", key=key, days=days))
    return sorted(found, key=lambda warned: warned.days)


def due(last: datetime | None, now: datetime, at: time) -> bool:
    """Say whether a report is due: none was made since the last time that it was `at` o'clock UTC.

    One that is dated more than a day ahead was made before the clock went back, and does not count.
    """
    if last is None or last - now > _DAY:
        return True
    today = datetime.combine(now.date(), at, now.tzinfo)
    return last < (today if today <= now else today - _DAY)


def unsaid(warned: Iterable[Warned], told: AbstractSet[str]) -> list[Warned]:
    """Leave out what was told already."""
    return [one for one in warned if one.id not in told]


def untold(alarms: Iterable[Alarm], told: AbstractSet[str]) -> list[str]:
    """Name the alarms that were not told yet, so that each time that one is raised counts."""
    return [name for alarm in alarms if (name := f"{alarm.what}:{alarm.since.isoformat()}") not in told]


def draft(
    authority: Authority,
    operator: str,
    keys: Sequence[Warned],
    aside: Sequence[SetAside],
    now: datetime,
    message_id: str,
    alarms: Sequence[Alarm] = (),
    faults: Sequence[Fault] = (),
) -> Draft:
    """Write the report.

    Args:
        authority: who runs this node.
        operator: the address that it goes to.
        keys: what is to be said of keys.
        aside: mails quarantined since the last report.
        now: the time of the report.
        message_id: with angle brackets.
        alarms: all that are open.
        faults: what else is wrong, the worst first.
    """
    counted = f"{len(faults)} problems, " if faults else ""
    counted += f"{len(alarms)} alarms, " if alarms else ""
    header = {
        "From": formataddr((f"ecertmail at {authority.name}", authority.address)),
        "To": operator,
        "Subject": f"ecertmail: {counted}{len(aside)} mails in quarantine, {len(keys)} keys to renew",
        "Date": format_datetime(now),
        "Message-ID": message_id,
        "Auto-Submitted": "auto-generated",
        LOOP: authority.address,
    }
    kind, inner = compose.protected("multipart/mixed", header)
    part = compose.multipart(kind, [compose.text(_text(keys, aside, alarms, faults))], message_id, inner)
    return Draft(header=header, part=part, message_id=message_id)


def other(faults: Iterable[Fault]) -> list[Fault]:
    """Leave out what has a section of its own in the report."""
    return [fault for fault in faults if fault.code not in _SECTIONS]


def _text(keys: Sequence[Warned], aside: Sequence[SetAside], alarms: Sequence[Alarm], faults: Sequence[Fault]) -> str:
    lines = []
    if faults:
        lines += ["Problems, the worst first. With what keeps the node from starting: `ecertmail doctor`.", ""]
        lines += [f"  {fault.harm.severity}: {fault.sentence}\n    mend it: {fault.remedy}" for fault in faults[:_MOST]]
        lines += [""]
    if alarms:
        lines += ["Alarms that are open. Each delivery: `ecertmail delivery show ID`.", ""]
        lines += [f"  {alarm.what}  since {alarm.since:%Y-%m-%d %H:%M}  {alarm.text}" for alarm in alarms[:_MOST]]
        lines += [f"  and {len(alarms) - _MOST} more"] if len(alarms) > _MOST else []
        lines += [""]
    if keys:
        lines += ["Keys that end. A partner's new key: `ecertmail partner keys --help`.", ""]
        lines += [f"  {warned.sentence}" for warned in keys] + [""]
    if aside:
        lines += ["Mails in quarantine since the last report. Each one: `ecertmail spool show ID`.", ""]
        lines += [
            f"  {one.id}  {one.reason}  from <{one.reverse_path}> at {one.peer}" for one in aside[:_MOST]
        ]  # fmt: skip
        lines += [f"  and {len(aside) - _MOST} more"] if len(aside) > _MOST else []
    return "\n".join([*lines, ""])
