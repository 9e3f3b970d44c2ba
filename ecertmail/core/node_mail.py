"""A mail of this node to a partner's node that is answered with a receipt: text and documents under one signature."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime, formataddr

from ecertmail.core import compose
from ecertmail.core.compose import Draft
from ecertmail.core.entity import printable
from ecertmail.core.header import LOOP
from ecertmail.parties import Authority, Partner

ENDING = "The attached XML is for programs; this text is for reading. The mail is signed as a whole."


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """From whom it is, to which partner, when, and its Message-ID with angle brackets.

    With `cipher` the mail is going to be encrypted, and its subject is hidden (RFC 9788 section 3.2.1).
    """

    authority: Authority
    partner: Partner
    now: datetime
    message_id: str
    cipher: bool = False


def draft(head: Head, subject: str, lines: Sequence[str], attached: Sequence[bytes]) -> Draft:
    """Write a mail that asks for a receipt (RFC 8098), in the signed part too.

    Args:
        head: everything but what it says.
        subject: in words.
        lines: the readable text.
        attached: complete MIME entities.
    """
    ours = head.authority.address
    header = {
        "From": formataddr((head.authority.name, ours)),
        "To": head.partner.receipt_address,
        "Subject": printable(subject),
        "Date": format_datetime(head.now),
        "Message-ID": head.message_id,
        "Auto-Submitted": "auto-generated",
        "Disposition-Notification-To": ours,
        LOOP: ours,
    }
    outer = {**header, "Subject": "[...]"} if head.cipher else header
    kind, inner = compose.protected("multipart/mixed", header, outer if head.cipher else None)
    words = "\n".join(map(printable, (*lines, "", ENDING))) + "\n"
    part = compose.multipart(kind, [compose.text(words), *attached], head.message_id, inner)
    return Draft(header=outer, part=part, message_id=head.message_id)
