"""Which deliveries are due, and what an attempt makes of one (table in `core/states.py`)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from ecertmail.core.states import after_attempt
from ecertmail.delivery import Delivery, DeliveryState
from ecertmail.ports import EventLog, Outbox, Sender

Run = Callable[[Callable[[], Any]], Awaitable[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliverer:
    """Makes due deliveries; `run` runs a store call in the ledger's own thread."""

    outbox: Outbox
    sender: Sender
    run: Run
    clock: Callable[[], datetime]
    backoff: tuple[timedelta, ...]
    give_up: timedelta
    log: EventLog

    async def deliver_due(self, limit: int = 100) -> int:
        """Try everything that is due now; return how many attempts were made."""
        due: list[Delivery] = await self.run(partial(self.outbox.take_due, self.clock(), limit))
        # A crash from here on leaves deliveries in `sending`; they are taken again, with the same octets.
        for delivery in due:
            await self._deliver(delivery)
        return len(due)

    async def _deliver(self, delivery: Delivery) -> None:
        attempt = await self.sender.send(delivery)
        now = self.clock()
        state, next_at = after_attempt(
            attempt.outcome, delivery.attempts + 1, delivery.created_at, now, self.backoff, self.give_up
        )
        await self.run(partial(self.outbox.settle, delivery, attempt, state, next_at, now))
        good = state in {DeliveryState.DELIVERED, DeliveryState.DEFERRED}
        (self.log.info if good else self.log.error)(
            f"delivery.{state.value}",
            delivery=delivery.id,
            kind=delivery.kind,
            to=delivery.recipient,
            message_id=delivery.message_id,
            reply=attempt.reply,
            next=next_at.isoformat(timespec="seconds") if next_at else None,
        )
