"""Inquiries: what an official asks of the authority that issued a certificate, and what is answered."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from ecertmail.official import File, Officials
from ecertmail.parties import Assurance


class InquiryState(StrEnum):
    """An inquiry waits for an answer, has one, or is over."""

    OPEN = "open"
    ANSWERED = "answered"
    CLOSED = "closed"


class Turn(StrEnum):
    """Which side of a conversation speaks."""

    REQUEST = "request"
    RESPONSE = "response"


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """One contribution to a conversation; `operator` is the person as the other side is told, name and post."""

    turn: Turn
    operator: str
    at: datetime
    content: str
    assurance: Assurance
    files: tuple[File, ...] = ()
    entry: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """A conversation about one certificate.

    `official` is the ID of whoever asked, if that is an official known here, of `partner`; else the inquiry came from
    the node of `partner`, where it is called `reference`. `issuer` is `self` when our own duty officer has to answer,
    else the partner whose certificate it is. It waits since `opened_at`, when something was last asked; `reminded_at`
    and `escalated_at` say what silence led to already.
    """

    id: int
    issuer: str
    number: str
    partner: str
    official: str
    reference: str
    state: InquiryState
    opened_at: datetime
    due_at: datetime
    reminded_at: datetime | None = None
    escalated_at: datetime | None = None

    @property
    def name(self) -> str:
        """What people call it."""
        return f"Q{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One contribution as two nodes exchange it (schemas/inquiry); `reference` is its name at the node that asked."""

    reference: str
    number: str
    utterance: Utterance


class Inquiries(Protocol):
    """Conversations within one commit of the ledger."""

    def open(self, inquiry: Inquiry) -> Inquiry:
        """Store a new inquiry, whose `id` is given here; return it."""

    def get(self, inquiry_id: int) -> Inquiry | None:
        """Return one inquiry."""

    def asked_by(self, partner: str, reference: str) -> Inquiry | None:
        """Return what a partner's node calls so."""

    def about(self, issuer: str, number: str, official: str) -> Inquiry | None:
        """Return the newest inquiry of one official about one certificate."""

    def put(self, inquiry: Inquiry) -> None:
        """Store the new state and times of an inquiry."""

    def say(self, inquiry_id: int, utterance: Utterance) -> None:
        """Add what somebody said, with its files."""

    def thread(self, inquiry_id: int) -> list[Utterance]:
        """Return all that was said, the oldest first."""

    def newest(self, inquiry_id: int) -> Iterator[Utterance]:
        """Yield what was said, the newest first; each with its files in memory only while it is looked at."""

    def waiting(self) -> Sequence[Inquiry]:
        """Return every open inquiry, the oldest first."""


class People(Protocol):
    """The part of a commit of the ledger that is about officials and what they say."""

    @property
    def officials(self) -> Officials:
        """Officials, tickets and decisions, within this commit."""

    @property
    def inquiries(self) -> Inquiries:
        """Conversations, within this commit."""
