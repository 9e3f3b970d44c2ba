"""Delivery status notifications (RFC 3464): what mail servers report, recipient by recipient.

The standard has one group of fields about the mail and one for each recipient, with a blank line between. Real ones
have no blank lines, several, or one inside a group, and the fields of a group in any order.
"""

import re
from collections.abc import Set
from itertools import chain

from ecertmail.core.report import Block, blocks, line, message_id, recipient
from ecertmail.reports import Kind, Report

MAX_RECIPIENTS = 100

_RECIPIENTS = frozenset({"original-recipient", "final-recipient"})
_WHO_AND_WHAT = _RECIPIENTS | {"action"}
_ACTIONS = {
    **{kind.value: kind for kind in (Kind.FAILED, Kind.DELAYED, Kind.DELIVERED, Kind.RELAYED, Kind.EXPANDED)},
    **dict.fromkeys(("failure", "fail", "error"), Kind.FAILED),  # NTMail and OpenSMTPD
}
_WORD = re.compile(r"[a-z]+")
_CODE = re.compile(r"(?<![\d.])([245]\.[0-7]\.\d{1,3})(?!\.?\d)")
_REPLY = re.compile(r"(?<![\d.])([245])\d\d(?=[ -]|$)")
_TYPED = re.compile(r"\A[A-Za-z0-9-]+\s*;")


def read(data: bytes) -> tuple[Report, ...]:
    """Read the body of a message/delivery-status part; empty if it tells of no recipient."""
    found = blocks(data)
    about = dict(reversed(list(chain.from_iterable(found))))  # the first one of a name counts
    return tuple(
        _report(group, about.get("original-envelope-id", ""), about.get("original-message-id", ""))
        for group in _groups(found)[:MAX_RECIPIENTS]
    )


def code(text: str) -> str:
    """Return the first enhanced status code (RFC 3463) in a text, or the empty string."""
    match = _CODE.search(text)
    return match[1] if match else ""


def permanent(status: str, text: str) -> bool:
    """Say whether a failure is permanent: by its status, or else by an SMTP reply; one that tells neither is."""
    reply = _REPLY.search(text)
    return (status or (reply[1] if reply else "5")).startswith("5")


def _groups(found: list[Block]) -> list[dict[str, str]]:
    groups: list[dict[str, str]] = []
    for block in found:
        if not groups or not _goes_on(groups[-1].keys(), {name for name, _ in block}):
            groups.append({})
        for name, value in block:
            if _starts(groups[-1].keys(), name):
                groups.append({})
            groups[-1].setdefault(name, value)
    return [group for group in groups if group.keys() & _WHO_AND_WHAT]


def _goes_on(group: Set[str], block: Set[str]) -> bool:
    """A blank line ends a group, unless that has only who or only what, and the next block is no whole group."""
    return bool(group & _WHO_AND_WHAT) and not _whole(group) and not _whole(block)


def _whole(names: Set[str]) -> bool:
    return bool(names & _RECIPIENTS) and "action" in names


def _starts(group: Set[str], name: str) -> bool:
    """Without a blank line a group ends where one of its three fields comes again, or an address after the action."""
    again = name in _WHO_AND_WHAT and name in group
    return again or (name == "original-recipient" and group >= {"final-recipient", "action"})


def _report(group: dict[str, str], envelope_id: str, original_id: str) -> Report:
    action = _WORD.match(group.get("action", "").lower())
    kind = _ACTIONS.get(action[0], Kind.UNKNOWN) if action else Kind.UNKNOWN
    said = group.get("status", "")
    diagnostic = _TYPED.sub("", group.get("diagnostic-code", ""), count=1) or said.removeprefix(code(said))
    status = _status(code(said), code(diagnostic))
    return Report(
        kind=kind,
        recipient=recipient(group.get("original-recipient", "")) or recipient(group.get("final-recipient", "")),
        message_id=message_id(original_id),
        envelope_id=line(envelope_id),
        status=status,
        diagnostic=line(diagnostic),
        hard=kind is Kind.FAILED and permanent(status, diagnostic),
    )


def _status(own: str, told: str) -> str:
    """Exim says 5.0.0 of everything; the code in the other server's words is better if it is of the same class."""
    vague = not own or own.endswith(".0.0")
    return told if vague and told and told[0] == (own or told)[0] else own
