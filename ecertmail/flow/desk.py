"""Where officials' mails are dealt with: a reply with a ticket decides or answers, anything else looks up.

Nobody but an active official is answered, and at the registered address only (MAIL.md section 3). What a program wrote
in an official's name decides nothing. Whatever is recorded commits together with the letter that confirms it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ecertmail.core import decision, look_up, record, ticket
from ecertmail.core.answer import manners
from ecertmail.core.reply.understand import understand
from ecertmail.core.written_record import of_written
from ecertmail.flow.deciding import Deciding
from ecertmail.flow.look_up import LookUps
from ecertmail.flow.offer import Offers
from ecertmail.flow.post import Post
from ecertmail.flow.visit import Visit
from ecertmail.letter import Letter, LetterKind, Reason, Refused
from ecertmail.looked_up import Asked
from ecertmail.model import Examination, Outcome
from ecertmail.official import Official, OfficialState, Purpose, Said, Subject, Ticket, Understood, Written
from ecertmail.parties import Assurance, Demands
from ecertmail.ports import EventLog, OpenPgp, Transaction

_QUOTED = 2000

Answered = Callable[[Visit, Ticket], "int | None"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Deals with the mails of officials; `answered` takes a duty officer's reply to an inquiry.

    `demands` says what is demanded of an official's mails, None where the official's authority was removed.
    """

    post: Post
    deciding: Deciding
    look_ups: LookUps
    offers: Offers
    answered: Answered
    demands: Callable[[Official], Demands | None]
    log: EventLog

    def take(
        self, tx: Transaction, spool_id: str, examination: Examination, openpgp: OpenPgp, now: datetime
    ) -> Outcome | None:
        """Deal with a mail if an active official wrote it; None if none did."""
        written = examination.written
        official = tx.officials.by_address(written.sender) if written and written.sender else None
        if written is None or official is None or official.state is not OfficialState.ACTIVE:
            return None
        demands = self.demands(official)
        if demands is None:
            return None
        reason = manners(examination.envelope, official.address, written.traits, self.post.policy)
        if written.automatic or reason is not None:
            self.log.info("official.automatic", id=spool_id, official=official.id, reason=reason and reason.code)
            return Outcome.AUTOMATIC
        token = ticket.presented(
            written.recipients.union(examination.envelope.recipients), written.subject, self.post.policy.mailboxes
        )
        given = self._given(tx, token)
        mine = token if given is not None and given.official == official.id else ""
        level, signed_at = self._assurance(examination, official, written, mine, openpgp)
        identities = decision.identities(written, level, mine, (examination.mic, signed_at))
        if any(tx.earlier(_who(official), one) is not None for one in identities):
            return Outcome.REPEATED
        written = decision.what_counts(written, level, examination.message)
        entry = tx.append([("written", record.canonical(of_written(spool_id, examination, official, level, now)))])[0]
        visit = Visit(
            tx=tx, spool_id=spool_id, entry=entry, official=official, written=written, assurance=level,
            demands=demands, openpgp=openpgp, now=now,
        )  # fmt: skip
        mail = self._deal_with(visit, given, meant=bool(token))
        self._remember(visit, identities[0], mail)
        return Outcome.WRITTEN

    def _remember(self, visit: Visit, identity: str, mail: int | None) -> None:
        facts = {
            "partner": visit.official.partner,
            "fingerprint": _who(visit.official),
            "mic": identity,
            "outcome": Outcome.WRITTEN.value,
            "mail": mail,
        }
        visit.tx.put_message(visit.spool_id, visit.entry, facts)

    def _deal_with(self, visit: Visit, given: Ticket | None, *, meant: bool) -> int | None:
        """Follow the ticket if it is good and the reply says what to do; else look up what is asked for."""
        good = given is not None and given.official == visit.official.id and given.expires_at > visit.now
        if given is not None and good and given.purpose is Purpose.ANSWER:
            return self._answer(visit, given)
        understood = self._understood(visit, given)
        if given is not None and good and understood.certain:
            return self._decide(visit, given, understood.said)
        asked = look_up.asked(visit.written.subject, visit.written.text)
        if asked and not understood.certain:
            return self._look_up(visit, asked)
        if given is not None and good:
            return self._ask_back(visit, given)
        if not meant:
            return self._send(visit, self._letter(visit, LetterKind.HELP))
        if given is None or given.official != visit.official.id:
            return self._turned_down(visit, (), Reason.NOT_YOURS)
        return self._turned_down(visit, given.subjects, Reason.EXPIRED)

    def _understood(self, visit: Visit, given: Ticket | None) -> Understood:
        subjects = given.subjects if given else ()
        understood = understand(visit.written, [subject.number for subject in subjects])
        return replace(understood, certain=understood.certain and decision.is_plain(subjects, understood.said))

    def _answer(self, visit: Visit, given: Ticket) -> int | None:
        needed = visit.demands.answers
        if visit.assurance.meets(needed):
            visit.tx.use_ticket(given.id)
            return self.answered(visit, given)
        refused = (Refused(number=f"Q{given.inquiry}", reason=Reason.LEVEL, needed=needed),)
        return self._send(visit, self._letter(visit, LetterKind.NOT_RECORDED, refused=refused))

    def _look_up(self, visit: Visit, asked: Sequence[Asked]) -> int | None:
        if not visit.assurance.meets(visit.demands.looks_up):
            refused = tuple(
                Refused(number=one.number, reason=Reason.LEVEL, needed=visit.demands.looks_up) for one in asked
            )
            return self._send(visit, self._letter(visit, LetterKind.NOT_RECORDED, refused=refused))
        found = self.look_ups.answer(visit.tx, visit.official, asked, visit.now, visit.spool_id)
        shown, given = self.offers.with_choices(visit.tx, visit.official, found.pairs, visit.now)
        letter = self._letter(visit, LetterKind.LOOKED_UP, shown=shown, unknown=found.unknown)
        return self._send(visit, letter, given)

    def _ask_back(self, visit: Visit, given: Ticket) -> int | None:
        """Ask what was meant, once for each mail, with the choices; nothing is recorded."""
        self.log.info("official.unclear", id=visit.spool_id, official=visit.official.id)
        shown, _ = self.offers.again(visit.tx, visit.official, given.subjects, visit.now, given)
        letter = self._letter(visit, LetterKind.QUESTION, shown=shown, text=visit.written.text[:_QUOTED])
        return self._send(visit, letter, given)

    def _decide(self, visit: Visit, given: Ticket, said: Sequence[Said]) -> int | None:
        done = self.deciding.record(visit, given, said)
        if done.confirmed:
            visit.tx.use_ticket(given.id)
            letter = self._letter(visit, LetterKind.CONFIRMED, confirmed=done.confirmed, refused=done.refused)
            return self._send(visit, letter, given)
        # A ticket is for the versions that were shown; those that are shown now need another one.
        same = None if any(one.reason is Reason.CHANGED for one in done.refused) else given
        shown, new = self.offers.again(visit.tx, visit.official, given.subjects, visit.now, same)
        letter = self._letter(visit, LetterKind.NOT_RECORDED, refused=done.refused, shown=shown)
        return self._send(visit, letter, same or new)

    def _turned_down(self, visit: Visit, subjects: Sequence[Subject], reason: Reason) -> int | None:
        """Tell that a ticket is no good, and give a new one where that is only a matter of time."""
        self.log.warning("official.ticket", id=visit.spool_id, official=visit.official.id, reason=reason.value)
        numbers = [subject.number for subject in subjects] or [""]
        refused = tuple(Refused(number=number, reason=reason) for number in numbers)
        shown, given = self.offers.again(visit.tx, visit.official, subjects, visit.now)
        letter = self._letter(visit, LetterKind.NOT_RECORDED, refused=refused, shown=shown)
        return self._send(visit, letter, given)

    def _letter(self, visit: Visit, kind: LetterKind, **values: Any) -> Letter:
        return self.post.letter(kind, visit.official, visit.now, **values)

    def _send(self, visit: Visit, letter: Letter, given: Ticket | None = None) -> int | None:
        return self.post.send(
            visit.tx, visit.official, letter, visit.openpgp, given=given, answers=visit.written.message_id
        )

    def _given(self, tx: Transaction, token: str) -> Ticket | None:
        """Return the ticket that a token is for; None if this node never made it."""
        named = ticket.named(token) if token else None
        found = tx.officials.ticket(named[1]) if named else None
        return found if found is not None and ticket.is_good(self.post.secret, found, token) else None

    def _assurance(
        self, examination: Examination, official: Official, written: Written, token: str, openpgp: OpenPgp
    ) -> tuple[Assurance, datetime | None]:
        """Say how sure it is that the official wrote this, and when the official's key signed it."""
        message, signed, at = examination.message, Assurance.NONE, None
        if message is not None and official.public_key:
            check = openpgp.check_by(official.public_key, message.signed_octets, message.signature)
            signed, at = (
                decision.signed_by(official, token, message, check, examination.envelope.received_at, self.post.policy),
                check.signed_at,
            )
        return decision.assurance(written, signed, token), at


def _who(official: Official) -> str:
    """How an official stands where a partner's mail has its key."""
    return f"official:{official.id}"
