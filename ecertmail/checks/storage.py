"""The disk under the spool: how much is free, and whether the file system keeps what it was given."""

import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from ecertmail.checks import where
from ecertmail.config import Config
from ecertmail.edge import control
from ecertmail.errors import ConfigError
from ecertmail.fault import Fault, Harm

FULL, LOW = 100_000_000, 1_000_000_000
"""Free octets below which mail is soon refused, and below which somebody should look."""

_FEW_INODES = 1_000
_SHARED = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "fuse.glusterfs", "ceph", "afs"})


def faults(config: Config, _now: datetime) -> Iterator[Fault]:
    """Return what is wrong with the disk under the spool."""
    folder = config.spool
    place = where.setting(config, "paths", "spool")
    if folder.exists() and not folder.is_dir():
        yield Fault(code="spool", harm=Harm.MAIL, text=f"{folder} is no folder", remedy="name a folder", **place)
        return
    if not control.fits(folder / "control.sock"):
        text = f"the path of the daemon's socket in {folder} has more than {control.LONGEST_PATH} octets"
        yield Fault(code="path-too-long", harm=Harm.STOPS, text=text, remedy="use a folder nearer to /",
                    exit_code=ConfigError.exit_code, **place)  # fmt: skip
    kind = _file_system(folder)
    if kind in _SHARED:
        text = f"{folder} lies on a network file system ({kind}), where SQLite can lose what was acknowledged"
        yield Fault(code="spool-network", harm=Harm.LATER, text=text, remedy="use a local disk", **place)
    if kind == "tmpfs":
        text = f"{folder} lies in memory (tmpfs): a restart of the machine loses every mail and the ledger"
        yield Fault(code="spool-memory", harm=Harm.LATER, text=text, remedy="use a disk", **place)
    yield from space(folder)


def space(folder: Path) -> Iterator[Fault]:
    """Return what is wrong with the free space of a folder's file system."""
    free = free_octets(folder)
    if free is None:
        return
    remedy = f"free space on the file system of {folder}: `df -h {folder}`"
    if free < FULL:
        text = f"the disk is full: {_megabytes(free)} are free; mail is put off with 451"
        yield Fault(code="disk-full", harm=Harm.MAIL, text=text, remedy=remedy, file=str(folder), exit_code=75)
    elif free < LOW:
        text = f"the disk is nearly full: {_megabytes(free)} are free"
        yield Fault(code="disk-low", harm=Harm.LATER, text=text, remedy=remedy, file=str(folder))
    seen = os.statvfs(_there(folder))
    if seen.f_files and seen.f_favail < _FEW_INODES:
        text = f"the file system has only {seen.f_favail} free inodes"
        yield Fault(code="disk-full", harm=Harm.MAIL, text=text, remedy=remedy.replace("-h", "-i"), file=str(folder),
                    exit_code=75)  # fmt: skip


def free_octets(folder: Path) -> int | None:
    """Return how many octets an ordinary user may still write; None where that cannot be found out."""
    try:
        return shutil.disk_usage(_there(folder)).free
    except OSError:
        return None


def _there(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that exists."""
    return next(path for path in (folder, *folder.parents) if os.path.exists(path))  # noqa: PTH110 - raises nothing


def _file_system(folder: Path) -> str:
    """Return the kind of file system that a folder lies on, by the longest mount point above it; empty if unknown."""
    try:
        lines = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    mounts = {fields[1]: fields[2] for line in lines if len(fields := line.split()) > 2}
    resolved = _there(folder).resolve()
    return next((mounts[str(path)] for path in (resolved, *resolved.parents) if str(path) in mounts), "")


def _megabytes(octets: int) -> str:
    return f"{octets // 1_000_000} MB"
