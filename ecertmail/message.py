"""A mail as it came in: envelope, octets, signature, and what is read of it before anybody judges."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class SignatureStatus(StrEnum):
    """What the OpenPGP engine found; a fact, not yet a judgement."""

    GOOD = "good"
    BAD = "bad"
    UNKNOWN_KEY = "unknown-key"
    MULTIPLE = "multiple"
    UNREADABLE = "unreadable"
    WEAK = "weak"
    EXPIRED = "expired"
    KEY_EXPIRED = "key-expired"
    KEY_REVOKED = "key-revoked"
    DISPUTED = "disputed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A folder of a mailbox under one UIDVALIDITY (RFC 9051 section 2.3.1.1); a maildir's is 0."""

    mailbox: str
    folder: str
    validity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a fetched message stands in its mailbox; `uid` is a UID with ten digits, or a maildir's unique name."""

    place: Place
    uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What the transport said about a message, which is all that is trusted of it before the signature."""

    reverse_path: str
    recipients: tuple[str, ...]
    source: str
    peer: str
    received_at: datetime
    origin: Origin | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Protected:
    """What the header fields inside the signed part say (RFC 9788); the only ones that a robot may rely on.

    `from_address` is the outer one where there is none inside, and None for one that is not one plain address.
    `addressed` says whether there is a To or Cc at all, `complete` whether there is a From as well. `receipt_to` is
    where the sender asks a receipt to go (Disposition-Notification-To, RFC 8098), None for nowhere. `subject` is empty
    where there is none inside.
    """

    from_address: str | None
    recipients: frozenset[str] = frozenset()
    addressed: bool = False
    complete: bool = False
    receipt_to: str | None = None
    subject: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What the outer header says about how a mail came about; read only to decide whether it may be answered."""

    auto_submitted: str = ""
    precedence: str = ""
    is_list: bool = False
    loops: frozenset[str] = frozenset()
    hops: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedMessage:
    """The two halves of a signed mail, sliced from the received or decrypted octets (RFC 3156 sections 5 and 6).

    `from_address` is the outer one; `message_id` and `subject` are the protected ones where there are such.
    Of an encrypted mail the Message-ID is the outer one, since an answer in clear repeats it.
    `content_type` is the media type of what was signed, empty when that cannot be read.
    """

    signed_octets: bytes
    signature: bytes
    from_address: str | None
    message_id: str
    subject: str
    content_type: str = ""
    protected: Protected | None = None
    traits: Traits = Traits()
    encrypted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Decrypted:
    """What was inside an encrypted message: the content, and the armoured signature over it if one came along."""

    content: bytes
    signature: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyOffer:
    """A new key that a partner offers: the fingerprint in 40 upper-case hex digits, and the public key attached."""

    fingerprint: str
    public_key: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the subject of an unsigned mail asks: which subscription is to end, and the token that came along."""

    subscription: str
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureCheck:
    """Facts about one signature; `fingerprint` is the primary key's, 40 upper-case hex digits."""

    status: SignatureStatus
    fingerprint: str = ""
    signed_at: datetime | None = None
    key_expires_at: datetime | None = None
    algorithm: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolEnd:
    """What became of a spooled message: quarantined when it has a reason (a finding's code), else archived."""

    id: str
    reason: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spooled:
    """One message out of the spool, with its octets."""

    id: str
    envelope: Envelope
    octets: bytes = field(repr=False)
    claims: int
