"""What people are told in letters, as values: a template in the reader's language makes words of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from ecertmail.official import Decision, Language
from ecertmail.parties import Assurance


class LetterKind(StrEnum):
    """Every letter; the value is the name of its templates in `templates/<language>/`."""

    ARRIVED = "arrived"
    LOOKED_UP = "looked_up"
    CONFIRMED = "confirmed"
    QUESTION = "question"
    NOT_RECORDED = "not_recorded"
    HELP = "help"
    INQUIRY = "inquiry"
    INQUIRY_REMINDER = "inquiry_reminder"
    ANSWER_SENT = "answer_sent"
    ANSWERED = "answered"
    STILL_WAITING = "still_waiting"


class Reason(StrEnum):
    """Why nothing was recorded of a decision or an answer."""

    EXPIRED = "expired"
    NOT_YOURS = "not_yours"
    WRONG_CERTIFICATE = "wrong_certificate"
    LEVEL = "level"
    WITHDRAWN = "withdrawn"
    REPLACED = "replaced"
    CHANGED = "changed"
    CLOSED = "closed"


class Paper(StrEnum):
    """How a hash on a printed copy compares with what is recorded: not asked, the same, an older version, another."""

    NOT_ASKED = "not_asked"
    SAME = "same"
    OLDER = "older"
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A decision that can be taken with a `mailto:` link, which opens a mail ready to be sent and does nothing else."""

    decision: Decision
    link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of a certificate's history: a status (by its issuer) or a decision (of an authority that checks).

    `status` is a code of CertificateStatus, empty for a decision; `by` is who, empty where nobody is to be named.
    """

    at: datetime
    status: str = ""
    decision: Decision | None = None
    by: str = ""
    remark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A certificate as a person is shown it; `status` is a code of CertificateStatus, `issued_at` text as it came.

    `replaced_by` is the number of its successor; `superseded` the decision before the one that is confirmed.
    """

    number: str
    status: str
    issuer: str = ""
    title: str = ""
    type: str = ""
    exporting: str = ""
    importing: str = ""
    issued_at: str = ""
    sha256: str = ""
    entry: int = 0
    recorded_at: datetime | None = None
    replaced_by: str = ""
    paper: Paper = Paper.NOT_ASKED
    history: tuple[Event, ...] = ()
    choices: tuple[Choice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """A number that is not known here, and numbers that are and differ in one place."""

    number: str
    near: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """A decision as it is confirmed; `cut` says that the remark was longer, `told` that its issuer is told."""

    number: str
    decision: Decision
    remark: str
    assurance: Assurance
    entry: int
    at: datetime
    told: str = ""
    cut: bool = False
    again: bool = False
    superseded: Event | None = None
    inquiry: str = ""
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A certificate of which nothing was recorded; `needed` is the missing level, `successor` what came after."""

    number: str
    reason: Reason
    decision: Decision | None = None
    needed: Assurance | None = None
    successor: str = ""
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """Everything that a template gets; each kind of letter uses what it needs.

    `reader` is the name of the person it goes to; `leave` the subject that ends a subscription, with its ID in
    `subscription`; `reply_to` the address with the ticket; `text` what the person wrote or asked; `due_at` when an
    answer is expected; `inquiry` the name of a conversation, such as `Q17`; `operator` who asked or answered.
    """

    kind: LetterKind
    language: Language
    authority: str
    address: str
    reader: str
    now: datetime
    reply_to: str = ""
    shown: tuple[Shown, ...] = ()
    unknown: tuple[Unknown, ...] = ()
    confirmed: tuple[Confirmed, ...] = ()
    refused: tuple[Refused, ...] = ()
    text: str = ""
    files: tuple[str, ...] = ()
    inquiry: str = ""
    operator: str = ""
    asked_at: datetime | None = None
    due_at: datetime | None = None
    overdue: bool = False
    subscription: str = ""
    leave: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A letter in words: the subject, plain text, and HTML that loads nothing from anywhere."""

    subject: str
    text: str
    html: str


class Templates(Protocol):
    """Whoever makes words of letters."""

    def render(self, letter: Letter) -> Rendered:
        """Write a letter in its language; every value is escaped in the HTML."""

    def words(self, language: Language) -> Mapping[Decision, str]:
        """Return the word for each decision that a `mailto:` link writes."""
