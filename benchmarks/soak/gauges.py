"""What a running daemon uses, as Linux tells it: memory, open files, and the size of its databases."""

import re
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at the daemon; `minute` is counted from the begin of the soak, sizes are in octets."""

    minute: float
    days: float
    mails: int
    rss: int
    workers: int
    files: int
    wal: int
    databases: int
    certificates: int

    def line(self) -> str:
        """Return the sample as a line of the table."""
        each = self.databases / max(self.certificates, 1)
        return (
            f"{self.minute:6.1f} {self.days:6.1f} {self.mails:7} {self.rss / MB:8.1f} {self.workers / MB:8.1f}"
            f" {self.files:6} {self.wal / MB:7.1f} {self.databases / MB:9.1f} {self.certificates:7} {each / 1000:7.1f}"
        )


HEAD = "minute   days   mails   main MB workers MB files  WAL MB  both DB MB   certs kB each"


def memory(pid: int) -> int:
    """Return the resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(found[1]) * 1024 if found else 0


def children(pid: int) -> int:
    """Return the resident memory of all that a process started, and of what these started."""
    numbers = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    tasks = Path(f"/proc/{pid}/task").iterdir()
    numbers = [number for task in tasks for number in (task / "children").read_text(encoding="ascii").split()]
    return sum(memory(int(number)) + children(int(number)) for number in numbers)


def open_files(pid: int) -> int:
    """Return how many files and sockets a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def sizes(spool: Path) -> tuple[int, int]:
    """Return (octets of both write-ahead logs, octets of both databases without them)."""
    wal = sum(file.stat().st_size for file in spool.glob("*.db-wal"))
    return wal, sum(file.stat().st_size for file in spool.glob("*.db"))


def growth(samples: Sequence[Sample], value: Callable[[Sample], int]) -> float:
    """Return by how much a value grew over the last quarter of the time, from its first third to its last."""
    last = [value(sample) for sample in samples if sample.minute >= samples[-1].minute * 0.75]
    third = max(len(last) // 3, 1)
    return statistics.median(last[-third:]) - statistics.median(last[:third])
