"""MIME, read by slicing: the signed part is cut out of the received octets and never serialised again.

Python's `email` changed the signed part in 10 of 84 real mails, so here it only reads single header blocks, after their
size was checked (its header parsing is quadratic). Limits come first, structure second, content last.
"""

import base64
import binascii
import quopri
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import compat32
from itertools import pairwise

from ecertmail.core.address import single_mailbox
from ecertmail.findings import Finding, FindingCode
from ecertmail.model import SignedMessage

MAX_HEADER_BLOCK = 64 * 1024
MAX_FIELD = 4 * 1024
MAX_FIELDS = 200
MAX_DEPTH = 8
MAX_PARTS = 50

_FIELD_START = re.compile(rb"^[!-9;-~]+[ \t]*:", re.MULTILINE)
_PARSER = BytesHeaderParser(policy=compat32)


class _BrokenError(Exception):
    """Carries the finding out of the nested readers; never leaves this module."""

    def __init__(self, code: FindingCode, detail: str = "") -> None:
        super().__init__(code.code)
        self.finding = Finding(code=code, detail=detail)


@dataclass(frozen=True, slots=True)
class Entity:
    """A MIME entity (RFC 2045 section 2.4): its exact octets, its parsed header block and its raw body."""

    octets: bytes
    header: Message
    body: bytes

    @property
    def type(self) -> str:
        """The media type in lower case, such as `multipart/signed`."""
        return _guarded(self.header.get_content_type)

    def parameter(self, name: str) -> str:
        """A Content-Type parameter, or the empty string."""
        return _guarded(lambda: self.header.get_param(name))

    @property
    def boundary(self) -> str:
        """The boundary parameter, or the empty string."""
        return _guarded(lambda: self.header.get_boundary(""))

    @property
    def filename(self) -> str:
        """The file name as one line of printable text, or the empty string; only ever shown, never opened."""
        return printable(_guarded(lambda: self.header.get_filename("")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """One leaf of the signed part, transfer-decoded."""

    type: str
    filename: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """What the operator is shown of any mail, however broken: unverified, for display only."""

    sender: str
    subject: str
    message_id: str


def read_signed(octets: bytes) -> SignedMessage | Finding:
    """Slice a PGP/MIME mail into its signed octets and its signature (RFC 3156 section 5).

    Args:
        octets: the mail exactly as received, with CRLF line ends.

    Returns:
        The two halves, or the one finding that says why this is not a signed mail.
    """
    try:
        root = _entity(octets)
        if root.type != "multipart/signed":
            return Finding(code=_why_unsigned(root))
        if "pkcs7" in root.parameter("protocol").lower():
            return Finding(code=FindingCode.SMIME_SIGNED)
        signed, signature = _two_parts(root)
    except _BrokenError as broken:
        return broken.finding
    senders = root.header.get_all("From", [])
    return SignedMessage(
        signed_octets=signed,
        signature=signature,
        from_address=single_mailbox(_unfold(senders[0])) if len(senders) == 1 else None,
        message_id=_text(root.header, "Message-ID"),
        subject=_text(root.header, "Subject"),
    )


def attachments(octets: bytes) -> tuple[Attachment, ...] | Finding:
    """Return every leaf of an entity, decoded, within the limits on depth and number."""
    try:
        leaves = []
        for leaf in _leaves(_entity(octets), 1):
            leaves.append(_attachment(leaf))
            if len(leaves) > MAX_PARTS:
                return Finding(code=FindingCode.MIME_LIMIT, detail=f"more than {MAX_PARTS} parts")
        return tuple(leaves)
    except _BrokenError as broken:
        return broken.finding


def media_type(octets: bytes) -> str:
    """Return the media type of an entity, or the empty string when its header cannot be read."""
    try:
        return _entity(octets).type
    except _BrokenError:
        return ""


def headline(octets: bytes) -> Headline:
    """Return sender, subject and Message-ID of any octets for display; nothing here was verified."""
    try:
        header = _entity(octets).header
    except _BrokenError:
        return Headline(sender="", subject="", message_id="")
    return Headline(
        sender=_text(header, "From"), subject=_text(header, "Subject"), message_id=_text(header, "Message-ID")
    )


def printable(text: str) -> str:
    """Replace what a line of text, XML or UTF-8 cannot hold: control characters, direction overrides, surrogates."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _guarded(read: Callable[[], object]) -> str:
    """Read a header parameter; Python's RFC 2231 decoder has several exceptions to offer for broken ones."""
    try:
        value = read()
    except (LookupError, TypeError, ValueError) as error:
        raise _BrokenError(FindingCode.MIME_MALFORMED, "a header parameter that cannot be decoded") from error
    return value if isinstance(value, str) else ""


def _entity(octets: bytes) -> Entity:
    if octets.startswith(b"\r\n"):
        block, body = b"", octets[2:]
    else:
        block, _, body = octets.partition(b"\r\n\r\n")
    if len(block) > MAX_HEADER_BLOCK:
        raise _BrokenError(FindingCode.MIME_LIMIT, f"header block over {MAX_HEADER_BLOCK} octets")
    starts = [match.start() for match in _FIELD_START.finditer(block)]
    if len(starts) > MAX_FIELDS:
        raise _BrokenError(FindingCode.MIME_LIMIT, f"more than {MAX_FIELDS} header fields")
    longest = max((end - start for start, end in pairwise([*starts, len(block)])), default=0)
    if longest > MAX_FIELD:
        raise _BrokenError(FindingCode.MIME_LIMIT, f"a header field over {MAX_FIELD} octets")
    return Entity(octets, _PARSER.parsebytes(block + b"\r\n\r\n"), body)


def _parts(entity: Entity) -> list[bytes]:
    """Slice a multipart's parts, without the CRLF that belongs to the next boundary (RFC 2046 section 5.1.1)."""
    boundary = entity.boundary
    if not boundary or len(boundary) > 200:
        raise _BrokenError(FindingCode.MIME_MALFORMED, "a multipart without a usable boundary")
    parts: list[bytes] = []
    start = None
    for begin, end, closing in _delimiters(entity.body, b"--" + boundary.encode("latin-1", "replace")):
        if start is not None:
            parts.append(entity.body[start : max(begin, start)])
        if closing:
            return parts
        start = end
        if len(parts) > MAX_PARTS:
            raise _BrokenError(FindingCode.MIME_LIMIT, f"more than {MAX_PARTS} parts")
    raise _BrokenError(FindingCode.MIME_MALFORMED, "a multipart without its closing boundary")


def _delimiters(body: bytes, dashed: bytes) -> Iterator[tuple[int, int, bool]]:
    """Yield each boundary line: where the part before it ends, where the one after it starts, whether it closes."""
    at = body.find(dashed)
    while at >= 0:
        after = at + len(dashed)
        if at == 0 or body[at - 2 : at] == b"\r\n":
            eol = body.find(b"\r\n", after)
            end = eol if eol >= 0 else len(body)
            rest = body[after:end].rstrip(b" \t")
            if rest in {b"", b"--"}:
                yield max(at - 2, 0), min(end + 2, len(body)), rest == b"--"
            after = end
        at = body.find(dashed, after)


def _two_parts(root: Entity) -> tuple[bytes, bytes]:
    parts = _parts(root)
    if len(parts) != 2:
        raise _BrokenError(FindingCode.SIGNED_STRUCTURE, f"it has {len(parts)} parts")
    signature = _entity(parts[1])
    if signature.type != "application/pgp-signature":
        raise _BrokenError(FindingCode.SIGNED_STRUCTURE, f"its second part is {signature.type}")
    return parts[0], _decoded(signature)


def _leaves(entity: Entity, depth: int) -> Iterator[Entity]:
    if depth > MAX_DEPTH:
        raise _BrokenError(FindingCode.MIME_LIMIT, f"nested deeper than {MAX_DEPTH}")
    if not entity.type.startswith("multipart/"):
        yield entity
        return
    for part in _parts(entity):
        yield from _leaves(_entity(part), depth + 1)


def _attachment(leaf: Entity) -> Attachment:
    return Attachment(type=leaf.type, filename=leaf.filename, data=_decoded(leaf))


def _decoded(entity: Entity) -> bytes:
    encoding = str(entity.header.get("Content-Transfer-Encoding", "7bit")).strip().lower()
    if encoding == "base64":
        try:
            return base64.b64decode(entity.body.translate(None, b" \t\r\n"), validate=True)
        except binascii.Error as error:
            raise _BrokenError(FindingCode.MIME_MALFORMED, "a part whose base64 cannot be decoded") from error
    if encoding == "quoted-printable":
        return quopri.decodestring(entity.body)
    if encoding in {"7bit", "8bit", "binary", ""}:
        return entity.body
    raise _BrokenError(FindingCode.MIME_MALFORMED, "a part with an unknown Content-Transfer-Encoding")


def _why_unsigned(root: Entity) -> FindingCode:
    if root.type == "multipart/encrypted":
        return FindingCode.ENCRYPTED
    if root.type in {"application/pkcs7-mime", "application/x-pkcs7-mime"}:
        return FindingCode.SMIME_SIGNED
    if b"-----BEGIN PGP SIGNED MESSAGE-----" in root.body:
        return FindingCode.INLINE_SIGNED
    return FindingCode.NOT_SIGNED


def _unfold(value: object) -> str:
    return re.sub(r"\r?\n[ \t]", " ", str(value)).strip()


def _text(header: Message, name: str) -> str:
    """A header as one line of text, RFC 2047 words decoded, cut at 200 characters; broken ones as they stand."""
    raw = _unfold(header.get(name, ""))
    try:
        text = str(make_header(decode_header(raw)))
    except (LookupError, UnicodeError, ValueError, binascii.Error):
        text = raw
    return printable(text)[:200]
