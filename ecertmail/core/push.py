"""The mail that brings new certificates to a subscriber: readable text and XML under one signature."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime, formataddr
from urllib.parse import quote

from ecertmail.core import compose
from ecertmail.core.compose import Draft
from ecertmail.core.entity import printable
from ecertmail.core.header import LOOP
from ecertmail.core.packing import Held
from ecertmail.core.profiles import CERTIFICATES
from ecertmail.model import CertificateStatus
from ecertmail.parties import Authority
from ecertmail.subscription import Fresh, Subscription


@dataclass(frozen=True, slots=True, kw_only=True)
class Letterhead:
    """Everything about a push but its certificates; `leave` is the subject of a mail that ends the subscription.

    A partner's own node is asked for a receipt (RFC 8098), in the signed part.
    """

    authority: Authority
    subscription: Subscription
    leave: str
    now: datetime
    message_id: str


def draft(head: Letterhead, certificates: Sequence[Fresh], *, cipher: bool = False) -> Draft:
    """Write a push with these certificates, in the order of the ledger; with `cipher` its subject is hidden."""
    header = _header(head, certificates)
    outer = {**header, "Subject": "[...]"} if cipher else header
    kind, inner = compose.protected("multipart/mixed", header, outer if cipher else None)
    parts = [compose.text(_text(head, certificates))]
    parts += [compose.attachment(octets, "application/xml", name) for name, octets in documents(certificates)]
    part = compose.multipart(kind, parts, head.message_id, inner)
    return Draft(header=outer, part=part, message_id=head.message_id)


def documents(certificates: Sequence[Fresh]) -> list[tuple[str, bytes]]:
    """Return the XML files: one for all of the `certificates` format, and one for each SPSCertificate."""
    flat, others = _by_file(certificates)
    together = b"".join(certificate.octets for certificate in flat)
    files = [("certificates.xml", _document(b"<certificates>" + together + b"</certificates>"))] if flat else []
    return files + [(f"certificate-{other.entry}.xml", _document(other.octets)) for other in others]


def held(certificates: Sequence[Fresh]) -> list[Held]:
    """Return the certificates in the order in which they stand in the mail."""
    return [Held(one.entry, one.octets) for group in _by_file(certificates) for one in group]


def list_header(authority: Authority, subscription: Subscription, leave: str) -> dict[str, str]:
    """Return the header fields by which mail programs know a subscription, and offer to end it (RFC 2919, RFC 2369)."""
    ours = authority.address
    return {
        "List-Id": f"<{subscription.id}.certificates.{ours.rpartition('@')[2]}>",
        "List-Unsubscribe": f"<mailto:{ours}?subject={quote(leave)}>",
    }


def _by_file(certificates: Sequence[Fresh]) -> tuple[list[Fresh], list[Fresh]]:
    """Return the certificates that share one file, and those that have a file each."""
    flat = [one for one in certificates if one.profile == CERTIFICATES.name]
    return flat, [one for one in certificates if one.profile != CERTIFICATES.name]


def _document(octets: bytes) -> bytes:
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + octets + b"\n"


def _header(head: Letterhead, certificates: Sequence[Fresh]) -> dict[str, str]:
    ours = head.authority.address
    header = {
        "From": formataddr((head.authority.name, ours)),
        "To": head.subscription.address,
        "Subject": _subject(certificates),
        "Date": format_datetime(head.now),
        "Message-ID": head.message_id,
        "Auto-Submitted": "auto-generated",
        **list_header(head.authority, head.subscription, head.leave),
        LOOP: ours,
    }
    return header | ({"Disposition-Notification-To": ours} if head.subscription.partner else {})


def _subject(certificates: Sequence[Fresh]) -> str:
    if len(certificates) > 1:
        return f"{len(certificates)} export certificates"
    [one] = certificates
    return f"Export certificate {printable(one.number)}: {_word(one.status)}"


def _text(head: Letterhead, certificates: Sequence[Fresh]) -> str:
    lines = [f"{head.authority.name} sends you {_subject(certificates)}.", ""]
    for one in certificates:
        lines += [f"{printable(one.number)}: {_word(one.status).upper()}", *(f"    {line}" for line in _facts(one)), ""]
    lines += [
        "The attached XML is the certificate; this text is for reading. The mail is signed as a whole.",
        f"You get it as subscriber {head.subscription.id}. To end that, send a mail with the subject",
        f"{head.leave}",
        f"to {head.authority.address}.",
    ]
    return "\n".join(lines) + "\n"


def _facts(one: Fresh) -> list[str]:
    facts = [
        one.title,
        f"from {one.exporting} to {one.importing or '(not named)'}",
        f"issued at {one.issued_at}" if one.issued_at else "",
        f"type {one.type}" if one.type else "",
        f"ledger entry {one.entry}, SHA-256 {one.sha256}",
    ]
    return [printable(fact) for fact in facts if fact]


def _word(status: str) -> str:
    return CertificateStatus(status).name.lower()
