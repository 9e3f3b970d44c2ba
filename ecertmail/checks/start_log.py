"""What the daemon logs of a configuration that it runs with and that has faults all the same."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from ecertmail import checks
from ecertmail.config import Config
from ecertmail.fault import Fault
from ecertmail.ports import EventLog


class StartLog:
    """Logs each fault once, at the start and after each reload, while the daemon works."""

    def __init__(self, config: Callable[[], Config], clock: Callable[[], datetime], log: EventLog) -> None:
        self._config = config
        self._clock = clock
        self._log = log
        self._reloaded = asyncio.Event()

    async def run(self) -> None:
        """Check the configuration whenever it was loaded, until cancelled."""
        known: set[Fault] = set()
        while True:
            self._reloaded.clear()
            for fault in await asyncio.to_thread(checks.tolerated, self._config(), self._clock()):
                if fault not in known:
                    self._log.warning("config.fault", fault=fault.sentence, remedy=fault.remedy)
                known.add(fault)
            await self._reloaded.wait()

    def ring(self) -> None:
        """Check again: the configuration was loaded anew."""
        self._reloaded.set()
