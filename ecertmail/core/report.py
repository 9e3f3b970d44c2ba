"""What the readers of reports share: the fields of a report, and the values in them.

Their fields look like a mail header and are broken in more ways, so they are read here, line by line and within the
limits of `core/entity.py`; Python's header parser never sees them.
"""

import re

from ecertmail.core.address import normal
from ecertmail.core.entity import MAX_FIELD, MAX_HEADER_BLOCK, BrokenError, Entity, decoded, printable

MAX_LINE = 200

_FIELD = re.compile(r"([!-9;-~]+)[ \t]*:(.*)", re.DOTALL)
_MESSAGE_ID = re.compile(r"<([^<>\s]{1,250})>|([^<>\s@]{1,125}@[^<>\s@]{1,125})")

Block = list[tuple[str, str]]


def plain(entity: Entity) -> bytes:
    """Return a part's body, decoded if it can be."""
    try:
        return decoded(entity)
    except BrokenError:
        return entity.body


def blocks(data: bytes) -> list[Block]:
    """Return the fields of each block between blank lines, names in lower case, values unfolded and cut."""
    found: list[Block] = [[]]
    for raw in data[:MAX_HEADER_BLOCK].splitlines():
        text = raw.decode("utf-8", "replace")
        block = found[-1]
        if not text.strip():
            found.append([])
        elif text[0] in " \t" and block:
            name, value = block[-1]
            block[-1] = name, f"{value} {text.strip()}"[:MAX_FIELD]
        elif field := _FIELD.fullmatch(text):
            block.append((field[1].lower(), field[2].strip()[:MAX_FIELD]))
    return [block for block in found if block]


def line(text: str) -> str:
    """Return a text as one printable line, cut."""
    return printable(" ".join(text.split()))[:MAX_LINE]


def recipient(value: str) -> str:
    """Return the address in a typed recipient field such as `rfc822; <a@b.example>`, or the empty string."""
    words = value.rpartition(";")[2].split()
    return (words and normal(words[0].removeprefix("<").removesuffix(">"))) or ""


def message_id(value: str) -> str:
    """Return a Message-ID in its angle brackets, which some systems drop, or the empty string."""
    match = _MESSAGE_ID.search(value)
    return f"<{printable(match[1] or match[2])}>" if match else ""
