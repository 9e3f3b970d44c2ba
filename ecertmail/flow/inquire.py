"""Conversations about a certificate: a question is opened or arrives, goes to whoever issued, and the answer comes back.

Each side's officials write to their own authority only. What is said, who is told and what travels to the other node
commits together: a crash before leaves the mail that brought it to be read again, one after leaves deliveries.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ecertmail.conversation import Inquiry, InquiryState, Message, Turn, Utterance
from ecertmail.core import contribution, deadline, inquiry_record, record
from ecertmail.core.deadline import Hours
from ecertmail.core.entity import printable
from ecertmail.flow.inquiry_post import Commit, InquiryPost, Reply
from ecertmail.letter import LetterKind
from ecertmail.official import File, Official, OfficialState, Subject, Ticket, Written
from ecertmail.parties import OWN, Assurance, Partner
from ecertmail.ports import EventLog, OpenPgp, Transaction

Announce = Callable[[Transaction, Partner, Message, OpenPgp, datetime], object]
"""How a response travels to the node that asked, as a signed document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An inquiry that an official opened or went on with.

    `message` is for the desk to announce, None where our own duty officers are asked; `left_out` names files that are
    too large.
    """

    inquiry: Inquiry
    message: Message | None = None
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquirer:
    """Keeps conversations; `partners` is keyed by ID, `file_octets` is the most that the files of a mail may have."""

    partners: Mapping[str, Partner]
    post: InquiryPost
    hours: Hours
    file_octets: int
    announce: Announce
    log: EventLog

    def open(
        self,
        tx: Transaction,
        official: Official,
        subject: Subject,
        question: str,
        files: Sequence[File],
        assurance: Assurance,
        decided_entry: int,
        openpgp: OpenPgp,
        now: datetime,
    ) -> Opened:
        """Ask the issuer of a certificate; what the same official asked before and is not closed goes on."""
        commit = Commit(tx=tx, openpgp=openpgp, now=now)
        inquiry = tx.inquiries.about(subject.issuer, subject.number, official.id)
        if inquiry is None or inquiry.state is InquiryState.CLOSED:
            inquiry = self._new(commit, subject.issuer, subject.number, official.partner, official=official.id)
        else:
            inquiry = self._again(commit, inquiry)
        said, left_out = self._said(Turn.REQUEST, official.signs_as, now, question, files, assurance)
        said = self._say(commit, inquiry, said, official=official.id, decision=decided_entry)
        if subject.issuer == OWN:
            self._ask(commit, inquiry, said)
            return Opened(inquiry=inquiry, left_out=left_out)
        message = Message(reference=inquiry.name, number=inquiry.number, utterance=said)
        return Opened(inquiry=inquiry, message=message, left_out=left_out)

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
        sentence = take(commit, partner, message, spool_id)
        lost = f"; too large: {', '.join(map(printable, left_out))}" if left_out else ""
        return f"{printable(message.reference)[:40]}: {sentence}{lost}"

    def answered(
        self,
        tx: Transaction,
        ticket: Ticket,
        official: Official,
        written: Written,
        assurance: Assurance,
        openpgp: OpenPgp,
        now: datetime,
        spool_id: str = "",
    ) -> int | None:
        """Take a duty officer's reply, pass it on and confirm it; return its entry, None where nothing was recorded.

        Whoever calls it has seen that the ticket is this official's, in force, and meant for an answer.
        """
        commit = Commit(tx=tx, openpgp=openpgp, now=now)
        inquiry = tx.inquiries.get(ticket.inquiry)
        if inquiry is None or inquiry.issuer != OWN:
            return None
        reply = Reply(official=official, ticket=ticket, message_id=written.message_id)
        said, left_out = self._said(Turn.RESPONSE, official.signs_as, now, written.text, written.files, assurance)
        thread = tx.inquiries.thread(inquiry.id)
        if inquiry.state is InquiryState.CLOSED:
            self.post.answer(commit, LetterKind.NOT_RECORDED, inquiry, said, reply)
            return None
        if not said.content and not said.files:
            self.post.answer(commit, LetterKind.QUESTION, inquiry, _question(thread), reply, left_out)
            return None
        before = contribution.repeated(thread, said)
        if before is None:
            said = self._say(commit, inquiry, said, official=official.id, spool_id=spool_id)
            self._pass_on(commit, self._has_answer(commit, inquiry), said)
        self.post.answer(commit, LetterKind.ANSWER_SENT, inquiry, before or said, reply, left_out)
        return (before or said).entry

    def _requested(self, commit: Commit, partner: Partner, message: Message, spool_id: str) -> str:
        tx, number = commit.tx, message.number
        known = tx.known(OWN, [number]).get(number)
        if known is None or known.status is None:
            self.log.warning("inquiry.unknown", partner=partner.id, id=spool_id)
            return f"{printable(number)[:100]} is not known here as a certificate of this authority; nobody was asked"
        inquiry = tx.inquiries.asked_by(partner.id, message.reference)
        if inquiry is not None and inquiry.number != number:
            return f"this inquiry is about {inquiry.number}, not about {number}; nobody was asked"
        if inquiry is not None and contribution.said(tx.inquiries.thread(inquiry.id), message.utterance):
            return f"is {inquiry.name} here, and this question in it was received before"
        if inquiry is None:
            inquiry = self._new(commit, OWN, number, partner.id, reference=message.reference)
        else:
            inquiry = self._again(commit, inquiry)
        self._ask(commit, inquiry, self._say(commit, inquiry, message.utterance, spool_id=spool_id))
        return f"is {inquiry.name} here; an answer is due at {inquiry.due_at:%Y-%m-%d %H:%M} UTC"

    def _responded(self, commit: Commit, partner: Partner, message: Message, spool_id: str) -> str:
        tx = commit.tx
        inquiry = tx.inquiries.get(deadline.number_of(message.reference))
        asked = inquiry is not None and inquiry.official and inquiry.issuer == partner.id
        if inquiry is None or not asked or inquiry.number != message.number:
            self.log.warning("inquiry.unasked", partner=partner.id, id=spool_id)
            return "no such inquiry was sent to you from here; the answer was passed on to nobody"
        if contribution.said(tx.inquiries.thread(inquiry.id), message.utterance):
            return "this answer was received before"
        said = self._say(commit, inquiry, message.utterance, spool_id=spool_id)
        heard = self._pass_on(commit, self._has_answer(commit, inquiry), said)
        return "the answer goes to the official who asked" if heard else "the official who asked is no longer active"

    def _said(
        self, turn: Turn, operator: str, at: datetime, text: str, files: Sequence[File], assurance: Assurance
    ) -> tuple[Utterance, tuple[str, ...]]:
        kept, left_out = contribution.within(files, self.file_octets)
        content = contribution.cut(text)
        said = Utterance(turn=turn, operator=operator, at=at, content=content, assurance=assurance, files=kept)
        return said, left_out

    def _new(
        self, commit: Commit, issuer: str, number: str, partner: str, official: str = "", reference: str = ""
    ) -> Inquiry:
        opened = Inquiry(
            id=0, issuer=issuer, number=number, partner=partner, official=official, reference=reference,
            state=InquiryState.OPEN, opened_at=commit.now, due_at=commit.now + self.hours.answer_within,
        )  # fmt: skip
        return commit.tx.inquiries.open(opened)

    def _again(self, commit: Commit, inquiry: Inquiry) -> Inquiry:
        """Begin to wait anew: what silence led to before counts no more."""
        due = commit.now + self.hours.answer_within
        inquiry = replace(inquiry, state=InquiryState.OPEN, opened_at=commit.now, due_at=due,
                          reminded_at=None, escalated_at=None)  # fmt: skip
        commit.tx.inquiries.put(inquiry)
        self._clear(commit, inquiry)
        return inquiry

    def _has_answer(self, commit: Commit, inquiry: Inquiry) -> Inquiry:
        """Wait no more; an answer to an inquiry that was closed meanwhile is kept and passed on like any other."""
        if inquiry.state is InquiryState.OPEN:
            inquiry = replace(inquiry, state=InquiryState.ANSWERED)
            commit.tx.inquiries.put(inquiry)
        self._clear(commit, inquiry)
        return inquiry

    def _clear(self, commit: Commit, inquiry: Inquiry) -> None:
        if commit.tx.clear_alarm(deadline.alarm(inquiry), commit.now):
            self.log.info("alarm.cleared", alarm=deadline.alarm(inquiry))

    def _say(
        self, commit: Commit, inquiry: Inquiry, said: Utterance, *, official: str = "", spool_id: str = "",
        decision: int = -1,
    ) -> Utterance:  # fmt: skip
        facts = inquiry_record.of_utterance(
            inquiry, said, commit.now, official=official, spool_id=spool_id, decision=decision
        )
        said = replace(said, entry=commit.tx.append([("inquiry", record.canonical(facts))])[0])
        commit.tx.inquiries.say(inquiry.id, said)
        self.log.info(
            f"inquiry.{said.turn.value}", inquiry=inquiry.name, number=inquiry.number, partner=inquiry.partner,
            official=official or None, entry=said.entry,
        )  # fmt: skip
        return said

    def _ask(self, commit: Commit, inquiry: Inquiry, question: Utterance) -> None:
        if self.post.ask(commit, inquiry, question):
            return
        commit.tx.raise_alarm(deadline.alarm(inquiry), deadline.nobody(inquiry), commit.now)
        self.post.tell_office(commit, self.post.operator, inquiry, question)
        self.log.error("inquiry.nobody", inquiry=inquiry.name, number=inquiry.number)

    def _pass_on(self, commit: Commit, inquiry: Inquiry, answer: Utterance) -> bool:
        """Bring an answer to who asked: an official known here, or the node that the question came from."""
        if not inquiry.official:
            return self._announce(commit, inquiry, answer)
        official = commit.tx.officials.get(inquiry.official)
        if official is None or official.state is not OfficialState.ACTIVE:
            self.log.warning("inquiry.unheard", inquiry=inquiry.name, official=inquiry.official)
            return False
        self.post.pass_on(commit, inquiry, answer, official)
        return True

    def _announce(self, commit: Commit, inquiry: Inquiry, answer: Utterance) -> bool:
        partner = self.partners.get(inquiry.partner)
        if partner is None:
            text = f"inquiry {inquiry.name}: the answer cannot go to {inquiry.partner}, which is no partner any more"
            commit.tx.raise_alarm(deadline.alarm(inquiry), text, commit.now)
            self.log.error("inquiry.unheard", inquiry=inquiry.name, partner=inquiry.partner)
            return False
        message = Message(reference=inquiry.reference, number=inquiry.number, utterance=answer)
        self.announce(commit.tx, partner, message, commit.openpgp, commit.now)
        return True


def _question(thread: Sequence[Utterance]) -> Utterance:
    """Return what was asked last; every inquiry begins with a question."""
    return next(one for one in reversed(thread) if one.turn is Turn.REQUEST)
