"""What retention did last, what it removed in all, and how much space both files take; read-only."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from sqlite3 import Connection

from ecertmail.store import database
from ecertmail.store.retention import What

_FILES = {"ledger.db": (What.SENT,), "spool.db": (What.ARCHIVED, What.QUARANTINED)}
_RUNS = "SELECT what, began_at, ended_at, removed, octets FROM retention"
_SENT = "SELECT count(*) FROM mail WHERE removed_at<>''"
_RECEIVED = "SELECT count(*) FROM message WHERE state=? AND removed_at<>''"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The last run of retention for one kind of mail; `ended_at` is None while it goes on."""

    what: What
    began_at: datetime
    ended_at: datetime | None
    removed: int
    octets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One database: its size in octets, how much of it is free, and whether it gives that back by itself."""

    name: str
    octets: int
    free: int
    gives_back: bool


def runs(folder: Path) -> list[Run]:
    """Return the last run for each kind of mail that ever had one; a file that is not there is left out."""
    found: list[Run] = []
    for db, _ in _opened(folder):
        if db.execute("SELECT 1 FROM sqlite_master WHERE name='retention'").fetchone():
            found += [_run(row) for row in db.execute(_RUNS)]
    return found


def files(folder: Path) -> list[File]:
    """Return the size of both files; one that is not there is left out."""
    found = []
    for db, name in _opened(folder):
        pages, free, size, mode = (
            int(db.execute(f"PRAGMA {pragma}").fetchone()[0])
            for pragma in ("page_count", "freelist_count", "page_size", "auto_vacuum")
        )
        gives_back = mode == database.INCREMENTAL
        found.append(File(name=name, octets=pages * size, free=free * size, gives_back=gives_back))
    return found


def removed(folder: Path) -> dict[What, int]:
    """Count the mails whose octets retention removed; this reads every row."""
    counts: dict[What, int] = dict.fromkeys(What, 0)
    for db, name in _opened(folder):
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name='retention'").fetchone():
            continue
        for what in _FILES[name]:
            row = db.execute(_SENT) if what is What.SENT else db.execute(_RECEIVED, (what,))
            counts[what] = int(row.fetchone()[0])
    return counts


def _opened(folder: Path) -> Iterator[tuple[Connection, str]]:
    for name in filter(lambda name: (folder / name).is_file(), _FILES):
        with database.reading(folder / name) as db:
            yield db, name


def _run(row: tuple[str, str, str, int, int]) -> Run:
    what, began_at, ended_at, count, octets = row
    return Run(
        what=What(what),
        began_at=datetime.fromisoformat(began_at),
        ended_at=datetime.fromisoformat(ended_at) if ended_at >= began_at else None,
        removed=count,
        octets=octets,
    )
