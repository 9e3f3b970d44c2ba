"""The one alarm for a mail server that takes nothing from this node, or not all of it: when it is raised and cleared.

What blocks is remembered by what it blocks: every session, one kind of envelope sender, or one domain. A receipt that
goes out does not clear the alarm while pushes, which have another envelope sender, are still refused.
"""

from collections.abc import Sequence

from ecertmail.core import smtp_reply
from ecertmail.core.verp import TRACED
from ecertmail.delivery import AlarmChange, Attempted, Settled

ALARM = "smarthost"
PATIENCE = 3
"""Attempts of one delivery before a server that is away is an alarm; one that refuses is an alarm at once."""

_SESSION = "session"
_REACHED = frozenset(Attempted) - {Attempted.AWAY, Attempted.SESSION, Attempted.UNKNOWN}


def after(blocked: frozenset[str], settled: Sequence[Settled]) -> tuple[frozenset[str], AlarmChange | None]:
    """Return what is blocked after these attempts, and what becomes of the alarm.

    Args:
        blocked: what was blocked before; empty when the daemon starts.
        settled: attempts in the order in which they ended.
    """
    now, text, reached = blocked, "", False
    for one in settled:
        outcome = one.attempt.outcome
        if outcome in _REACHED:
            reached, now = True, now - {_SESSION}
        if outcome in {Attempted.SENT, Attempted.REFUSED}:
            now -= {_sender(one), _relay(one)}
        if (block := _block(one)) and block not in now:
            now, text = now | {block}, smtp_reply.alarm(outcome, one.attempt.reply)
    if text and now - blocked:
        return now, AlarmChange(what=ALARM, text=text)
    return now, AlarmChange(what=ALARM) if reached and not now else None


def _block(one: Settled) -> str:
    match one.attempt.outcome:
        case Attempted.SENDER:
            return _sender(one)
        case Attempted.RELAY:
            return _relay(one)
        case Attempted.SESSION:
            return _SESSION
        case Attempted.AWAY if one.delivery.attempts + 1 >= PATIENCE:
            return _SESSION
    return ""


def _sender(one: Settled) -> str:
    return f"sender of {'traced' if one.delivery.kind in TRACED else 'other'} mail"


def _relay(one: Settled) -> str:
    return f"mail to {one.delivery.domain}"
