"""Deliveries and alarms to look at, read-only, also while the daemon runs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from ecertmail.delivery import Alarm
from ecertmail.errors import NotFoundError, PermanentError
from ecertmail.store import database, mail
from ecertmail.store.database import iso


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A delivery as `ecertmail delivery list` shows it; times are ISO 8601 or empty."""

    id: int
    kind: str
    state: str
    recipient: str
    reverse_path: str
    message_id: str
    attempts: int
    created_at: str
    next_at: str
    expects: bool
    reminded_at: str
    answered_at: str
    reply: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """One attempt to send it, or what else became of it: answered, bounced."""

    at: str
    outcome: str
    reply: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delayed:
    """Answers that a limit delays: how many, and when the last one is due."""

    count: int
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A delivery with everything about it; `gone` says why there are no octets."""

    row: Row
    tries: tuple[Try, ...]
    alarm: str
    octets: bytes = field(repr=False)
    gone: str = ""


_ROW = (
    "SELECT d.id, d.kind, d.state, d.recipient, d.reverse_path, m.message_id, d.attempts, d.created_at, d.next_at,"
    " d.expects, d.reminded_at, d.answered_at, d.reply FROM delivery d JOIN mail m ON m.id=d.mail"
)


class DeliveryReader:
    """Reads through a connection of its own that never blocks the writer."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = database.open_reader(path)

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def rows(self, states: Sequence[str], to: str) -> Iterator[Row]:
        """Yield deliveries in these states (none means all) whose recipient contains a text, newest first."""
        marks = ",".join("?" * len(states))
        which = f" WHERE instr(lower(d.recipient), lower(?)){f' AND d.state IN ({marks})' if states else ''}"
        with database.guarded(self._path):
            for row in self._db.execute(f"{_ROW}{which} ORDER BY d.id DESC", (to, *states)):
                yield _row(row)

    def delayed(self, now: datetime) -> Delayed | None:
        """Return how many answers wait for their turn because their addresses got too many; None if none does."""
        with database.guarded(self._path):
            [count, until] = self._db.execute(
                "SELECT count(*), max(next_at) FROM delivery WHERE state='due' AND next_at>?", (iso(now),)
            ).fetchone()
        return Delayed(count=count, until=datetime.fromisoformat(until)) if count else None

    def show(self, number: int) -> Shown:
        """Return one delivery.

        Raises:
            NotFoundError: there is none with this number.
        """
        with database.guarded(self._path):
            row = self._db.execute(f"{_ROW} WHERE d.id=?", (number,)).fetchone()
            if row is None:
                raise NotFoundError(f"there is no delivery {number}")
            tries = self._db.execute("SELECT at, outcome, reply FROM attempt WHERE delivery=? ORDER BY at", (number,))
            [mail_id] = self._db.execute("SELECT mail FROM delivery WHERE id=?", (number,)).fetchone()
            octets, gone = b"", ""
            try:
                octets = mail.octets(self._db, mail_id)
            except PermanentError as error:
                gone = str(error)
            return Shown(
                row=_row(row),
                tries=tuple(Try(at=at, outcome=outcome, reply=reply) for at, outcome, reply in tries),
                alarm=next((alarm.text for alarm in self.alarms() if alarm.what == f"delivery:{number}"), ""),
                octets=octets,
                gone=gone,
            )

    def alarms(self) -> list[Alarm]:
        """Return the open alarms, oldest first; a ledger that was not migrated yet has none."""
        if not self._db.execute("SELECT 1 FROM sqlite_master WHERE name='alarm'").fetchone():
            return []
        rows = self._db.execute("SELECT what, text, since FROM alarm WHERE cleared_at='' ORDER BY since, what")
        return [Alarm(what=what, text=text, since=datetime.fromisoformat(since)) for what, text, since in rows]


def _row(row: tuple[object, ...]) -> Row:
    values = dict(zip(Row.__dataclass_fields__, row, strict=True))
    return Row(**{**values, "expects": bool(values["expects"])})  # type: ignore[arg-type]
