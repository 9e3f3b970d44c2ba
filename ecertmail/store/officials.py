"""Officials, tickets and decisions on disk, in the ledger's file: a decision commits with its entry and its answers."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from sqlite3 import Connection, Cursor
from typing import Any

from ecertmail.errors import NotFoundError, PermanentError
from ecertmail.official import (
    Decided,
    Decision,
    Language,
    Official,
    OfficialState,
    Purpose,
    Role,
    Subject,
    Ticket,
)
from ecertmail.parties import OWN, Assurance
from ecertmail.store.database import iso

_NAMES = ("id", "address", "name", "post", "language", "partner", "role", "state", "fingerprint", "public_key",
          "approved_by", "created_at")  # fmt: skip
_DECIDED = ("entry", "issuer", "number", "decision", "remark", "partner", "official", "operator", "assurance", "at",
            "superseded_by")  # fmt: skip
_SELECT = f"SELECT {','.join(_NAMES)} FROM official"  # noqa: S608
_DECISIONS = f"SELECT {','.join(_DECIDED)} FROM decision"  # noqa: S608
_KINDS = {"language": Language, "role": Role, "state": OfficialState}

_STRAY = """
SELECT d.entry FROM decision d LEFT JOIN entry e ON e.idx=d.entry
WHERE e.idx IS NULL OR e.kind<>'decision' OR d.superseded_by IS NOT
  (SELECT min(l.entry) FROM decision l
   WHERE l.number=d.number AND l.issuer=d.issuer AND l.partner=d.partner AND l.entry>d.entry)
