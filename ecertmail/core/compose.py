"""Outgoing MIME, made so that no relay can break a signature over it (RFC 3156 section 5, RFC 2045).

Everything is 7-bit with CRLF line ends, no line ends in white space or starts with `From `, and lines stay under 78
octets, but for Content-Type with its parameters. Bytes are put together here once and never parsed and serialised
again, which Python's `email` cannot promise.
"""

import base64
import quopri
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.header import Header
from hashlib import sha256

_PLAIN = re.compile(r"[ -~]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A mail before it is signed: the header that people see, the part to sign, and the Message-ID."""

    header: Mapping[str, str]
    part: bytes
    message_id: str

    @property
    def mic(self) -> str:
        """The MIC (RFC 8098) that a receipt for this mail must name."""
        return mic(self.part)

    def signed(self, signature: bytes) -> bytes:
        """Return the finished mail, in clear."""
        return signed(self.part, signature, self.message_id, self.header)

    def inside(self, signature: bytes) -> bytes:
        """Return what is to be encrypted: the signed part and its signature, without the mail's header."""
        return signed(self.part, signature, self.message_id, {})

    def encrypted(self, ciphertext: bytes) -> bytes:
        """Return the finished mail around what was encrypted."""
        return encrypted(ciphertext, self.message_id, self.header)


def mic(signed_octets: bytes) -> str:
    """Return the SHA-256 of a signed part in base64, as receipts name it."""
    return base64.b64encode(sha256(signed_octets).digest()).decode()


def headers(fields: Mapping[str, str]) -> bytes:
    """Return header lines; non-ASCII values become RFC 2047 words, control characters become spaces."""
    lines = []
    for name, value in fields.items():
        clean = " ".join(value.split())
        text = clean if _PLAIN.fullmatch(clean) else Header(clean, "utf-8", header_name=name, maxlinelen=76).encode()
        lines.append(f"{name}: {text}".rstrip().replace("\n", "\r\n"))
    return ("\r\n".join(lines) + "\r\n").encode("ascii")


def text(content: str) -> bytes:
    """Return a text/plain entity in UTF-8, quoted-printable."""
    return (
        headers({"Content-Type": "text/plain; charset=utf-8", "Content-Transfer-Encoding": "quoted-printable"})
        + b"\r\n"
        + _quoted(content)
    )


def html(content: str) -> bytes:
    """Return a text/html entity in UTF-8, quoted-printable or base64, whichever is shorter (RFC 2045 section 6)."""
    return _shorter("text/html", content)


def alternative(plain: str, page: str, seed: str) -> bytes:
    """Return plain text and HTML that say the same, the plain text first (RFC 2046 section 5.1.4)."""
    return multipart("multipart/alternative", [_shorter("text/plain", plain), html(page)], seed)


def _quoted(content: str) -> bytes:
    body = quopri.encodestring(content.replace("\r\n", "\n").encode("utf-8"))
    return re.sub(rb"^From ", b"=46rom ", body.replace(b"\r", b"=0D"), flags=re.MULTILINE).replace(b"\n", b"\r\n")


def _shorter(media_type: str, content: str) -> bytes:
    """Base64 has no line that could be broken; most of a text that is not Latin is shorter in it."""
    octets = content.replace("\r\n", "\n").replace("\n", "\r\n").encode("utf-8")
    quoted = _quoted(content)
    coded = base64.encodebytes(octets).replace(b"\n", b"\r\n")
    encoding, body = min(("quoted-printable", quoted), ("base64", coded), key=lambda pair: len(pair[1]))
    head = {"Content-Type": f"{media_type}; charset=utf-8", "Content-Transfer-Encoding": encoding}
    return headers(head) + b"\r\n" + body


def fields(media_type: str, values: Mapping[str, str]) -> bytes:
    """Return an entity whose body is header-like fields, such as message/disposition-notification."""
    return headers({"Content-Type": media_type}) + b"\r\n" + headers(values) + b"\r\n"


def attachment(data: bytes, media_type: str, filename: str) -> bytes:
    """Return a base64 attachment; the file name must be plain ASCII, ours always are."""
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", filename)
    head = {
        "Content-Type": f'{media_type}; name="{safe}"',
        "Content-Disposition": f'attachment; filename="{safe}"',
        "Content-Transfer-Encoding": "base64",
    }
    return headers(head) + b"\r\n" + base64.encodebytes(data).replace(b"\n", b"\r\n")


def multipart(content_type: str, parts: Sequence[bytes], seed: str, head: Mapping[str, str] | None = None) -> bytes:
    """Return a multipart entity.

    Args:
        content_type: the media type with parameters, but no boundary.
        parts: complete entities.
        seed: what the boundary is derived from; unique to the mail, such as its Message-ID.
        head: further header fields of the entity.
    """
    boundary = _boundary(seed + content_type)
    body = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts)
    typed = {**(head or {}), "Content-Type": f'{content_type}; boundary="{boundary.decode()}"'}
    return headers(typed) + b"\r\n" + body + b"--" + boundary + b"--\r\n"


def protected(
    entity_type: str, header: Mapping[str, str], outer: Mapping[str, str] | None = None
) -> tuple[str, dict[str, str]]:
    """Return type and header for a signed part that repeats the mail's header inside (RFC 9788 section 2.1).

    Args:
        entity_type: the media type of the signed part.
        header: the fields that count.
        outer: what stands outside when the part is going to be encrypted, where some of it is hidden.
    """
    kept = ("From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Disposition-Notification-To")
    inside = {name: header[name] for name in kept if name in header}
    if outer is None:
        return f'{entity_type}; hp="clear"', inside
    return f'{entity_type}; hp="cipher"', inside | {f"HP-Outer: {name}": value for name, value in outer.items()}


def signed(part: bytes, signature: bytes, seed: str, head: Mapping[str, str]) -> bytes:
    """Return the multipart/signed mail over exactly these octets (RFC 3156 section 5, SHA-512)."""
    armor = signature.replace(b"\r\n", b"\n").strip().replace(b"\n", b"\r\n") + b"\r\n"
    signature_part = (
        headers(
            {
                "Content-Type": 'application/pgp-signature; name="signature.asc"',
                "Content-Description": "OpenPGP signature",
            }
        )
        + b"\r\n"
        + armor
    )
    kind = 'multipart/signed; micalg=pgp-sha512; protocol="application/pgp-signature"'
    return multipart(kind, [part, signature_part], seed, {**head, "MIME-Version": "1.0"})


def encrypted(ciphertext: bytes, seed: str, head: Mapping[str, str]) -> bytes:
    """Return the multipart/encrypted mail around an armoured OpenPGP message (RFC 3156 section 4)."""
    armor = ciphertext.replace(b"\r\n", b"\n").strip().replace(b"\n", b"\r\n") + b"\r\n"
    version = headers({"Content-Type": "application/pgp-encrypted"}) + b"\r\nVersion: 1\r\n"
    content = headers({"Content-Type": 'application/octet-stream; name="encrypted.asc"'}) + b"\r\n" + armor
    kind = 'multipart/encrypted; protocol="application/pgp-encrypted"'
    return multipart(kind, [version, content], seed, {**head, "MIME-Version": "1.0"})


def _boundary(seed: str) -> bytes:
    """`=_` cannot occur in quoted-printable or base64, so no encoded content can contain the boundary."""
    return b"=_" + sha256(seed.encode()).hexdigest()[:32].encode()
