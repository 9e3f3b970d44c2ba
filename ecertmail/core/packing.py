"""Mail as it is stored: base64 is decoded, certificates that the ledger holds are named by their entry, then deflated.

`unpack(pack(octets))` is `octets`, whatever they are: a base64 text is only taken apart when encoding it again gives
the same octets. Callers keep the SHA-256 of the octets and compare it after unpacking.

A packed mail is deflated (RFC 1950): four octets with the length of the outline, the outline as JSON, and the content
of its pieces one after the other. The outline is a list of pieces: a number is a text of so many octets; a list is a
base64 text, which holds the length of its lines, then numbers for octets and `{"entry": number}` for a certificate.
"""

import base64
import json
import re
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

PACKED = 1
"""The one form of packing; 0 stands for octets that are stored as they are."""

LARGE = 1_000_000
"""Octets; deflating more would hold up what is to be committed next."""

# RFC 2045 allows lines of 76; OpenPGP armour has 64.
_BASE64 = re.compile(
    rb"^(?:(?:[A-Za-z0-9+/]{76}\r\n){2,}|(?:[A-Za-z0-9+/]{64}\r\n){2,})(?:[A-Za-z0-9+/]{1,76}={0,2}\r\n)?", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Held:
    """A certificate that the ledger holds: its entry, and its canonical octets."""

    entry: int
    octets: bytes


def pack(octets: bytes, held: Iterable[Held] = ()) -> bytes:
    """Return octets in a form that takes less space.

    Args:
        octets: a mail, or anything else.
        held: the certificates in it, in the order in which they come; one that is not found is stored in full.
    """
    waiting = deque(one for one in held if one.octets)
    outline: list[int | list[object]] = []
    content: list[bytes] = []
    for text, decoded in _pieces(octets):
        if decoded is None:
            outline.append(len(text))
            content.append(text)
        else:
            inside: list[object] = [text.index(b"\r")]
            for piece in _cut(decoded, waiting):
                inside.append({"entry": piece.entry} if isinstance(piece, Held) else len(piece))
                content += [] if isinstance(piece, Held) else [piece]
            outline.append(inside)
    head = json.dumps(outline, separators=(",", ":")).encode()
    plain = b"".join((len(head).to_bytes(4), head, *content))
    return zlib.compress(plain, 6 if len(plain) <= LARGE else 0)


def unpack(packed: bytes, certificate: Callable[[int], bytes] = lambda _: b"") -> bytes:
    """Return the octets that were packed.

    Args:
        packed: what `pack` returned.
        certificate: returns the octets of the certificate that is recorded at an entry.

    Raises:
        ValueError: it is nothing that `pack` returned.
    """
    try:
        plain = zlib.decompress(packed)
        start = 4 + int.from_bytes(plain[:4])
        outline = json.loads(plain[4:start])
        return b"".join(_joined(outline, _Content(plain, start), certificate))
    except (zlib.error, TypeError, KeyError, IndexError) as error:
        raise ValueError(f"it cannot be unpacked ({error})") from error


@dataclass(slots=True)
class _Content:
    """The content of pieces, taken in order."""

    octets: bytes
    place: int

    def take(self, length: int) -> bytes:
        start, self.place = self.place, self.place + length
        return self.octets[start : self.place]


def _joined(outline: Sequence[object], content: _Content, certificate: Callable[[int], bytes]) -> Iterator[bytes]:
    for piece in outline:
        if isinstance(piece, int):
            yield content.take(piece)
        elif isinstance(piece, dict):
            yield certificate(piece["entry"])
        elif isinstance(piece, list):
            yield _encoded(b"".join(_joined(piece[1:], content, certificate)), piece[0])


def _pieces(octets: bytes) -> Iterator[tuple[bytes, bytes | None]]:
    """Yield each text, and what a base64 text holds; None for any other text."""
    place = 0
    for found in _BASE64.finditer(octets):
        decoded = _decoded(found[0])
        if decoded is not None:
            if place < found.start():
                yield octets[place : found.start()], None
            yield found[0], decoded
            place = found.end()
    if place < len(octets):
        yield octets[place:], None


def _decoded(text: bytes) -> bytes | None:
    try:
        decoded = base64.b64decode(text)
    except ValueError:
        return None
    return decoded if _encoded(decoded, text.index(b"\r")) == text else None


def _encoded(octets: bytes, line: int) -> bytes:
    text = base64.b64encode(octets)
    return b"".join(text[place : place + line] + b"\r\n" for place in range(0, len(text), line))


def _cut(octets: bytes, waiting: deque[Held]) -> Iterator[bytes | Held]:
    """Yield the octets before, between and after certificates, and the certificates; those found wait no longer."""
    place = 0
    while waiting and (start := octets.find(waiting[0].octets, place)) >= 0:
        if place < start:
            yield octets[place:start]
        yield waiting[0]
        place = start + len(waiting.popleft().octets)
    if place < len(octets):
        yield octets[place:]
