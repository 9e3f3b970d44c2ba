"""Decisions about a mailbox that is read: in which steps, what becomes of a message, how long to wait after trouble."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ecertmail.core.address import normal, single_mailbox
from ecertmail.model import Outcome

LOST_WAITS = (1.0, 5.0, 15.0, 60.0, 300.0)
"""Seconds to wait after the first, second, … lost connection; the last one repeats."""

LOGIN_WAITS = (60.0, 300.0, 900.0, 3600.0)
"""Seconds to wait after refused logins. They are long, because many servers lock an account after ten."""

UNAVAILABLE_WAITS = (60.0, 300.0)
"""Seconds to wait where a server takes no logins for now. Each try counts against its limit on connections."""

UNEXPLAINED = 3
"""A login that is refused so often in a row without a reason counts as refused credentials."""

REPEATED = 5
UNREAD = timedelta(hours=1)
"""Trouble is an alarm after so many failures in a row, or when a mailbox was not read for so long."""

FIRST_WIDTH, LAST_WIDTH = 1_000, 10_000
FEW, MANY = 100, 1_000
GROUP_OCTETS, GROUP_MESSAGES = 4_000_000, 100

_HEADER = re.compile(rb"\r?\n\r?\n")
_RETURN_PATH = re.compile(rb"^return-path:[ \t]*<([^<>\r\n]*)>", re.IGNORECASE | re.MULTILINE)
_FROM = re.compile(rb"^from:((?:[^\r\n]|\r?\n[ \t])*)", re.IGNORECASE | re.MULTILINE)
_FOLD = re.compile(rb"\r?\n[ \t]")
_LONGEST_HEADER = 65_536


class Tls(StrEnum):
    """How a connection to a mailbox is made private."""

    IMPLICIT = "implicit"
    STARTTLS = "starttls"
    NEVER = "never"


class After(StrEnum):
    """What is done with a message in its mailbox once it is durable here."""

    FLAG = "flag"
    MOVE = "move"
    DELETE = "delete"


class LeftOut(StrEnum):
    """Why a message stays in its mailbox unread."""

    OVERSIZE = "oversize"
    UNREADABLE = "unreadable"


class Trouble(StrEnum):
    """What keeps a mailbox from being read, or (`not-done`) its messages from being flagged, moved or deleted."""

    NONE = ""
    LOGIN = "login"
    UNAVAILABLE = "unavailable"
    LOST = "lost"
    FAILED = "failed"
    NOT_DONE = "not-done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How reading a mailbox goes: when it last went well; what is wrong, how often in a row, when it is tried again."""

    polled_at: datetime | None = None
    trouble: Trouble = Trouble.NONE
    error: str = ""
    failures: int = 0
    next_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One thing to do with messages of a mailbox; `folder` is where a move goes."""

    after: After
    folder: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How one mailbox is read; `message_size` in octets; an empty `refused_to` treats refused mail like other mail."""

    mailbox: str
    source: str
    address: str
    folders: tuple[str, ...]
    message_size: int
    deed: Deed
    refused_to: str = ""

    def deed_for(self, outcome: Outcome) -> Deed:
        """Say what is done with a message that was decided."""
        refused = outcome in {Outcome.REFUSED, Outcome.QUARANTINED}
        return Deed(after=After.MOVE, folder=self.refused_to) if refused and self.refused_to else self.deed


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A message seen in a mailbox and not read yet; `size` in octets, as its server or file system says."""

    uid: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of `ecertmail mailbox test`: what was tried, how it went, and what to change if it did not."""

    name: str
    good: bool
    text: str
    advice: str = ""


def uid_text(uid: int) -> str:
    """Write a UID so that text sorts as numbers do (RFC 9051: 32 bits)."""
    return f"{uid:010d}"


def next_width(width: int, found: int) -> int:
    """Say how many UIDs to ask for next, so that neither 50,000 come at once nor a gap takes thousands of questions."""
    if found < FEW:
        return min(width * 2, LAST_WIDTH)
    return max(width // 2, FEW) if found > MANY else width


def groups(found: Sequence[Found], alone: frozenset[str] = frozenset()) -> Iterator[list[Found]]:
    """Divide messages into what is fetched and held in memory at once; those in `alone` go by themselves, last."""
    group: list[Found] = []
    octets = 0
    for message in found:
        if message.uid in alone:
            continue
        if group and (octets + message.size > GROUP_OCTETS or len(group) >= GROUP_MESSAGES):
            yield group
            group, octets = [], 0
        group.append(message)
        octets += message.size
    if group:
        yield group
    yield from ([message] for message in found if message.uid in alone)


def wait_after(waits: Sequence[float], failures: int) -> float:
    """Return the seconds to wait after so many failures in a row, at least one."""
    return waits[min(failures, len(waits)) - 1]


def refused_login(before: Health, *, explained: bool) -> Trouble:
    """Say what a refused login is that does not speak of the credentials.

    Many servers refuse a wrong password and a busy minute in the same words. Both are tried again after long waits, so
    that no account is locked; when it repeats, the operator is asked to look at the credentials.
    """
    earlier = before.failures if before.trouble in {Trouble.LOGIN, Trouble.UNAVAILABLE} else 0
    return Trouble.UNAVAILABLE if explained or earlier + 1 < UNEXPLAINED else Trouble.LOGIN


def failures_with(before: Health, trouble: Trouble) -> int:
    """Count one more failure; refused logins of both kinds are counted together."""
    logins = {Trouble.LOGIN, Trouble.UNAVAILABLE}
    goes_on = before.trouble is trouble or {before.trouble, trouble} <= logins
    return before.failures + 1 if goes_on else 1


def alarm(name: str, health: Health, now: datetime) -> str:
    """Return what the operator must be told of a mailbox, or nothing: refused credentials, and trouble that repeats."""
    unread = health.polled_at is not None and now - health.polled_at > UNREAD
    if not health.trouble or not (health.trouble is Trouble.LOGIN or health.failures >= REPEATED or unread):
        return ""
    if health.trouble is Trouble.NOT_DONE:
        return f"mailbox {name}: messages cannot be flagged, moved or deleted: {health.error}"
    return f"mailbox {name} is not read: {health.error}"


def reverse_path(octets: bytes) -> str:
    """Return the address in Return-Path, which the delivering server wrote (RFC 5321 section 4.4); nothing for `<>`.

    Not every server writes it. The address in From stands in then: a path that is not known is no null path, and what
    comes with a null path is never answered (RFC 3834).
    """
    head = _HEADER.split(octets[:_LONGEST_HEADER], 1)[0]
    if written := _RETURN_PATH.search(head):
        return normal(written[1].decode("ascii", "replace")) or ""
    sender = _FROM.search(head)
    return (single_mailbox(_FOLD.sub(b" ", sender[1]).decode("ascii", "replace")) or "") if sender else ""


def with_crlf(octets: bytes) -> bytes:
    """Give a file that has no CRLF at all its CRLF back.

    Mail travels with CRLF and signatures are made over it (RFC 3156 section 5), but local delivery writes LF. A file
    that has both was meant to be so, or is broken, and is left alone.
    """
    return octets if b"\r\n" in octets else octets.replace(b"\n", b"\r\n")
