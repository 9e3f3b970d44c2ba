"""What is read of a mail: its signed part, cut out of the received octets, and the leaves inside it.

Python's `email` changed the signed part in 10 of 84 real mails, so nothing is ever parsed and serialised again.
"""

from dataclasses import dataclass
from email.message import Message

from ecertmail.core.entity import MAX_PARTS, BrokenError, Entity, decoded, leaves, parse, parts
from ecertmail.core.header import protected, sender, text, traits
from ecertmail.findings import Finding, FindingCode
from ecertmail.message import SignedMessage

_SIGNATURE = "application/pgp-signature"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Encrypted:
    """A PGP/MIME encrypted mail (RFC 3156 section 4): its outer header and its ciphertext."""

    outer: Message
    ciphertext: bytes


def read(octets: bytes) -> SignedMessage | Encrypted | Finding:
    """Slice a PGP/MIME mail into its signed octets and its signature, or find it encrypted (RFC 3156 sections 4, 5).

    Args:
        octets: the mail exactly as received, with CRLF line ends.

    Returns:
        The two halves, what is to be decrypted first, or the one finding that says why this is not a signed mail.
    """
    try:
        root = parse(octets)
        if root.type == "multipart/encrypted":
            return Encrypted(outer=root.header, ciphertext=_ciphertext(root))
        return _signed(root, root.header, encrypted=False)
    except BrokenError as broken:
        return broken.finding


def read_decrypted(mail: Encrypted, content: bytes, signature: bytes) -> SignedMessage | Finding:
    """Read what was inside an encrypted mail, which passes the same checks as a mail in clear.

    Args:
        mail: the encrypted mail.
        content: what was decrypted.
        signature: the armoured signature over the content if it came along inside (RFC 3156 section 6.2), else empty.
    """
    try:
        if signature:
            return _message(content, signature, mail.outer, encrypted=True)
        return _signed(parse(content), mail.outer, encrypted=True)
    except BrokenError as broken:
        return broken.finding


def content(signed: bytes) -> tuple[Attachment, ...] | Finding:
    """Return every leaf of a signed part, decoded.

    A text-mode signature covers either line end, so the same signature could have two sets of octets, and two MICs:
    every line must end with CRLF.
    """
    if not signed.count(b"\r\n") == signed.count(b"\r") == signed.count(b"\n"):
        return Finding(code=FindingCode.MIME_MALFORMED, detail="a bare CR or LF in the signed part")
    return attachments(signed)


def attachments(octets: bytes) -> tuple[Attachment, ...] | Finding:
    """Return every leaf of an entity, decoded, within the limits on depth and number."""
    try:
        found = []
        for leaf in leaves(parse(octets)):
            found.append(_attachment(leaf))
            if len(found) > MAX_PARTS:
                return Finding(code=FindingCode.MIME_LIMIT, detail=f"more than {MAX_PARTS} parts")
        return tuple(found)
    except BrokenError as broken:
        return broken.finding


def headline(octets: bytes) -> Headline:
    """Return sender, subject and Message-ID of any octets for display; nothing here is verified."""
    try:
        header = parse(octets).header
    except BrokenError:
        return Headline(sender="", subject="", message_id="")
    return Headline(sender=text(header, "From"), subject=text(header, "Subject"), message_id=text(header, "Message-ID"))


def _signed(root: Entity, outer: Message, *, encrypted: bool) -> SignedMessage:
    if root.type != "multipart/signed":
        raise BrokenError(_why_unsigned(root))
    protocol = root.parameter("protocol").lower()
    if "pkcs7" in protocol:
        raise BrokenError(FindingCode.SMIME_SIGNED)
    if protocol not in {"", _SIGNATURE}:
        raise BrokenError(FindingCode.SIGNED_STRUCTURE, f"its protocol is {protocol}")
    signed, signature = _two_parts(root)
    return _message(signed, signature, outer, encrypted=encrypted)


def _message(signed: bytes, signature: bytes, outer: Message, *, encrypted: bool) -> SignedMessage:
    try:
        part = parse(signed)
        content_type, inside = part.type, protected(part, outer)
    except BrokenError:  # found again, and told, once somebody's signature stands behind it
        content_type, inside = "", None
    return SignedMessage(
        signed_octets=signed,
        signature=signature,
        from_address=sender(outer),
        message_id=(text(part.header, "Message-ID") if inside and not encrypted else "") or text(outer, "Message-ID"),
        subject=(text(part.header, "Subject") if inside else "") or text(outer, "Subject"),
        content_type=content_type,
        protected=inside,
        traits=traits(outer),
        encrypted=encrypted,
    )


def _ciphertext(root: Entity) -> bytes:
    """The second of exactly two parts; the first only names the version (RFC 3156 section 4)."""
    halves = [parse(part) for part in parts(root)]
    if [half.type for half in halves] != ["application/pgp-encrypted", "application/octet-stream"]:
        raise BrokenError(FindingCode.NOT_DECRYPTABLE, "it is not PGP/MIME")
    return decoded(halves[1])


def _two_parts(root: Entity) -> tuple[bytes, bytes]:
    halves = parts(root)
    if len(halves) != 2:
        raise BrokenError(FindingCode.SIGNED_STRUCTURE, f"it has {len(halves)} parts")
    signature = parse(halves[1])
    if signature.type != _SIGNATURE:
        raise BrokenError(FindingCode.SIGNED_STRUCTURE, f"its second part is {signature.type}")
    return halves[0], decoded(signature)


def _attachment(leaf: Entity) -> Attachment:
    return Attachment(type=leaf.type, filename=leaf.filename, data=decoded(leaf))


def _why_unsigned(root: Entity) -> FindingCode:
    if root.type in {"application/pkcs7-mime", "application/x-pkcs7-mime"}:
        return FindingCode.SMIME_SIGNED
    if b"-----BEGIN PGP SIGNED MESSAGE-----" in root.body:
        return FindingCode.INLINE_SIGNED
    if b"-----BEGIN PGP MESSAGE-----" in root.body:
        return FindingCode.NOT_DECRYPTABLE
    return FindingCode.NOT_SIGNED
