"""An official asks for certificates, and is told what the ledger knows of them and may be seen.

What may not be seen is answered like what is not known, and counted like it too: whoever asks in vain again and again,
and a number that is asked for in vain again and again, are an alarm, for forged papers look like that.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from ecertmail.core.look_up import may_decide, may_see
from ecertmail.core.near import near
from ecertmail.core.states import ENDED
from ecertmail.letter import Event, Paper, Shown, Unknown
from ecertmail.looked_up import Asked, Held
from ecertmail.model import CertificateStatus
from ecertmail.official import Decided, Official, Subject
from ecertmail.parties import OWN, Authority, Partner
from ecertmail.ports import EventLog, Transaction

NEAR_SHOWN = 5

_CLOSED = frozenset(status.value for status in (*ENDED, CertificateStatus.REPLACED))
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class LookedUp:
    """What is told of the numbers asked for; `subjects` are those of `shown` (same entry) that can be decided on."""

    shown: tuple[Shown, ...] = ()
    unknown: tuple[Unknown, ...] = ()
    subjects: tuple[Subject, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUps:
    """Answers look-ups; `misses_to_alarm` in vain within a day, by one official or for one number, are an alarm."""

    authority: Authority
    partners: Mapping[str, Partner]
    misses_to_alarm: int
    log: EventLog

    def answer(
        self, tx: Transaction, spool_id: str, official: Official, asked: Sequence[Asked], now: datetime
    ) -> LookedUp:
        """Look up what an active official asks for, in the commit that stages the answer."""
        shown: list[Shown] = []
        unknown: list[Unknown] = []
        subjects: list[Subject] = []
        for one in asked:
            found = self._visible(tx, official, one)
            papers = [self._paper(one, held) for held in found]
            if not found:
                unknown.append(Unknown(number=one.number, near=self._near(tx, official, one.number)))
            if not found or Paper.DIFFERENT in papers:
                self._missed(tx, official, one.number, now)
            shown += [self.show(tx, held, paper) for held, paper in zip(found, papers, strict=True)]
            subjects += [subject_of(held) for held in found if self.can_decide(official, held)]
        self.log.info("lookup.answered", id=spool_id, official=official.id, found=len(shown), unknown=len(unknown))
        return LookedUp(
            shown=tuple(dict.fromkeys(shown)), unknown=tuple(unknown), subjects=tuple(dict.fromkeys(subjects))
        )

    def show(self, tx: Transaction, held: Held, paper: Paper = Paper.NOT_ASKED) -> Shown:
        """Say what is known of one certificate."""
        decisions = tx.officials.decisions(held.issuer, held.number)
        return Shown(
            number=held.number,
            status=held.status,
            issuer=self._name(held.issuer),
            title=held.title,
            type=held.type,
            exporting=held.exporting,
            importing=held.importing,
            issued_at=held.issued_at,
            sha256=held.sha256,
            entry=held.entry,
            recorded_at=held.recorded_at,
            replaced_by=held.replaced_by,
            paper=paper,
            history=tuple(sorted(self._history(held, decisions), key=lambda event: event.at)),
        )

    def can_decide(self, official: Official, held: Held) -> bool:
        """Say whether a certificate can be decided on now, and by this official."""
        countries = self.countries(official.partner)
        return held.status not in _CLOSED and may_decide(official, held.issuer, countries, held.importing)

    def countries(self, partner: str) -> frozenset[str]:
        """The countries that a partner speaks for; none for one that is no longer configured."""
        known = self.partners.get(partner)
        return frozenset({known.country, *known.issues_for}) if known else frozenset()

    def _visible(self, tx: Transaction, official: Official, asked: Asked) -> list[Held]:
        """The certificates with this number that an official may see; of the issuer on the paper, if it has one."""
        countries = self.countries(official.partner)
        for number in dict.fromkeys((asked.number, asked.number.upper())):
            found = [
                held
                for held in tx.look_ups.find(number)
                if may_see(official, countries, held.exporting, held.importing)
            ]
            if found:
                return [held for held in found if self._issued(held, asked.issuer)] or found
        return []

    def _near(self, tx: Transaction, official: Official, number: str) -> tuple[str, ...]:
        countries = self.countries(official.partner)
        seen = (
            listed.number
            for listed in tx.look_ups.existing(near(number))
            if may_see(official, countries, listed.exporting, listed.importing)
        )
        return tuple(islice(dict.fromkeys(seen), NEAR_SHOWN))

    def _paper(self, asked: Asked, held: Held) -> Paper:
        """Compare a printed copy with what is recorded; one that names another issuer is of another certificate."""
        if not asked.sha256:
            return Paper.NOT_ASKED
        if not self._issued(held, asked.issuer):
            return Paper.DIFFERENT
        if asked.sha256 == held.sha256:
            return Paper.SAME
        return Paper.OLDER if asked.sha256 in {version.sha256 for version in held.versions} else Paper.DIFFERENT

    def _issued(self, held: Held, country: str) -> bool:
        own = {self.authority.country} if held.issuer == OWN else self.countries(held.issuer)
        return not country or country in own or country == held.exporting

    def _history(self, held: Held, decisions: Iterable[Decided]) -> Iterator[Event]:
        issuer = self._name(held.issuer)
        for version in held.versions:
            yield Event(at=version.at, status=version.status, by=issuer)
        for decided in decisions:
            by = decided.operator or self._name(decided.partner)
            yield Event(at=decided.at, decision=decided.decision, by=by, remark=decided.remark)

    def _name(self, issuer: str) -> str:
        if issuer == OWN:
            return self.authority.name
        return self.partners[issuer].name if issuer in self.partners else issuer

    def _missed(self, tx: Transaction, official: Official, number: str, now: datetime) -> None:
        """Count it; a day with too many is one alarm, whose words stay the same for that day."""
        table, since, most = tx.look_ups, now - _DAY, self.misses_to_alarm
        table.put_miss(official.id, number, now)
        day = f"{most} times within a day or more often, last on {now:%Y-%m-%d}"
        if table.misses(official.id, since) >= most:
            self._alarm(
                tx, f"misses:{official.id}", f"official {official.id} looked up certificates in vain {day}", now
            )
        if table.misses_of(number, since) >= most:
            self._alarm(tx, f"number:{number}", f"number {number} was looked up in vain {day}", now)

    def _alarm(self, tx: Transaction, what: str, text: str, now: datetime) -> None:
        if tx.raise_alarm(what, text, now):
            self.log.warning("lookup.misses", alarm=what, text=text)


def subject_of(held: Held) -> Subject:
    """What a decision on a certificate, as it is recorded now, refers to."""
    return Subject(issuer=held.issuer, number=held.number, entry=held.entry)
