"""Letters to people: written in their language, signed, stored and staged, and never more than an address may get."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from ecertmail.core import decision, letter_mail, ticket
from ecertmail.core.answer import Silence
from ecertmail.core.compose import Draft
from ecertmail.flow.reply import over_limit
from ecertmail.letter import Choice, Letter, LetterKind, Templates
from ecertmail.official import File, Official, Purpose, Subject, Ticket
from ecertmail.parties import Authority, Policy
from ecertmail.ports import EventLog, OpenPgp, Transaction

_WINDOW = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """Writes to officials in the name of this node; `secret` makes the tokens of tickets, which live for `life`."""

    authority: Authority
    policy: Policy
    templates: Templates
    secret: bytes
    life: timedelta
    new_message_id: Callable[[], str]
    log: EventLog

    def letter(self, kind: LetterKind, official: Official, now: datetime, **values: Any) -> Letter:
        """Begin a letter to an official."""
        return Letter(
            kind=kind, language=official.language, authority=self.authority.name, address=self.authority.address,
            reader=official.name, now=now, **values,
        )  # fmt: skip

    def ticket(self, tx: Transaction, official: Official, subjects: Sequence[Subject], now: datetime) -> Ticket:
        """Give an official a ticket to decide on certificates."""
        return tx.officials.give_ticket(Purpose.DECIDE, official.id, tuple(subjects), now + self.life)

    def choices(
        self, tx: Transaction, official: Official, given: Ticket, subject: Subject, now: datetime
    ) -> tuple[Choice, ...]:
        """Return the links with which an official can decide on one certificate of a ticket.

        Where its number names another one of the ticket too, they have a ticket of their own.
        """
        if not decision.names_one(given.subjects, subject.number):
            given = self.ticket(tx, official, (subject,), now)
        words = self.templates.words(official.language)
        return ticket.choices(words, subject.number, ticket.token(self.secret, given), self.authority.address)

    def send(
        self,
        tx: Transaction,
        official: Official,
        letter: Letter,
        openpgp: OpenPgp,
        *,
        given: Ticket | None = None,
        answers: str | None = None,
        files: Sequence[File] = (),
    ) -> int | None:
        """Send a letter, with the ticket that it can be answered with; None if the address got too many lately.

        What nobody would ask for again is only put off then: a letter that nobody asked for, and a confirmation,
        without which an official takes a decision for not recorded. `answers` is the Message-ID of the mail that it
        answers, None for a letter that nobody asked for.
        """
        at, kept = letter.now, answers is None or letter.kind is LetterKind.CONFIRMED
        if tx.replies(official.address, letter.now - _WINDOW, letter.now + _WINDOW) >= self.policy.replies_per_hour:
            facts = {"official": official.id, "letter": letter.kind.value, "reason": Silence.LIMIT.code}
            if not kept:
                self.log.warning("letter.unsent", **facts)
                over_limit(tx, official.id, self.policy, self.log, letter.now)
                return None
            self.log.warning("letter.delayed", **facts)
            at += _WINDOW
        draft = self.draft(official, letter, given, answers=answers, files=files)
        mail = tx.put_mail(draft.message_id, draft.signed(openpgp.sign(draft.part)), draft.mic)
        if given is not None:
            tx.bring_ticket(given.id, mail)
        # An answer has a null path (RFC 3834 section 3.3); a bounce of anything else is to be heard of.
        tx.stage(mail, "notice" if answers is None else "letter", official.address, "", at)
        return mail

    def draft(
        self,
        official: Official,
        letter: Letter,
        given: Ticket | None,
        *,
        answers: str | None = None,
        files: Sequence[File] = (),
        more: Mapping[str, str] | None = None,
    ) -> Draft:
        """Write a letter as a mail; `more` are further header fields."""
        token = ticket.token(self.secret, given) if given else ""
        reply_to = ticket.address(self.authority.address, token) if token else ""
        rendered = self.templates.render(replace(letter, reply_to=reply_to))
        return letter_mail.draft(
            self.authority, official.address, rendered, self.new_message_id(), letter.now,
            token=token, reply_to=reply_to, answers=answers, attachments=files, more=more,
        )  # fmt: skip
