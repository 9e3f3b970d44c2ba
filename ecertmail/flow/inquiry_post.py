"""Letters about inquiries: to the duty officers who answer, to the official who asked, to the office that watches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ecertmail.conversation import Inquiry, Utterance
from ecertmail.core import letter_mail
from ecertmail.letter import Letter, LetterKind, Reason, Refused, Shown, Templates
from ecertmail.official import File, Language, Official, Purpose, Ticket
from ecertmail.parties import Authority
from ecertmail.ports import OpenPgp, Transaction

KIND = "letter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """A certificate with fresh choices for one official, and the ticket that a reply is tied to."""

    shown: Shown
    reply_to: str
    token: str


Show = Callable[[Transaction, str, str], Shown]
"""How a certificate is shown to a duty officer: (transaction, issuer, number)."""

Offer = Callable[[Transaction, Official, str, str, datetime], Offered]
"""How it is shown to the official who decides, with a new ticket: (transaction, official, issuer, number, now)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """What a commit is made with: the ledger's transaction, whoever signs, and when it happens."""

    tx: Transaction
    openpgp: OpenPgp
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A duty officer's mail: whose it is, its ticket, and its Message-ID."""

    official: Official
    ticket: Ticket
    message_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InquiryPost:
    """Writes and stages letters; `token` and `address` make of a ticket what stands in a mail.

    `operator` is told when nobody is there to answer, `escalate_to` when nobody does; either may be empty.
    """

    authority: Authority
    templates: Templates
    token: Callable[[Ticket], str]
    address: Callable[[str], str]
    show: Show
    offer: Offer
    new_message_id: Callable[[], str]
    operator: str = ""
    escalate_to: str = ""
    ticket_life: timedelta = timedelta(days=60)

    def ask(
        self, commit: Commit, inquiry: Inquiry, question: Utterance, kind: LetterKind = LetterKind.INQUIRY
    ) -> int:
        """Send a question to every duty officer, each with a ticket of their own; return how many there are."""
        officials = commit.tx.officials
        duty, until = officials.duty(), commit.now + self.ticket_life
        for official in duty:
            ticket = officials.give_ticket(Purpose.ANSWER, official.id, (), until, inquiry.id)
            letter = self._letter(commit, kind, inquiry, question, official)
            token = self.token(ticket)
            self._send(commit, official.address, letter, token, self.address(token), files=question.files)
        return len(duty)

    def tell_office(self, commit: Commit, address: str, inquiry: Inquiry, question: Utterance) -> None:
        """Tell an office, if there is one, that a question is not answered."""
        if address:
            letter = self._letter(commit, LetterKind.INQUIRY_REMINDER, inquiry, question)
            self._send(commit, address, replace(letter, overdue=True))

    def pass_on(self, commit: Commit, inquiry: Inquiry, answer: Utterance, official: Official) -> None:
        """Send the official who asked what was answered, with the choices as they are now."""
        self._to_asker(commit, LetterKind.ANSWERED, inquiry, answer, official, answer.files)

    def still_waiting(self, commit: Commit, inquiry: Inquiry, question: Utterance, official: Official) -> None:
        """Tell the official who asked that no answer came in time; deciding is possible all the same."""
        self._to_asker(commit, LetterKind.STILL_WAITING, inquiry, question, official, ())

    def answer(
        self, commit: Commit, kind: LetterKind, inquiry: Inquiry, said: Utterance, reply: Reply,
        left_out: Sequence[str] = (),
    ) -> None:  # fmt: skip
        """Answer a duty officer's mail: it was sent, there was nothing in it, or the inquiry is over."""
        over = kind is LetterKind.NOT_RECORDED
        letter = self._letter(commit, kind, inquiry, said, reply.official)
        letter = replace(
            letter,
            files=(*letter.files, *left_out),
            refused=(Refused(number=inquiry.number, reason=Reason.CLOSED),) if over else (),
        )
        token = "" if over else self.token(reply.ticket)
        to = self.address(token) if token else ""
        self._send(commit, reply.official.address, letter, token, to, answers=reply.message_id)

    def _to_asker(
        self, commit: Commit, kind: LetterKind, inquiry: Inquiry, said: Utterance, official: Official,
        files: Sequence[File],
    ) -> None:  # fmt: skip
        offered = self.offer(commit.tx, official, inquiry.issuer, inquiry.number, commit.now)
        letter = replace(self._letter(commit, kind, inquiry, said, official), shown=(offered.shown,))
        self._send(commit, official.address, letter, offered.token, offered.reply_to, files=files)

    def _letter(
        self, commit: Commit, kind: LetterKind, inquiry: Inquiry, said: Utterance, reader: Official | None = None
    ) -> Letter:
        return Letter(
            kind=kind,
            language=reader.language if reader else Language.EN,
            authority=self.authority.name,
            address=self.authority.address,
            reader=reader.name if reader else "",
            now=commit.now,
            shown=(self.show(commit.tx, inquiry.issuer, inquiry.number),),
            text=said.content,
            files=tuple(file.name for file in said.files),
            inquiry=inquiry.name,
            operator=said.operator,
            asked_at=inquiry.opened_at,
            due_at=inquiry.due_at,
            overdue=commit.now >= inquiry.due_at,
        )

    def _send(
        self, commit: Commit, to: str, letter: Letter, token: str = "", reply_to: str = "", *,
        answers: str | None = None, files: Sequence[File] = (),
    ) -> None:  # fmt: skip
        draft = letter_mail.draft(
            self.authority, to, self.templates.render(replace(letter, reply_to=reply_to)), self.new_message_id(),
            commit.now, token=token, reply_to=reply_to, answers=answers, attachments=files,
        )  # fmt: skip
        mail = commit.tx.put_mail(draft.message_id, draft.signed(commit.openpgp.sign(draft.part)), draft.mic)
        commit.tx.stage(mail, KIND, to, "", commit.now)
