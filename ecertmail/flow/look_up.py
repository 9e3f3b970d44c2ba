"""An official asks for certificates, and is told what the ledger knows of them and the official may see.

What may not be seen is answered like what is not known, and counted like it too: whoever asks in vain again and again,
and a number that is asked for in vain again and again, are an alarm, for forged papers look like that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, islice

from ecertmail.core import shown as showing
from ecertmail.core.look_up import MOST, may_decide, may_see
from ecertmail.core.near import near
from ecertmail.letter import Paper, Shown, Unknown
from ecertmail.looked_up import Asked, Held
from ecertmail.official import Official, Subject
from ecertmail.parties import OWN, Authority, Partner
from ecertmail.ports import EventLog, Transaction

NEAR_SHOWN = 5

_DAY = timedelta(days=1)

Pair = tuple[Shown, Subject | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class LookedUp:
    """What is told of the numbers asked for; a certificate comes with its subject if it can be decided on."""

    pairs: tuple[Pair, ...] = ()
    unknown: tuple[Unknown, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUps:
    """Answers look-ups; `misses_to_alarm` in vain within a day, by one official or for one number, are an alarm."""

    authority: Authority
    partners: Mapping[str, Partner]
    misses_to_alarm: int
    log: EventLog

    def answer(
        self, tx: Transaction, official: Official, asked: Sequence[Asked], now: datetime, spool_id: str
    ) -> LookedUp:
        """Look up what an active official asks for, in the commit that stages the answer."""
        pairs: list[Pair] = []
        unknown: list[Unknown] = []
        apart = chain.from_iterable(self._apart(tx, official, one) for one in asked)
        for one in islice(dict.fromkeys(apart), MOST):
            found = self._found(tx, official, one)
            papers = [self._paper(one, held) for held in found]
            if not found:
                unknown.append(Unknown(number=one.number, near=self._near(tx, official, one.number)))
            if not found or Paper.DIFFERENT in papers:
                self._missed(tx, official, one.number, now)
            pairs += [self._pair(tx, official, held, paper) for held, paper in zip(found, papers, strict=True)]
        pairs = list(dict.fromkeys(pairs))
        self.log.info("lookup.answered", id=spool_id, official=official.id, found=len(pairs), unknown=len(unknown))
        return LookedUp(pairs=tuple(pairs), unknown=tuple(unknown))

    def again(self, tx: Transaction, official: Official, subjects: Sequence[Subject]) -> tuple[Pair, ...]:
        """Show certificates of a ticket as they are now, those that the official may see."""
        found = (self._held(tx, official, subject) for subject in subjects)
        return tuple(self._pair(tx, official, held, Paper.NOT_ASKED) for held in found if held is not None)

    def shown(self, tx: Transaction, official: Official, subject: Subject) -> Shown | None:
        """Show one certificate as it is now; None if it is not there, or not for this official to see."""
        return next((shown for shown, _ in self.again(tx, official, [subject])), None)

    def of_issuer(self, tx: Transaction, issuer: str, number: str) -> Shown | None:
        """Show a certificate as it is now to whoever answers for it; None if it is not there."""
        held = next((one for one in tx.look_ups.find(number) if one.issuer == issuer), None)
        if held is None:
            return None
        return showing.shown(held, tx.officials.decisions(issuer, number), self.issuer_name, Paper.NOT_ASKED)

    def may_decide(self, official: Official, issuer: str, importing: str) -> bool:
        """Say whether an official decides on certificates of this issuer for this country."""
        return may_decide(official, issuer, self.countries(official.partner), importing)

    def is_alive(self, status: str) -> bool:
        """Say whether a certificate with this status can still be decided on."""
        return showing.is_alive(status)

    def issuer_name(self, issuer: str) -> str:
        """Return what people call an authority: this node's own, a partner, or the ID of one that was removed."""
        if issuer == OWN:
            return self.authority.name
        return self.partners[issuer].name if issuer in self.partners else issuer

    def countries(self, partner: str) -> frozenset[str]:
        """The countries that an authority speaks for; none for a partner that is no longer configured."""
        if partner == OWN:
            return frozenset({self.authority.country})
        known = self.partners.get(partner)
        return frozenset({known.country, *known.issues_for}) if known else frozenset()

    def _pair(self, tx: Transaction, official: Official, held: Held, paper: Paper) -> Pair:
        shown = showing.shown(held, tx.officials.decisions(held.issuer, held.number), self.issuer_name, paper)
        open_to = self.is_alive(held.status) and self.may_decide(official, held.issuer, held.importing)
        subject = Subject(issuer=held.issuer, number=held.number, entry=held.entry)
        return shown, subject if open_to else None

    def _visible(self, tx: Transaction, official: Official, number: str) -> list[Held]:
        countries = self.countries(official.partner)
        found = tx.look_ups.find(number)
        return [held for held in found if may_see(official, countries, held.exporting, held.importing)]

    def _held(self, tx: Transaction, official: Official, subject: Subject) -> Held | None:
        found = self._visible(tx, official, subject.number)
        return next((held for held in found if held.issuer == subject.issuer), None)

    def _found(self, tx: Transaction, official: Official, asked: Asked) -> list[Held]:
        """The certificates with this number, in capitals if need be; of the issuer on the paper, if it has one."""
        found = self._visible(tx, official, asked.number)
        if not found and asked.number != asked.number.upper():
            found = self._visible(tx, official, asked.number.upper())
        return [held for held in found if self._is_of(held, asked.issuer)] or found

    def _apart(self, tx: Transaction, official: Official, asked: Asked) -> Sequence[Asked]:
        """Numbers have blanks in them, and people put blanks between them: apart if only so one of them is known."""
        pieces = [Asked(number=piece) for piece in asked.number.split()]
        whole = len(pieces) < 2 or asked.sha256 or self._found(tx, official, asked)
        return [asked] if whole or not any(self._found(tx, official, piece) for piece in pieces) else pieces

    def _near(self, tx: Transaction, official: Official, number: str) -> tuple[str, ...]:
        countries = self.countries(official.partner)
        numbers = (
            listed.number
            for listed in tx.look_ups.existing(near(number))
            if may_see(official, countries, listed.exporting, listed.importing)
        )
        return tuple(islice(dict.fromkeys(numbers), NEAR_SHOWN))

    def _paper(self, asked: Asked, held: Held) -> Paper:
        """Compare a printed copy; one that names another issuer is none of this certificate."""
        return showing.paper(asked.sha256, held) if self._is_of(held, asked.issuer) else Paper.DIFFERENT

    def _is_of(self, held: Held, country: str) -> bool:
        return not country or country == held.exporting or country in self.countries(held.issuer)

    def _missed(self, tx: Transaction, official: Official, number: str, now: datetime) -> None:
        """Count it; too many within a day are one alarm, whose words do not change before the next day."""
        most, since = self.misses_to_alarm, now - _DAY
        tx.look_ups.put_miss(official.id, number, now)
        often = f"in vain {most} times or more within a day, last on {now:%Y-%m-%d}"
        if tx.look_ups.misses(official.id, since, most) == most:
            self._alarm(tx, f"misses:{official.id}", f"official {official.id} looked up certificates {often}", now)
        if tx.look_ups.misses_of(number, since, most) == most:
            self._alarm(tx, f"number:{number}", f"number {number} was looked up {often}", now)

    def _alarm(self, tx: Transaction, what: str, text: str, now: datetime) -> None:
        if tx.raise_alarm(what, text, now):
            self.log.warning("lookup.misses", alarm=what, text=text)
