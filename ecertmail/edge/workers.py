"""Worker processes: what strangers send is read where it can do no harm but to itself.

A message gets so many seconds and megabytes; a worker that takes more, or dies, is replaced and costs its own message a
claim and no other message anything. Pebble does that; `concurrent.futures` fails every waiting task when a worker dies.
"""

import multiprocessing
import os
import resource
import time
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from pebble import ProcessPool
from pebble.pool import process as pebble_process

from ecertmail.errors import WorkersError
from ecertmail.message import Envelope
from ecertmail.model import Examination
from ecertmail.ports import OpenPgp

_NICE = 5

# Pebble measures a task's time by the time of day. When the clock leaps, it would end every task; when the clock goes
# back, none.
setattr(pebble_process, "time", SimpleNamespace(time=time.monotonic, sleep=time.sleep))  # noqa: B010 - mypy

Examine = Callable[[Envelope, bytes], Examination]
_READY: list[Examine] = []  # in a worker: its examiner, made once, since keys and schemas take long to load


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What one message may cost: wall time in seconds and memory in megabytes."""

    workers: int
    seconds: float
    megabytes: int


class Workers:
    """Examines messages in worker processes; `openpgp` stays here and signs."""

    def __init__(self, openpgp: OpenPgp, build: Callable[[], Examine], allowance: Allowance) -> None:
        """Take a picklable function that makes the examiner in each worker."""
        self.openpgp = openpgp
        self._build = build
        self._allowance = allowance
        self._pool = self._start()

    def begin(self, envelope: Envelope, octets: bytes) -> "Future[Examination]":
        """Start examining a message.

        Its future fails with TimeoutError when the message took too long, and with pebble's ProcessExpired when it
        killed its worker.

        Raises:
            WorkersError: no worker can be started now.
        """
        future: Future[Examination] = self._schedule(envelope, octets)
        return future

    def _schedule(self, envelope: Envelope, octets: bytes) -> Any:
        if not self._pool.active:  # a worker could not load what it needs; perhaps the next can
            self._pool.stop()  # type: ignore[no-untyped-call]
            self._pool = self._start()
        try:
            return self._pool.schedule(_examine, args=(envelope, octets), timeout=self._allowance.seconds)
        except RuntimeError as error:
            raise WorkersError(f"no worker process can be started ({error}); see the log above") from error

    def _start(self) -> ProcessPool:
        context = multiprocessing.get_context("forkserver")  # a plain fork would inherit locks, threads and sockets
        context.set_forkserver_preload(["ecertmail.examining", "ecertmail.store.schema_findings"])
        initial = (self._build, self._allowance.megabytes)
        return ProcessPool(self._allowance.workers, initializer=_start, initargs=initial, context=context)

    @property
    def ready(self) -> int:
        """How many worker processes there are; none when they could not be started."""
        return self._allowance.workers if self._pool.active else 0

    def wait_until_ready(self) -> None:
        """Wait until a worker has loaded what it needs; who claims messages before would hold them for nothing."""
        try:
            self._pool.schedule(_is_ready).result()
        except (RuntimeError, BrokenExecutor) as error:
            raise WorkersError(f"no worker process can be started ({error}); see the log above") from error

    def close(self) -> None:
        """Finish what was begun and end the workers."""
        self._pool.close()  # type: ignore[no-untyped-call]
        self._pool.join()


def _start(build: Callable[[], Examine], megabytes: int) -> None:
    """Run once in a worker: limit it, let accepting go first, then load what examining needs."""
    os.nice(_NICE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (megabytes << 20, megabytes << 20))
    _READY[:] = [build()]


def _is_ready() -> bool:
    return bool(_READY)


def _examine(envelope: Envelope, octets: bytes) -> Examination:
    return _READY[0](envelope, octets)
