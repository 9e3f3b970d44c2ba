"""The outermost octets of signatures and messages: looked at before any engine is allowed to.

A 1.7 kB compressed "signature" cost gpg 4.6 seconds, a mail of 138 kB with 1,000 session keys 5.4, and one of 340 kB
unpacked to 200 MB; so only what is plainly of the right kind and size is passed on. Armour is RFC 9580 section 6.2.
"""

import base64
import binascii
import bz2
import re
import zlib

from ecertmail.core.packets import first

MAX_SIGNATURE = 4096
MAX_SESSION_KEYS = 20
_SESSION_KEY, _SIGNATURE, _COMPRESSED = 1, 2, 8
_ENCRYPTED = frozenset({18, 20})  # with integrity protection; the old kind without (9) is refused

_ARMOR_HEADER = re.compile(rb"[!-9;-~]+: [^\r\n]*\r?")
_CHECKSUM = re.compile(rb"=[A-Za-z0-9+/]{4}")


def signature_packets(armored: bytes) -> list[bytes] | None:
    """Return the signature packets in an armoured block, or None if it holds anything else or cannot be read."""
    data = _dearmored(armored, b"SIGNATURE") if len(armored) <= 4 * MAX_SIGNATURE else None
    if not data or len(data) > MAX_SIGNATURE:
        return None
    packets = []
    while data:
        packet = first(data)
        if packet is None or packet.tag != _SIGNATURE or not packet.definite:
            return None
        packets.append(data[: packet.size])
        data = data[packet.size :]
    return packets


def is_encrypted(message: bytes) -> bool:
    """Say whether this is an encrypted message with a reasonable number of session keys, armoured or binary."""
    data = _dearmored(message, b"MESSAGE") if message.lstrip().startswith(b"-----BEGIN") else message
    for _ in range(MAX_SESSION_KEYS + 1):
        packet = first(data) if data else None
        if packet is None or packet.tag != _SESSION_KEY:
            return packet is not None and packet.tag in _ENCRYPTED
        data = (data or b"")[packet.size :]
    return False


def uncompressed(message: bytes, longest: int) -> bytes | None:
    """Unpack a message that may be compressed, once; None if it is longer than so many octets or compressed again."""
    packet = first(message)
    if packet is None or packet.tag != _COMPRESSED:
        return message
    inside = _unpacked(packet.body[:1], packet.body[1:], longest)
    inner = first(inside) if inside else None
    return None if inner is None or inner.tag == _COMPRESSED else inside


def _unpacked(algorithm: bytes, data: bytes, longest: int) -> bytes | None:
    """Decompress by ZIP, ZLIB or BZip2 (RFC 9580 section 9.4), never more than so many octets."""
    try:
        match algorithm:
            case b"\x01" | b"\x02":
                octets = zlib.decompressobj(-15 if algorithm == b"\x01" else 15).decompress(data, longest + 1)
            case b"\x03":
                octets = bz2.BZ2Decompressor().decompress(data, longest + 1)
            case _:
                return None
    except (zlib.error, OSError):
        return None
    return octets if len(octets) <= longest else None


def _dearmored(armored: bytes, kind: bytes) -> bytes | None:
    """Decode one armoured block, line by line: one pattern over all of it takes time that grows with the square."""
    lines = armored.strip().split(b"\n")
    if lines[0].rstrip() != b"-----BEGIN PGP %s-----" % kind or lines[-1] != b"-----END PGP %s-----" % kind:
        return None
    begin = next((at for at, line in enumerate(lines[1:], 1) if not _ARMOR_HEADER.fullmatch(line)), -1)
    if lines[begin].strip(b" \t\r"):
        return None  # no blank line after the armour headers
    body = b"".join(lines[begin + 1 : -1]).translate(None, b" \t\r\v\f")
    if _CHECKSUM.fullmatch(body[-5:]):
        body = body[:-5]
    try:
        return base64.b64decode(body, validate=True) if body else None
    except binascii.Error:
        return None
