"""The loop that decides what is spooled: claim, have it examined by workers, judge and record in order of arrival."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import wait
from datetime import datetime
from functools import partial
from itertools import takewhile
from typing import Any

from ecertmail.edge.workers import Workers
from ecertmail.errors import EcertmailError
from ecertmail.flow.process import Processor
from ecertmail.message import Spooled
from ecertmail.ports import EventLog, OpenPgp

CLAIM_AT_ONCE = 100
GATHER_SECONDS = 0.05
EXAMINE_SECONDS = 0.5
RETRY_SECONDS = 10.0


class Decider:
    """Decides what arrives; `arrived` wakes it."""

    def __init__(
        self,
        processor: Processor,
        workers: Workers,
        run: Callable[[Callable[[], Any]], Awaitable[Any]],
        staged: Callable[[], None],
        clock: Callable[[], datetime],
        log: EventLog,
    ) -> None:
        """Take what decides, who examines, how to run a call in the ledger's thread, and whom to tell of receipts."""
        self.arrived = asyncio.Event()
        self._processor = processor
        self._workers = workers
        self._retired: list[Workers] = []
        self._run = run
        self._staged = staged
        self._clock = clock
        self._log = log

    @property
    def openpgp(self) -> OpenPgp:
        """Whoever signs in this process."""
        return self._workers.openpgp

    @property
    def ready(self) -> int:
        """How many worker processes there are."""
        return self._workers.ready

    def take(self, workers: Workers, processor: Processor) -> None:
        """Use other workers, and another processor, from the next claim on."""
        self._retired.append(self._workers)
        self._workers, self._processor = workers, processor
        self.arrived.set()

    async def close(self) -> None:
        """End all workers."""
        for workers in (*self._retired, self._workers):
            await asyncio.to_thread(workers.close)

    async def run(self) -> None:
        """Decide for ever; trouble of ours gives messages back, and is waited out."""
        await asyncio.to_thread(self._workers.wait_until_ready)
        self.arrived.set()
        claimed: list[Spooled] = []
        while True:
            if len(claimed) < CLAIM_AT_ONCE:
                await self.arrived.wait()
                await asyncio.sleep(GATHER_SECONDS)  # what arrives meanwhile shares the commits below
            self.arrived.clear()
            while self._retired:
                await asyncio.to_thread(self._retired.pop().close)
            try:
                claimed = await self._run(partial(self._processor.spool.claim, self._clock(), CLAIM_AT_ONCE))
                await self._decide(claimed)
            except EcertmailError as error:
                claimed = []
                self._log.error("process.waiting", error=str(error), seconds=RETRY_SECONDS)
                asyncio.get_running_loop().call_later(RETRY_SECONDS, self.arrived.set)

    async def _decide(self, claimed: list[Spooled]) -> None:
        """Decide claimed messages in the order of their arrival, as far as they are examined.

        Waiting is not done in the ledger's thread: deliveries and systemd's watchdog need it too.
        """
        workers = self._workers
        begun = self._processor.begin(claimed, workers)
        while begun:
            await asyncio.to_thread(wait, [facts for _, facts in begun], EXAMINE_SECONDS)
            ready = list(takewhile(lambda pair: pair[1].done(), begun))
            if ready:
                await self._run(partial(self._processor.decide_all, ready, workers.openpgp, self._clock))
                begun = begun[len(ready) :]
                self._staged()
                self.arrived.set()
