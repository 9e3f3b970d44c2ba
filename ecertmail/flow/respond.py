"""What a partner's node tells us: what its officials decided about our certificates, and what is said in conversations.

A decision, its entry and the receipt that confirms it are one commit, that of the mail that brought them. Decisions
follow each other as the ledger recorded them, never by a sender's clock (DOMAIN.md section 4).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from ecertmail.conversation import Message, Turn, Utterance
from ecertmail.core import decision_record, record
from ecertmail.core.entity import printable
from ecertmail.flow.inquiry_watch import decided_by
from ecertmail.flow.refusal import watch
from ecertmail.looked_up import Held
from ecertmail.model import Examination
from ecertmail.official import Decided, Decision, Response
from ecertmail.parties import OWN, Assurance, Partner
from ecertmail.ports import EventLog, OpenPgp, Transaction
from ecertmail.subscription import Answer

Receive = Callable[[Transaction, Partner, Message, str, OpenPgp, datetime], str]
"""How a contribution to a conversation is taken; what is returned is the sentence for the receipt."""

_STRANGE = "is not known here as a certificate of this authority; nothing was recorded"
_ELSEWHERE = "goes to a country that your authority does not speak for; nothing was recorded"
_OTHER = "the hash that you name is of no version that this authority issued: compare the certificates"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Visit:
    """One mail of a partner's node, within its commit."""

    tx: Transaction
    spool_id: str
    partner: Partner
    entry: int
    level: Assurance
    openpgp: OpenPgp
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Responder:
    """Records what partners' nodes tell; `inquiries` takes what is said in conversations."""

    inquiries: Receive
    log: EventLog

    def take(
        self, tx: Transaction, spool_id: str, examination: Examination, entry: int, openpgp: OpenPgp, now: datetime
    ) -> tuple[Answer, ...]:
        """Take everything that a judged mail says, one thing after the other; each is answered.

        Args:
            tx: the commit that records the mail.
            spool_id: of the mail.
            examination: with its partner, responses and messages.
            entry: of the mail in the ledger.
            openpgp: signs what is passed on.
            now: the current time.
        """
        partner = examination.partner
        assert partner is not None  # noqa: S101 - judge quarantines strangers
        visit = _Visit(
            tx=tx, spool_id=spool_id, partner=partner, entry=entry, level=examination.assurance, openpgp=openpgp,
            now=now,
        )  # fmt: skip
        asked = {one.number for one in examination.messages if one.utterance.turn is Turn.REQUEST}
        responses = [self._response(visit, one, asks=one.number not in asked) for one in examination.responses]
        return (*responses, *(self._message(visit, one) for one in examination.messages))

    def _message(self, visit: _Visit, message: Message) -> Answer:
        turn = message.utterance.turn
        line = f"{turn.value} {message.reference}"
        held = _own(visit.tx, message.number)
        wrong = _objection(visit.partner, held) if held is not None and turn is Turn.REQUEST else ""
        if wrong:
            return Answer(line=line, done=False, text=(wrong,))
        said = replace(message.utterance, assurance=_weaker(visit.level, message.utterance.assurance))
        heard = replace(message, utterance=said)
        text = self.inquiries(visit.tx, visit.partner, heard, visit.spool_id, visit.openpgp, visit.now)
        return Answer(line=line, done=turn is Turn.RESPONSE or held is not None, text=(text,))

    def _response(self, visit: _Visit, response: Response, *, asks: bool) -> Answer:
        line = f"{response.decision.word} {response.number}"
        held = _own(visit.tx, response.number)
        wrong = _STRANGE if held is None else _objection(visit.partner, held)
        if held is None or wrong:
            self.log.warning("decision.strange", id=visit.spool_id, partner=visit.partner.id,
                             number=printable(response.number))  # fmt: skip
            return Answer(line=line, done=False, text=(wrong,))
        decided = _decided(visit, response)
        earlier = next((one for one in visit.tx.officials.decisions(OWN, held.number) if _same(one, decided)), None)
        if earlier is not None:
            return _again(line, earlier)
        return Answer(line=line, done=True, text=self._record(visit, response, decided, held, asks=asks))

    def _record(
        self, visit: _Visit, response: Response, decided: Decided, held: Held, *, asks: bool
    ) -> tuple[str, ...]:
        versions = {version.sha256 for version in held.versions if version.sha256}
        version = response.sha256 if response.sha256 in versions else held.sha256
        # The entry is dated by our clock; what the sender says of its own is a claim like who decided.
        facts = decision_record.of(replace(decided, at=visit.now), version, visit.entry)
        facts |= {"said_at": record.timestamp(decided.at), "told_assurance": response.assurance}
        decided = replace(decided, entry=visit.tx.append([("decision", record.canonical(facts))])[0])
        superseded = visit.tx.officials.put_decision(decided)
        self.log.info(
            "decision.received", id=visit.spool_id, partner=visit.partner.id, number=decided.number,
            decision=decided.decision.word, entry=decided.entry,
        )  # fmt: skip
        after = f", after that of entry {superseded.entry}" if superseded else ""
        told = [f"is recorded as entry {decided.entry}{after}"]
        if response.sha256 and response.sha256 not in versions:
            self.log.warning("decision.other-version", id=visit.spool_id, partner=visit.partner.id,
                             number=decided.number, entry=decided.entry)  # fmt: skip
            told.append(_OTHER)
        return (*told, *self._follow(visit, decided, asks=asks))

    def _follow(self, visit: _Visit, decided: Decided, *, asks: bool) -> tuple[str, ...]:
        """A request without a document of ours is asked here and now; anything else ends what was asked."""
        if decided.decision is Decision.REQUEST:
            message = _question(decided)
            taken = (visit.tx, visit.partner, message, visit.spool_id, visit.openpgp, visit.now)
            return (self.inquiries(*taken),) if asks else ()
        decided_by(visit.tx, visit.partner.id, decided.number, self.log, visit.now)
        watch(visit.tx, decided, visit.partner.name, self.log, visit.now)
        return ()


