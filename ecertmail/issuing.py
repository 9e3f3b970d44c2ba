"""What our own authority issues: files from the drop folder and from commands, one at a time, in a thread of its own.

Reading a large file takes long, so it is not done in the ledger's thread; only the commit is.
"""

import asyncio
import base64
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Any

from ecertmail import steps
from ecertmail.config import Config
from ecertmail.core.issue import statement
from ecertmail.edge.folder import DropFolder, Dropped, shown
from ecertmail.errors import EcertmailError
from ecertmail.model import Issued, Outcome
from ecertmail.ports import EventLog, Ledger

POLL_SECONDS = 1.0
RETRY_SECONDS = 10.0


class Issuing:
    """Takes files out of `spool/issue` and from the control socket."""

    def __init__(
        self,
        config: Config,
        ledger: Ledger,
        submit: Callable[[Callable[[], Any]], "Future[Any]"],
        clock: Callable[[], datetime],
        log: EventLog,
    ) -> None:
        """Make the folder; `submit` runs a call in the ledger's thread."""
        self._issuer = steps.issuer(config, ledger, log)
        self._folder = DropFolder(config.spool / "issue", config.settings.limits.message_size)
        self._submit = submit
        self._clock = clock
        self._log = log
        self._told: dict[str, str] = {}
        self._thread = ThreadPoolExecutor(1, "issue")

    def close(self) -> None:
        """Finish the file at hand."""
        self._thread.shutdown()

    def command(self, request: dict[str, str]) -> dict[str, object]:
        """Issue what a command brought, and return what became of it; called in a thread of its own."""
        octets = base64.b64decode(request["octets"])
        return statement(self._thread.submit(self._issue, request["file"], "command", octets).result())

    async def run(self) -> None:
        """Look into the folder for ever; trouble of ours leaves files there and is waited out."""
        loop = asyncio.get_running_loop()
        while True:
            pause = POLL_SECONDS
            try:
                names = await loop.run_in_executor(self._thread, self._folder.names)
                self._told = {name: reason for name, reason in self._told.items() if name in names}
                for name in names:
                    if not await loop.run_in_executor(self._thread, partial(self._take, name)):
                        pause = RETRY_SECONDS
            except (EcertmailError, OSError) as error:
                self._log.error("issue.waiting", error=str(error), seconds=RETRY_SECONDS)
                pause = RETRY_SECONDS
            await asyncio.sleep(pause)

    def _take(self, name: str) -> bool:
        """Issue one file of the folder; say whether it is dealt with, or need not be looked at again so soon."""
        dropped = self._folder.read(name)
        if isinstance(dropped, Dropped):
            return self._deal_with(dropped)
        if dropped is not None and self._told.get(name) != dropped:
            self._told[name] = dropped
            self._log.warning("issue.left-out", file=shown(name), because=dropped)
        return True

    def _deal_with(self, dropped: Dropped) -> bool:
        try:
            issued = self._issue(dropped.shown, "folder", dropped.octets)
            # A crash here leaves the file in the folder: it is issued again, and nothing is recorded twice.
            part = "refused" if issued.verdict.outcome is Outcome.REFUSED else "done"
            self._folder.settle(dropped, part, statement(issued))
        except EcertmailError:
            raise
        except Exception as error:  # noqa: BLE001 - one file must not stop the others
            self._log.error("issue.failed", file=dropped.shown, error=repr(error), seconds=RETRY_SECONDS)
            return False
        return True

    def _issue(self, file: str, way: str, octets: bytes) -> Issued:
        batch, octets_sha256 = self._issuer.read(file, octets)
        commit = partial(self._issuer.decide, file, way, batch, octets_sha256, self._clock())
        issued: Issued = self._submit(commit).result()
        return issued
