"""Certificates as an official is shown them, with the choices that there are, and the ticket to take one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ecertmail.flow.look_up import LookUps, Pair
from ecertmail.flow.post import Post
from ecertmail.letter import Shown
from ecertmail.official import Official, Subject, Ticket
from ecertmail.ports import Transaction

Offered = tuple[tuple[Shown, ...], Ticket | None]
"""What is shown, and the ticket for all of it that can be decided on; None if nothing can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offers:
    """Adds links and tickets to what is shown."""

    post: Post
    look_ups: LookUps

    def again(
        self, tx: Transaction, official: Official, subjects: Sequence[Subject], now: datetime,
        given: Ticket | None = None,
    ) -> Offered:  # fmt: skip
        """Show certificates as they are now, with the ticket at hand or a new one."""
        return self.with_choices(tx, official, self.look_ups.again(tx, official, subjects), now, given)

    def with_choices(
        self, tx: Transaction, official: Official, pairs: Sequence[Pair], now: datetime, given: Ticket | None = None
    ) -> Offered:
        """Add the links to what can be decided on."""
        subjects = tuple(subject for _, subject in pairs if subject is not None)
        if not subjects:
            return tuple(shown for shown, _ in pairs), None
        ticket = given or self.post.ticket(tx, official, subjects, now)
        shown = (
            replace(shown, choices=self.post.choices(tx, official, ticket, subject, now)) if subject else shown
            for shown, subject in pairs
        )
        return tuple(shown), ticket

    def plain(self, tx: Transaction, issuer: str, number: str) -> tuple[Shown, ...]:
        """Show a certificate without choices, to those who answer for it."""
        shown = self.look_ups.of_issuer(tx, issuer, number)
        return (shown,) if shown else ()

    def one(self, tx: Transaction, official: Official, issuer: str, number: str, now: datetime) -> Offered:
        """Show one certificate to an official with what can be decided; without choices if nothing can."""
        shown, given = self.again(tx, official, [Subject(issuer=issuer, number=number, entry=0)], now)
        return (shown, given) if shown else (self.plain(tx, issuer, number), None)
