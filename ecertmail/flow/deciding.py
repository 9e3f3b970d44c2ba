"""An official's reply becomes decisions in the ledger, a confirmation, and an acknowledgement to who issued.

All of it is one commit: a crash before it leaves the mail in the spool, one after it leaves deliveries that are due.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ecertmail.conversation import Inquiry, Message
from ecertmail.core import decision, decision_record, record
from ecertmail.flow.look_up import LookUps
from ecertmail.flow.refusal import watch
from ecertmail.flow.visit import Visit
from ecertmail.letter import Confirmed, Event, Reason, Refused, Shown
from ecertmail.official import Decided, Decision, Said, Subject, Ticket
from ecertmail.parties import OWN, Partner
from ecertmail.ports import EventLog

Open = Callable[[Visit, Subject, Decided], tuple[Inquiry, Message | None]]
Settle = Callable[[Visit, Subject], None]
Announce = Callable[[Visit, Partner, Decided, Message | None], bool]
"""How the issuer hears of a decision; it returns whether it does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """What became of the decisions of one mail."""

    confirmed: tuple[Confirmed, ...]
    refused: tuple[Refused, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deciding:
    """Records decisions; `opens` and `settles` inquiries, `announce` tells the partner that issued a certificate."""

    partners: Mapping[str, Partner]
    look_ups: LookUps
    opens: Open
    settles: Settle
    announce: Announce
    remark_length: int
    log: EventLog

    def record(self, visit: Visit, given: Ticket, said: Sequence[Said]) -> Decisions:
        """Record what was said, certificate by certificate, in the order of the reply."""
        results = [self._one(visit, subject, one) for one in said for subject in _subjects(given, one)]
        strange = [Refused(number=number, reason=Reason.WRONG_CERTIFICATE, decision=one.decision)
                   for one in said for number in _strange(given, one)]  # fmt: skip
        return Decisions(
            confirmed=tuple(result for result in results if isinstance(result, Confirmed)),
            refused=(*(result for result in results if isinstance(result, Refused)), *strange),
        )

    def _one(self, visit: Visit, subject: Subject, said: Said) -> Confirmed | Refused:
        shown = self.look_ups.shown(visit.tx, visit.official, subject)
        if shown is None or not self.look_ups.may_decide(visit.official, subject.issuer, shown.importing):
            return Refused(number=subject.number, reason=Reason.WRONG_CERTIFICATE, decision=said.decision)
        standing = {"status": shown.status, "successor": shown.replaced_by}
        objection = decision.objection(
            subject.number, said.decision, visit.assurance, visit.demands, standing, shown.recorded_at
        ) or decision.outdated(said.decision, subject, shown)
        if objection is not None:
            self.log.warning("decision.refused", id=visit.spool_id, official=visit.official.id,
                             number=subject.number, reason=objection.reason.value)  # fmt: skip
            return objection
        return self._recorded(visit, subject, said, shown)

    def _recorded(self, visit: Visit, subject: Subject, said: Said, shown: Shown) -> Confirmed:
        before = visit.tx.officials.decisions(subject.issuer, subject.number)
        latest = next((one for one in reversed(before) if one.partner == visit.official.partner), None)
        decided = self._decided(visit, subject, said)
        if latest is not None and decision.is_repeated(decided, latest):
            return self._confirmed(latest, said, again=True)
        facts = decision_record.of(decided, shown.sha256, visit.entry)
        decided = replace(decided, entry=visit.tx.append([("decision", record.canonical(facts))])[0])
        superseded = visit.tx.officials.put_decision(decided)
        inquiry, message = self._converse(visit, subject, decided)
        if subject.issuer == OWN:
            watch(visit.tx, decided, self.look_ups.issuer_name(decided.partner), self.log, visit.now)
        issuer = self.partners.get(subject.issuer)
        told = issuer is not None and self.announce(visit, issuer, decided, message)
        self.log.info(
            "decision.recorded", id=visit.spool_id, official=visit.official.id, number=subject.number,
            decision=decided.decision.word, assurance=decided.assurance.value, entry=decided.entry,
        )  # fmt: skip
        return replace(
            self._confirmed(decided, said),
            told=issuer.name if issuer and told else "",
            superseded=_event(superseded),
            inquiry=inquiry.name if inquiry else "",
            due_at=inquiry.due_at if inquiry else None,
        )

    def _decided(self, visit: Visit, subject: Subject, said: Said) -> Decided:
        return Decided(
            entry=-1, issuer=subject.issuer, number=subject.number, decision=said.decision,
            remark=said.remark[: self.remark_length], partner=visit.official.partner, official=visit.official.id,
            operator=visit.official.signs_as, assurance=visit.assurance, at=visit.now,
        )  # fmt: skip

    def _converse(self, visit: Visit, subject: Subject, decided: Decided) -> tuple[Inquiry | None, Message | None]:
        """A request opens an inquiry, or goes on with one; anything else is the end of it."""
        if decided.decision is Decision.REQUEST:
            return self.opens(visit, subject, decided)
        self.settles(visit, subject)
        return None, None

    def _confirmed(self, decided: Decided, said: Said, *, again: bool = False) -> Confirmed:
        return Confirmed(
            number=decided.number, decision=decided.decision, remark=decided.remark, assurance=decided.assurance,
            entry=decided.entry, at=decided.at, cut=len(said.remark) > self.remark_length, again=again,
        )  # fmt: skip


def _subjects(given: Ticket, said: Said) -> list[Subject]:
    return [subject for subject in given.subjects if not said.numbers or subject.number in said.numbers]


def _strange(given: Ticket, said: Said) -> Iterator[str]:
    """Numbers that the ticket is not for."""
    known = {subject.number for subject in given.subjects}
    return (number for number in said.numbers if number not in known)


def _event(decided: Decided | None) -> Event | None:
    if decided is None:
        return None
    return Event(at=decided.at, decision=decided.decision, by=decided.operator, remark=decided.remark)
