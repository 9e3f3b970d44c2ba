"""Who gets which certificates, when, and how they are bundled."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

from ecertmail.enrolment import Enrolment


class SubscriptionState(StrEnum):
    """Where a subscription stands; only an active one is sent anything."""

    PENDING = "pending"
    ACTIVE = "active"
    PAUSED = "paused"
    REMOVED = "removed"


class Bundle(StrEnum):
    """One mail for each certificate, or one for many."""

    SINGLE = "single"
    DIGEST = "digest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which certificates a subscriber wants; an empty list takes all.

    Countries are two-letter codes, `types` and `statuses` code values, `products` prefixes of HS codes, `ports` names
    or codes of ports, `profiles` the formats that can be read there. Withdrawals and cancellations pass whatever
    `statuses` says: who was told of a certificate must hear that it ended. `concerning` are countries of which one must
    export or import: a partner that subscribes by itself is sent nothing that is none of its business.
    """

    exporting: tuple[str, ...] = ()
    importing: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    concerning: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A mailbox that receives newly recorded certificates.

    `schedule` is `immediately` or a cron line, read in `time_zone`; `cursor` is the last ledger entry that was looked
    at for it, and `ran_at` when. Bounces before `trusted_at` do not count. `partner` is the ID of the partner that it
    belongs to, or empty.
    """

    id: str
    address: str
    name: str
    partner: str
    filter: Filter
    bundle: Bundle
    max_certificates: int
    max_octets: int
    schedule: str
    time_zone: str
    state: SubscriptionState
    reason: str
    cursor: int
    ran_at: datetime
    created_at: datetime
    trusted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Fresh:
    """A certificate version in the ledger that may be owed to somebody."""

    entry: int
    issuer: str
    number: str
    status: str
    type: str
    profile: str
    issued_at: str
    exporting: str
    importing: str
    title: str
    sha256: str
    octets: bytes


class Verb(StrEnum):
    """What a partner can ask for by signed mail."""

    SUBSCRIBE = "SUBSCRIBE"
    UNSUBSCRIBE = "UNSUBSCRIBE"
    STATUS = "STATUS"
    RESEND = "RESEND"
    OFFICIAL = "OFFICIAL"
    HELP = "HELP"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One line of a signed mail that asks for something; `wrong` says what would be right, and is empty if it is.

    `address` is empty for the partner's registered one; `since` is the day of a RESEND (UTC), `enrolment` what an
    OFFICIAL is about.
    """

    line: str
    verb: Verb
    subscription: str = ""
    address: str = ""
    filter: Filter = Filter()
    bundle: Bundle = Bundle.SINGLE
    schedule: str = "immediately"
    time_zone: str = "UTC"
    since: date | None = None
    enrolment: Enrolment | None = None
    wrong: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of one command: the line as it came, whether it was done, and what there is to say."""

    line: str
    done: bool
    text: tuple[str, ...]


class Subscriptions(Protocol):
    """The subscriptions within one commit of the ledger."""

    def all(self, *states: SubscriptionState) -> list[Subscription]:
        """Return the subscriptions in these states, the oldest first."""

    def fresh(self, after: int, upto: int, limit: int) -> list[Fresh]:
        """Return certificate versions recorded after one entry and up to another, oldest first."""

    def change(self, subscription_id: str, state: SubscriptionState, reason: str, now: datetime) -> None:
        """Set the state, with its reason; bounces before an activation count no more."""

    def move(self, subscription_id: str, cursor: int, ran_at: datetime) -> None:
        """Remember up to which entry a subscription was looked at, and when it last ran."""

    def add(self, subscription: Subscription, end: int, since: datetime | None) -> None:
        """Store a new subscription that is owed what comes after the entry `end`, or from a moment on.

        Raises:
            PermanentError: the ID is taken.
        """

    def forget(self, subscription_id: str) -> None:
        """Delete a removed subscription, so that its ID is free."""

    def entry_before(self, moment: datetime, end: int) -> int:
        """Return the last entry recorded before a moment, -1 if there is none."""

    def recorded_at(self, entry: int) -> datetime | None:
        """Return when an entry was recorded; None if there is no such entry."""
