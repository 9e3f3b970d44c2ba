"""A clock on the wall that can be moved for processes that are started with its environment (`clock.c`)."""

import os
import shutil
import struct
import subprocess
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

_FILE, _PRELOAD = "ECERTMAIL_CLOCK", "LD_PRELOAD"
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class WallClock:
    """The library, and the file that says how far the clock is moved."""

    library: Path
    file: Path

    @staticmethod
    def make(folder: Path) -> "WallClock":
        """Compile the library into a folder; the clock is not moved yet.

        Raises:
            OSError: there is no C compiler.
        """
        clock = WallClock(folder / "clock.so", folder / "clock")
        source, compiler = Path(__file__).with_name("clock.c"), shutil.which("cc") or "cc"
        subprocess.run(
            [compiler, "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", clock.library, source], check=True
        )
        clock.file.write_bytes(bytes(8))
        return clock

    @staticmethod
    def here() -> "WallClock | None":
        """Return the clock that this process was started with."""
        library, file = os.environ.get(_PRELOAD), os.environ.get(_FILE)
        return WallClock(Path(library), Path(file)) if library and file else None

    @property
    def environment(self) -> dict[str, str]:
        """What processes that see this clock are to be started with."""
        return {_FILE: str(self.file), _PRELOAD: str(self.library)}

    def move(self, to: timedelta) -> None:
        """Let the clock show the real time and so much more, or less."""
        nanoseconds = to // _SECOND * 10**9
        with self.file.open("r+b") as file:
            file.write(struct.pack("=q", nanoseconds))
