"""New certificates for an official: the push that can be answered, with a ticket for what it brings."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ecertmail.core import push
from ecertmail.core.compose import Draft
from ecertmail.flow.look_up import LookUps
from ecertmail.flow.post import Post
from ecertmail.letter import LetterKind, Shown
from ecertmail.official import File, Official, OfficialState, Subject
from ecertmail.ports import Transaction
from ecertmail.subscription import Fresh, Subscription


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrivals:
    """Writes pushes to those subscribers who are officials."""

    post: Post
    look_ups: LookUps

    def official(self, tx: Transaction, subscription: Subscription) -> Official | None:
        """Return the active official whose address a subscription is for."""
        official = tx.officials.by_address(subscription.address)
        return official if official is not None and official.state is OfficialState.ACTIVE else None

    def draft(
        self,
        tx: Transaction,
        official: Official,
        subscription: Subscription,
        certificates: Sequence[Fresh],
        leave: str,
        now: datetime,
    ) -> Draft:
        """Write the push in the official's language; what may be decided on comes with links to do so."""
        decidable = {
            one.entry: Subject(issuer=one.issuer, number=one.number, entry=one.entry)
            for one in certificates
            if self.look_ups.may_decide(official, one.issuer, one.importing) and self.look_ups.is_alive(one.status)
        }
        given = self.post.ticket(tx, official, tuple(decidable.values()), now) if decidable else None
        shown = [self._shown(one) for one in certificates]
        if given is not None:
            shown = [
                replace(one, choices=self.post.choices(tx, official, given, decidable[one.entry], now))
                if one.entry in decidable
                else one
                for one in shown
            ]
        letter = self.post.letter(
            LetterKind.ARRIVED, official, now, shown=tuple(shown), leave=leave, subscription=subscription.id
        )
        files = [
            File(name=name, type="application/xml", octets=octets) for name, octets in push.documents(certificates)
        ]
        more = push.list_header(self.post.authority, subscription, leave)
        return self.post.draft(official, letter, given, files=files, more=more)

    def _shown(self, one: Fresh) -> Shown:
        return Shown(
            number=one.number, status=one.status, issuer=self.look_ups.issuer_name(one.issuer), title=one.title,
            type=one.type, exporting=one.exporting, importing=one.importing, issued_at=one.issued_at,
            sha256=one.sha256, entry=one.entry,
        )  # fmt: skip
