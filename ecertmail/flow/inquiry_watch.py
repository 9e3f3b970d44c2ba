"""Deadlines of inquiries: silence becomes a reminder, then an escalation, then an alarm on both sides; each once."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from ecertmail.conversation import Inquiry, InquiryState
from ecertmail.core import deadline
from ecertmail.core.deadline import Step
from ecertmail.errors import KeyringError, NotFoundError, PermanentError
from ecertmail.flow.inquiry_book import InquiryBook, question
from ecertmail.flow.inquiry_post import Commit, InquiryPost
from ecertmail.letter import LetterKind
from ecertmail.official import OfficialState
from ecertmail.parties import OWN, Partner
from ecertmail.ports import EventLog, Ledger, OpenPgp, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class InquiryWatch:
    """Looks at what waits; `partners` is keyed by ID."""

    ledger: Ledger
    post: InquiryPost
    book: InquiryBook
    partners: Mapping[str, Partner]
    log: EventLog

    def look(self, openpgp: OpenPgp, now: datetime) -> int:
        """Do what is due for every open inquiry, in one commit each; return for how many something was."""
        with self.ledger.transaction() as tx:
            waiting = tx.inquiries.waiting()
        return sum(self._look_at(one.id, openpgp, now) for one in waiting if self._steps(one, now))

    def _steps(self, inquiry: Inquiry, now: datetime) -> frozenset[Step]:
        return deadline.steps(inquiry, self.book.hours, now)

    def _look_at(self, inquiry_id: int, openpgp: OpenPgp, now: datetime) -> bool:
        """Look at one inquiry; a crash before the commit leaves all of it to the next look, one after it nothing."""
        try:
            with self.ledger.transaction() as tx:
                inquiry = tx.inquiries.get(inquiry_id)
                return inquiry is not None and self._do(Commit(tx=tx, openpgp=openpgp, now=now), inquiry)
        except KeyringError as error:
            self.log.error("inquiry.failed", inquiry=f"Q{inquiry_id}", error=str(error))
            return False

    def _do(self, commit: Commit, inquiry: Inquiry) -> bool:
        steps, before = self._steps(inquiry, commit.now), inquiry
        if Step.REMIND in steps:
            inquiry = self._remind(commit, inquiry)
        if Step.ESCALATE in steps:
            inquiry = self._escalate(commit, inquiry)
        if Step.OVERDUE in steps:
            inquiry = self._overdue(commit, inquiry)
        if inquiry == before:
            return False
        commit.tx.inquiries.put(inquiry)
        return True

    def _remind(self, commit: Commit, inquiry: Inquiry) -> Inquiry:
        """Remind the duty officers, as soon as there are any."""
        asked = question(commit.tx.inquiries.newest(inquiry.id))
        if not self.post.ask(commit, inquiry, asked, LetterKind.INQUIRY_REMINDER):
            return inquiry
        self.log.warning("inquiry.reminded", inquiry=inquiry.name, number=inquiry.number)
        return replace(inquiry, reminded_at=commit.now)

    def _escalate(self, commit: Commit, inquiry: Inquiry) -> Inquiry:
        self.book.alarm(commit, inquiry, deadline.escalated(inquiry))
        self.post.tell_office(commit, self.post.escalate_to, inquiry, question(commit.tx.inquiries.newest(inquiry.id)))
        self.log.error("inquiry.escalated", inquiry=inquiry.name, number=inquiry.number)
        return replace(inquiry, escalated_at=commit.now)

    def _overdue(self, commit: Commit, inquiry: Inquiry) -> Inquiry:
        """Raise the last alarm, and tell the official who asked, if that is one of ours."""
        self.book.alarm(commit, inquiry, deadline.overdue(inquiry))
        official = commit.tx.officials.get(inquiry.official) if inquiry.official else None
        gone = inquiry.partner != OWN and inquiry.partner not in self.partners
        if official is not None and official.state is OfficialState.ACTIVE and not gone:
            asked = question(commit.tx.inquiries.newest(inquiry.id))
            self.post.still_waiting(commit, inquiry, asked, official)
        self.log.error("inquiry.overdue", inquiry=inquiry.name, number=inquiry.number, issuer=inquiry.issuer)
        return replace(inquiry, escalated_at=max(commit.now, inquiry.due_at))


def close(ledger: Ledger, name: str, log: EventLog, now: datetime) -> None:
    """Close an inquiry because the operator says so; nobody is told.

    Raises:
        NotFoundError: there is no such inquiry.
        PermanentError: it is closed.
    """
    with ledger.transaction() as tx:
        inquiry = tx.inquiries.get(deadline.number_of(name))
        if inquiry is None:
            raise NotFoundError(f"{name}: there is no such inquiry; see `ecertmail inquiry list --all`")
        if inquiry.state is InquiryState.CLOSED:
            raise PermanentError(f"{name} is closed")
        _end(tx, inquiry, log, now, "operator")


def decided_by(tx: Transaction, partner: str, number: str, log: EventLog, now: datetime) -> None:
    """Close what a partner's node asked about a certificate of ours and still waits for: its authority has decided."""
    for inquiry in tx.inquiries.waiting():
        if (inquiry.partner, inquiry.number, inquiry.official) == (partner, number, ""):
            _end(tx, inquiry, log, now, "decided")


def _end(tx: Transaction, inquiry: Inquiry, log: EventLog, now: datetime, because: str) -> None:
    tx.inquiries.put(replace(inquiry, state=InquiryState.CLOSED))
    log.info("inquiry.closed", inquiry=inquiry.name, because=because)
    if tx.clear_alarm(deadline.alarm(inquiry), now):
        log.info("alarm.cleared", alarm=deadline.alarm(inquiry))
