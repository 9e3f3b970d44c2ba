"""The things ecertmail talks about: frozen values and code enums, shared by every room."""

from dataclasses import dataclass
from enum import StrEnum

from ecertmail.conversation import Message
from ecertmail.findings import Finding
from ecertmail.message import Envelope, KeyOffer, SignatureCheck, SignedMessage, Wish
from ecertmail.official import Response, Written
from ecertmail.parties import Assurance, Partner
from ecertmail.reports import Report
from ecertmail.subscription import Answer, Command


class CertificateStatus(StrEnum):
    """What a certificate's issuer says it is (UN/CEFACT status codes, DOMAIN.md section 3)."""

    APPROVED = "39"
    WITHDRAWN = "40"
    REJECTED = "41"
    PENDING = "42"
    REPLACED = "44"
    DRAFT = "47"
    CANCELLED = "64"
    ISSUED = "70"


class ResultCode(StrEnum):
    """What became of one certificate of a message."""

    RECORDED = "recorded"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    REFUSED = "refused"


class Outcome(StrEnum):
    """What became of a whole message."""

    ACCEPTED = "accepted"
    PARTIAL = "partial"
    REFUSED = "refused"
    QUARANTINED = "quarantined"
    REPEATED = "repeated"
    RECEIPT = "receipt"
    REPORT = "report"
    KEY_OFFERED = "key-offered"
    UNSUBSCRIBED = "unsubscribed"
    COMMANDED = "commanded"
    RESPONSE = "response"
    WRITTEN = "written"
    AUTOMATIC = "automatic"


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """One certificate as received: the fields that are indexed, and its canonical octets."""

    number: str
    status: CertificateStatus
    type: str
    profile: str
    issued_at: str
    exporting_country: str
    importing_country: str
    title: str
    replaces: tuple[str, ...]
    octets: bytes
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One certificate element of a batch: readable or not, with what was found on the way."""

    number: str
    certificate: Certificate | None
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """All certificates of one message, in order."""

    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """Everything that octets, keys and schemas say about one message; computed without the ledger.

    `reports` is what it says about mails of ours: of a partner's receipt its one statement, else nobody's word,
    which says that it came to `reported_to`. `written` is what it says as the mail of a person, read where no partner's
    key signed it; `responses` and `messages` are what a partner's node says of certificates and in conversations.
    """

    envelope: Envelope
    octets_sha256: str
    message: SignedMessage | None = None
    signature: SignatureCheck | None = None
    partner: Partner | None = None
    batch: Batch | None = None
    is_receipt: bool = False
    offer: KeyOffer | None = None
    wish: Wish | None = None
    commands: tuple[Command, ...] = ()
    findings: tuple[Finding, ...] = ()
    mic: str = ""
    reports: tuple[Report, ...] = ()
    reported_to: frozenset[str] = frozenset()
    written: Written | None = None
    responses: tuple[Response, ...] = ()
    messages: tuple[Message, ...] = ()

    @property
    def assurance(self) -> Assurance:
        """How sure we are whose word this is, given that the signature is good."""
        if self.message is None:
            return Assurance.NONE
        protected = self.message.protected
        return Assurance.SIGNED_PROTECTED if protected and protected.complete else Assurance.SIGNED


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the ledger holds of one certificate: its current status, and every version's status and hash.

    A `successor` that arrived first says that it replaces this one; the status is None while only that is known.
    """

    status: CertificateStatus | None
    versions: tuple[tuple[CertificateStatus, str], ...] = ()
    successor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The judgement on one certificate of a message; `entry` is its place in the ledger once recorded.

    `replaced` are the numbers that become replaced because this certificate names them, `awaited` those that it names
    and that are not recorded yet; `successor` is the certificate that named this one before it came.
    """

    number: str
    code: ResultCode
    certificate: Certificate | None
    findings: tuple[Finding, ...] = ()
    replaced: tuple[str, ...] = ()
    awaited: tuple[str, ...] = ()
    successor: str = ""
    entry: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """What became of the same signed octets of the same key before, and the mail that answered them, if any."""

    outcome: Outcome
    mail: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The judgement on one message; `answers` say what became of its commands once they were carried out."""

    outcome: Outcome
    results: tuple[Result, ...] = ()
    findings: tuple[Finding, ...] = ()
    answers: tuple[Answer, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """What became of a file with certificates of our own; `entry` is None where nothing new was recorded of it."""

    file: str
    sha256: str
    verdict: Verdict
    entry: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the ledger's log: its index, the canonical bytes and their RFC 6962 leaf hash."""

    index: int
    kind: str
    record: bytes
    leaf: bytes
