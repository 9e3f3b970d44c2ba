"""An envelope sender of its own for each delivery, so that a bounce names its delivery even when nobody can read it.

`ecert+b17.<tag>@mpi.example`: the tag is a keyed hash of mailbox and number, so that nobody can report a failure of a
delivery whose mail never came by. Whoever got the mail knows the address, and may well say that it bounced.
"""

import hmac
import re
from collections.abc import Collection

from ecertmail.core.address import normal
from ecertmail.core.tag import NUMBER, PATTERN, extended, extension, tag
from ecertmail.delivery import Delivery

MAX_NUMBER = 10**18
TRACED = frozenset({"push", "notice", "acknowledgement"})
"""Kinds of mail whose failure is to be reported to us; a receipt or a report to the operator has no one to tell."""
_TAGGED = re.compile(rf"b({NUMBER})\.({PATTERN})")


def verp(mailbox: str, delivery_id: int, secret: bytes) -> str:
    """Return the envelope sender for a delivery.

    Args:
        mailbox: our address that takes bounces, and with it everything after a `+`.
        delivery_id: the number of the delivery, from 1.
        secret: known to this node only; at least 16 random octets.

    Raises:
        ValueError: the mailbox is no plain address, or too long to be tagged (RFC 5321 section 4.5.3.1.1).
    """
    made = extended(mailbox, f"b{delivery_id}.{_tag(mailbox.lower(), delivery_id, secret)}")
    if delivery_id < 1 or made is None:
        raise ValueError(f"no bounce address can be made of {mailbox} and {delivery_id}")
    return made


def delivery_of(address: str, mailbox: str, secret: bytes) -> int | None:
    """Return the delivery whose envelope sender this is; None if it is none that this node made."""
    match = _TAGGED.fullmatch(extension(address, mailbox))
    if match is None:
        return None
    number = int(match[1])
    return number if hmac.compare_digest(match[2], _tag(mailbox.lower(), number, secret)) else None


def reverse_path(mailbox: str, secret: bytes, delivery: Delivery) -> str:
    """Return the envelope sender that a delivery goes out with; that of an answer stays empty (RFC 3834)."""
    return verp(mailbox, delivery.id, secret) if delivery.kind in TRACED else delivery.reverse_path


def ours(mailboxes: Collection[str], secret: bytes, address: str) -> bool:
    """Say whether mail to this address is for us: it is a mailbox of ours, or an envelope sender made from one."""
    return normal(address) in mailboxes or any(delivery_of(address, box, secret) is not None for box in mailboxes)


def _tag(mailbox: str, delivery_id: int, secret: bytes) -> str:
    return tag(secret, f"ecertmail bounce {mailbox} {delivery_id}")
