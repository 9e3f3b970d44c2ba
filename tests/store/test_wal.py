"""SQLite's write-ahead log: a slow reader makes it grow, and it shrinks again when the reader is gone."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlite_utils import Database, Migrations

from ecertmail.store import database

migrations = Migrations("test")


@migrations()
def m001_table(db: Database) -> None:
    db.execute("CREATE TABLE thing (octets BLOB) STRICT")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def writer(path: Path) -> Iterator[database.Writer]:
    made = database.Writer(path, migrations)
    yield made
    made.close()


def write(writer: database.Writer, commits: int) -> None:
    for _ in range(commits):
        with writer.writing() as cursor:
            cursor.execute("INSERT INTO thing VALUES (zeroblob(500000))")


def wal(path: Path) -> int:
    return path.with_name("store.db-wal").stat().st_size


def held_open(path: Path) -> sqlite3.Connection:
    """A reader in the middle of a transaction: it needs what the log held when it began."""
    reader = database.open_reader(path)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM thing").fetchone()
    return reader


def test_the_log_shrinks_after_a_slow_reader(path: Path, writer: database.Writer) -> None:
    reader = held_open(path)
    write(writer, 40)
    writer.shrink_wal()
    assert wal(path) > 5 * database.WAL_OCTETS
    assert reader.execute("SELECT count(*) FROM thing").fetchone() == (0,)
    reader.close()
    writer.shrink_wal()
    assert wal(path) == 0
    assert writer.reading("SELECT count(*) FROM thing") == (40,)


def test_a_busy_node_needs_no_quiet_moment(path: Path, writer: database.Writer) -> None:
    """The next commits after the reader's end checkpoint the log, begin it anew and cut it back."""
    reader = held_open(path)
    write(writer, 40)
    reader.close()
    write(writer, 3)
    assert wal(path) <= 2 * database.WAL_OCTETS


def test_waiting_for_a_reader_holds_up_no_commit(path: Path, writer: database.Writer) -> None:
    reader = held_open(path)
    write(writer, 10)
    writer.shrink_wal()
    assert writer.reading("PRAGMA busy_timeout") == (5000,)
    write(writer, 1)
    reader.close()


def test_a_reader_never_checkpoints(path: Path, writer: database.Writer) -> None:
    reader = held_open(path)
    write(writer, 20)
    before = wal(path)
    reader.execute("COMMIT")
    with pytest.raises(sqlite3.OperationalError):
        reader.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    reader.close()
    assert wal(path) == before


def test_a_new_file_gives_free_pages_back(path: Path, writer: database.Writer) -> None:
    assert writer.reading("PRAGMA auto_vacuum") == (2,)
