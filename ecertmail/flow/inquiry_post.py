"""Letters about inquiries: to the duty officers who answer, to the official who asked, to the office that watches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ecertmail.conversation import Inquiry, Utterance
from ecertmail.flow.post import Post
from ecertmail.letter import Letter, LetterKind, Reason, Refused, Shown
from ecertmail.official import File, Language, Official, Purpose, Role, Ticket
from ecertmail.parties import OWN
from ecertmail.ports import OpenPgp, Transaction

Show = Callable[[Transaction, str, str], tuple[Shown, ...]]
"""How a certificate is shown without choices: (transaction, issuer, number)."""

Offer = Callable[[Transaction, Official, str, str, datetime], tuple[tuple[Shown, ...], Ticket | None]]
"""How it is shown to an official who may decide, with a new ticket: (transaction, official, issuer, number, now)."""


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
    """Writes letters about inquiries.

    `operator` is told when nobody is there to answer, `escalate_to` when nobody does; either address may be empty.
    """

    post: Post
    show: Show
    offer: Offer
    operator: str = ""
    escalate_to: str = ""
    ticket_life: timedelta = timedelta(days=60)

    def ask(self, commit: Commit, inquiry: Inquiry, question: Utterance, kind: LetterKind = LetterKind.INQUIRY) -> int:
        """Send a question to every duty officer, each with a ticket of their own; return how many there are."""
        officials = commit.tx.officials
        duty, until = officials.duty(), commit.now + self.ticket_life
        for official in duty:
            ticket = officials.give_ticket(Purpose.ANSWER, official.id, (), until, inquiry.id)
            letter = self._letter(commit, kind, inquiry, question, official)
            self._send(commit, official, letter, given=ticket, files=question.files)
        return len(duty)

    def tell_office(self, commit: Commit, address: str, inquiry: Inquiry, question: Utterance) -> None:
        """Tell an office, if there is one, that a question is not answered."""
        if address:
            office = _office(address, commit.now)
            letter = self._letter(commit, LetterKind.INQUIRY_REMINDER, inquiry, question, office)
            self._send(commit, office, letter)

    def pass_on(self, commit: Commit, inquiry: Inquiry, answer: Utterance, official: Official) -> None:
        """Send the official who asked what was answered, with the choices as they are now."""
        self._to_asker(commit, LetterKind.ANSWERED, inquiry, answer, official, answer.files)

    def still_waiting(self, commit: Commit, inquiry: Inquiry, question: Utterance, official: Official) -> None:
        """Tell the official who asked that no answer came in time; deciding is possible all the same."""
        self._to_asker(commit, LetterKind.STILL_WAITING, inquiry, question, official, ())

    def answer(
        self,
        commit: Commit,
        kind: LetterKind,
        inquiry: Inquiry,
        said: Utterance,
        reply: Reply,
        left_out: Sequence[str] = (),
    ) -> int | None:
        """Answer a duty officer's mail: it was passed on, there was nothing in it, or the inquiry is over."""
        over = kind is LetterKind.NOT_RECORDED
        letter = self._letter(commit, kind, inquiry, said, reply.official)
        letter = replace(
            letter,
            files=(*letter.files, *left_out),
            refused=(Refused(number=inquiry.number, reason=Reason.CLOSED),) if over else (),
        )
        given = None if over else reply.ticket
        return self._send(commit, reply.official, letter, given=given, answers=reply.message_id)

    def _to_asker(
        self,
        commit: Commit,
        kind: LetterKind,
        inquiry: Inquiry,
        said: Utterance,
        official: Official,
        files: Sequence[File],
    ) -> None:
        shown, given = self.offer(commit.tx, official, inquiry.issuer, inquiry.number, commit.now)
        letter = replace(self._letter(commit, kind, inquiry, said, official), shown=shown)
        self._send(commit, official, letter, given=given, files=files)

    def _letter(self, commit: Commit, kind: LetterKind, inquiry: Inquiry, said: Utterance, reader: Official) -> Letter:
        return self.post.letter(
            kind,
            reader,
            commit.now,
            shown=self.show(commit.tx, inquiry.issuer, inquiry.number),
            text=said.content,
            files=tuple(file.name for file in said.files),
            inquiry=inquiry.name,
            operator=said.operator,
            asked_at=inquiry.opened_at,
            due_at=inquiry.due_at,
            overdue=commit.now >= inquiry.due_at,
        )

    def _send(
        self,
        commit: Commit,
        reader: Official,
        letter: Letter,
        *,
        given: Ticket | None = None,
        answers: str | None = None,
        files: Sequence[File] = (),
    ) -> int | None:
        return self.post.send(commit.tx, reader, letter, commit.openpgp, given=given, answers=answers, files=files)


def _office(address: str, now: datetime) -> Official:
    """An address of this authority that no person stands for; it gets letters and no tickets."""
    return Official(
        id="office", address=address, name="", post="", language=Language.EN, partner=OWN, role=Role.ANSWERS,
        created_at=now,
    )  # fmt: skip
