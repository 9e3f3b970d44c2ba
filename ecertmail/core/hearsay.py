"""Bounces in prose: mails from mail systems that have no part for programs, or an empty one.

Whether a mail is from a mail system at all is said by its header alone, strictly: an automatic reply, or a person who
writes about a bounce, must not be taken for one. Who could not be reached is then found by `flufl.bounce`, which is
given a message rebuilt within our limits: few header fields, short lines, and nothing of the mail that came back.
"""

import re
from dataclasses import replace
from email.message import Message

from flufl.bounce import all_failures

from ecertmail.core import dsn
from ecertmail.core.address import ADDR_SPEC, normal
from ecertmail.core.entity import Entity
from ecertmail.core.header import text, traits
from ecertmail.core.report import line, message_id, plain
from ecertmail.reports import Kind, Report

MAX_TEXT = 8 * 1024  # in all parts together: 1.5 s at worst
MAX_WIDTH = 320  # one of the patterns is cubic in the length of a line
MAX_SEARCHED = 64 * 1024
MAX_RECIPIENTS = 100

_DAEMON = re.compile(
    r"\b(?:mailer[-_.]?daemon|mdaemon|mail[-_. ]?delivery[-_. ]?(?:sub)?system)\b|<>\s*$", re.IGNORECASE
)
_OFFICE = re.compile(
    r"\b(?:postmaster|system administrator|delivery (?:sub)?system|mail administrator)\b", re.IGNORECASE
)
_PHRASE = re.compile(
    r"(?:warning: message\b|undeliver(?:able|ed)\b|delivery (?:status notification|fail|problem|has failed)"
    r"|(?:message|mail) (?:delivery|could not be delivered|not delivered|system error)\b|returned mail\b"
    r"|failure notice\b|delayed mail\b|unzustellbar\b|non remis\b|onbestelbaar\b|no se puede entregar\b)",
    re.IGNORECASE,
)
_APPENDED = re.compile(r": non remis\b.{0,40}$", re.IGNORECASE)
_AWAY = re.compile(r"(?:auto(?:matic|mated)?[- ]?(?:reply|response|answer)|out of (?:the )?office)\b", re.IGNORECASE)
_WAITING = re.compile(
    r"warning only|still being retried|not yet been delivered|will be retried|attempts will continue"
    r"|has been (?:delayed|postponed)|no action is required on your part|do not need to (?:resend|take any action)",
    re.IGNORECASE,
)
_ENHANCED_OR_REPLY = re.compile(r"(?<![\d.])(?:[45]\.[0-7]\.\d{1,3}(?!\.?\d)|[45]\d\d[ -])")
_COPIED_ID = re.compile(r"^[ \t>]{0,8}message-id:\s{0,4}(<[^<>\s]{1,250}>)", re.IGNORECASE | re.MULTILINE)


def from_mail_system(header: Message) -> bool:
    """Say whether a header is that of a mail from a mail system, and of no automatic reply."""
    sender, subject = text(header, "From"), text(header, "Subject")
    if _AWAY.match(subject) or "(vacation)" in str(header.get("Auto-Submitted", "")).lower():
        return False
    path = text(header, "Return-Path")
    office = bool(_OFFICE.search(sender) or path == "<>" or _DAEMON.search(path) or traits(header).auto_submitted)
    return bool(
        _DAEMON.search(sender)
        or "X-Failed-Recipients" in header
        or _APPENDED.search(subject)
        or (office and _PHRASE.match(subject))
    )


def read(root: Entity, leaves: list[Entity]) -> tuple[Report, ...]:
    """Read a mail from a mail system, of which nothing may be known but that it is one."""
    told = next((plain(leaf)[:MAX_TEXT] for leaf in leaves if leaf.type.startswith("text/")), b"").decode(
        "utf-8", "replace"
    )
    waiting, failed = _recipients(root, leaves)
    if _WAITING.search(text(root.header, "Subject")) or _WAITING.search(told[:2000]):
        waiting, failed = waiting | failed, frozenset()
    only_one = len(waiting | failed) == 1
    diagnostic = next((row for row in told.splitlines() if only_one and _ENHANCED_OR_REPLY.search(row)), "")
    status = dsn.code(diagnostic)
    known = Report(kind=Kind.UNKNOWN, status=status, diagnostic=line(diagnostic), message_id=_copied_id(leaves))
    hard = dsn.permanent(status, diagnostic)
    return (
        *(replace(known, kind=Kind.FAILED, recipient=address, hard=hard) for address in sorted(failed)),
        *(replace(known, kind=Kind.DELAYED, recipient=address) for address in sorted(waiting - failed)),
    )[:MAX_RECIPIENTS] or (known,)


def _recipients(root: Entity, leaves: list[Entity]) -> tuple[frozenset[str], frozenset[str]]:
    """Who waits and who failed: as Exim and Gmail list it, or as the text is understood."""
    listed = str(root.header.get("X-Failed-Recipients", "")).split(",")
    if failed := frozenset(filter(None, (normal(address.strip()) for address in listed))):
        return frozenset(), failed
    try:
        waiting, gone = all_failures(_rebuilt(root, leaves))
    except Exception:  # noqa: BLE001 - guesswork over strangers' mails must not stop anything
        return frozenset(), frozenset()
    return _normal(waiting), _normal(gone)


def _normal(addresses: frozenset[bytes]) -> frozenset[str]:
    return frozenset(filter(None, (normal(address.decode("ascii", "replace")) for address in addresses)))


def _rebuilt(root: Entity, leaves: list[Entity]) -> Message:
    message, left = _shell(root), MAX_TEXT
    for leaf in leaves:
        words = _words(leaf)[:left]
        left -= len(words)
        if leaf is root:
            message.set_payload(words)
        else:
            part = _shell(leaf)
            part.set_payload(words)
            message.attach(part)
    return message


def _shell(entity: Entity) -> Message:
    message = Message()
    sender = ADDR_SPEC.search(text(entity.header, "From"))
    message["From"] = sender[0] if sender else "nobody@invalid"  # without one, 6.0.0 raises
    for name in ("X-Mailer", "Content-Description"):
        if name in entity.header:
            message[name] = text(entity.header, name)
    message["Content-Type"] = entity.type
    return message


def _words(leaf: Entity) -> str:
    """The mail system's own words, in short lines; the header that came back is none of them."""
    if not leaf.type.startswith("text/") or leaf.type == "text/rfc822-headers":
        return ""
    rows = plain(leaf)[:MAX_TEXT].decode("ascii", "replace").splitlines()
    return "".join(f"{row[:MAX_WIDTH]}\n" for row in rows)


def _copied_id(leaves: list[Entity]) -> str:
    """The Message-ID in a copy of the mail, or of its header, that stands in the text itself."""
    for leaf in leaves:
        if leaf.type.startswith("text/"):
            match = _COPIED_ID.search(plain(leaf)[:MAX_SEARCHED].decode("utf-8", "replace"))
            if match:
                return message_id(match[1])
    return ""
