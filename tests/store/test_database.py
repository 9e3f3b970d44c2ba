"""Opening and writing a store: what is no database of ours is refused with the reason, and left as it is."""

import sqlite3
import threading
from pathlib import Path

import pytest
from sqlite_utils import Database, Migrations

from ecertmail.errors import EcertmailError, PermanentError, StoreBusyError, StoreError, TemporaryError
from ecertmail.store import database
from ecertmail.store.ledger import SqliteLedger
from ecertmail.store.spool import SqliteSpool

migrations = Migrations("test")


@migrations()
def m001_table(db: Database) -> None:
    db.execute("CREATE TABLE thing (name TEXT UNIQUE) STRICT")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


def names(path: Path) -> list[str]:
    reader = database.open_reader(path)
    found = [name for (name,) in reader.execute("SELECT name FROM thing ORDER BY name")]
    reader.close()
    return found


def test_durability_is_that_of_the_measurement(path: Path) -> None:
    """WAL with synchronous FULL is what lost no mail."""
    writer = database.Writer(path, migrations)
    assert writer.reading("PRAGMA journal_mode") == ("wal",)
    assert writer.reading("PRAGMA synchronous") == (2,)
    assert writer.reading("PRAGMA foreign_keys") == (1,)
    writer.close()


def test_a_transaction_commits_at_its_end(path: Path) -> None:
    writer = database.Writer(path, migrations)
    with writer.writing() as cursor:
        cursor.execute("INSERT INTO thing VALUES ('a')")
    assert names(path) == ["a"]
    writer.close()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, StoreBusyError])
def test_an_exception_leaves_nothing_and_the_next_transaction_works(path: Path, error: type[BaseException]) -> None:
    writer = database.Writer(path, migrations)

    def stop() -> None:
        with writer.writing() as cursor:
            cursor.execute("INSERT INTO thing VALUES ('a')")
            raise error("stop")

    with pytest.raises(error):
        stop()
    with writer.writing() as cursor:
        cursor.execute("INSERT INTO thing VALUES ('b')")
    assert names(path) == ["b"]
    writer.close()


def test_threads_take_turns(path: Path) -> None:
    writer = database.Writer(path, migrations)

    def insert(start: int) -> None:
        for number in range(start, start + 25):
            with writer.writing() as cursor:
                cursor.execute("INSERT INTO thing VALUES (?)", (f"{number:03}",))

    threads = [threading.Thread(target=insert, args=(start,)) for start in (0, 100, 200, 300)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names(path)) == 100
    writer.close()


def test_opening_again_changes_nothing(path: Path) -> None:
    writer = database.Writer(path, migrations)
    with writer.writing() as cursor:
        cursor.execute("INSERT INTO thing VALUES ('a')")
    writer.close()
    database.Writer(path, migrations).close()
    assert names(path) == ["a"]


STORES = {"spool": SqliteSpool, "ledger": SqliteLedger}


@pytest.mark.parametrize("store", STORES.values(), ids=STORES.keys())
def test_a_database_of_a_newer_version_is_refused_with_the_way_out(
    path: Path, store: type[SqliteSpool] | type[SqliteLedger]
) -> None:
    store(path).close()
    connection = sqlite3.connect(path)
    connection.execute(
        "INSERT INTO _sqlite_migrations(migration_set, name, applied_at)"
        " SELECT migration_set, 'm999_future', applied_at FROM _sqlite_migrations LIMIT 1"
    )
    connection.commit()
    connection.close()
    with pytest.raises(StoreError, match=r"newer ecertmail \(it has m999_future\); install that version"):
        store(path)


@pytest.mark.parametrize("octets", [b"garbage" * 1000, b"SQLite format 3\x00" + b"\xff" * 4000], ids=["text", "half"])
@pytest.mark.parametrize("store", STORES.values(), ids=STORES.keys())
def test_a_file_that_is_no_database_is_refused_and_not_touched(
    path: Path, store: type[SqliteSpool] | type[SqliteLedger], octets: bytes
) -> None:
    path.write_bytes(octets)
    with pytest.raises(StoreError, match=r"store\.db.*restore it from a backup"):
        store(path)
    assert path.read_bytes() == octets


def test_a_damaged_page_is_no_reason_to_try_again(path: Path) -> None:
    spool = SqliteLedger(path)
    with spool.transaction() as tx:
        tx.append([("x", bytes(3000))] * 20)
    spool.close()
    octets = bytearray(path.read_bytes())
    octets[4096:] = b"\xff" * (len(octets) - 4096)
    path.write_bytes(bytes(octets))
    with pytest.raises(StoreError, match=r"store\.db"):
        SqliteLedger(path)


@pytest.mark.parametrize("store", STORES.values(), ids=STORES.keys())
def test_a_folder_that_is_not_there_is_named(tmp_path: Path, store: type[SqliteSpool] | type[SqliteLedger]) -> None:
    with pytest.raises(EcertmailError, match="nowhere"):
        store(tmp_path / "nowhere" / "store.db")


def test_a_reader_of_a_file_that_is_not_there_says_so_and_makes_none(path: Path) -> None:
    with pytest.raises(EcertmailError, match=r"store\.db"):
        database.open_reader(path)
    assert not path.exists()


def test_a_reader_of_a_file_that_is_no_database_says_so(path: Path) -> None:
    path.write_bytes(b"garbage" * 1000)
    with pytest.raises(StoreError, match=r"store\.db"):
        database.open_reader(path)


def test_a_reader_cannot_write(path: Path) -> None:
    database.Writer(path, migrations).close()
    reader = database.open_reader(path)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.execute("INSERT INTO thing VALUES ('a')")
    reader.close()


@pytest.mark.parametrize("name", ["a b", "50%25", "what?", "#1", "ümlaut", "a&b=c"])
def test_the_name_of_a_folder_is_only_a_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name / "store.db"
    path.parent.mkdir()
    database.Writer(path, migrations).close()
    assert names(path) == []


def test_errors_answer_whether_trying_again_helps() -> None:
    assert issubclass(StoreBusyError, TemporaryError)
    assert issubclass(StoreError, PermanentError)
    assert not issubclass(StoreBusyError, PermanentError)


def test_a_constraint_is_not_a_reason_to_try_again(path: Path) -> None:
    writer = database.Writer(path, migrations)
    with pytest.raises(StoreError), writer.writing() as cursor:
        cursor.executemany("INSERT INTO thing VALUES (?)", [("a",), ("a",)])
    assert names(path) == []
    writer.close()
