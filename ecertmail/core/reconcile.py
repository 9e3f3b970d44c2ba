"""What an answer or a report means for one delivery of ours: its next state, and whether a person must look at it.

A partner's signed receipt is a word to rely on. An unsigned report is nobody's: it can say that a mail did not arrive,
and that one arrived only where an answer is expected; it never overrules a receipt.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from ecertmail.core.states import DELIVERY
from ecertmail.delivery import DeliveryState, Sent
from ecertmail.reports import Kind, Report

OTHER_OCTETS = "a receipt came for other octets than were sent"
REFUSED = "refused by partner"

_ARRIVED = frozenset({Kind.DISPLAYED, Kind.PROCESSED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What follows: the next state, or None for none; and an alarm's words, or None for no alarm."""

    state: DeliveryState | None = None
    alarm: str | None = None


def of_receipt(report: Report, sent: Sent) -> Meaning:
    """Say what a partner's signed receipt for this delivery's Message-ID means."""
    if report.kind not in _ARRIVED | {Kind.ERROR}:
        return Meaning()
    if not _same_octets(report, sent):
        return Meaning(alarm=OTHER_OCTETS)
    return Meaning(state=_next(sent, DeliveryState.ACKNOWLEDGED), alarm=REFUSED if report.kind is Kind.ERROR else None)


def of_report(report: Report, sent: Sent) -> Meaning:
    """Say what an unsigned report about this delivery means."""
    if report.kind is Kind.FAILED:
        return Meaning(state=_next(sent, DeliveryState.BOUNCED))  # which is an alarm by `core/undelivered.py`
    if report.kind in _ARRIVED and sent.expects:
        if not _same_octets(report, sent):
            return Meaning(alarm=OTHER_OCTETS if sent.state is not DeliveryState.ACKNOWLEDGED else None)
        return Meaning(state=_next(sent, DeliveryState.ACKNOWLEDGED))
    return Meaning()


def about(reports: Iterable[Report], sent: Sent) -> list[Report]:
    """Choose from a report that came to this delivery's own address what is about its recipient, or else all."""
    told = list(reports)
    return [report for report in told if report.recipient == sent.recipient.lower()] or told


def same_mail(report: Report, deliveries: Iterable[Sent]) -> list[Sent]:
    """Choose from the deliveries of the mail that came back the one to the recipient that the report names."""
    found = list(deliveries)
    only = len({sent.recipient for sent in found}) == 1
    return [sent for sent in found if report.recipient == sent.recipient.lower() or (only and not report.recipient)]


def _next(sent: Sent, state: DeliveryState) -> DeliveryState | None:
    return state if state in DELIVERY[sent.state] else None


def _same_octets(report: Report, sent: Sent) -> bool:
    """Compare the MIC; a mail program that names none has read the mail with this Message-ID, and that is all."""
    return not report.mic or (report.mic == sent.mic and report.micalg in {"", "sha-256", "sha256"})
