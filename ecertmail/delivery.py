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
    """How one try to send ended; only `refused` is about the recipient or the mail, and for good.

    Of the others, `away`, `session`, `sender` and `relay` say that the server takes nothing at all, no session with us,
    not this envelope sender, or nothing from us for other domains.
    """

    SENT = "sent"
    TEMPORARY = "temporary"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    AWAY = "away"
    SESSION = "session"
    SENDER = "sender"
    RELAY = "relay"


BLOCKED = frozenset({Attempted.AWAY, Attempted.SESSION, Attempted.SENDER, Attempted.RELAY})
"""Ends that are the matter of this node and its mail server, never of the recipient."""


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
    """What an attempt makes of a delivery, when that is due again, and the words of the alarm that follows, if any."""

    delivery: Delivery
    attempt: Attempt
    state: DeliveryState
    next_at: datetime | None
    alarm: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmChange:
    """An alarm to raise, or to clear where `text` is empty; `what` names it."""

    what: str
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How much more may be taken in hand: so many deliveries, so many of each domain, none of `full` ones."""

    deliveries: int
    octets: int
    of_each: int
    full: Collection[str] = ()