"""


def from_json(values: dict[str, Any], moment: datetime) -> Official:
    """Make a new official of what the command line sends; the key comes in hexadecimal digits."""
    kinds = {name: kind(values[name]) for name, kind in _KINDS.items()}
    return Official(**{**values, **kinds, "public_key": bytes.fromhex(values["public_key"]), "created_at": moment})


def officials(db: Connection | Cursor) -> list[Official]:
    """Return every official, the oldest first."""
    return _officials(db.execute(f"{_SELECT} ORDER BY created_at, id"))


def decisions(db: Connection | Cursor, issuer: str, number: str) -> list[Decided]:
    """Return all decisions on a certificate, the oldest first."""
    rows = db.execute(f"{_DECISIONS} WHERE number=? AND issuer=? ORDER BY entry", (number, issuer))
    return [_decided(row) for row in rows]


def decided_by(db: Connection | Cursor, official_id: str) -> tuple[int, Decided | None]:
    """Return how many decisions an official took, and the last; this reads the whole table."""
    row = db.execute("SELECT count(*), max(entry) FROM decision WHERE official=?", (official_id,)).fetchone()
    return int(row[0]), decision_at(db, row[1]) if row[0] else None


def decision_at(db: Connection | Cursor, entry: int) -> Decided | None:
    """Return the decision that is stored for an entry."""
    return next(map(_decided, db.execute(f"{_DECISIONS} WHERE entry=?", (entry,))), None)


def stray_decisions(db: Connection | Cursor) -> list[int]:
    """Return the entries of decisions that the log knows nothing of, or that name a wrong successor."""
    return [int(entry) for (entry,) in db.execute(_STRAY)]


class OfficialTable:
    """Officials, tickets and decisions within one transaction of the ledger."""

    def __init__(self, cursor: Cursor, given: list[int]) -> None:
        """Take the transaction's cursor; `given` gets the tickets that are made, for the next mail to be stored."""
        self._cursor = cursor
        self._given = given

    def add(self, official: Official) -> None:
        """Store a new official.

        Raises:
            PermanentError: the ID is taken, or the address is that of another official that is not suspended.
        """
        if self.get(official.id) is not None:
            raise PermanentError(f"{official.id}: this ID is taken; see `ecertmail official list`")
        self._check_address(official)
        values = asdict(official) | {"created_at": iso(official.created_at)}
        marks = ",".join(f":{name}" for name in _NAMES)
        self._cursor.execute(f"INSERT INTO official VALUES ({marks})", values)  # noqa: S608

    def by_address(self, address: str) -> Official | None:
        """Return the official with this address (lower case), whatever its state; the one that is active first."""
        return self._first(
            "address=? ORDER BY state='active' DESC, state='pending' DESC, created_at DESC, id LIMIT 1", address
        )

    def get(self, official_id: str) -> Official | None:
        """Return one official."""
        return self._first("id=?", official_id)

    def all(self, *states: OfficialState) -> list[Official]:
        """Return the officials in these states, the oldest first."""
        marks = ",".join("?" * len(states))
        return self._some(f"state IN ({marks}) ORDER BY created_at, id", *states)

    def of(self, partner: str, most: int) -> tuple[int, list[Official]]:
        """Return how many officials of an authority are not suspended, and the oldest of them, at most so many."""
        which = "partner=? AND state<>'suspended'"
        row = self._cursor.execute(f"SELECT count(*) FROM official WHERE {which}", (partner,)).fetchone()  # noqa: S608
        return int(row[0]), self._some(f"{which} ORDER BY created_at, id LIMIT {most}", partner)

    def duty(self) -> list[Official]:
        """Return the active officials of this authority who answer inquiries, the oldest first."""
        return self._some(
            "partner=? AND role=? AND state=? ORDER BY created_at, id", OWN, Role.ANSWERS, OfficialState.ACTIVE
        )

    def change(self, official_id: str, state: OfficialState, now: datetime) -> None:  # noqa: ARG002 - the log has it
        """Set the state.

        Raises:
            NotFoundError: there is no such official.
            PermanentError: the address went to another official meanwhile.
        """
        found = self.get(official_id)
        if found is None:
            raise NotFoundError(f"{official_id}: there is no such official; see `ecertmail official list`")
        if state is not OfficialState.SUSPENDED:
            self._check_address(found)
        self._cursor.execute("UPDATE official SET state=? WHERE id=?", (state, official_id))

    def give_ticket(
        self, purpose: Purpose, official: str, subjects: Sequence[Subject], expires_at: datetime, inquiry: int = 0
    ) -> Ticket:
        """Make a ticket, and remember it."""
        listed = json.dumps([[one.issuer, one.number, one.entry] for one in subjects], ensure_ascii=False)
        self._cursor.execute(
            "INSERT INTO ticket(purpose, official, subjects, inquiry, expires_at) VALUES (?,?,?,?,?)",
            (purpose, official, listed, inquiry, iso(expires_at)),
        )
        made = self.ticket(int(self._cursor.lastrowid or 0))
        assert made is not None  # noqa: S101 - it was stored just now
        self._given.append(made.id)
        return made

    def ticket(self, ticket_id: int) -> Ticket | None:
        """Return one ticket."""
        row = self._cursor.execute(
            "SELECT id, purpose, official, subjects, inquiry, expires_at FROM ticket WHERE id=?", (ticket_id,)
        ).fetchone()
        if row is None:
            return None
        subjects = (Subject(issuer=issuer, number=number, entry=entry) for issuer, number, entry in json.loads(row[3]))
        return Ticket(
            id=row[0], purpose=Purpose(row[1]), official=row[2], subjects=tuple(subjects), inquiry=row[4],
            expires_at=datetime.fromisoformat(row[5]),
        )  # fmt: skip

    def put_decision(self, decided: Decided) -> Decided | None:
        """Store a decision, and return the one of the same authority on the same certificate that it supersedes."""
        same = [one for one in self.decisions(decided.issuer, decided.number) if one.partner == decided.partner]
        values = asdict(decided) | {"at": iso(decided.at)}
        marks = ",".join(f":{name}" for name in _DECIDED)
        self._cursor.execute(f"INSERT INTO decision VALUES ({marks})", values)  # noqa: S608
        if not same:
            return None
        self._cursor.execute("UPDATE decision SET superseded_by=? WHERE entry=?", (decided.entry, same[-1].entry))
        return replace(same[-1], superseded_by=decided.entry)

    def decisions(self, issuer: str, number: str) -> list[Decided]:
        """Return all decisions on a certificate, the oldest first."""
        return decisions(self._cursor, issuer, number)

    def _check_address(self, official: Official) -> None:
        holder = self.by_address(official.address)
        if holder is not None and holder.id != official.id and holder.state is not OfficialState.SUSPENDED:
            raise PermanentError(
                f"{official.address}: is the address of {holder.id}; `ecertmail official suspend {holder.id}` frees it"
            )

    def _first(self, which: str, *values: str) -> Official | None:
        return next(iter(self._some(which, *values)), None)

    def _some(self, which: str, *values: str) -> list[Official]:
        return _officials(self._cursor.execute(f"{_SELECT} WHERE {which}", values).fetchall())


def _officials(rows: Iterable[tuple[Any, ...]]) -> list[Official]:
    return [_official(dict(zip(_NAMES, row, strict=True))) for row in rows]


def _official(values: dict[str, Any]) -> Official:
    kinds = {name: kind(values[name]) for name, kind in _KINDS.items()}
    return Official(**{**values, **kinds, "created_at": datetime.fromisoformat(values["created_at"])})


def _decided(row: tuple[Any, ...]) -> Decided:
    values = dict(zip(_DECIDED, row, strict=True))
    return Decided(
        **{
            **values,
            "decision": Decision(values["decision"]),
            "assurance": Assurance(values["assurance"]),
            "at": datetime.fromisoformat(values["at"]),
        }
    )
