"""An outgoing mail to one address, and what became of each try to send it (state table in `core/states.py`)."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class DeliveryState(StrEnum):
    """Where an outgoing mail stands (DESIGN.md section 4)."""

    DUE = "due"
    SENDING = "sending"
    DEFERRED = "deferred"
    DELIVERED = "delivered"
    FAILED = "failed"
    EXPIRED = "expired"
    ACKNOWLEDGED = "acknowledged"
    BOUNCED = "bounced"
    SILENT = "silent"
    REMINDED = "reminded"
    ALARMED = "alarmed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One outgoing mail to one address; its octets never change once stored."""

    id: int
    kind: str
    recipient: str
    reverse_path: str
    message_id: str
    octets: bytes = field(repr=False)
    state: DeliveryState
    attempts: int
    created_at: datetime

    @property
    def domain(self) -> str:
        """Where it goes."""
        return self.recipient.rpartition("@")[2].lower()


class Attempted(StrEnum):
    """How one try to send ended."""

    SENT = "sent"
    TEMPORARY = "temporary"
    PERMANENT = "permanent"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try to send: how it ended and what the server said."""

    outcome: Attempted
    reply: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A delivery as an answer to it is compared with: `mic` is that of our signed part, empty when it is not known."""

    id: int
    kind: str
    recipient: str
    message_id: str
    mic: str
    expects: bool
    state: DeliveryState


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """Something that a person has to look at, open until it is cleared; `what` names it, such as `delivery:17`."""

    what: str
    text: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What an attempt makes of a delivery, and when that is due again."""

    delivery: Delivery
    attempt: Attempt
    state: DeliveryState
    next_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How much more may be taken in hand: so many deliveries, so many of each domain, none of `full` ones."""

    deliveries: int
    octets: int
    of_each: int
    full: Collection[str] = ()
