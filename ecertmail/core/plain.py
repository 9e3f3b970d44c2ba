"""A document as plain text: lines of 78 columns, nothing at their beginning that a mail program takes for its own.

In text that runs from right to left every value stands in isolates (UAX 9), so that a number keeps its order.
"""

import re
from collections.abc import Iterable, Iterator
from unicodedata import category, combining, east_asian_width

from ecertmail.core.document import Block, Direction, Group, Kind, Span

WIDTH = 78

_ISOLATED = {Direction.NONE: "{}", Direction.LTR: "\u2066{}\u2069", Direction.AUTO: "\u2068{}\u2069"}
_KEPT = "\x02"  # a space at which no line ends
_WHOLE = 40
_WIDE = "\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6"
_OPENS, _CLOSES = "（「『《“‘", "，。、；：！？）」』》”’"  # noqa: RUF001 - Chinese
_TOKEN = re.compile(rf"\s+|[{_OPENS}]*(?:(?![{_OPENS}{_CLOSES}])[{_WIDE}]|[^\s{_WIDE}{_OPENS}]+)[{_CLOSES}]*|[^\s]")
_LIKE_A_HEADER = re.compile(r"From |>|--|[!-9;-~]+:\s")


def text(groups: Iterable[Group], colon: str = ":") -> str:
    """Write the groups, with an empty line between two of them; `colon` is how the language writes one."""
    return "\n\n".join("\n".join(_lines(group, colon)) for group in groups) + "\n"


def line(spans: Iterable[Span]) -> str:
    """Write spans on one line, however long."""
    return "".join(_ISOLATED[span.direction].format(span.text) for span in spans)


def wrapped(content: str, first: str = "", rest: str = "", width: int = WIDTH) -> list[str]:
    """Break a text into lines: between words, between Chinese characters, and within a word only if it fills a line."""
    lines, current, used = [], "", columns(first)
    for token in _TOKEN.findall(content):
        for piece in _pieces(token, width - max(columns(first), columns(rest))):
            if current and used + columns(piece.rstrip(" ")) > width:
                lines.append(current.rstrip(" "))
                current, used = "", columns(rest)
            added = piece if current else piece.lstrip(" ")
            current, used = current + added, used + columns(added)
    lines.append(current.rstrip(" "))
    return [((rest if at else first) + part).replace(_KEPT, " ").rstrip(" ") for at, part in enumerate(lines)]


def columns(content: str) -> int:
    """Return how many columns a text takes where every letter is as wide as every other."""
    return sum(map(_columns, content))


def _columns(character: str) -> int:
    if combining(character) or category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if east_asian_width(character) in "WF" else 1


def _pieces(token: str, room: int) -> Iterator[str]:
    piece, used = "", 0
    for character in token:
        if used + _columns(character) > room:
            yield piece
            piece, used = "", 0
        piece, used = piece + character, used + _columns(character)
    yield piece


def _lines(group: Group, colon: str) -> list[str]:
    if group.kind == Kind.FACT:
        return _facts(group.blocks, colon)
    return [written for block in group.blocks for written in _block(block, colon)]


def _facts(blocks: tuple[Block, ...], colon: str) -> list[str]:
    edge = min(max(columns(block.label) for block in blocks), 26) + columns(colon) + 4
    found = []
    for block in blocks:
        label, content = f"  {block.label}{colon} ", _breakable(block.spans)
        if max(map(columns, content.split() or [""])) > WIDTH - edge:
            found += [label.rstrip(), *wrapped(content, "    ", "    ")]
            continue
        found += wrapped(content, label + " " * (edge - columns(label)), " " * edge)
    return found


def _block(block: Block, colon: str) -> list[str]:
    content = _breakable(block.spans)
    match block.kind:
        case Kind.CHOICE:
            return [f"  {block.label}{colon} {block.link}"]
        case Kind.HEADING | Kind.SMALLER:
            lines = wrapped(content)
            return [*lines, ("=" if block.kind == Kind.HEADING else "-") * max(map(columns, lines))]
        case Kind.ITEM:
            return wrapped(content, "- ", "  ")
        case Kind.SAID:
            return wrapped(content, "| ", "| ")
        case Kind.GOOD | Kind.WAIT | Kind.BAD:
            return wrapped(content, "*** ", "    ")
        case _:
            return [f" {part}" if _LIKE_A_HEADER.match(part) else part for part in wrapped(content, width=WIDTH - 1)]


def _breakable(spans: Iterable[Span]) -> str:
    """Keep a short value with its isolates on one line: an isolate ends with its line."""
    return line(
        Span(text=span.text.replace(" ", _KEPT), direction=span.direction)
        if span.direction and len(span.text) <= _WHOLE
        else span
        for span in spans
    )
