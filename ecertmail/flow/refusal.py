"""A certificate of ours that is refused abroad is an alarm, by whichever way we hear of it."""

from datetime import datetime

from ecertmail.core.entity import printable
from ecertmail.official import Decided, Decision
from ecertmail.parties import OWN
from ecertmail.ports import EventLog, Transaction


def watch(tx: Transaction, decided: Decided, authority: str, log: EventLog, now: datetime) -> None:
    """Raise the alarm, or clear it when no authority's last word is a refusal any more; an operator can close it too.

    Args:
        tx: the commit that the decision is in already.
        decided: on a certificate that this node's authority issued.
        authority: the name of whose official it was.
        log: hears of both.
        now: the current time.
    """
    alarm = f"refusal:{decided.number}"
    if decided.decision is Decision.PASS:
        standing = tx.officials.decisions(OWN, decided.number)
        refused = any(one.decision is Decision.REFUSE and one.superseded_by is None for one in standing)
        if not refused and tx.clear_alarm(alarm, now):
            log.info("alarm.cleared", alarm=alarm)
    if decided.decision is not Decision.REFUSE:
        return
    who = f"{authority} ({printable(decided.operator)})" if decided.operator else authority
    remark = printable(" ".join(decided.remark.split()))[:200]
    text = f"certificate {decided.number} was refused by {who}" + (f": {remark}" if remark else "")
    log.warning("decision.refusal", partner=decided.partner, number=decided.number, entry=decided.entry)
    if tx.raise_alarm(alarm, text, now):
        log.error("alarm.raised", alarm=alarm, text=text)
