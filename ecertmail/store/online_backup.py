"""Copies of both databases while the daemon writes, by SQLite's online backup (https://sqlite.org/backup.html).

Each copy is made from one open read transaction. In WAL mode that neither waits for the writer nor holds it up, and the
copy never begins anew: SQLite restarts a backup when it sees a change, and within one transaction it sees none. The
writer's WAL cannot be shortened until the copy ends; it grows by what is written meanwhile.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from ecertmail.core.merkle import leaf_hash, root_hash
from ecertmail.errors import StoreError
from ecertmail.store import database

_PAGES = 2048
"""Pages of 4 kB that are copied between two reports of progress."""


@contextmanager
def snapshots(paths: Sequence[Path]) -> Iterator[list[sqlite3.Connection]]:
    """Open a read transaction on each file, in this order; each connection sees the file as it is at that moment."""
    with ExitStack() as stack:
        found = []
        for path in paths:
            connection = stack.enter_context(closing(database.open_reader(path)))
            with database.guarded(path):
                connection.execute("BEGIN")
                # The transaction begins with its first read: from here on this connection sees no change.
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            found.append(connection)
        yield found


def copy(source: sqlite3.Connection, target: Path, progress: Callable[[int], object]) -> None:
    """Copy what a snapshot shows into a new file, and check every page of the copy.

    Args:
        source: a connection of `snapshots`.
        target: the new file; it is one file, without a WAL. The caller syncs it.
        progress: hears how many octets were copied since it was last called.

    Raises:
        StoreError: the database is damaged.
    """
    with database.guarded(target), closing(sqlite3.connect(target, isolation_level=None)) as out:
        target.chmod(0o600)
        for pragma in ("journal_mode=OFF", "synchronous=OFF"):
            out.execute(f"PRAGMA {pragma}")
        size = int(source.execute("PRAGMA page_size").fetchone()[0])
        left: list[int] = []

        def heard(_status: int, remaining: int, total: int) -> None:
            progress(((left[-1] if left else total) - remaining) * size)
            left.append(remaining)

        source.backup(out, pages=_PAGES, progress=heard)
        out.execute("PRAGMA journal_mode=DELETE")
        faults = [row[0] for row in out.execute("PRAGMA quick_check")]
    if faults != ["ok"]:
        raise StoreError(f"{target.name}: the database is damaged ({faults[0]}); restore an earlier backup")


def log(ledger: Path) -> tuple[int, str]:
    """Return size and root of the log in a copy, after every record was compared with its leaf hash.

    Raises:
        StoreError: a record is missing or was changed.
    """
    with database.reading(ledger) as db:
        size = int(db.execute("SELECT count(*) FROM entry").fetchone()[0])
        return size, root_hash(_leaves(db, ledger.name)).hex()


def _leaves(db: sqlite3.Connection, name: str) -> Iterator[bytes]:
    rows = db.execute("SELECT idx, record, leaf FROM entry ORDER BY idx")
    for expected, (index, record, leaf) in enumerate(rows):
        if index != expected or leaf_hash(record) != leaf:
            raise StoreError(f"{name}: entry {expected} is damaged; `ecertmail ledger verify` says more")
        yield leaf
