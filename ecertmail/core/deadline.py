"""What silence leads to in a conversation, as a table: a reminder, then the office above, then an alarm for all."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from ecertmail.conversation import Inquiry, InquiryState
from ecertmail.parties import OWN

_NAME = re.compile(r"Q?([1-9][0-9]{0,17})", re.IGNORECASE | re.ASCII)


class Step(Enum):
    """What has to happen now; only those who have to answer are reminded, and only their office hears of it."""

    REMIND = "remind"
    ESCALATE = "escalate"
    OVERDUE = "overdue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """How long an answer may take, and when those who owe it, and their office, are reminded."""

    answer_within: timedelta = timedelta(hours=72)
    remind_after: timedelta = timedelta(hours=24)
    escalate_after: timedelta = timedelta(hours=48)


def steps(inquiry: Inquiry, hours: Hours, now: datetime) -> frozenset[Step]:
    """Return everything that is due; it stays so until it is written down that it happened.

    An escalation before the end of the time is one that those who wait hear nothing of; there is one more at its end.
    An inquiry that is dated ahead was opened before the clock went back; it waits no longer for that.
    """
    if inquiry.state is not InquiryState.OPEN:
        return frozenset()
    ours, waits = inquiry.issuer == OWN, abs(now - inquiry.opened_at)
    answer_within = inquiry.due_at - inquiry.opened_at
    cases = {
        Step.REMIND: ours and inquiry.reminded_at is None and waits >= hours.remind_after,
        Step.ESCALATE: ours and inquiry.escalated_at is None and waits >= hours.escalate_after,
        Step.OVERDUE: waits >= answer_within and inquiry.due_at > (inquiry.escalated_at or inquiry.opened_at),
    }
    return frozenset(step for step, holds in cases.items() if holds)


def number_of(name: str) -> int:
    """Return the number in a name such as `Q17`; 0, which no inquiry has, for anything else."""
    match = _NAME.fullmatch(name.strip())
    return int(match[1]) if match else 0


def alarm(inquiry: Inquiry) -> str:
    """Return what the alarm about an inquiry is called."""
    return f"inquiry:{inquiry.name}"


def nobody(inquiry: Inquiry) -> str:
    """Say that there is nobody who could answer."""
    return f"{_named(inquiry)} has nobody to answer it; see `ecertmail official add --help` for a duty officer"


def escalated(inquiry: Inquiry) -> str:
    """Say that those who have to answer do not."""
    return f"{_named(inquiry)} is not answered since {inquiry.opened_at:%Y-%m-%d %H:%M}; the duty officers know of it"


def unheard(inquiry: Inquiry) -> str:
    """Say that whoever asked cannot be reached any more."""
    return f"{_named(inquiry)} is answered, but {inquiry.partner}, which asked, is no partner any more"


def overdue(inquiry: Inquiry) -> str:
    """Say that the answer should be there."""
    by = "this authority" if inquiry.issuer == OWN else f"partner {inquiry.issuer}"
    return f"{_named(inquiry)} was to be answered by {by} until {inquiry.due_at:%Y-%m-%d %H:%M}"


def _named(inquiry: Inquiry) -> str:
    return f"inquiry {inquiry.name} about {inquiry.number}"
