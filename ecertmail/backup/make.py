"""Make a backup while the daemon runs, so that nothing which was acknowledged before is missing in it.

Order: files that wait in `issue/`, then the spool, then the ledger. Everything moves from the first to the last, so
what has left one by the time it is copied is in the next. The ledger may know messages that the copied spool has not:
they are decided, and their receipts are in the ledger. A message that the copied spool still holds and the copied
ledger has decided is only archived again.
"""

import fcntl
import os
import pwd
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from ecertmail import __version__, durable
from ecertmail.backup import last
from ecertmail.backup.manifest import NAME, Entry, Manifest, digest, name_of, read
from ecertmail.backup.sources import Source, folders, sources
from ecertmail.config import Config
from ecertmail.errors import ConfigError, EcertmailError, StoreBusyError
from ecertmail.store import online_backup

_DATABASES = ("spool.db", "ledger.db")
_NAMED = re.compile(r"ecertmail-\d{8}T\d{6}Z")
_ROOM = 16_000_000
"""Octets beside the databases that must be free."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A backup that was made, and the older ones that were removed for it."""

    path: Path
    manifest: Manifest
    removed: tuple[str, ...]


def length(config: Config) -> int:
    """Return how many octets both databases have now."""
    return sum(file.stat().st_size for file in _databases(config))


def make(config: Config, folder: Path, keep: int, now: datetime, progress: Callable[[int], object]) -> Backup:
    """Make a backup in a new folder below `folder`, named by the time, and remove all but the newest `keep`.

    Args:
        config: the node.
        folder: where backups are kept; it is made if it is not there.
        keep: how many backups of this node stay, with the new one.
        now: the time that names the backup.
        progress: hears how many octets of the databases were copied since it was last called.

    Raises:
        ConfigError: a file of the node cannot be read, or `folder` is inside one that is copied.
        StoreBusyError: there is no room, or another backup is being made.
        StoreError: a database is damaged.
    """
    kept = sources(config)
    if any(folder.resolve().is_relative_to(one.resolve()) for one in (*folders(config), config.spool)):
        raise ConfigError(f"{folder}: is inside a folder that is copied; choose another one")
    try:
        with _alone(folder):
            path = folder / f"ecertmail-{now:%Y%m%dT%H%M%SZ}"
            made = _make(config, kept, path, now, progress)
            removed = _remove_old(folder, path.name, made.node, keep)
            last.write(config.spool, last.LastBackup(made_at=now, path=str(path.resolve()), octets=made.octets))
    except OSError as error:
        raise StoreBusyError(f"{error.filename or folder}: the backup was not made ({error.strerror})") from error
    return Backup(path=path, manifest=made, removed=removed)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder of backups, and clear away what a backup left that was cut off."""
    durable.make_folder(folder)
    with (folder / ".lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreBusyError(f"{folder}: another backup is being made there") from error
        for half in folder.glob(".ecertmail-*"):
            shutil.rmtree(half)
        yield


def _make(config: Config, kept: list[Source], path: Path, now: datetime, progress: Callable[[int], object]) -> Manifest:
    if path.exists():
        raise StoreBusyError(f"{path}: was made in this second; try again")
    if (free := shutil.disk_usage(path.parent).free) < (needed := length(config) + _ROOM):
        raise StoreBusyError(f"{path.parent}: a backup needs {needed:,} octets, and only {free:,} are free")
    half = path.with_name(f".{path.name}")
    half.mkdir(mode=0o700)
    try:
        names = _copy_all(config, kept, half, progress)
        made = _manifest(config, half, names, now)
        durable.write(half / NAME, made.to_json())
        durable.sync_tree(half)
        durable.rename(half, path)  # durable and whole from here on; a crash before this line leaves a hidden folder
    except BaseException:
        shutil.rmtree(half, ignore_errors=True)
        raise
    return made


def _copy_all(config: Config, kept: list[Source], half: Path, progress: Callable[[int], object]) -> dict[str, int]:
    """Copy everything; return the names of all files in the backup, with their permission bits."""
    names: dict[str, int] = {}
    for path in sorted((config.spool / "issue").glob("*.xml")):
        if path.is_file() and not path.is_symlink():
            names |= _copied(Source(path), config, half)
    databases = _databases(config)
    with ExitStack() as stack:
        for path, source in zip(databases, stack.enter_context(online_backup.snapshots(databases)), strict=True):
            name = _name(path, config)
            online_backup.copy(source, _ready(half / name), progress)
            names[name] = durable.OWNER_ONLY
    for one in kept:
        names |= _copied(one, config, half)
    return names


def _copied(source: Source, config: Config, half: Path) -> dict[str, int]:
    """Copy one file; nothing, if it was removed meanwhile."""
    name = _name(source.path, config)
    try:
        octets = source.path.read_bytes() if source.octets is None else source.octets
        mode = source.path.stat().st_mode & 0o777 if source.octets is None else durable.OWNER_ONLY
    except FileNotFoundError:
        return {}
    target = _ready(half / name)
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, durable.OWNER_ONLY), "wb") as out:
        out.write(octets)
    return {name: mode}


def _manifest(config: Config, half: Path, names: dict[str, int], now: datetime) -> Manifest:
    ledger = half / _name(config.spool / "ledger.db", config)
    entries, root = online_backup.log(ledger) if ledger.exists() else (0, sha256(b"").hexdigest())
    files = [
        Entry(path=name, mode=mode, octets=(half / name).stat().st_size, sha256=digest(half / name))
        for name, mode in names.items()
    ]
    return Manifest(
        ecertmail=__version__,
        made_at=now,
        node=config.authority.address,
        configuration=str(config.file),
        owner=_owner(config.spool),
        entries=entries,
        root=root,
        files=tuple(files),
    )


def _remove_old(folder: Path, newest: str, node: str, keep: int) -> tuple[str, ...]:
    """Remove the oldest backups of this node; those of other nodes in the same folder stay."""
    older = sorted(
        path.name
        for path in folder.iterdir()
        if _NAMED.fullmatch(path.name) and path.name != newest and _is_of(path, node)
    )
    removed = older[: max(len(older) + 1 - keep, 0)]
    for name in removed:
        half = folder / f".{name}"
        durable.rename(folder / name, half)  # a crash from here on leaves nothing that looks whole
        shutil.rmtree(half)
    return tuple(removed)


def _is_of(path: Path, node: str) -> bool:
    try:
        return read(path).node == node
    except (EcertmailError, OSError):
        return False  # a damaged backup is left for a person to look at


def _databases(config: Config) -> list[Path]:
    """Return the databases that are there, in the order in which they are copied; a new node has none yet."""
    return [path for name in _DATABASES if (path := config.spool / name).is_file()]


def _name(path: Path, config: Config) -> str:
    return name_of(path, config.file.parent)


def _ready(path: Path) -> Path:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def _owner(folder: Path) -> str:
    try:
        return pwd.getpwuid(folder.stat().st_uid).pw_name
    except KeyError:
        return str(folder.stat().st_uid)
