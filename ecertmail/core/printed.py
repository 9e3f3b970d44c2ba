"""The text of the QR code on a printed certificate: `ECERT:<country of the issuer>:<number>:<sha256>`.

A person photographs it and mails the text, so it is found whatever stands around it, percent-encoded by an app that
took it for a link, or broken over lines by a mail program.
"""

import re
from collections.abc import Iterator
from urllib.parse import unquote

from ecertmail.core.entity import printable
from ecertmail.looked_up import Asked

_LONGEST = 100
_BREAK = r"[ \t\r\n>]{0,6}"
_TEXT = re.compile(
    rf"(?<![A-Za-z0-9])ECERT{_BREAK}:{_BREAK}([A-Z]{{2}}){_BREAK}:(.{{1,{_LONGEST + 12}}}?):{_BREAK}"
    rf"((?:[0-9a-f]{_BREAK}){{63}}[0-9a-f])(?![0-9a-f])",
    re.IGNORECASE | re.DOTALL,
)
_ENCODED = re.compile(r"ECERT%3A\S{1,600}", re.IGNORECASE)
_NEW_LINE = re.compile(r"[ \t]*\r?\n[ \t>]*")


def qr_text(country: str, number: str, sha256: str) -> str:
    """Return what a printed copy carries: whose certificate it is, and what its canonical form hashes to."""
    return f"ECERT:{country}:{number}:{sha256}"


def cut(text: str) -> tuple[tuple[Asked, ...], str]:
    """Take every QR text out of a text; return what they ask for, and the rest."""
    text = _ENCODED.sub(lambda match: unquote(match[0]), text)
    found = tuple(_found(text))
    return found, _TEXT.sub("\n", text) if found else text


def _found(text: str) -> Iterator[Asked]:
    for match in _TEXT.finditer(text):
        number = _one_line(match[2])
        if 0 < len(number) <= _LONGEST:
            sha256 = "".join(c for c in match[3].lower() if c in "0123456789abcdef")
            yield Asked(number=number, issuer=match[1].upper(), sha256=sha256)


def _one_line(number: str) -> str:
    """Undo a line break: mail programs break at a blank, which is lost, or after a slash or hyphen, where none was."""
    joined = _NEW_LINE.sub(" ", re.sub(rf"(?<=[/-]){_NEW_LINE.pattern}", "", number))
    return printable(" ".join(joined.split()))
