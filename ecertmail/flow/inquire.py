"""Conversations about a certificate: a question goes to whoever issued it, and the answer comes back to who asked.

Each side's officials write to their own authority only. What is said, who is told and what travels to the other node
commits together: a crash before leaves the mail that brought it to be read again, one after leaves deliveries.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ecertmail.conversation import Inquiry, InquiryState, Message, Turn, Utterance
from ecertmail.core import contribution, deadline
from ecertmail.core.entity import printable
from ecertmail.flow.inquiry_book import InquiryBook, question
from ecertmail.flow.inquiry_post import Commit, InquiryPost, Reply
from ecertmail.flow.visit import Visit
from ecertmail.letter import LetterKind
from ecertmail.official import Decided, File, Language, OfficialState, Subject, Ticket
from ecertmail.parties import OWN, Assurance, Partner
from ecertmail.ports import EventLog, OpenPgp, Transaction

Announce = Callable[[Transaction, Partner, Message, Language, OpenPgp, datetime], object]
"""How a response travels to the node that asked, as a signed document; in which language it was written is told too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquirer:
    """Keeps conversations; `partners` is keyed by ID, `file_octets` is the most that the files of a mail may have.

    Whoever calls it has seen that a ticket is this official's and in force, and that a message is the partner's.
    """

    partners: Mapping[str, Partner]
    post: InquiryPost
    book: InquiryBook
    file_octets: int
    announce: Announce
    log: EventLog

    def open(self, visit: Visit, subject: Subject, decided: Decided) -> tuple[Inquiry, Message | None]:
        """Ask the issuer of a certificate; what the same official asked before and is not closed goes on.

        Returns:
            The inquiry, and the message for its issuer, which is announced with the decision; None where this authority
            is the issuer, whose duty officers are asked here and now.
        """
        tx, official = visit.tx, visit.official
        commit = Commit(tx=tx, openpgp=visit.openpgp, now=visit.now)
        inquiry = tx.inquiries.about(subject.issuer, subject.number, official.id)
        if inquiry is None or inquiry.state is InquiryState.CLOSED:
            inquiry = self.book.begin(commit, subject.issuer, subject.number, official.partner, official=official.id)
        else:
            inquiry = self.book.again(commit, inquiry)
        said, left_out = self._said(
            Turn.REQUEST, decided.operator, decided.at, decided.remark, visit.written.files, decided.assurance
        )
        said = self.book.say(
            commit,
            inquiry,
            contribution.noted(said, left_out),
            official=official.id,
            spool_id=visit.spool_id,
            decision=decided.entry,
        )
        if subject.issuer != OWN:
            return inquiry, Message(reference=inquiry.name, number=inquiry.number, utterance=said)
        self._ask(commit, inquiry, said)
        return inquiry, None

    def settle(self, visit: Visit, subject: Subject) -> None:
        """Close what an official asked about a certificate: it is decided."""
        inquiry = visit.tx.inquiries.about(subject.issuer, subject.number, visit.official.id)
        if inquiry is not None and inquiry.state is not InquiryState.CLOSED:
            commit = Commit(tx=visit.tx, openpgp=visit.openpgp, now=visit.now)
            self.book.move(commit, inquiry, InquiryState.CLOSED)
            self.log.info("inquiry.closed", inquiry=inquiry.name, because="decided")

    def receive(
        self, tx: Transaction, partner: Partner, message: Message, spool_id: str, openpgp: OpenPgp, now: datetime
    ) -> str:
        """Take what a partner's node says in a conversation, and return the sentence for its receipt.

        The same contribution again changes nothing.
        """
        commit, told = Commit(tx=tx, openpgp=openpgp, now=now), message.utterance
        said, left_out = self._said(
            told.turn, printable(told.operator), told.at, told.content, told.files, told.assurance
        )
        message = replace(message, utterance=said)
        take = self._requested if told.turn is Turn.REQUEST else self._responded
        lost = f"; too large: {', '.join(left_out)}" if left_out else ""
        return f"{printable(message.reference)[:40]}: {take(commit, partner, message, spool_id)}{lost}"

    def answered(self, visit: Visit, ticket: Ticket) -> int | None:
        """Take a duty officer's reply, pass it on, and return the mail that answers it; None where there is none."""
        commit = Commit(tx=visit.tx, openpgp=visit.openpgp, now=visit.now)
        official, written = visit.official, visit.written
        inquiry = visit.tx.inquiries.get(ticket.inquiry)
        if inquiry is None or inquiry.issuer != OWN:
            return None
        reply = Reply(official=official, ticket=ticket, message_id=written.message_id)
        said, left_out = self._said(
            Turn.RESPONSE, official.signs_as, visit.now, written.text, written.files, visit.assurance
        )
        newest = visit.tx.inquiries.newest
        if inquiry.state is InquiryState.CLOSED:
            self.log.warning("inquiry.refused", id=visit.spool_id, inquiry=inquiry.name, official=official.id)
            return self.post.answer(commit, LetterKind.NOT_RECORDED, inquiry, said, reply)
        if not said.content and not said.files:
            return self.post.answer(
                commit, LetterKind.INQUIRY_REMINDER, inquiry, question(newest(inquiry.id)), reply, left_out
            )
        said = contribution.noted(said, left_out)
        if not contribution.repeats(newest(inquiry.id), said):
            said = self.book.say(commit, inquiry, said, official=official.id, spool_id=visit.spool_id)
            inquiry = self.book.answered(commit, inquiry)
            self._pass_on(commit, inquiry, said, official.language)
        return self.post.answer(commit, LetterKind.ANSWER_SENT, inquiry, said, reply)

    def _requested(self, commit: Commit, partner: Partner, message: Message, spool_id: str) -> str:
        tx, number = commit.tx, message.number
        known = tx.known(OWN, [number]).get(number)
        if known is None or known.status is None:
            self.log.warning("inquiry.unknown", partner=partner.id, id=spool_id)
            return f"{printable(number)[:100]} is not known here as a certificate of this authority; nobody was asked"
        inquiry = tx.inquiries.asked_by(partner.id, message.reference)
        if inquiry is not None and inquiry.number != number:
            return f"this inquiry is about {inquiry.number}, not about {number}; nobody was asked"
        if inquiry is not None and contribution.is_said(tx.inquiries.newest(inquiry.id), message.utterance):
            return f"is {inquiry.name} here, and what is asked in it was received before"
        if inquiry is None:
            inquiry = self.book.begin(commit, OWN, number, partner.id, reference=message.reference)
        else:
            inquiry = self.book.again(commit, inquiry)
        self._ask(commit, inquiry, self.book.say(commit, inquiry, message.utterance, spool_id=spool_id))
        return f"is {inquiry.name} here; an answer is due by {inquiry.due_at:%Y-%m-%d %H:%M} UTC"

    def _responded(self, commit: Commit, partner: Partner, message: Message, spool_id: str) -> str:
        tx = commit.tx
        inquiry = tx.inquiries.get(deadline.number_of(message.reference))
        if inquiry is None or (inquiry.issuer, inquiry.number) != (partner.id, message.number):
            self.log.warning("inquiry.unasked", partner=partner.id, id=spool_id)
            return "no such inquiry was sent to you from here; the answer was passed on to nobody"
        if contribution.is_said(tx.inquiries.newest(inquiry.id), message.utterance):
            return "this answer was received before"
        said = self.book.say(commit, inquiry, message.utterance, spool_id=spool_id)
        heard = self._pass_on(commit, self.book.answered(commit, inquiry), said)
        return "the answer goes to the official who asked" if heard else "the official who asked is no longer active"

    def _said(
        self, turn: Turn, operator: str, at: datetime, text: str, files: Sequence[File], assurance: Assurance
    ) -> tuple[Utterance, tuple[str, ...]]:
        kept, left_out = contribution.within(files, self.file_octets)
        content = contribution.cut(text)
        said = Utterance(turn=turn, operator=operator, at=at, content=content, assurance=assurance, files=kept)
        return said, left_out

    def _ask(self, commit: Commit, inquiry: Inquiry, asked: Utterance) -> None:
        if self.post.ask(commit, inquiry, asked):
            return
        self.log.error("inquiry.nobody", inquiry=inquiry.name, number=inquiry.number)
        self.book.alarm(commit, inquiry, deadline.nobody(inquiry))
        self.post.tell_office(commit, self.post.operator, inquiry, asked)

    def _pass_on(self, commit: Commit, inquiry: Inquiry, answer: Utterance, language: Language = Language.EN) -> bool:
        """Bring an answer to who asked: an official known here, or the node that the question came from."""
        if not inquiry.official:
            return self._send_back(commit, inquiry, answer, language)
        official = commit.tx.officials.get(inquiry.official)
        gone = inquiry.partner != OWN and inquiry.partner not in self.partners
        if official is None or official.state is not OfficialState.ACTIVE or gone:
            self.log.warning("inquiry.unheard", inquiry=inquiry.name, official=inquiry.official)
            return False
        self.post.pass_on(commit, inquiry, answer, official)
        return True

    def _send_back(self, commit: Commit, inquiry: Inquiry, answer: Utterance, language: Language) -> bool:
        partner = self.partners.get(inquiry.partner)
        if partner is None:
            self.log.error("inquiry.unheard", inquiry=inquiry.name, partner=inquiry.partner)
            self.book.alarm(commit, inquiry, deadline.unheard(inquiry))
            return False
        message = Message(reference=inquiry.reference, number=inquiry.number, utterance=answer)
        self.announce(commit.tx, partner, message, language, commit.openpgp, commit.now)
        return True
