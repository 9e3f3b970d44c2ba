"""The few doors through which `flow` reaches the world; app hands in real ones, tests hand in fakes that can lie."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from ecertmail.core.notice import SetAside
from ecertmail.delivery import Attempt, Delivery, DeliveryState
from ecertmail.message import Decrypted, Envelope, KeyOffer, SignatureCheck, Spooled, SpoolEnd
from ecertmail.model import Certificate, Earlier, Examination, Known


class Spool(Protocol):
    """What came in and is not decided yet."""

    def add(self, arrivals: Sequence[tuple[str, Envelope, bytes]]) -> None:
        """Store messages durably, all or none."""

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

    def set_aside(self, since: datetime) -> Sequence[SetAside]:
        """Return what was quarantined since then, oldest first."""


class Transaction(Protocol):
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

    def put_mail(self, message_id: str, octets: bytes) -> int:
        """Store an outgoing mail and return its id; nobody is sent it yet."""

    def stage(self, mail: int, kind: str, recipient: str, reverse_path: str, now: datetime) -> None:
        """Add a delivery of a stored mail, unless one of it waits already: same octets, same Message-ID."""

    def replies_since(self, recipient: str, since: datetime) -> int:
        """Count the deliveries that were staged for this address since then."""

    def told(self) -> dict[str, datetime]:
        """Return what the operator was told already, and when."""

    def tell(self, what: Iterable[str], now: datetime) -> None:
        """Remember that the operator was told."""


class Ledger(Protocol):
    """The append-only log, the current state and the outbox."""

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Open the one writing transaction; leaving it commits, an exception rolls back."""


class Outbox(Protocol):
    """Deliveries that are to be made."""

    def take_due(self, now: datetime, limit: int) -> list[Delivery]:
        """Move due deliveries to `sending` and return them."""

    def settle(
        self, delivery: Delivery, attempt: Attempt, state: DeliveryState, next_at: datetime | None, now: datetime
    ) -> None:
        """Record an attempt and what it made of the delivery."""


class OpenPgp(Protocol):
    """Facts about signatures, and our own signature."""

    def check(self, signed: bytes, signature: bytes) -> SignatureCheck:
        """Report what one detached signature is worth; never decide."""

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
