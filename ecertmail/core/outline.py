"""The structure of any mail, for the operator to look at: nothing is decoded, opened, executed or fetched."""

from collections.abc import Iterator
from dataclasses import dataclass

from ecertmail.core.entity import MAX_DEPTH, BrokenError, Entity, parse, parts, printable


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One part: how deep it stands, what it claims to be, and its size in octets as it was sent."""

    depth: int
    type: str
    filename: str
    size: int

    def __str__(self) -> str:
        name = f" {self.filename!r}" if self.filename else ""
        return f"{'  ' * self.depth}{self.type}{name}, {self.size} octets"


def outline(octets: bytes) -> list[Line]:
    """Return one line for each part of a mail, the root first; what cannot be read says so and ends there."""
    return list(_lines(octets, 0))


def _lines(octets: bytes, depth: int) -> Iterator[Line]:
    try:
        entity = parse(octets)
        yield Line(depth=depth, type=printable(entity.type), filename=entity.filename, size=len(octets))
        inside = _inside(entity) if depth < MAX_DEPTH else []
    except BrokenError as broken:
        reason = f"unreadable ({broken.finding.code.code}: {broken.finding.detail})"
        yield Line(depth=depth, type=reason, filename="", size=len(octets))
        return
    for part in inside:
        yield from _lines(part, depth + 1)


def _inside(entity: Entity) -> list[bytes]:
    return parts(entity) if entity.type.startswith("multipart/") else []
