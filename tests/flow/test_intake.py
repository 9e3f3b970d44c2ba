"""Accepting mail: durable first, then the answer; what arrives together shares a commit and its failure."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest

from ecertmail.errors import StoreBusyError
from ecertmail.flow.intake import Intake
from ecertmail.store.spool import SpoolReader, SqliteSpool
from tests.builders import envelope
from tests.flow.fakes import Log, SlowSpool, Trouble


class Desk:
    """An intake with a thread of its own for the spool, as the daemon has it."""

    def __init__(self, spool: SlowSpool | SqliteSpool) -> None:
        self.log, self.woken = Log(), 0
        self._thread, ids = ThreadPoolExecutor(1), count(1)
        self.intake = Intake(spool, self._run, lambda: f"m{next(ids)}", self._wake, self.log)

    def _run(self, call: Callable[[], Mapping[str, str]]) -> Awaitable[Mapping[str, str]]:
        return asyncio.get_running_loop().run_in_executor(self._thread, call)

    def _wake(self) -> None:
        self.woken += 1

    async def accept(self, octets: bytes = b"x") -> str:
        return await self.intake.accept(envelope(), octets)

    def close(self) -> None:
        self._thread.shutdown()


async def test_a_message_is_in_the_spool_when_accept_returns(tmp_path: Path) -> None:
    spool = SqliteSpool(tmp_path / "spool.db")
    desk = Desk(spool)
    spool_id = await desk.accept(b"octets")
    reader = SpoolReader(tmp_path / "spool.db")
    assert reader.get(spool_id)[1] == b"octets"
    assert (desk.woken, desk.log.events) == (1, [("info", "mail.spooled")])
    reader.close()
    desk.close()
    spool.close()


async def test_what_arrives_together_shares_commits() -> None:
    """While the first commit is under way the others wait, and then go in one."""
    spool = SlowSpool()
    desk = Desk(spool)
    ids = await asyncio.gather(*[desk.accept(b"%d" % number) for number in range(50)])
    assert sum(spool.commits) == len(set(ids)) == 50
    assert len(spool.commits) <= 2
    assert sorted(spool.stored.values()) == sorted(b"%d" % number for number in range(50))
    desk.close()


async def test_what_arrives_during_a_commit_waits_for_the_next_one() -> None:
    spool = SlowSpool()
    desk = Desk(spool)
    first = asyncio.create_task(desk.accept())
    await asyncio.sleep(0.005)
    second = asyncio.create_task(desk.accept())
    await first
    assert (spool.commits, second.done()) == ([1], False)
    await second
    assert spool.commits == [1, 1]
    desk.close()


async def test_a_failure_reaches_every_sender_of_the_commit_and_nobody_else() -> None:
    spool = SlowSpool(Trouble(2))
    desk = Desk(spool)
    first = asyncio.create_task(desk.accept())
    await asyncio.sleep(0.005)
    failing = [asyncio.create_task(desk.accept()) for _ in range(10)]
    await first
    ends = await asyncio.gather(*failing, return_exceptions=True)
    assert [type(end) for end in ends] == [StoreBusyError] * 10
    assert len(spool.stored) == 1
    assert await desk.accept() in spool.stored
    assert (desk.woken, len(desk.log.lines)) == (2, 2)
    desk.close()


async def test_what_waits_behind_a_failure_is_still_stored() -> None:
    spool = SlowSpool(Trouble(1))
    desk = Desk(spool)
    first = asyncio.create_task(desk.accept())
    await asyncio.sleep(0.005)
    second = asyncio.create_task(desk.accept())
    with pytest.raises(StoreBusyError):
        await first
    assert await second in spool.stored
    desk.close()


async def test_a_bug_in_the_spool_is_a_failure_too_and_no_silence() -> None:
    desk = Desk(SlowSpool(Trouble(1, error=RuntimeError("a bug"))))
    with pytest.raises(RuntimeError):
        await desk.accept()
    assert await desk.accept()
    desk.close()


async def test_a_sender_that_hangs_up_stops_no_other() -> None:
    """Its message may be stored all the same: it did not hear 250 and will send a copy."""
    spool = SlowSpool()
    desk = Desk(spool)
    tasks = [asyncio.create_task(desk.accept()) for _ in range(5)]
    await asyncio.sleep(0.005)
    tasks[2].cancel()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(ends[2], asyncio.CancelledError)
    assert {end for end in ends if isinstance(end, str)} <= set(spool.stored)
    assert await desk.accept() in spool.stored
    desk.close()
