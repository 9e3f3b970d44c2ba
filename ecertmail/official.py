"""Officials: people who check certificates and answer by mail, and what their answers are tied to."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from ecertmail.message import Traits
from ecertmail.parties import Assurance, Demands


class Decision(StrEnum):
    """The business response of the authority that checks (UN/CEFACT status codes, DOMAIN.md section 5)."""

    PASS = "39"  # noqa: S105 - a code, not a secret
    REFUSE = "41"
    REQUEST = "42"

    @property
    def word(self) -> str:
        """The word that an official writes, in English."""
        return self.name


class Language(StrEnum):
    """The languages of the letters that people read (ISO 639-1)."""

    EN = "en"
    ZH = "zh"
    ES = "es"
    FR = "fr"
    RU = "ru"
    AR = "ar"


class Role(StrEnum):
    """What a person does: checks certificates that come in, or answers for those that this authority issued."""

    CHECKS = "checks"
    ANSWERS = "answers"


class OfficialState(StrEnum):
    """Only an active official is listened to and answered; one that a partner named outside its domain is pending."""

    PENDING = "pending"
    ACTIVE = "active"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Official:
    """A person with a mailbox; `partner` is whose official it is, `self` for those of this node's own authority.

    `public_key` is an OpenPGP key that the person signs with, empty for none; `fingerprint` its primary fingerprint.
    `approved_by` is `operator`, or the ID of the partner whose signed mail named the person.
    """

    id: str
    address: str
    name: str
    post: str
    language: Language
    partner: str
    role: Role = Role.CHECKS
    state: OfficialState = OfficialState.ACTIVE
    fingerprint: str = ""
    public_key: bytes = field(default=b"", repr=False)
    approved_by: str = "operator"
    created_at: datetime

    @property
    def signs_as(self) -> str:
        """How the person is named to others: name and post, never the address."""
        return f"{self.name}, {self.post}" if self.post else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A certificate that is answered for, and the ledger entry of the version that the official was shown."""

    issuer: str
    number: str
    entry: int


class Purpose(StrEnum):
    """What a ticket is good for, and nothing else; the value is the first letter of its token."""

    DECIDE = "d"
    ANSWER = "a"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What a reply is tied to: given to one official, for certificates or for one inquiry, until it expires."""

    id: int
    purpose: Purpose
    official: str
    subjects: tuple[Subject, ...]
    inquiry: int = 0
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a mail of a person says, before anybody knows who wrote it; nothing here is verified but `dkim`.

    `text` is what was newly written, without quotation, signature and disclaimer; `automatic` says that a program wrote
    it, `forwarded` that it passes somebody else's mail on. `recipients` are all addresses that it names as its own.
    `dkim` are the domains whose signature over it is good, as we or our own mail system found; `traits` say how the
    mail came about, and are read only to decide whether it may be answered.
    """

    sender: str | None
    recipients: frozenset[str]
    subject: str
    message_id: str
    text: str
    date: str = ""
    automatic: bool = False
    forwarded: bool = False
    files: tuple["File", ...] = ()
    dkim: frozenset[str] = frozenset()
    traits: Traits = field(default=Traits())


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """Something attached to a mail: kept, shown by name, never opened.

    `left_out` is the size of one that was too large to be kept, which then has no octets.
    """

    name: str
    type: str
    octets: bytes = field(repr=False)
    left_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One thing that an official says; no `numbers` means every certificate of the mail that is answered."""

    decision: Decision
    remark: str
    numbers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """What a reply means; it is only to be acted on when it is `certain`."""

    said: tuple[Said, ...] = ()
    certain: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A decision in the ledger; `official` is empty when `partner` told us of it in an SPSAcknowledgement.

    `operator` is who decided, as others are told; `superseded_by` the entry of a later decision of the same authority.
    """

    entry: int
    issuer: str
    number: str
    decision: Decision
    remark: str
    partner: str
    official: str
    operator: str
    assurance: Assurance
    at: datetime
    superseded_by: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One decision as a partner's SPSAcknowledgement says it, of one certificate that it names.

    `operator` and `assurance` are as the partner's node tells them, and `sha256` is the hash of the version that it
    decided on; each is empty where it does not tell.
    """

    number: str
    decision: Decision
    remark: str
    operator: str
    assurance: str
    at: datetime
    sha256: str = ""


def demanded(demands: Demands, decision: Decision) -> Assurance:
    """Return how sure this node must be of a decision."""
    return {
        Decision.PASS: demands.passes,
        Decision.REFUSE: demands.refuses,
        Decision.REQUEST: demands.requests,
    }[decision]


class Officials(Protocol):
    """Officials, tickets and decisions within one commit of the ledger."""

    def add(self, official: Official) -> None:
        """Store a new official.

        Raises:
            PermanentError: the ID is taken, or the address is that of another official that is not suspended.
        """

    def by_address(self, address: str) -> Official | None:
        """Return the official with this address (lower case), whatever its state; the one that is active first."""

    def get(self, official_id: str) -> Official | None:
        """Return one official."""

    def all(self, *states: OfficialState) -> list[Official]:
        """Return the officials in these states, the oldest first."""

    def of(self, partner: str, most: int) -> tuple[int, list[Official]]:
        """Return how many officials of an authority are not suspended, and the oldest of them, at most so many."""

    def duty(self) -> list[Official]:
        """Return the active officials of this authority who answer inquiries, the oldest first."""

    def change(self, official_id: str, state: OfficialState, now: datetime) -> None:
        """Set the state.

        Raises:
            NotFoundError: there is no such official.
        """

    def give_ticket(
        self, purpose: Purpose, official: str, subjects: Sequence[Subject], expires_at: datetime, inquiry: int = 0
    ) -> Ticket:
        """Make a ticket, and remember it."""

    def ticket(self, ticket_id: int) -> Ticket | None:
        """Return one ticket."""

    def put_decision(self, decided: Decided) -> Decided | None:
        """Store a decision, and return the one of the same authority on the same certificate that it supersedes."""

    def decisions(self, issuer: str, number: str) -> list[Decided]:
        """Return all decisions on a certificate, the oldest first."""
