"""Who takes part: the authority that runs this node, its partners, and what this node demands of a message."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

OWN = "self"
"""The issuer in the ledger of what this node's own authority issues; no partner may be called so."""


class Assurance(StrEnum):
    """How sure we are whose word something is, strongest first (MAIL.md section 2)."""

    SIGNED_PROTECTED = "signed+protected"
    SIGNED = "signed"
    TOKEN_DKIM = "token+dkim"  # noqa: S105 - a level, not a secret
    TOKEN = "token"  # noqa: S105
    NONE = "none"

    def meets(self, demanded: "Assurance") -> bool:
        """Say whether this level is at least the one demanded."""
        levels = list(Assurance)
        return levels.index(self) <= levels.index(demanded)


@dataclass(frozen=True, slots=True, kw_only=True)
class Demands:
    """How sure this node must be of an official's word for each thing, as agreed with the official's authority."""

    passes: Assurance = Assurance.TOKEN
    refuses: Assurance = Assurance.TOKEN
    requests: Assurance = Assurance.TOKEN
    answers: Assurance = Assurance.TOKEN
    looks_up: Assurance = Assurance.NONE


class Encryption(StrEnum):
    """Whether mails to a partner are encrypted to its key."""

    REQUIRED = "required"
    WHEN_POSSIBLE = "when-possible"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedKey:
    """One key that speaks for a partner: the primary fingerprint, and the first and last day it may sign on (UTC)."""

    fingerprint: str
    not_before: date = date.min
    not_after: date = date.max

    @property
    def ends_at(self) -> datetime | None:
        """The end of its last day, if it has one."""
        if self.not_after == date.max:
            return None
        return datetime.combine(self.not_after, time.max, UTC)

    def in_force(self, moment: datetime) -> bool:
        """Say whether the key was agreed on for this moment."""
        return self.not_before <= moment.date() <= self.not_after


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner:
    """Another authority: who it is, which keys speak for it and what it may do."""

    id: str
    name: str
    country: str
    addresses: tuple[str, ...]
    keys: tuple[PinnedKey, ...]
    issues_for: tuple[str, ...]
    profiles: tuple[str, ...]
    assurance: Assurance = Assurance.SIGNED
    encrypt: Encryption = Encryption.NEVER
    demands: Demands = Demands()

    @property
    def receipt_address(self) -> str:
        """Where receipts go: the first registered address, never what a mail asks for."""
        return self.addresses[0]

    @property
    def domains(self) -> frozenset[str]:
        """The mail domains of its registered addresses."""
        return frozenset(address.lower().rpartition("@")[2] for address in self.addresses)

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """The primary fingerprints of all its keys."""
        return tuple(key.fingerprint for key in self.keys)

    def key(self, fingerprint: str) -> PinnedKey | None:
        """Return the key with this primary fingerprint."""
        return next((key for key in self.keys if key.fingerprint == fingerprint), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLife:
    """Whose a key is, a partner's ID or `this node`, and when it ends: its expiry, or the end agreed on if earlier."""

    owner: str
    fingerprint: str
    ends_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """The institution that runs this node."""

    name: str
    country: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What this node demands of every message: who it must be for, and how old its signature may be.

    `mailboxes` are this node's addresses in lower case; `replies_per_hour` is the most that one address is answered.
    """

    mailboxes: frozenset[str]
    country: str
    signature_age: timedelta = timedelta(days=7)
    clock_ahead: timedelta = timedelta(minutes=10)
    replies_per_hour: int = 500
