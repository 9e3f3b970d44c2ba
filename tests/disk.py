"""A disk whose power can be cut: ext4 on a loop mount, and the ioctl by which ext4 forgets what was not synced."""

import fcntl
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN of linux/fs/ext4/ext4.h
_NO_LOG_FLUSH = 2  # what is only in memory is lost, the journal too


class Disk:
    """One file system on a file; `cut` is a power cut, after which it is mounted again as at a start."""

    def __init__(self, image: Path, folder: Path) -> None:
        self._image, self.folder = image, folder

    def mount(self) -> None:
        subprocess.run(["mount", "-o", "loop", self._image, self.folder], check=True, capture_output=True)

    def unmount(self) -> None:
        """End what runs there, such as a daemon, its workers and GnuPG's agent, and unmount."""
        for process in Path("/proc").iterdir():
            if process.name.isdigit() and int(process.name) != os.getpid() and self._runs_here(process):
                os.kill(int(process.name), 9)
        subprocess.run(["umount", "--lazy", self.folder], check=True, capture_output=True)

    def cut(self) -> None:
        """Lose everything that was not synced, and start again with what is on the disk.

        A copy of the disk is mounted: a process that is not quite dead may still hold the old one.
        """
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, _SHUTDOWN, struct.pack("I", _NO_LOG_FLUSH))
        finally:
            os.close(descriptor)
        self._image = Path(shutil.copy(self._image, self._image.with_name(f"{self._image.name}.cut")))
        self.unmount()
        self.mount()

    def _runs_here(self, process: Path) -> bool:
        try:
            return str(self.folder).encode() in (process / "cmdline").read_bytes()
        except OSError:
            return False


@contextmanager
def mounted(folder: Path, megabytes: int = 64) -> Iterator[Disk]:
    """Mount a new disk; skip the test where that is not possible."""
    image = folder.with_suffix(".img")
    folder.mkdir()
    with image.open("wb") as file:
        file.truncate(megabytes * 1_000_000)
    disk = Disk(image, folder)
    try:
        subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True, capture_output=True)
        disk.mount()
    except (OSError, subprocess.CalledProcessError) as error:
        if os.environ.get("ECERTMAIL_CI") and os.geteuid() == 0:
            pytest.fail(f"no file system can be mounted: {error}")
        pytest.skip(f"no file system can be mounted: {error}")
    try:
        yield disk
    finally:
        disk.unmount()
