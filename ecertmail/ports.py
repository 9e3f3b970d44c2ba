"""The few doors through which `flow` reaches the world; app hands in real ones, tests hand in fakes that can lie."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from datetime import datetime
from threading import Event
from typing import Protocol

from ecertmail.answers import Answers
from ecertmail.clock_mark import KeepsClock
from ecertmail.conversation import People
from ecertmail.core.mailbox import Deed, Found, Health, LeftOut
from ecertmail.core.notice import SetAside
from ecertmail.delivery import AlarmChange, Attempt, Delivery, Room, Settled
from ecertmail.looked_up import LooksUp
from ecertmail.mails import Mails
from ecertmail.message import Decrypted, Envelope, KeyOffer, Origin, Place, SignatureCheck, Spooled, SpoolEnd
from ecertmail.model import Certificate, Earlier, Examination, Known
from ecertmail.subscription import Subscriptions


class Spool(Protocol):
    """What came in and is not decided yet."""

    def add(self, arrivals: Sequence[tuple[str, Envelope, bytes]]) -> Mapping[str, str]:
        """Store messages durably, all or none.

        One whose content was fetched before is not; it is returned, with the id of the message that holds the content.
        """

    def claim(self, now: datetime, limit: int) -> list[Spooled]:
        """Take the oldest undecided messages for processing."""

    def unclaim(self, spool_ids: Iterable[str]) -> None:
        """Give messages back as if they had not been claimed: the trouble was ours."""

    def retry(self, spool_ids: Iterable[str]) -> None:
        """Give messages back with the claim counted: processing them failed."""

    def finish(self, ends: Sequence[SpoolEnd], now: datetime) -> None:
        """Archive what was decided and quarantine what has a reason, in one commit."""


class Quarantine(Protocol):
    """What was set aside for the operator."""

    def decided(self) -> int:
        """Return the place, in the order of arrival, up to which every message is decided."""

    def set_aside(self, after: int, upto: int) -> Sequence[SetAside]:
        """Return what is in quarantine and arrived after one place and up to another, oldest first."""


class Transaction(Answers, People, LooksUp, Mails, KeepsClock, Protocol):
    """One commit of the ledger: entries, state, receipt and deliveries together, or none of them."""

    def decided(self, spool_id: str) -> bool:
        """Say whether this spooled message is in the ledger already."""

    def earlier(self, fingerprint: str, mic: str) -> Earlier | None:
        """Return what became of the same signed octets of the same key before."""

    def known(self, issuer: str, numbers: Iterable[str]) -> dict[str, Known]:
        """Return what is recorded of these certificate numbers."""

    def append(self, records: Sequence[tuple[str, bytes]]) -> range:
        """Append (kind, canonical record) pairs to the log and return their indexes."""

    def next_index(self) -> int:
        """Return the index that the next appended record gets."""

    def put_versions(self, issuer: str, versions: Sequence[tuple[int, str, Certificate]]) -> None:
        """Store certificate versions as (entry, kind, certificate); kind `certificate` also becomes current."""

    def put_replaced(self, issuer: str, replaced: Sequence[tuple[int, str, str]]) -> None:
        """Mark certificates as replaced, as (entry, old number, new number), unless a later entry says otherwise."""

    def put_awaited(self, issuer: str, awaited: Sequence[tuple[str, str]]) -> None:
        """Remember (number, successor) of certificates that are to be replaced as soon as they come."""

    def put_offer(self, entry: int, partner: str, offer: KeyOffer) -> None:
        """Store a key that a partner offered, for the operator to confirm or to leave."""

    def put_message(self, spool_id: str, entry: int, facts: Mapping[str, str | int | None]) -> None:
        """Store that a spooled message was decided."""

    def stage(
        self, mail: int, kind: str, recipient: str, reverse_path: str, now: datetime, *, expects: bool = False
    ) -> bool:
        """Add a delivery of a stored mail, unless one of it waits already; say whether it was added.

        With `expects` it is sent again when nobody answers it, and then is an alarm.
        """

    def put_peer(self, partner: str, address: str, now: datetime) -> None:
        """Remember that verified mail of a partner came from this address."""

    def told(self) -> dict[str, datetime]:
        """Return what the operator was told already, and when."""

    def told_upto(self) -> int:
        """Return up to which place in the spool the operator was told of the quarantine; -1 before the first time."""

    def tell(self, what: Iterable[str], upto: int, now: datetime) -> None:
        """Remember that the operator was told, and of the quarantine up to which place in the spool."""

    @property
    def subscriptions(self) -> Subscriptions:
        """The subscriptions, within this commit."""


class Ledger(Protocol):
    """The append-only log, the current state and the outbox."""

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Open the one writing transaction; leaving it commits, an exception rolls back."""


