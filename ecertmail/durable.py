"""Files that survive a power cut: the one way in which this project writes a file that somebody needs tomorrow.

The octets go to a temporary name in the same folder, are synced, take the final name, and the folder is synced. A power
cut leaves the old file or the new one, never half of one.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

OWNER_ONLY = 0o600
READABLE = 0o644  # for what is no secret: the daemon's user reads what root wrote


def write(file: Path, octets: bytes, mode: int = OWNER_ONLY) -> None:
    """Write a file, whole or not at all; a file of that name is replaced, and its owner and mode are kept.

    Args:
        file: the name that the octets have in the end; its folder must be there.
        octets: all that the file will hold.
        mode: the permission bits of a new file, whatever the process's umask says.

    Raises:
        OSError: the file could not be written; what was there before is unchanged.
    """
    with writing(file, mode) as out:
        out.write(octets)


@contextmanager
def writing(file: Path, mode: int = OWNER_ONLY) -> Iterator[BinaryIO]:
    """Write a file piece by piece; it takes its name when the context ends, and never when that ends by an exception.

    Args:
        file: the name that the octets have in the end; its folder must be there.
        mode: the permission bits of a new file, whatever the process's umask says.

    Raises:
        OSError: the file could not be written; what was there before is unchanged.
    """
    half = file.with_name(f".{file.name}.tmp")
    try:
        with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as out:
            _permit(out.fileno(), file, mode)
            yield out
            out.flush()
            os.fsync(out.fileno())
        half.replace(file)
    except BaseException:
        half.unlink(missing_ok=True)
        raise
    sync_folder(file.parent)


def rename(old: Path, new: Path) -> None:
    """Rename a file or a folder within its folder, durably; what is in it must be synced already."""
    old.rename(new)
    sync_folder(new.parent)


def remove(file: Path) -> None:
    """Remove a file, so that it does not come back after a power cut; none is no mistake."""
    file.unlink(missing_ok=True)
    sync_folder(file.parent)


def make_folder(folder: Path, mode: int = 0o700) -> None:
    """Make a folder and those above it, each of them durably; one that is there keeps its mode."""
    missing = [folder, *folder.parents]
    for one in reversed([path for path in missing if not path.exists()]):
        one.mkdir(mode=mode)
        sync_folder(one.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    _synced(folder, os.O_RDONLY | os.O_DIRECTORY)


def sync_tree(folder: Path) -> None:
    """Make everything below a folder durable that another program wrote there, such as GnuPG's keyring."""
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            sync_folder(path)
        elif path.is_file():
            _synced(path, os.O_RDONLY)
    sync_folder(folder)


def _permit(descriptor: int, file: Path, mode: int) -> None:
    try:
        before = file.stat()
    except FileNotFoundError:
        os.fchmod(descriptor, mode)
        return
    if os.geteuid() == 0:
        os.fchown(descriptor, before.st_uid, before.st_gid)
    os.fchmod(descriptor, before.st_mode & 0o7777)


def _synced(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
