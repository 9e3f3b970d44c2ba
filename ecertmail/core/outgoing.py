"""Mails that people make ready on the command line, each under one signature (RFC 3156), for any mail system."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from ecertmail.core import compose, key_offer
from ecertmail.core.compose import Draft

Sign = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What stands on an outgoing mail: plain addresses, the Date, and the Message-ID with angle brackets.

    `encrypt` makes an armoured OpenPGP message; None leaves the mail in clear.
    """

    sender: str
    recipient: str
    now: datetime
    message_id: str
    encrypt: Callable[[bytes], bytes] | None = None


def batch_mail(documents: Sequence[tuple[str, bytes]], letter: Letter, sign: Sign) -> bytes:
    """Return a signed mail with certificates attached.

    Args:
        documents: (file name, XML octets) of each attachment.
        letter: from whom it is, and to which authority; both stand in the signed part too.
        sign: makes an armoured detached SHA-512 signature.
    """
    subject = f"Electronic certificates ({len(documents)} file{'' if len(documents) == 1 else 's'})"
    attached = [compose.attachment(octets, "application/xml", name) for name, octets in documents]
    return _mail(subject, "Electronic export certificates, attached as XML.\n", attached, letter, sign)


def key_offer_mail(fingerprint: str, public_key: bytes, letter: Letter, sign: Sign) -> bytes:
    """Return a signed statement that another key shall speak for the sender (read by `core/key_offer.py`).

    Args:
        fingerprint: of the new key, 40 hex digits.
        public_key: the new key.
        letter: from whom it is, and to which partner.
        sign: signs with the key that the partner has.
    """
    attached = compose.attachment(public_key, key_offer.MEDIA_TYPE, "new-key.asc")
    return _mail("A new OpenPGP key", key_offer.statement(fingerprint), [attached], letter, sign)


def command_mail(lines: Sequence[str], letter: Letter, sign: Sign) -> bytes:
    """Return a signed mail with commands, one a line (read by `core/command.py`)."""
    return _mail("Subscriptions", "\n".join(lines) + "\n", [], letter, sign)


def _mail(subject: str, text: str, attached: Sequence[bytes], letter: Letter, sign: Sign) -> bytes:
    header = {
        "From": letter.sender,
        "To": letter.recipient,
        "Subject": subject,
        "Date": format_datetime(letter.now),
        "Message-ID": letter.message_id,
    }
    outer = {**header, "Subject": "[...]"} if letter.encrypt else header
    kind, inner = compose.protected("multipart/mixed", header, outer if letter.encrypt else None)
    part = compose.multipart(kind, [compose.text(text), *attached], letter.message_id, inner)
    draft = Draft(header=outer, part=part, message_id=letter.message_id)
    signature = sign(part)
    return draft.encrypted(letter.encrypt(draft.inside(signature))) if letter.encrypt else draft.signed(signature)
