"""(g) Looking up for an official: against the bare row, and in a million certificates against a thousand.

A number that is not known costs a search for those that are one slip away, so known and unknown ones are told apart.
The first two are the look-up itself; the last one is what an official waits for, up to the signed letter.
"""

import io
import itertools
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.filled import fill
from benchmarks.ratio import Ratio, compare
from benchmarks.visitor import Visitor
from ecertmail.edge import log
from ecertmail.flow.look_up import LookedUp, LookUps
from ecertmail.looked_up import Asked
from ecertmail.official import Language, Official
from ecertmail.store.ledger import SqliteLedger
from tests.builders import CHINA, NOW, new_zealand

SMALL, LARGE, ASKED, MAILS, REPEATS = 1_000, 1_000_000, 500, 100, 9
_STEP = 7919  # a prime, so that what is asked for lies all over the ledger

_OFFICIAL = Official(
    id="li", address="li@customs.example", name="Li Wei", post="", language=Language.ZH, partner="self", created_at=NOW
)


@dataclass(frozen=True, slots=True)
class _Ledger:
    """A filled ledger, and the numbers that are asked of it: each time others, so that no cache knows them."""

    file: Path
    ledger: SqliteLedger
    look_ups: LookUps
    known: Iterator[str]
    unknown: Iterator[str]
    visitor: Visitor

    @staticmethod
    def of(file: Path, size: int) -> "_Ledger":
        ledger, first = SqliteLedger(file), LARGE - size  # numbers as long as the others: a long one has more near it
        fill(file, first, size)
        look_ups = LookUps(
            authority=CHINA, partners={"nz": new_zealand()}, misses_to_alarm=5,
            log=log.make("json", "info", io.StringIO()),
        )  # fmt: skip
        places = (first + n * _STEP % size for n in itertools.count())
        known, unknown = itertools.tee(places)
        visitor = Visitor.of(ledger, look_ups, _OFFICIAL)
        return _Ledger(file, ledger, look_ups, (f"NZ-{n}" for n in known), (f"NZ-{n}X" for n in unknown), visitor)

    def answer(self, numbers: Iterable[str], count: int = ASKED) -> list[LookedUp]:
        """What `LookUps` says of so many numbers, each asked for alone, all in one commit."""
        with self.ledger.transaction() as tx:
            return [
                self.look_ups.answer(tx, _OFFICIAL, (Asked(number=number),), NOW, "benchmark")
                for number in itertools.islice(numbers, count)
            ]

    def find(self) -> None:
        """Look up numbers that are there."""
        assert all(told.pairs for told in self.answer(self.known))

    def miss(self) -> None:
        """Look up numbers that are not there, but one that is near each."""
        assert all(told.unknown[0].near for told in self.answer(self.unknown))

    def mails(self) -> None:
        """Answer mails that ask for both kinds, each in a commit of its own, as the daemon does."""
        for number in itertools.islice(_alternately(self.known, self.unknown), MAILS):
            self.visitor.verify(number)

    def bare(self) -> Callable[[], None]:
        """The floor: the same rows by the same indexes through a connection as ours, as SQLite gives them."""
        db = sqlite3.connect(self.file, isolation_level=None)
        db.execute("PRAGMA cache_size=-65536")

        def run() -> None:
            db.execute("BEGIN IMMEDIATE")
            for number in itertools.islice(self.known, ASKED):
                assert db.execute("SELECT * FROM certificate WHERE number=?", (number,)).fetchall()
                assert db.execute("SELECT * FROM version WHERE number=?", (number,)).fetchall()
            db.execute("COMMIT")

        return run


def _alternately(one: Iterator[str], other: Iterator[str]) -> Iterator[str]:
    return (next(numbers) for numbers in itertools.cycle((one, other)))


def measure() -> tuple[Ratio, ...]:
    """Look up in a ledger with a million certificates, in one with a thousand, and read the bare rows."""
    with tempfile.TemporaryDirectory(prefix="ecertmail-bench-") as name:
        large, small = (_Ledger.of(Path(name) / f"{size}.db", size) for size in (LARGE, SMALL))
        bare = large.bare()
        try:
            return (
                _ratio("look-up", large.find, bare, 5, f"{ASKED} bare rows and their versions, {LARGE:,} certificates"),
                _ratio("look-up-near", large.miss, bare, 25, "the same, asked for numbers that are one slip off"),
                _ratio(
                    "look-up-size", large.mails, small.mails, 1.5, f"signed answers to {MAILS} mails, {SMALL:,} only"
                ),
            )
        finally:
            large.ledger.close()
            small.ledger.close()


def _ratio(name: str, ours: Callable[[], None], floor: Callable[[], None], aim: float, against: str) -> Ratio:
    value = compare(ours, floor, REPEATS)
    return Ratio(name=name, value=value, aim=aim, higher_is_better=False, against=f"{against}; median of {REPEATS}")
