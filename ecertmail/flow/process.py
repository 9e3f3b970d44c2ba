"""One spooled message becomes a verdict, ledger entries, a receipt and its delivery, in one commit.

Spool and ledger are two files. The spool id is unique in the ledger, so a crash between their commits is healed by
running this again: what is decided already is only archived.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, Future
from dataclasses import dataclass, field, replace
from datetime import datetime

from ecertmail.core import record
from ecertmail.core.judge import judge
from ecertmail.errors import EcertmailError, WorkersError
from ecertmail.flow.command import Commander
from ecertmail.flow.desk import Desk
from ecertmail.flow.leave import Leaver
from ecertmail.flow.peers import KnownPeers
from ecertmail.flow.reconcile import Reconciler
from ecertmail.flow.record import known, record_results
from ecertmail.flow.reply import Replier
from ecertmail.flow.respond import Responder
from ecertmail.message import Spooled, SpoolEnd
from ecertmail.model import Earlier, Examination, Known, Outcome, ResultCode, Verdict
from ecertmail.ports import EventLog, Examining, Ledger, OpenPgp, Spool, Transaction
from ecertmail.subscription import Answer

Begun = tuple[Spooled, "Future[Examination]"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Processor:
    """Decides spooled messages, one after the other."""

    spool: Spool
    ledger: Ledger
    replier: Replier
    leaver: Leaver
    reconciler: Reconciler
    commander: Commander
    desk: Desk
    responder: Responder
    log: EventLog
    peers: KnownPeers = field(default_factory=KnownPeers)

    def begin(self, claimed: Sequence[Spooled], examiner: Examining) -> list[Begun]:
        """Start examining claimed messages.

        Raises:
            EcertmailError: it cannot be done now; all were given back to the spool.
        """
        try:
            return [(spooled, examiner.begin(spooled.envelope, spooled.octets)) for spooled in claimed]
        except EcertmailError:
            self.spool.unclaim(spooled.id for spooled in claimed)
            raise

    def decide_all(self, begun: Sequence[Begun], openpgp: OpenPgp, clock: Callable[[], datetime]) -> None:
        """Decide examined messages, each in a commit of its own, and take them out of the spool together.

        Raises:
            EcertmailError: the trouble is ours (a store, a key); what is undecided was given back to the spool.
        """
        ends: list[SpoolEnd] = []
        for place, (spooled, facts) in enumerate(begun):
            try:
                ends.append(self.decide(spooled, _facts(facts), openpgp, clock()))
            except EcertmailError:
                self.spool.finish(ends, clock())
                self.spool.unclaim(later.id for later, _ in begun[place:])
                raise
            except Exception as error:  # noqa: BLE001 - one message must not stop the others
                self.log.error("mail.failed", id=spooled.id, claim=spooled.claims, error=repr(error))
                self.spool.retry([spooled.id])
        # A crash here leaves rows in the ledger and in the spool; the next run finds the messages decided.
        self.spool.finish(ends, clock())

    def decide(self, spooled: Spooled, examination: Examination, openpgp: OpenPgp, now: datetime) -> SpoolEnd:
        """Decide one message and commit what follows; the spool still holds it."""
        with self.ledger.transaction() as tx:
            outcome, verdict = self._decide(tx, spooled.id, examination, openpgp, now)
        self._tell(spooled.id, examination, outcome, verdict)
        if outcome is not Outcome.QUARANTINED:
            return SpoolEnd(id=spooled.id)
        reason = verdict.findings[0]
        return SpoolEnd(id=spooled.id, reason=reason.code.code, detail=reason.detail)

    def _decide(
        self, tx: Transaction, spool_id: str, examination: Examination, openpgp: OpenPgp, now: datetime
    ) -> tuple[Outcome, Verdict]:
        if tx.decided(spool_id):
            return Outcome.REPEATED, Verdict(outcome=Outcome.REPEATED)
        verdict = judge(examination, _known(tx, examination), self.replier.policy, now)
        if verdict.outcome is Outcome.QUARANTINED:
            return self._unsigned(tx, spool_id, examination, verdict, openpgp, now)
        fingerprint = examination.signature.fingerprint if examination.signature else ""
        earlier = tx.earlier(fingerprint, examination.mic)
        if earlier is not None and not _better_now(earlier, verdict):
            if earlier.mail is not None:
                self.replier.send(tx, earlier.mail, spool_id, examination, now)
            return Outcome.REPEATED, verdict
        self._record(tx, spool_id, examination, verdict, openpgp, now)
        return verdict.outcome, verdict

    def _unsigned(
        self,
        tx: Transaction,
        spool_id: str,
        examination: Examination,
        verdict: Verdict,
        openpgp: OpenPgp,
        now: datetime,
    ) -> tuple[Outcome, Verdict]:
        """What no partner signed may still end a subscription, report on a delivery of ours, or be an official's."""
        if self.leaver.leave(tx, spool_id, examination, openpgp, now):
            return Outcome.UNSUBSCRIBED, Verdict(outcome=Outcome.UNSUBSCRIBED)
        # Nobody's word is in no log; a crash here finds the delivery in its new state and archives the mail.
        if self.reconciler.reported(tx, examination, now):
            return Outcome.REPORT, verdict
        outcome = self.desk.take(tx, spool_id, examination, openpgp, now)
        return (verdict.outcome, verdict) if outcome is None else (outcome, Verdict(outcome=outcome))

    def _record(
        self,
        tx: Transaction,
        spool_id: str,
        examination: Examination,
        verdict: Verdict,
        openpgp: OpenPgp,
        now: datetime,
    ) -> None:
        kind = "receipt" if examination.is_receipt else "message"
        entry = tx.append([(kind, record.canonical(record.of_message(spool_id, examination, verdict, now)))])[0]
        partner = examination.partner
        assert partner is not None  # noqa: S101 - judge quarantines strangers
        self.peers.came(tx, partner.id, examination.envelope, now)
        if examination.offer is not None and verdict.outcome is Outcome.KEY_OFFERED:
            tx.put_offer(entry, partner.id, examination.offer)
        results = record_results(tx, partner.id, verdict.results, entry, now)
        mail = None
        if verdict.outcome is Outcome.RECEIPT:
            self.reconciler.answered(tx, partner, examination, now)
        else:
            answers: tuple[Answer, ...] = ()
            if verdict.outcome is Outcome.COMMANDED:
                answers = self.commander.carry_out(tx, spool_id, examination, now)
            elif verdict.outcome is Outcome.RESPONSE:
                answers = self.responder.take(tx, spool_id, examination, entry, openpgp, now)
            told = replace(verdict, results=results, answers=answers)
            mail = self.replier.write(tx, examination, told, entry, openpgp, now)
            self.replier.send(tx, mail, spool_id, examination, now)
        facts = {
            "partner": partner.id,
            "fingerprint": examination.signature.fingerprint if examination.signature else "",
            "mic": examination.mic,
            "outcome": verdict.outcome.value,
            "mail": mail,
        }
        tx.put_message(spool_id, entry, facts)

    def _tell(self, spool_id: str, examination: Examination, outcome: Outcome, verdict: Verdict) -> None:
        tell = self.log.warning if outcome in {Outcome.QUARANTINED, Outcome.REFUSED} else self.log.info
        tell(
            f"mail.{outcome.value}",
            id=spool_id,
            partner=examination.partner.id if examination.partner else None,
            message_id=examination.message.message_id if examination.message else None,
            certificates=len(verdict.results),
            recorded=sum(result.code is ResultCode.RECORDED for result in verdict.results),
            findings=",".join(finding.code.code for finding in verdict.findings) or None,
        )


def _facts(examined: Future[Examination]) -> Examination:
    try:
        return examined.result()
    except BrokenExecutor as error:
        raise WorkersError(f"no worker process can be started ({error}); see the log above") from error


def _better_now(earlier: Earlier, verdict: Verdict) -> bool:
    """Say whether a repeated message deserves a new record: it was refused, and its cause was mended since."""
    return earlier.outcome is Outcome.REFUSED and verdict.outcome is not Outcome.REFUSED


def _known(tx: Transaction, examination: Examination) -> dict[str, Known]:
    if examination.batch is None or examination.partner is None:
        return {}
    return known(tx, examination.partner.id, examination.batch)
