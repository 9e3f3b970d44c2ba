"""One MIME entity: cut out of the octets, its header parsed after its size was checked, its parts sliced.

Python's `email` is only given single header blocks: its header parsing is quadratic, and what it serialises is not what
it read. Whoever calls this catches `BrokenError` and passes its finding on.
"""

import base64
import binascii
import quopri
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import compat32
from itertools import pairwise

from ecertmail.findings import Finding, FindingCode

MAX_HEADER_BLOCK = 64 * 1024
MAX_FIELD = 4 * 1024
MAX_FIELDS = 200
MAX_DEPTH = 8
MAX_PARTS = 50

_FIELD_START = re.compile(rb"^[!-9;-~]+:", re.MULTILINE)
_NO_FIELD = re.compile(rb"\A[ \t]|^(?![ \t])(?![!-9;-~]+:)(?!\Z)", re.MULTILINE)
_PARSER = BytesHeaderParser(policy=compat32)


class BrokenError(Exception):
    """Carries the finding out of the nested readers."""

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


def parse(octets: bytes) -> Entity:
    """Read one entity; raises BrokenError beyond the limits."""
    if octets.startswith(b"\r\n"):
        block, body = b"", octets[2:]
    else:
        block, _, body = octets.partition(b"\r\n\r\n")
    if len(block) > MAX_HEADER_BLOCK:
        raise BrokenError(FindingCode.MIME_LIMIT, f"header block over {MAX_HEADER_BLOCK} octets")
    if not block.count(b"\r\n") == block.count(b"\r") == block.count(b"\n"):
        raise BrokenError(FindingCode.MIME_MALFORMED, "a header with a bare CR or LF")
    while block.startswith((b"From ", b">From ")):  # what mbox writes before a mail
        block = block.partition(b"\r\n")[2]
    if _NO_FIELD.search(block):  # Python would skip such a line, and perhaps all that follow
        raise BrokenError(FindingCode.MIME_MALFORMED, "a header line that is no field")
    starts = [match.start() for match in _FIELD_START.finditer(block)]
    if len(starts) > MAX_FIELDS:
        raise BrokenError(FindingCode.MIME_LIMIT, f"more than {MAX_FIELDS} header fields")
    longest = max((end - start for start, end in pairwise([*starts, len(block)])), default=0)
    if longest > MAX_FIELD:
        raise BrokenError(FindingCode.MIME_LIMIT, f"a header field over {MAX_FIELD} octets")
    return Entity(octets, _PARSER.parsebytes(block + b"\r\n\r\n"), body)


def parts(entity: Entity) -> list[bytes]:
    """Slice a multipart's parts, without the CRLF that belongs to the next boundary (RFC 2046 section 5.1.1)."""
    boundary = entity.boundary
    if not boundary or len(boundary) > 200:
        raise BrokenError(FindingCode.MIME_MALFORMED, "a multipart without a usable boundary")
    found: list[bytes] = []
    start = None
    for begin, end, closing in _delimiters(entity.body, b"--" + boundary.encode("latin-1", "replace")):
        if start is not None:
            found.append(entity.body[start : max(begin, start)])
        if closing:
            return found
        start = end
        if len(found) > MAX_PARTS:
            raise BrokenError(FindingCode.MIME_LIMIT, f"more than {MAX_PARTS} parts")
    raise BrokenError(FindingCode.MIME_MALFORMED, "a multipart without its closing boundary")


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


def leaves(entity: Entity, depth: int = 1) -> Iterator[Entity]:
    """Yield every part that is not a multipart itself."""
    if depth > MAX_DEPTH:
        raise BrokenError(FindingCode.MIME_LIMIT, f"nested deeper than {MAX_DEPTH}")
    if not entity.type.startswith("multipart/"):
        yield entity
        return
    for part in parts(entity):
        yield from leaves(parse(part), depth + 1)


def decoded(entity: Entity) -> bytes:
    """Return the body without its transfer encoding; what two readers could decode differently is refused."""
    encoding = str(entity.header.get("Content-Transfer-Encoding", "7bit")).strip().lower()
    if encoding == "base64":
        try:
            return base64.b64decode(entity.body.translate(None, b" \t\r\n"), validate=True)
        except binascii.Error as error:
            raise BrokenError(FindingCode.MIME_MALFORMED, "a part whose base64 cannot be decoded") from error
    if encoding == "quoted-printable":
        return quopri.decodestring(entity.body)
    if encoding in {"7bit", "8bit", "binary", ""}:
        return entity.body
    raise BrokenError(FindingCode.MIME_MALFORMED, "a part with an unknown Content-Transfer-Encoding")


def printable(text: str) -> str:
    """Replace what a line of text, XML or UTF-8 cannot hold: control characters, direction overrides, surrogates."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _guarded(read: Callable[[], object]) -> str:
    """Read a header parameter; Python's RFC 2231 decoder has several exceptions to offer for broken ones."""
    try:
        value = read()
    except (LookupError, TypeError, ValueError) as error:
        raise BrokenError(FindingCode.MIME_MALFORMED, "a header parameter that cannot be decoded") from error
    return value if isinstance(value, str) else ""
