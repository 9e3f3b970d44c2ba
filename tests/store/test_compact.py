"""Compacting: a file without free pages, which gives pages back by itself from then on."""

import os
import sqlite3
import subprocess
from pathlib import Path

import pytest

from ecertmail.errors import NotFoundError, StoreBusyError
from ecertmail.store import database
from ecertmail.store.compact import compact
from ecertmail.store.ledger import SqliteLedger


def old_file(path: Path) -> None:
    """A ledger as an older ecertmail made it, most of it free."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA auto_vacuum=NONE")
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("CREATE TABLE filler (octets BLOB)")
    db.close()
    ledger = SqliteLedger(path)
    with ledger.db.writing() as cursor:
        cursor.executemany("INSERT INTO filler VALUES (?)", ((os.urandom(9000),) for _ in range(300)))
    with ledger.db.writing() as cursor:
        cursor.execute("DELETE FROM filler WHERE rowid%10")
    assert not ledger.db.give_back(1000)
    ledger.close()


def test_an_old_file_becomes_small_and_gives_space_back_from_then_on(path: Path) -> None:
    old_file(path)
    shares: list[float] = []
    before, after = compact(path, shares.append)
    assert after < before / 5
    assert (shares[-1], sorted(shares)) == (1.0, shares)
    ledger = SqliteLedger(path)
    assert ledger.db.reading("PRAGMA auto_vacuum") == (database.INCREMENTAL,)
    assert ledger.db.reading("SELECT count(*) FROM filler") == (30,)
    with ledger.db.writing() as cursor:
        cursor.execute("DELETE FROM filler")
    assert ledger.db.give_back(50)
    assert not ledger.db.give_back(1000)
    assert ledger.db.reading("PRAGMA freelist_count") == (0,)
    ledger.close()
    assert not list(path.parent.glob("*-wal"))


def test_a_full_disk_is_told_before_anything_is_written(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=2m", str(small_disk)], check=True)
    path = small_disk / "ledger.db"
    SqliteLedger(path).close()
    (small_disk / "ballast").write_bytes(b"x" * (os.statvfs(small_disk).f_bavail - 80) * 4096)
    octets = path.read_bytes()
    with pytest.raises(StoreBusyError, match=r"ledger\.db: compacting needs [\d,]+ octets .* there are [\d,]+$"):
        compact(path, float)
    assert path.read_bytes() == octets


def test_a_file_that_is_not_there_is_named_and_not_made(path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"ledger\.db"):
        compact(path, float)
    assert not path.exists()
