"""Raw mail in, durable in the spool, and only then accepted; what arrives together shares one commit.

A commit to disk is what costs time, so while one is under way the next arrivals wait together for theirs.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from ecertmail.message import Envelope
from ecertmail.ports import EventLog, Spool

_Arrival = tuple[str, Envelope, bytes]


class Intake:
    """The accept function that every edge calls."""

    def __init__(
        self,
        spool: Spool,
        run: Callable[[Callable[[], Mapping[str, str]]], Awaitable[Mapping[str, str]]],
        new_id: Callable[[], str],
        arrived: Callable[[], None],
        log: EventLog,
    ) -> None:
        """Take the spool, how to run its calls in its own thread, a source of ids, and whom to wake."""
        self._spool = spool
        self._run = run
        self._new_id = new_id
        self._arrived = arrived
        self._log = log
        self._waiting: list[tuple[_Arrival, asyncio.Future[str]]] = []
        self._storing: asyncio.Task[None] | None = None

    async def accept(self, envelope: Envelope, octets: bytes) -> str:
        """Store one message and return its spool id: of a fetched one that came before, that of the first.

        Raises:
            StoreBusyError: nothing was stored; the sender must be told to try again.
        """
        spool_id = self._new_id()
        stored: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting.append(((spool_id, envelope, octets), stored))
        if self._storing is None or self._storing.done():
            self._storing = asyncio.create_task(self._store_waiting())
        if (held := await stored) != spool_id:
            self._log.info("mail.known", id=held, peer=envelope.peer, size=len(octets), path=envelope.source)
            return held
        self._log.info("mail.spooled", id=spool_id, peer=envelope.peer, size=len(octets), path=envelope.source)
        return spool_id

    async def _store_waiting(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, []
            arrivals = [arrival for arrival, _ in group]
            try:
                known = await self._run(lambda batch=arrivals: self._spool.add(batch))  # type: ignore[misc]
            except Exception as error:  # noqa: BLE001 - whatever it is, each sender must hear of it
                for _, stored in group:
                    if not stored.done():
                        stored.set_exception(error)
                continue
            # A crash from here on leaves the messages in the spool; a sender that did not hear 250 sends a copy,
            # which has the same signed octets and is answered as a repetition.
            for (spool_id, _, _), stored in group:
                if not stored.done():
                    stored.set_result(known.get(spool_id, spool_id))
            self._arrived()
