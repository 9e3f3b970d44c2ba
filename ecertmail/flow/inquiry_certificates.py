"""The certificate that an inquiry is about, as those who answer and the official who asked are shown it."""

from dataclasses import dataclass, replace
from datetime import datetime

from ecertmail.core import shown as showing
from ecertmail.flow.look_up import LookUps
from ecertmail.flow.post import Post
from ecertmail.letter import Paper, Shown
from ecertmail.official import Official, Subject, Ticket
from ecertmail.ports import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class InquiryCertificates:
    """Shows certificates as they are now; the methods are what `InquiryPost` takes as `show` and `offer`."""

    look_ups: LookUps
    post: Post

    def show(self, tx: Transaction, issuer: str, number: str) -> tuple[Shown, ...]:
        """Show it to whoever answers for it; nothing where it is not recorded."""
        found = [held for held in tx.look_ups.find(number) if held.issuer == issuer]
        return tuple(
            showing.shown(held, tx.officials.decisions(issuer, number), self.look_ups.issuer_name, Paper.NOT_ASKED)
            for held in found
        )

    def offer(
        self, tx: Transaction, official: Official, issuer: str, number: str, now: datetime
    ) -> tuple[tuple[Shown, ...], Ticket | None]:
        """Show it to the official who asked, with a new ticket where it can be decided on."""
        pairs = self.look_ups.again(tx, official, [Subject(issuer=issuer, number=number, entry=0)])
        subjects = [subject for _, subject in pairs if subject is not None]
        if not subjects:
            return tuple(shown for shown, _ in pairs), None
        given = self.post.ticket(tx, official, subjects, now)
        choices = self.post.choices(official, given, number)
        return tuple(replace(shown, choices=choices) for shown, _ in pairs), given
