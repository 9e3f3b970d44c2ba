"""The token of a ticket: what a reply of an official carries in its recipient's address and in its subject.

`d17.abcdefghijkl` is the purpose, the number and the tag of a ticket. Mail clients drop In-Reply-To, and some break a
subject or an address; one of the two is enough. Whoever has a token is not yet believed: it was given to one official.
"""

import hmac
import re
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC
from unicodedata import category, normalize
from urllib.parse import quote

from ecertmail.core.tag import NUMBER, PATTERN, extended, extension, tag
from ecertmail.letter import Choice
from ecertmail.official import Decision, Purpose, Ticket

MOST = 2**63 - 1  # tickets in an SQLite file
_LETTERS = "".join(purpose.value for purpose in Purpose)
_TOKEN = re.compile(rf"([{_LETTERS}])({NUMBER})\.{PATTERN}")
_BRACKETED = re.compile(rf"[\[\u3010]\s*([{_LETTERS}])\s*({NUMBER})\s*\.\s*({PATTERN})\s*[\]\u3011]", re.IGNORECASE)


def token(secret: bytes, ticket: Ticket) -> str:
    """Return the token of a ticket; it is good for this number, purpose, official and end, and nothing else."""
    name = f"{ticket.purpose.value}{ticket.id}"
    end = ticket.expires_at.astimezone(UTC).isoformat(timespec="seconds")
    return f"{name}.{tag(secret, f'ecertmail ticket {name} {ticket.official} {end}')}"


def is_good(secret: bytes, ticket: Ticket, given: str) -> bool:
    """Say whether a token is the one that this node made for a ticket."""
    return hmac.compare_digest(given.encode(), token(secret, ticket).encode())


def named(given: str) -> tuple[Purpose, int] | None:
    """Return which ticket a token says that it is of; None if it is no token."""
    match = _TOKEN.fullmatch(given)
    return (Purpose(match[1]), int(match[2])) if match and int(match[2]) <= MOST else None


def address(mailbox: str, given: str) -> str:
    """Return the address that a reply with this token goes to.

    Raises:
        ValueError: no such address can be made of the mailbox.
    """
    made = extended(mailbox, given)
    if made is None:
        raise ValueError(f"no address can be made of {mailbox} and {given}")
    return made


def in_address(recipient: str, mailboxes: Iterable[str]) -> str | None:
    """Return the token in an address made from one of these mailboxes, good or not; None if there is none."""
    found = (extension(recipient, mailbox) for mailbox in mailboxes)
    return next((given for given in found if _TOKEN.fullmatch(given)), None)


def in_subject(subject: str) -> str | None:
    """Return the first token in a subject, good or not; None if there is none.

    Input methods make brackets, digits and dots wide, and right-to-left text comes with marks that nobody sees.
    """
    return next(iter(_in_subject(subject)), None)


def presented(recipients: Iterable[str], subject: str, mailboxes: Collection[str]) -> str:
    """Return the one token that a mail comes with; empty if there is none, or if it names more than one ticket."""
    found = {given for one in recipients if (given := in_address(one, mailboxes))}.union(_in_subject(subject))
    return found.pop() if len(found) == 1 else ""


def ours(mailboxes: Iterable[str], recipient: str) -> bool:
    """Say whether an address looks like that of a ticket: only the ledger knows, and it takes no more than a mailbox.

    What comes to a mailbox of ours is taken whoever sent it, so a guessed address opens no door that is closed.
    """
    return in_address(recipient, mailboxes) is not None


def choices(words: Mapping[Decision, str], number: str, given: str, mailbox: str) -> tuple[Choice, ...]:
    """Return links that open a mail with one decision on one certificate, ready to be sent (RFC 6068)."""
    local, _, domain = address(mailbox, given).partition("@")
    recipient = f"{quote(local, safe='')}@{domain}"
    return tuple(
        Choice(decision=decision, link=f"mailto:{recipient}?{_fields(f'{word} {number}', given)}")
        for decision, word in words.items()
    )


def _fields(line: str, given: str) -> str:
    subject, body = f"{line} [{given}]", f"{line}\r\n"
    return f"subject={quote(subject, safe='')}&body={quote(body, safe='')}"


def _in_subject(subject: str) -> list[str]:
    visible = "".join(char for char in normalize("NFKC", subject) if category(char) != "Cf")
    return ["".join((letter, number, ".", tag)).lower() for letter, number, tag in _BRACKETED.findall(visible)]
