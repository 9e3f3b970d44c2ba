"""Leaving a subscription by mail, as every push offers it (RFC 2369): a subject with a token that only we can make.

Whoever got the mail may leave, without a signature; whoever only knows an address cannot end somebody else's.
"""

import hmac
import re
from datetime import datetime
from email.utils import format_datetime, formataddr

from ecertmail.core import compose
from ecertmail.core.compose import Draft
from ecertmail.core.header import LOOP
from ecertmail.core.tag import PATTERN, tag
from ecertmail.message import Wish
from ecertmail.parties import Authority

_SUBJECT = re.compile(rf"(?:re:\s*)?UNSUBSCRIBE\s+([a-z0-9-]{{1,41}})\s+({PATTERN})", re.IGNORECASE)


def is_granted(wish: Wish, secret: bytes) -> bool:
    """Say whether the token is the one that we gave out for this subscription."""
    return hmac.compare_digest(wish.token, token(secret, wish.subscription))


def token(secret: bytes, subscription_id: str) -> str:
    """Return the token of a subscription: 60 bits that nobody can guess."""
    return tag(secret, f"ecertmail unsubscribe {subscription_id}")


def subject(secret: bytes, subscription_id: str) -> str:
    """Return the subject that ends a subscription."""
    return f"UNSUBSCRIBE {subscription_id} {token(secret, subscription_id)}"


def read(line: str) -> Wish | None:
    """Read a subject; None if it asks for something else."""
    match = _SUBJECT.fullmatch(line.strip())
    return Wish(subscription=match[1].lower(), token=match[2].lower()) if match else None


def confirmation(authority: Authority, address: str, subscription_id: str, now: datetime, message_id: str) -> Draft:
    """Write the one answer: to the address of the subscription, whoever asked."""
    header = {
        "From": formataddr((authority.name, authority.address)),
        "To": address,
        "Subject": f"Subscription {subscription_id} has ended",
        "Date": format_datetime(now),
        "Message-ID": message_id,
        "Auto-Submitted": "auto-replied",
        LOOP: authority.address,
    }
    text = (
        f"No more certificates are sent to {address} as subscriber {subscription_id}, as a mail to us asked.\n"
        "If that was not you, or not meant, the operator can take it up again.\n"
    )
    kind, inner = compose.protected("multipart/mixed", header)
    part = compose.multipart(kind, [compose.text(text)], message_id, inner)
    return Draft(header=header, part=part, message_id=message_id)
