"""Conversations on disk, in the ledger's file: what was asked and answered commits with the entry that says so."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from sqlite3 import Connection, Cursor

from ecertmail.conversation import Inquiry, InquiryState, Turn, Utterance
from ecertmail.official import File
from ecertmail.parties import Assurance
from ecertmail.store.database import iso

_NAMES = ("id", "issuer", "number", "partner", "official", "reference", "state", "opened_at", "due_at", "reminded_at",
          "escalated_at")  # fmt: skip
_SELECT = f"SELECT {','.join(f'i.{name}' for name in _NAMES)}"
_ASKER = "(SELECT u.operator FROM utterance u WHERE u.inquiry=i.id AND u.turn='request' ORDER BY u.id LIMIT 1)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An inquiry as `ecertmail inquiry list` shows it; `asked_by` is the person who asked, as others are told."""

    inquiry: Inquiry
    asked_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """How many inquiries are open, and how many of these should have been answered by now."""

    open: int
    overdue: int


class InquiryTable:
    """The conversations within one transaction of the ledger."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor

    def open(self, inquiry: Inquiry) -> Inquiry:
        """Store a new inquiry, whose `id` is given here; return it."""
        values = _row(inquiry) | {"id": None}
        marks = ",".join(f":{name}" for name in _NAMES)
        self._cursor.execute(f"INSERT INTO inquiry VALUES ({marks})", values)  # noqa: S608
        return _read(tuple((values | {"id": int(self._cursor.lastrowid or 0)}).values()))

    def get(self, inquiry_id: int) -> Inquiry | None:
        """Return one inquiry."""
        return self._one("i.id=?", inquiry_id)

    def asked_by(self, partner: str, reference: str) -> Inquiry | None:
        """Return what a partner's node calls so."""
        return self._one("i.partner=? AND i.reference=?", partner, reference)

    def about(self, issuer: str, number: str, official: str) -> Inquiry | None:
        """Return the newest inquiry of one official about one certificate."""
        return self._one("i.number=? AND i.issuer=? AND i.official=?", number, issuer, official)

    def put(self, inquiry: Inquiry) -> None:
        """Store the new state and times of an inquiry; what it is about and who asked stay."""
        self._cursor.execute(
            "UPDATE inquiry SET state=:state, opened_at=:opened_at, due_at=:due_at, reminded_at=:reminded_at,"
            " escalated_at=:escalated_at WHERE id=:id",
            _row(inquiry),
        )

    def say(self, inquiry_id: int, utterance: Utterance) -> None:
        """Add what somebody said, with its files."""
        self._cursor.execute(
            "INSERT INTO utterance VALUES (NULL,?,?,?,?,?,?,?)",
            (inquiry_id, utterance.turn, utterance.operator, iso(utterance.at), utterance.content,
             utterance.assurance, utterance.entry),
        )  # fmt: skip
        said = self._cursor.lastrowid
        self._cursor.executemany(
            "INSERT INTO utterance_file VALUES (?,?,?,?)",
            [(said, file.name, file.type, file.octets) for file in utterance.files],
        )

    def thread(self, inquiry_id: int) -> list[Utterance]:
        """Return all that was said, the oldest first."""
        return list(self.newest(inquiry_id))[::-1]

    def newest(self, inquiry_id: int) -> Iterator[Utterance]:
        """Yield what was said, the newest first; each with its files in memory only while it is looked at."""
        rows = self._cursor.execute("SELECT id FROM utterance WHERE inquiry=? ORDER BY id DESC", (inquiry_id,))
        for (said,) in rows.fetchall():
            yield self._utterance(said)

    def _utterance(self, said: int) -> Utterance:
        row = self._cursor.execute(
            "SELECT turn, operator, at, content, assurance, entry FROM utterance WHERE id=?", (said,)
        ).fetchone()
        turn, operator, at, content, assurance, entry = row
        return Utterance(
            turn=Turn(turn),
            operator=operator,
            at=datetime.fromisoformat(at),
            content=content,
            assurance=Assurance(assurance),
            files=tuple(self._files(said)),
            entry=entry,
        )

    def waiting(self) -> list[Inquiry]:
        """Return every open inquiry, the oldest first."""
        rows = self._cursor.execute(f"{_SELECT} FROM inquiry i WHERE i.state='open' ORDER BY i.opened_at, i.id")
        return [_read(row) for row in rows.fetchall()]

    def _one(self, which: str, *values: object) -> Inquiry | None:
        row = self._cursor.execute(f"{_SELECT} FROM inquiry i WHERE {which} ORDER BY i.id DESC LIMIT 1", values)
        found = row.fetchone()
        return None if found is None else _read(found)

    def _files(self, said: int) -> Iterator[File]:
        rows = self._cursor.execute(
            "SELECT name, type, octets FROM utterance_file WHERE utterance=? ORDER BY rowid", (said,)
        )
        return (File(name=name, type=kind, octets=bytes(octets)) for name, kind, octets in rows.fetchall())


def listed(db: Connection, *states: InquiryState) -> list[Listed]:
    """Return the inquiries in these states, the newest first; a ledger that was not migrated yet has none."""
    if not is_there(db):
        return []
    marks = ",".join("?" * len(states))
    rows = db.execute(f"{_SELECT}, {_ASKER} FROM inquiry i WHERE i.state IN ({marks}) ORDER BY i.id DESC", states)
    return [Listed(inquiry=_read(row[:-1]), asked_by=row[-1] or "") for row in rows]


def conversation(db: Connection, inquiry_id: int) -> tuple[Inquiry, list[Utterance]] | None:
    """Return one inquiry and all that was said in it."""
    table = InquiryTable(db.cursor())
    inquiry = table.get(inquiry_id) if is_there(db) else None
    return None if inquiry is None else (inquiry, table.thread(inquiry.id))


def counted(db: Connection, now: datetime) -> Waiting:
    """Count what waits, in an index that holds nothing else."""
    if not is_there(db):
        return Waiting(open=0, overdue=0)
    row = db.execute("SELECT count(*), coalesce(sum(due_at<=?), 0) FROM inquiry WHERE state='open'", (iso(now),))
    waiting, overdue = row.fetchone()
    return Waiting(open=waiting, overdue=overdue)


def is_there(db: Connection) -> bool:
    """Say whether the file has the tables of officials and inquiries, which came with one migration."""
    return db.execute("SELECT 1 FROM sqlite_master WHERE name='inquiry'").fetchone() is not None


def _row(inquiry: Inquiry) -> dict[str, object]:
    values = {name: getattr(inquiry, name) for name in _NAMES}
    return {name: iso(value) if isinstance(value, datetime) else value for name, value in values.items()}


def _read(row: tuple[object, ...]) -> Inquiry:
    values = dict(zip(_NAMES, row, strict=True))
    times = {name: _moment(values[name]) for name in ("opened_at", "due_at", "reminded_at", "escalated_at")}
    return Inquiry(**{**values, **times, "state": InquiryState(str(values["state"]))})  # type: ignore[arg-type]


def _moment(text: object) -> datetime | None:
    return None if text is None else datetime.fromisoformat(str(text))