def _own(tx: Transaction, number: str) -> Held | None:
    return next((one for one in tx.look_ups.find(number) if one.issuer == OWN), None)


def _objection(partner: Partner, held: Held) -> str:
    countries = {"", partner.country, *partner.issues_for}
    return "" if held.importing in countries else _ELSEWHERE


def _decided(visit: _Visit, response: Response) -> Decided:
    """What is recorded: as sure as the weaker of the node's word and of the official's, as the node says."""
    return Decided(
        entry=0, issuer=OWN, number=response.number, decision=response.decision, remark=response.remark,
        partner=visit.partner.id, official="", operator=printable(response.operator),
        assurance=_weaker(visit.level, response.assurance), at=response.at,
    )  # fmt: skip


def _weaker(level: Assurance, told: str) -> Assurance:
    """Nobody can make a decision surer than the mail that brings it; a node that tells no level vouches itself."""
    said = Assurance(told) if told in set(Assurance) else level
    return said if level.meets(said) else level


def _same(one: Decided, other: Decided) -> bool:
    names = ("partner", "number", "decision", "remark", "operator", "at")
    return all(getattr(one, name) == getattr(other, name) for name in names)


def _again(line: str, earlier: Decided) -> Answer:
    """The same decision is not recorded twice; that a later one stands must not look like success."""
    told = f"is recorded already as entry {earlier.entry}"
    if earlier.superseded_by is None:
        return Answer(line=line, done=True, text=(told,))
    text = f"{told}, after which entry {earlier.superseded_by} came; to return to it, send it with the new time"
    return Answer(line=line, done=False, text=(text,))


def _question(decided: Decided) -> Message:
    """A request by a node that has no inquiry documents; its conversation is called like the certificate."""
    asked = Utterance(
        turn=Turn.REQUEST, operator=decided.operator, at=decided.at, content=decided.remark,
        assurance=decided.assurance, entry=decided.entry,
    )  # fmt: skip
    return Message(reference=decided.number, number=decided.number, utterance=asked)
