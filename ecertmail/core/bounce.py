"""Reports about our outgoing mails (RFC 6522): is this one, and what does it say?

A report counts only for a delivery that we made, by its envelope recipient (`core/verp.py`) or by the Message-ID that
came back; that is for the caller to compare. Nothing inside the mail that came back is read but its Message-ID: our own
receipts are reports, too. A signed mail is none here: whoever verified the signature passes the signed part.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from ecertmail.core import dsn, hearsay, mdn
from ecertmail.core.address import mailboxes
from ecertmail.core.entity import MAX_DEPTH, MAX_PARTS, BrokenError, Entity, parse, parts
from ecertmail.core.report import blocks, message_id, plain
from ecertmail.findings import FindingCode
from ecertmail.reports import Kind, Report

__all__ = ["Kind", "Report", "addressed", "is_report", "read"]

_REPORT_TYPES = frozenset({"delivery-status", "disposition-notification"})
_READERS = {
    "message/delivery-status": dsn.read,
    "message/global-delivery-status": dsn.read,  # RFC 6533
    "message/disposition-notification": mdn.read,
    "message/global-disposition-notification": mdn.read,
}
_TO = ("To", "Delivered-To", "X-Original-To", "Envelope-To")
_RETURNED = frozenset(
    {"message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers", "message/rfc822-headers"}
)


def is_report(octets: bytes) -> bool:
    """Say whether a mail is a report about a mail; an automatic reply or a mail that quotes a bounce is none."""
    try:
        return _is_report(parse(octets))
    except BrokenError:
        return False


def read(octets: bytes) -> tuple[Report, ...]:
    """Read what a mail reports, recipient by recipient.

    Args:
        octets: the mail exactly as received, with CRLF line ends.

    Returns:
        At least one report for everything that `is_report`, be it of kind `unknown`; none for all other mails.
    """
    try:
        root = parse(octets)
        if not _is_report(root):
            return ()
    except BrokenError:
        return ()
    try:
        return _read(root)
    except BrokenError:
        return (Report(kind=Kind.UNKNOWN),)


def addressed(octets: bytes) -> frozenset[str]:
    """Return the addresses that a report says it came to; out of a mailbox, these are all that is known of it."""
    try:
        header = parse(octets).header
    except BrokenError:
        return frozenset()
    fields = (str(value) for name in _TO for value in header.get_all(name, []))
    return frozenset[str]().union(*map(mailboxes, fields))


def _is_report(root: Entity) -> bool:
    if root.type in {"multipart/signed", "multipart/encrypted"}:
        return False
    if root.type == "multipart/report":
        claimed = root.parameter("report-type").lower()
        if claimed in _REPORT_TYPES or (not claimed and any(leaf.type in _READERS for leaf in _leaves(root))):
            return True
    return hearsay.from_mail_system(root.header)


def _read(root: Entity, *, wrapped: bool = False) -> tuple[Report, ...]:
    leaves = list(islice(_leaves(root), MAX_PARTS))
    told = [report for leaf in leaves if leaf.type in _READERS for report in _READERS[leaf.type](plain(leaf))]
    inner = _wrapped(root, leaves) if not told and not wrapped else None
    if inner is not None:
        return _read(inner, wrapped=True)
    returned = _returned_id(leaves)
    found = (_complete(report, root, returned) for report in told or hearsay.read(root, leaves))
    return tuple(dict.fromkeys(found))


def _complete(report: Report, root: Entity, returned: str) -> Report:
    """Add the Message-ID; and what a server rejected with the means of RFC 5429 has failed, whatever it is called."""
    rejected = report.kind is Kind.DELETED and "(rejected)" in str(root.header.get("Auto-Submitted", "")).lower()
    kind = Kind.FAILED if rejected else report.kind
    return replace(report, kind=kind, message_id=report.message_id or returned)


def _wrapped(root: Entity, leaves: list[Entity]) -> Entity | None:
    """The report that a virus scanner wrapped up whole; not the mail that came back, which is no delivery status."""
    mails = [leaf for leaf in leaves if leaf.type == "message/rfc822"]
    if not mails or not _claims_delivery_status(root):
        return None
    try:
        inner = parse(plain(mails[0]))
        return inner if inner.type == "multipart/report" and _claims_delivery_status(inner) else None
    except BrokenError:
        return None


def _claims_delivery_status(entity: Entity) -> bool:
    return entity.parameter("report-type").lower() == "delivery-status"


def _returned_id(leaves: list[Entity]) -> str:
    for leaf in leaves:
        if leaf.type in _RETURNED:
            header = next(iter(blocks(plain(leaf))), [])
            return next((message_id(value) for name, value in header if name == "message-id"), "")
    return ""


def _leaves(entity: Entity, depth: int = 1) -> Iterator[Entity]:
    """Yield every part that can be read, but for what is inside mails; mail systems break more than partners may."""
    if not entity.type.startswith("multipart/"):
        yield entity
        return
    for part in _parts(entity) if depth <= MAX_DEPTH else ():
        try:
            child = parse(part)
            multipart = child.type.startswith("multipart/")
        except BrokenError:
            continue
        if multipart:
            yield from _leaves(child, depth + 1)
        else:
            yield child


def _parts(entity: Entity) -> list[bytes]:
    """Slice the parts, of a mail that was cut off before its last boundary as well."""
    try:
        return parts(entity)
    except BrokenError as broken:
        if broken.finding.code is FindingCode.MIME_LIMIT:
            return []
    try:
        boundary = entity.boundary.encode("latin-1", "replace")
        return parts(replace(entity, body=entity.body + b"\r\n--" + boundary + b"--"))
    except BrokenError:
        return []
