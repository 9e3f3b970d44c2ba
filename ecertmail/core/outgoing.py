"""A batch mail ready to send: certificates as attachments under one signature (RFC 3156), for any mail system."""

from collections.abc import Callable, Sequence
from datetime import datetime
from email.utils import format_datetime

from ecertmail.core import compose


def batch_mail(
    documents: Sequence[tuple[str, bytes]],
    sender: str,
    recipient: str,
    now: datetime,
    message_id: str,
    sign: Callable[[bytes], bytes],
) -> bytes:
    """Return a signed mail.

    Args:
        documents: (file name, XML octets) of each attachment.
        sender: the address in From.
        recipient: the address of the authority that shall receive it; it stands in the signed part too.
        now: the Date.
        message_id: with angle brackets.
        sign: makes an armoured detached SHA-512 signature.
    """
    header = {
        "From": sender,
        "To": recipient,
        "Subject": f"Electronic certificates ({len(documents)} file{'' if len(documents) == 1 else 's'})",
        "Date": format_datetime(now),
        "Message-ID": message_id,
    }
    kind, inner = compose.protected("multipart/mixed", header)
    parts = [compose.text("Electronic export certificates, attached as XML.\n")]
    parts += [compose.attachment(octets, "application/xml", name) for name, octets in documents]
    part = compose.multipart(kind, parts, message_id, inner)
    return compose.signed(part, sign(part), message_id, header)
