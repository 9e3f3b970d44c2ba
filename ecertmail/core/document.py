"""A letter as paragraphs, facts, choices and so on: written once, so that its plain text and its HTML say the same.

A template is lines of text. What a line is says its beginning: `# ` a heading, `## ` a smaller one, `- ` an item of a
list, `@ Name = value` a fact (left out when it has no value), `!good `, `!wait ` and `!bad ` a notice, `| ` somebody's
own words, `> Label = mailto:…` a choice, `~ ` small print. Everything else is a paragraph, which ends at an empty line.

A value is put between two control characters that no value can hold, and on one line. So no value can become a heading
or a choice, and every value can be kept apart from the direction of the text around it.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby, pairwise
from unicodedata import bidirectional, east_asian_width

from ecertmail.core.entity import printable
from ecertmail.errors import PermanentError

_BEGIN, _END = "\x0e", "\x0f"
_SPAN = re.compile(f"{_BEGIN}([^{_END}]*){_END}")
_EMPTY = re.compile(rf"[\s{_BEGIN}{_END}]*")


class Kind(StrEnum):
    """What a block is."""

    HEADING = "heading"
    SMALLER = "smaller"
    PARAGRAPH = "paragraph"
    ITEM = "item"
    FACT = "fact"
    GOOD = "good"
    WAIT = "wait"
    BAD = "bad"
    SAID = "said"
    CHOICE = "choice"
    SMALL = "small"


class Direction(StrEnum):
    """How a piece of text is kept apart: not at all, as left to right, or by its first letter that has a direction."""

    NONE = ""
    LTR = "ltr"
    AUTO = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A piece of a block: words of the template, or a value with its own direction."""

    text: str
    direction: Direction = Direction.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One line or paragraph; `label` names a fact or a choice, `link` is where a choice leads."""

    kind: Kind
    spans: tuple[Span, ...]
    label: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Neighbouring blocks of one kind, which are shown as one table, list or box."""

    kind: Kind
    blocks: tuple[Block, ...]


_STARTS = {
    "# ": Kind.HEADING,
    "## ": Kind.SMALLER,
    "- ": Kind.ITEM,
    "@ ": Kind.FACT,
    "!good ": Kind.GOOD,
    "!wait ": Kind.WAIT,
    "!bad ": Kind.BAD,
    "| ": Kind.SAID,
    "> ": Kind.CHOICE,
    "~ ": Kind.SMALL,
}


def value(content: str) -> str:
    """Return a value as it may stand in the source of a document: one line, no control character of its own."""
    return f"{_BEGIN}{printable(' '.join(content.split()))}{_END}"


def spans(source: str, *, rtl: bool) -> tuple[Span, ...]:
    """Cut a text into words of the template and values; from left to right only values that go left are kept apart."""
    pieces = _SPAN.split(source)
    found = [Span(text=text, direction=_direction(text, rtl=rtl) if at % 2 else Direction.NONE)
             for at, text in enumerate(pieces)]  # fmt: skip
    return tuple(span for span in found if span.text)


def read(source: str, *, rtl: bool = False) -> tuple[Group, ...]:
    """Read the source of a document.

    Raises:
        PermanentError: a choice leads somewhere else than to a mail.
    """
    blocks = (_block(kind, text, rtl=rtl) for kind, text in _lines(source.split("\n")))
    groups = groupby((block for block in blocks if block.spans), lambda block: block.kind)
    whole = (Kind.HEADING, Kind.SMALLER, Kind.PARAGRAPH, Kind.GOOD, Kind.WAIT, Kind.BAD)
    return tuple(
        Group(kind=kind, blocks=part)
        for kind, found in groups
        for part in ([(block,) for block in found] if kind in whole else [tuple(found)])
    )


def _lines(lines: Iterable[str]) -> Iterator[tuple[Kind, str]]:
    paragraph: list[str] = []
    for line in [*(line.strip(" \t\r") for line in lines), ""]:
        start = next((start for start in _STARTS if f"{line} ".startswith(start)), "")
        if line and not start:
            paragraph.append(line)
            continue
        if paragraph:
            yield Kind.PARAGRAPH, _joined(paragraph)
            paragraph = []
        if start:
            yield _STARTS[start], line[len(start) :]


def _joined(lines: list[str]) -> str:
    """Join the lines of a paragraph; between two wide characters, as of Chinese, there is no space."""
    gaps = ["" if _wide(one[-1]) and _wide(two[0]) else " " for one, two in pairwise(lines)]
    return "".join(part for pair in zip(lines, [*gaps, ""], strict=True) for part in pair)


def _wide(character: str) -> bool:
    return east_asian_width(character) in "WF"


def _block(kind: Kind, text: str, *, rtl: bool) -> Block:
    if kind not in {Kind.FACT, Kind.CHOICE}:
        return Block(kind=kind, spans=spans(text, rtl=rtl) or ((Span(text=""),) if kind == Kind.SAID else ()))
    label, _, content = text.partition(" = ")
    label = label.translate({ord(_BEGIN): None, ord(_END): None})
    if kind == Kind.FACT:
        return Block(kind=kind, label=label, spans=() if _EMPTY.fullmatch(content) else spans(content, rtl=rtl))
    link = content.translate({ord(_BEGIN): None, ord(_END): None})
    if not re.fullmatch(r"mailto:[\w.~:/?@!$&'()*+,;=%-]+", link, re.ASCII):
        raise PermanentError(f"a choice in a letter can only lead to a mail, and not to {link[:80]!r}")
    return Block(kind=kind, label=label, spans=(Span(text=label),), link=link)


def _direction(text: str, *, rtl: bool) -> Direction:
    if any(bidirectional(character) in {"R", "AL"} for character in text):
        return Direction.AUTO
    return Direction.LTR if rtl else Direction.NONE
