"""The octets of a text part as text: transfer encoding and charset as mail programs write them, odd ones too.

Unlike `entity.decoded` nothing is refused here: what a person wrote is read as well as it can be, and never executed,
compared or signed. Only the beginning is decoded: nobody types more.
"""

import base64
import codecs
import quopri
import re

from ecertmail.core.entity import BrokenError, Entity

MAX_OCTETS = 600_000

_WIDER = {
    "ascii": "utf-8",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "big5hkscs",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
}
_TEXTUAL = re.compile(
    r"utf-8|utf-16(-[lb]e)?|gb18030|hz|big5hkscs|cp\d{3,4}|iso8859-\d{1,2}|iso2022_(jp|kr)\w{0,9}|koi8-[rut]|euc_jp"
    r"|johab|ptcp154|mac-\w{1,9}|tis-620"
)
# what no line of text holds: controls, direction overrides and marks, surrogates, what XML forbids
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ud800-\udfff\ufffe\uffff]"
)


def octets_of(leaf: Entity) -> bytes:
    """Return the beginning of a part without its transfer encoding; broken encodings as far as they go."""
    encoding = str(leaf.header.get("Content-Transfer-Encoding", "")).partition(";")[0].strip().lower()
    body = leaf.body[:MAX_OCTETS]
    if encoding == "base64":
        digits = re.sub(rb"[^A-Za-z0-9+/]", b"", body.partition(b"=")[0])
        return base64.b64decode(digits[: len(digits) // 4 * 4] + _last(digits))
    return quopri.decodestring(body) if encoding == "quoted-printable" else body


def text_of(octets: bytes, charset: str) -> str:
    """Decode text; an unknown charset is taken for UTF-8, and what is no character becomes U+FFFD."""
    try:
        name = codecs.lookup(re.sub(r"-[ie]$", "", charset.strip().lower()) or "utf-8").name
    except (LookupError, ValueError):
        name = "utf-8"
    name = _WIDER.get(name, name)
    return octets.decode(name if _TEXTUAL.fullmatch(name) else "utf-8", "replace")


def clean(text: str) -> str:
    """Give text one kind of line end, and nothing that cannot be seen."""
    return _INVISIBLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def plain(leaf: Entity) -> str:
    """Return a text/plain part as text, its flowed lines put together (RFC 3676)."""
    text = clean(text_of(octets_of(leaf), _parameter(leaf, "charset")))
    if _parameter(leaf, "format").lower() != "flowed":
        return text
    return _unflowed(text, joined="" if _parameter(leaf, "delsp").lower() == "yes" else " ")


def charset(leaf: Entity) -> str:
    """Return the charset that a part names, or nothing."""
    return _parameter(leaf, "charset")


def _unflowed(text: str, joined: str) -> str:
    """Put the lines that end in a space together with the next one of the same depth of quotation."""
    lines: list[str] = []
    pieces: list[str] = []
    depth = -1
    for line in text.split("\n"):
        bare = line.lstrip(">")
        now, content = len(line) - len(bare), bare.removeprefix(" ")
        if pieces and (now != depth or content == "-- "):
            lines.append(joined.join(pieces))
            pieces = []
        depth = now
        mark = ">" * depth + " " if depth and not pieces else ""
        flows = content.endswith(" ") and content != "-- "
        pieces.append(mark + (content[:-1] if flows else content))
        if not flows:
            lines.append(joined.join(pieces))
            pieces = []
    return "\n".join([*lines, joined.join(pieces)] if pieces else lines)


def _last(digits: bytes) -> bytes:
    rest = digits[len(digits) // 4 * 4 :]
    return rest + b"=" * (4 - len(rest)) if len(rest) > 1 else b""


def _parameter(leaf: Entity, name: str) -> str:
    try:
        return leaf.parameter(name)
    except BrokenError:
        return ""
