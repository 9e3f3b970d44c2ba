"""A folder in which another program leaves files: it writes NAME.tmp and renames it to NAME.xml when it is whole.

Only `*.xml` is taken, for many programs write under another ending until a file is whole. Files are read where they
are; `settle` moves one away when all that is in it is durable elsewhere, and its result is there before that: a crash
in between leaves both, and when the same file is settled again it finds its own result there.
"""

import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from errno import ELOOP
from pathlib import Path

from ecertmail import durable

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""No symbolic link is followed, and a named pipe keeps nobody waiting."""

_LONGEST_NAME = 200  # octets; a name has at most 255, and gets a number and an ending here


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """A file as it was read: should another one have its name since, the stamp differs."""

    name: str
    octets: bytes = field(repr=False)
    stamp: tuple[int, ...]

    @property
    def shown(self) -> str:
        """Its name as text, whatever octets it has."""
        return shown(self.name)


class DropFolder:
    """The folder, with `done` and `refused` in it for what was dealt with."""

    def __init__(self, path: Path, limit: int) -> None:
        """Make the folders; no file of more than `limit` octets is read."""
        self._path = path
        self._limit = limit
        for part in (path, path / "done", path / "refused"):
            part.mkdir(mode=0o700, parents=True, exist_ok=True)

    def names(self) -> list[str]:
        """Return the names of what waits, in order: all that ends in .xml and does not begin with a dot."""
        with os.scandir(self._path) as entries:
            return sorted(entry.name for entry in entries if _wanted(entry.name))

    def read(self, name: str) -> Dropped | str | None:
        """Return a file, or why it stays where it is, or None for one that is gone."""
        try:
            descriptor = os.open(self._path / name, _FLAGS)
        except FileNotFoundError:
            return None
        except OSError as error:
            return "it is a symbolic link" if error.errno == ELOOP else f"it cannot be opened ({error.strerror})"
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                return "it is no regular file"
            if status.st_size > self._limit:
                return f"it is larger than {self._limit} octets"
            with open(descriptor, "rb", closefd=False) as file:
                return Dropped(name=name, octets=file.read(), stamp=_stamp(status))
        finally:
            os.close(descriptor)

    def settle(self, dropped: Dropped, part: str, result: Mapping[str, object]) -> str:
        """Write the result into `done` or `refused` and move the file beside it; return the name that it has there."""
        folder = self._path / part
        name = _free(folder, dropped.name, str(result["sha256"]))
        written = _result(folder, name)
        if not written.exists():
            _write(written, result)
        # A crash here leaves a result without its file; the file is found again, and with it the result.
        os.rename(self._path / dropped.name, folder / name)  # noqa: PTH104
        if _stamp(os.stat(folder / name, follow_symlinks=False)) != dropped.stamp:  # noqa: PTH116
            self._put_back(dropped, folder / name)
        return name

    def _put_back(self, dropped: Dropped, moved: Path) -> None:
        """Another file took the name after this one was read: that one goes back, and what was read is kept."""
        names = (f"{_stem(dropped.name)}-again{n or ''}.xml" for n in range(1_000_000))
        free = next(name for name in names if not os.path.lexists(self._path / name))
        moved.rename(self._path / free)
        durable.write(moved, dropped.octets)


def _wanted(name: str) -> bool:
    return name.lower().endswith(".xml") and not name.startswith(".")


def shown(name: str) -> str:
    """Return a file name as text that can be printed, whatever octets it has."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else "?" for char in text)


def _stamp(status: os.stat_result) -> tuple[int, ...]:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def _free(folder: Path, name: str, sha256: str) -> str:
    """Find a name that no file has there, nor the result of another file."""
    stem, ending = _stem(name), Path(name).suffix
    name, place = f"{stem}{ending}", 1
    while os.path.lexists(folder / name) or _result_of(_result(folder, name)) not in {"", sha256}:
        place += 1
        name = f"{stem}-{place}{ending}"
    return name


def _stem(name: str) -> str:
    """The name without its ending, short enough that something can be added to it."""
    return os.fsdecode(os.fsencode(Path(name).stem)[:_LONGEST_NAME])


def _result(folder: Path, name: str) -> Path:
    return folder / f"{name}.result.json"


def _result_of(file: Path) -> str:
    """The hash of the file that a result is about; empty where there is none."""
    try:
        return str(json.loads(file.read_bytes())["sha256"])
    except FileNotFoundError:
        return ""
    except (ValueError, KeyError, TypeError):
        return "unreadable"


def _write(file: Path, result: Mapping[str, object]) -> None:
    durable.write(file, (json.dumps(result, ensure_ascii=False, indent=2) + "\n").encode(), durable.READABLE)