class Outbox(Protocol):
    """Deliveries that are to be made."""

    def recover(self, now: datetime, in_hand: Collection[int] = ()) -> int:
        """Make due again what is `sending` and in nobody's hand; return how many."""

    def take_due(self, now: datetime, room: Room) -> list[Delivery]:
        """Move due deliveries to `sending` and return them, domain by domain in turn."""

    def settle(
        self, settled: Sequence[Settled], now: datetime, change: AlarmChange | None = None
    ) -> Sequence[AlarmChange]:
        """Record attempts and what follows; what is written down already stays as it is. Return changed alarms."""


class OpenPgp(Protocol):
    """Facts about signatures, and our own signature."""

    def check(self, signed: bytes, signature: bytes) -> SignatureCheck:
        """Report what one detached signature is worth; never decide."""

    def check_by(self, public_key: bytes, signed: bytes, signature: bytes) -> SignatureCheck:
        """Report what one detached signature is worth if only this key counts."""

    def sign(self, octets: bytes) -> bytes:
        """Return an armoured detached SHA-512 signature with the node's key."""

    def decrypt(self, ciphertext: bytes) -> Decrypted | None:
        """Return what was encrypted to the node's key, or None if that cannot be told."""

    def encrypt(self, octets: bytes, fingerprints: Sequence[str]) -> bytes | None:
        """Encrypt to the first of these keys that can be encrypted to now; None if there is none."""

    def fingerprint(self, public_key: bytes) -> str:
        """Return the primary fingerprint of one public key, or the empty string if it is anything else."""


class Examining(Protocol):
    """Whoever collects the facts about messages, here or in a worker process."""

    @property
    def openpgp(self) -> OpenPgp:
        """Whoever signs and encrypts what is answered."""

    def begin(self, envelope: Envelope, octets: bytes) -> Future[Examination]:
        """Start on one message; its facts come when they are there."""


class Sender(Protocol):
    """Whoever takes outgoing mail from us."""

    async def send(self, delivery: Delivery) -> Attempt:
        """Try once to hand over a mail; never raises for what the server does."""


class EventLog(Protocol):
    """One line an event, for the operator at three in the morning; no content, no secrets."""

    def info(self, event: str, **facts: object) -> None:
        """Something happened as it should."""

    def warning(self, event: str, **facts: object) -> None:
        """Something needs a look."""

    def error(self, event: str, **facts: object) -> None:
        """Something needs action."""


class MailFolder(Protocol):
    """One folder of an open mailbox."""

    @property
    def validity(self) -> int:
        """The UIDVALIDITY of the folder."""

    def uids(self, mark: str) -> Iterator[list[str]]:
        """Yield the UIDs after `mark` in rising order, some at a time; an empty mark means all."""

    def sizes(self, uids: Sequence[str]) -> list[Found]:
        """Ask how large messages are; what is gone is left out."""

    def read(self, found: Sequence[Found], limit: int) -> dict[str, bytes]:
        """Return the octets of messages, of none more than `limit` and one piece; what is gone is left out.

        Raises:
            MailboxRefusedError: the server does not give them, or gives what cannot be understood.
        """

    def do(self, uids: Sequence[str], deed: Deed) -> None:
        """Flag, move or delete messages; those that are gone are passed over.

        Raises:
            MailboxRefusedError: the server does not do it.
        """


class OpenMailbox(Protocol):
    """A mailbox that is open; every call may raise MailboxAwayError."""

    def folder(self, name: str) -> MailFolder:
        """Open a folder."""

    def wait(self, bell: Event, seconds: float) -> None:
        """Return when something new is there, when the bell rang, or after some seconds."""

    def interrupt(self) -> None:
        """End, from another thread, whatever call is waiting for the server."""

    def close(self) -> None:
        """Leave the mailbox; never fails."""


class Fetched(Protocol):
    """What is remembered of mailboxes: which messages came from where, and what is still to be done with them."""

    def enter(self, place: Place) -> bool:
        """Note that a folder is read; say whether it had another UIDVALIDITY before."""

    def unknown(self, place: Place, uids: Sequence[str]) -> list[str]:
        """Return those of the UIDs that nothing is remembered of."""

    def leave_out(self, origin: Origin, why: LeftOut, now: datetime) -> None:
        """Remember that a message stays where it is."""

    def left_out(self, place: Place, why: LeftOut) -> list[str]:
        """Return the UIDs that were left out for one reason."""

    def to_do(self, place: Place) -> list[tuple[str, str]]:
        """Return (uid, spool id) of messages that are durable here and not yet flagged, moved or deleted there."""

    def done(self, place: Place, uids: Sequence[str]) -> None:
        """Remember that they are."""

    def told(self, mailbox: str, health: Health) -> None:
        """Write down how reading a mailbox goes."""

    def health(self, mailbox: str) -> Health:
        """Return how reading a mailbox went last."""
