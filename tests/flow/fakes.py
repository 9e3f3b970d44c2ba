"""Stand-ins for the world behind the ports; some of them lie: it happened, but you were told that it failed."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any

from ecertmail.delivery import AlarmChange, Attempt, Attempted, Delivery, Room, Settled
from ecertmail.errors import StoreBusyError
from ecertmail.flow.examine import begun
from ecertmail.message import Envelope, SpoolEnd
from ecertmail.model import Examination
from ecertmail.ports import Transaction
from ecertmail.store.ledger import SqliteLedger
from ecertmail.store.outbox import SqliteOutbox
from ecertmail.store.spool import SqliteSpool


class Log:
    """Remembers every event as (level, event, facts)."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, dict[str, object]]] = []

    def info(self, event: str, **facts: object) -> None:
        self.lines.append(("info", event, facts))

    def warning(self, event: str, **facts: object) -> None:
        self.lines.append(("warning", event, facts))

    def error(self, event: str, **facts: object) -> None:
        self.lines.append(("error", event, facts))

    @property
    def events(self) -> list[tuple[str, str]]:
        return [(level, event) for level, event, _ in self.lines]


class Trouble:
    """Fails at the calls with these numbers, counted from one."""

    def __init__(self, *calls: int, error: BaseException | None = None) -> None:
        self.calls = 0
        self._at = calls
        self._error = error or StoreBusyError("the disk is full")

    def __call__(self) -> None:
        self.calls += 1
        if self.calls in self._at:
            raise self._error


class TroubledLedger:
    """A ledger whose transactions fail: `before` they begin, or after they were committed, which nobody is told."""

    def __init__(self, ledger: SqliteLedger, before: Trouble | None = None, after: Trouble | None = None) -> None:
        self._ledger = ledger
        self._before, self._after = before or Trouble(), after or Trouble()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        self._before()
        with self._ledger.transaction() as tx:
            yield tx
        self._after()


class BrittleSpool(SqliteSpool):
    """A spool that cannot take messages, or write down what became of them, at chosen calls."""

    adding, finishing = Trouble(), Trouble()

    def add(self, arrivals: Sequence[tuple[str, Envelope, bytes]]) -> dict[str, str]:
        self.adding()
        return super().add(arrivals)

    def finish(self, ends: Sequence[SpoolEnd], now: datetime) -> None:
        self.finishing()
        super().finish(ends, now)


class SlowSpool:
    """Takes its time for a commit, counts commits, and keeps what was added."""

    def __init__(self, trouble: Trouble | None = None) -> None:
        self.commits: list[int] = []
        self.stored: dict[str, bytes] = {}
        self._trouble = trouble or Trouble()

    def add(self, arrivals: Sequence[tuple[str, Envelope, bytes]]) -> dict[str, str]:
        time.sleep(0.02)
        self._trouble()
        self.commits.append(len(arrivals))
        self.stored |= {spool_id: octets for spool_id, _, octets in arrivals}
        return {}

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"intake has no business with {name}")


class BrittleExaminer:
    """Examines as the real one does, but breaks on messages that contain a word."""

    def __init__(self, real: Any, word: bytes) -> None:
        self._real, self._word = real, word
        self.openpgp = real.openpgp

    def begin(self, envelope: Envelope, octets: bytes) -> "Future[Examination]":
        return begun(partial(self.examine, envelope, octets))

    def examine(self, envelope: Envelope, octets: bytes) -> Examination:
        if self._word in octets:
            raise RecursionError("a bug in a reader")
        examination: Examination = self._real.examine(envelope, octets)
        return examination


class Smarthost:
    """Takes every mail; what it then says is one answer after the other, the last one for ever."""

    def __init__(self, *answers: Attempted) -> None:
        self._answers = list(answers)
        self.taken: list[Delivery] = []

    async def send(self, delivery: Delivery) -> Attempt:
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if answer in {Attempted.SENT, Attempted.UNKNOWN}:  # unknown: it was taken, and then the line went dead
            self.taken.append(delivery)
        return Attempt(outcome=answer, reply=f"it was {answer}")


class BrittleOutbox(SqliteOutbox):
    """An outbox that cannot write down how chosen attempts ended, or that took and says that it could not."""

    settling = Trouble()
    taken = Trouble()

    def settle(self, settled: Sequence[Settled], now: datetime, change: AlarmChange | None = None) -> list[AlarmChange]:
        for _ in settled:
            self.settling()
        return super().settle(settled, now, change)

    def take_due(self, now: datetime, room: Room) -> list[Delivery]:
        deliveries = super().take_due(now, room)
        self.taken()
        return deliveries


async def at_once(call: Callable[[], Any]) -> Any:
    """Run a store call here and now."""
    return call()
