"""Writing a file anew without its free pages, while no daemon runs; from then on it gives free pages back by itself."""

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

from ecertmail.errors import NotFoundError, StoreBusyError
from ecertmail.store.database import INCREMENTAL, guarded

_STEPS = 200_000  # of SQLite's machine, between two looks at the progress
_COPIES = 2  # a temporary file, and the write-ahead log


def compact(path: Path, progress: Callable[[float], object]) -> tuple[int, int]:
    """Compact a file; a power cut in the middle leaves it as it was.

    Args:
        path: the database.
        progress: hears which share of the work is done, from 0 to 1.

    Returns:
        Its size in octets before and after.

    Raises:
        NotFoundError: there is no such file.
        StoreBusyError: the disk has not enough space for two copies.
    """
    if not path.is_file():
        raise NotFoundError(f"{path}: is not there yet; `ecertmail serve` makes it")
    before = path.stat().st_size
    with guarded(path):
        db = sqlite3.connect(path, isolation_level=None, timeout=5)
        try:
            _vacuum(db, path, progress)
        finally:
            db.close()
    return before, path.stat().st_size


def _vacuum(db: sqlite3.Connection, path: Path, progress: Callable[[float], object]) -> None:
    pages, free, size = (
        int(db.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("page_count", "freelist_count", "page_size")
    )
    needed = _COPIES * (pages - free) * size
    there = shutil.disk_usage(path.parent).free
    if there < needed:
        raise StoreBusyError(f"{path}: compacting needs {needed:,} octets of free disk space, and there are {there:,}")
    db.execute("PRAGMA synchronous=FULL")
    db.execute(f"PRAGMA auto_vacuum={INCREMENTAL}")
    quoted = str(path.parent.absolute()).replace("'", "''")
    db.execute(f"PRAGMA temp_store_directory='{quoted}'")  # /var/tmp may be small
    start = _written()

    def look() -> int:
        progress(min((_written() - start) / max(needed, 1), 1.0))
        return 0  # go on

    db.set_progress_handler(look, _STEPS)
    db.execute("VACUUM")
    db.set_progress_handler(None, 0)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    progress(1.0)


def _written() -> int:
    """Return how many octets this process wrote up to now; Linux only, 0 elsewhere."""
    try:
        lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next(int(line.split()[1]) for line in lines if line.startswith("wchar"))
