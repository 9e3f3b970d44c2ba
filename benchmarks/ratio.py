"""What a benchmark reports: ours over a floor, the aim, and against what it was measured."""

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """One line of `make bench`."""

    name: str
    value: float
    aim: float
    higher_is_better: bool
    against: str

    def line(self) -> str:
        """Return the line that is printed."""
        good = self.value >= self.aim if self.higher_is_better else self.value <= self.aim
        sign = "≥" if self.higher_is_better else "≤"
        verdict = "ok" if good else ("under" if self.higher_is_better else "over")
        return f"{self.name:<18} {self.value:6.2f}   aim {sign} {self.aim:<4} {verdict:<7} ({self.against})"


def compare(
    ours: Callable[[], object], floor: Callable[[], object], repeats: int, settle: Callable[[], object] = lambda: None
) -> float:
    """Run both alternately and return the ratio of the median times.

    Args:
        ours: what is measured.
        floor: what it is measured against.
        repeats: how often each is run.
        settle: called after each run and not timed; waits until nothing of it still takes the processors.
    """
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats):
        for run, taken in zip((ours, floor), times, strict=True):
            gc.collect()
            start = time.perf_counter()
            run()
            taken.append(time.perf_counter() - start)
            settle()
    return median(times[0]) / median(times[1])
