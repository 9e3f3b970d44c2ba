"""Sending what is due: many at once, within limits, and what each attempt makes of a delivery (`core/states.py`).

Attempts run beside the books: one landing starts the next at once, while the ledger's thread writes down, in one
commit, what landed meanwhile. A ledger in trouble stops the books and not what is in hand.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from ecertmail.core import smarthost_alarm, undelivered
from ecertmail.core.states import after_attempt
from ecertmail.delivery import AlarmChange, Attempt, Delivery, DeliveryState, Room, Settled
from ecertmail.errors import TemporaryError
from ecertmail.flow.hand import Hand
from ecertmail.ports import EventLog, Outbox, Sender

GATHER_SECONDS = 0.01
LOOK_SECONDS = 1.0
GRACE_SECONDS = 2.0

Run = Callable[[Callable[[], Any]], Awaitable[Any]]
_GOOD = {DeliveryState.DELIVERED, DeliveryState.DEFERRED}


class Deliverer:
    """Makes due deliveries; `run` runs a store call in the ledger's own thread, `news` wakes whoever waits here.

    `look` is how long it waits for news before it looks by itself, and `grace` how long `stop` waits; both in seconds.
    `who` names in alarms whose address one is.
    """

    def __init__(
        self,
        outbox: Outbox,
        sender: Sender,
        run: Run,
        clock: Callable[[], datetime],
        backoff: tuple[timedelta, ...],
        give_up: timedelta,
        hand: Hand,
        news: asyncio.Event,
        log: EventLog,
        look: float = LOOK_SECONDS,
        grace: float = GRACE_SECONDS,
        who: Callable[[str], str] = str,
    ) -> None:
        self._outbox = outbox
        self._sender = sender
        self._run = run
        self._clock = clock
        self._backoff = backoff
        self._give_up = give_up
        self._hand = hand
        self._news = news
        self._log = log
        self._look = look
        self._grace = grace
        self._who = who
        self._blocked: frozenset[str] = frozenset()
        self._in_doubt = False
        self._broken: BaseException | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def deliver_due(self) -> int:
        """Send everything that is due, and what becomes due meanwhile; return how many attempts were made.

        Raises:
            TemporaryError: the books cannot be kept now; what is in hand stays there, and calling again goes on.
        """
        made = 0
        while True:
            self._news.clear()
            if self._broken:
                raise self._broken
            written = await self._keep_books()
            made += written
            self._start()
            if not self._hand.empty:
                await self._wait()
            elif not written:
                return made

    async def stop(self) -> None:
        """Wait a little for what is on its way, write down how it ended, and give the rest back."""
        self._hand.close()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._grace)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        now = self._clock()
        try:
            await self._run(partial(self._outbox.settle, self._settled(), now))
            await self._run(partial(self._outbox.recover, now))
        except TemporaryError as error:  # the next start finds them as `sending`
            self._log.error("deliver.waiting", error=str(error))

    async def _wait(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), self._look)
        await asyncio.sleep(GATHER_SECONDS)  # what lands meanwhile shares the commit

    async def _keep_books(self) -> int:
        """Write down what landed and take what is due."""
        settled = self._settled()
        blocked, change = smarthost_alarm.after(self._blocked, settled)
        try:
            # A crash from here on leaves deliveries in `sending`; they are taken again, with the same octets.
            turn = partial(self._turn, settled, change, self._hand.numbers, self._hand.room())
            taken, alarms = await self._run(turn)
        except Exception:
            self._in_doubt = True
            raise
        self._in_doubt, self._blocked = False, blocked
        del self._hand.landed[: len(settled)]
        self._hand.add(taken)
        for one in settled:
            self._tell(one)
        for alarm in alarms:
            self._tell_alarm(alarm)
        return len(settled)

    def _turn(
        self, settled: list[Settled], change: AlarmChange | None, in_hand: set[int], room: Room
    ) -> tuple[list[Delivery], Sequence[AlarmChange]]:
        """Do what is done in the ledger's thread; after trouble more may stand there as `sending` than is in hand."""
        now = self._clock()
        if self._in_doubt:
            self._outbox.recover(now, in_hand)
        alarms = self._outbox.settle(settled, now, change)
        return self._outbox.take_due(now, room), alarms

    def _start(self) -> None:
        for delivery in self._hand.start():
            task = asyncio.create_task(self._fly(delivery))
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    async def _fly(self, delivery: Delivery) -> None:
        self._hand.land(delivery, await self._sender.send(delivery))
        self._start()
        self._news.set()

    def _settled(self) -> list[Settled]:
        return [self._settle(delivery, attempt) for delivery, attempt in self._hand.landed]

    def _settle(self, delivery: Delivery, attempt: Attempt) -> Settled:
        state, next_at = after_attempt(
            attempt.outcome, delivery.attempts + 1, self._clock(), self._backoff, self._give_up
        )
        alarm = undelivered.alarm(delivery.id, delivery.kind, delivery.recipient, state, attempt.reply, self._who)
        return Settled(delivery=delivery, attempt=attempt, state=state, next_at=next_at, alarm=alarm)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A sender never raises for what a server does: what it raises is a bug of ours, and ends the loop."""
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._broken = error
            self._news.set()

    def _tell(self, one: Settled) -> None:
        (self._log.info if one.state in _GOOD else self._log.error)(
            f"delivery.{one.state.value}",
            delivery=one.delivery.id,
            kind=one.delivery.kind,
            to=one.delivery.recipient,
            message_id=one.delivery.message_id,
            reply=one.attempt.reply,
            next=one.next_at.isoformat(timespec="seconds") if one.next_at else None,
        )

    def _tell_alarm(self, alarm: AlarmChange) -> None:
        if alarm.text:
            self._log.error("alarm.raised", alarm=alarm.what, text=alarm.text)
        else:
            self._log.info("alarm.cleared", alarm=alarm.what)
