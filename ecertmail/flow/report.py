"""Once a day, tell the operator what needs a person; what was told is remembered in the ledger's file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, time

from ecertmail.core import notice
from ecertmail.fault import Fault
from ecertmail.parties import Authority, KeyLife
from ecertmail.ports import EventLog, Ledger, OpenPgp, Quarantine

_REPORT = "report"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporter:
    """Writes the daily report to the operator; an empty address means the log alone."""

    authority: Authority
    operator: str
    at: time
    ledger: Ledger
    quarantine: Quarantine
    new_message_id: Callable[[], str]
    log: EventLog

    def report_if_due(
        self, keys: Sequence[KeyLife], openpgp: OpenPgp, now: datetime, faults: Sequence[Fault] = ()
    ) -> bool:
        """Report if it is time; return whether a mail was staged. `faults` is what is wrong with the node now."""
        others = notice.other(faults)
        errors = any(fault.harm.severity == "error" for fault in others)
        with self.ledger.transaction() as tx:
            told = tx.told()
            if not notice.due(told.get(_REPORT), now, self.at):
                return False
            warned = notice.unsaid(notice.ending(keys, now), told.keys())
            upto = self.quarantine.decided()
            aside = self.quarantine.set_aside(tx.told_upto(), upto)
            alarms = tx.alarms()
            raised = notice.untold(alarms, told.keys())
            tx.tell([_REPORT, *(one.id for one in warned), *raised], upto, now)
            staged = bool(self.operator) and bool(warned or aside or raised or errors)
            if staged:
                draft = notice.draft(
                    self.authority, self.operator, warned, aside, now, self.new_message_id(), alarms, others
                )
                mail = tx.put_mail(draft.message_id, draft.signed(openpgp.sign(draft.part)))
                tx.stage(mail, _REPORT, self.operator, "", now)
        for one in warned:
            self.log.warning("key.ends", owner=one.key.owner, fingerprint=one.key.fingerprint, days=one.days)
        return staged
