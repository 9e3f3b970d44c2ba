"""The rows of the spool: which columns there are, how they are read, and how many are taken at once."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ecertmail.message import Envelope

MAX_OCTETS = 64_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One message of the spool as an operator sees it, without its octets."""

    id: str
    state: str
    claims: int
    envelope: Envelope
    size: int
    reason: str
    detail: str
    changed_at: str


NAMES = ("id", "state", "claims", "received_at", "reverse_path", "recipients", "source", "peer", "size", "reason",
          "detail", "changed_at")  # fmt: skip
COLUMNS = ",".join(NAMES)
OLDEST = f"SELECT {COLUMNS}, seq FROM message WHERE state IN ('spooled','claimed')"  # noqa: S608
OLDEST += " ORDER BY claims > 1, seq LIMIT ?"


def take(rows: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Take rows in order up to a number of octets; one that was claimed before only by itself."""
    taken: list[tuple[Any, ...]] = []
    octets = 0
    for row in rows:
        octets += row[NAMES.index("size")]
        claimed_before = row[NAMES.index("claims")] > 0
        if taken and (claimed_before or octets > MAX_OCTETS):
            break
        taken.append(row)
        if claimed_before:
            break
    return taken


def read(row: tuple[object, ...] | sqlite3.Row) -> Row:
    """Make a row of what was selected by `COLUMNS`."""
    values = dict(zip(NAMES, row, strict=False))
    envelope = Envelope(
        reverse_path=str(values["reverse_path"]),
        recipients=tuple(filter(None, str(values["recipients"]).split("\n"))),
        source=str(values["source"]),
        peer=str(values["peer"]),
        received_at=datetime.fromisoformat(str(values["received_at"])),
    )
    return Row(
        id=str(values["id"]), state=str(values["state"]), claims=int(str(values["claims"])), envelope=envelope,
        size=int(str(values["size"])), reason=str(values["reason"]), detail=str(values["detail"]),
        changed_at=str(values["changed_at"]),
    )  # fmt: skip
