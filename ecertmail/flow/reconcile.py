"""Answers are matched to deliveries; silence becomes a reminder, then an alarm; a late answer closes it.

What is matched, moved and raised commits together with the message that says it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ecertmail.core import reconcile
from ecertmail.core.reconcile import Meaning
from ecertmail.core.report import message_id
from ecertmail.core.undelivered import BOUNCED, alarm
from ecertmail.core.verp import delivery_of
from ecertmail.delivery import DeliveryState, Sent
from ecertmail.errors import NotFoundError, PermanentError, RemovedError
from ecertmail.model import Examination
from ecertmail.parties import Partner
from ecertmail.ports import EventLog, Ledger, Transaction
from ecertmail.reports import Kind, Report

_ORDERS = {
    "retry": (
        {DeliveryState.DEFERRED, DeliveryState.FAILED, DeliveryState.EXPIRED, DeliveryState.BOUNCED},
        DeliveryState.DUE,
        "retried",
    ),
    "cancel": (
        {DeliveryState.DUE, DeliveryState.DEFERRED, DeliveryState.FAILED, DeliveryState.EXPIRED},
        DeliveryState.CANCELLED,
        "cancelled",
    ),
}
"""What an operator may ask for: of deliveries in which state, and what becomes of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciler:
    """Closes deliveries; `bounces_to` and `secret` are those of the envelope senders (`core/verp.py`), if any.

    `who` names in alarms whose address one is.
    """

    ledger: Ledger
    log: EventLog
    remind_after: timedelta = timedelta(hours=24)
    alarm_after: timedelta = timedelta(hours=48)
    bounces_to: str = ""
    secret: bytes = b""
    who: Callable[[str], str] = str

    def answered(self, tx: Transaction, partner: Partner, examination: Examination, now: datetime) -> None:
        """Close what a partner's signed receipt is about: a delivery to its own address, and the same octets."""
        for report in examination.reports:
            for sent in tx.sent(report.message_id) if report.message_id else ():
                if sent.recipient.lower() in map(str.lower, partner.addresses):
                    self._follow(tx, sent, report, reconcile.of_receipt(report, sent), now)

    def reported(self, tx: Transaction, examination: Examination, now: datetime) -> bool:
        """Say whether an unsigned mail reports about deliveries of ours, and note what it says of them."""
        found = list(self._matches(tx, examination)) if examination.message is None else []
        for number, report in found:
            sent = tx.delivery(number)
            if sent is not None:
                self._follow(tx, sent, report, reconcile.of_report(report, sent), now)
        return bool(found)

    def look(self, now: datetime) -> int:
        """Send again what nobody answered, and raise alarms; return how many deliveries are due again."""
        with self.ledger.transaction() as tx:
            for sent in tx.reminded():
                self._move(tx, sent, DeliveryState.REMINDED, now)
            for sent in tx.unanswered(now, self.alarm_after, self.alarm_after - self.remind_after):
                self._move(tx, sent, DeliveryState.ALARMED, now)
                words = f"{sent.kind} to {self.who(sent.recipient)}: no answer, and none to a reminder"
                self._raise(tx, sent, words, now)
            silent = tx.silent(now, self.remind_after)
            # A crash before the commit leaves all as it was; after it they are due, once, with the same Message-ID.
            for sent in silent:
                self._move(tx, sent, DeliveryState.SILENT, now)
                tx.move(replace(sent, state=DeliveryState.SILENT), DeliveryState.DUE, now)
        return len(silent)

    def command(self, request: dict[str, str], now: datetime) -> None:
        """Carry out what an operator asks: to retry a delivery, to cancel it, or to close its alarm.

        Raises:
            NotFoundError: there is no such delivery.
            PermanentError: its state does not allow it.
        """
        do, number = request["do"].removeprefix("delivery."), request["id"]
        with self.ledger.transaction() as tx:
            sent = tx.delivery(int(number)) if number.isdecimal() and len(number) < 19 else None
            if sent is None:
                raise NotFoundError(f"there is no delivery {number}")
            if do == "retry" and (removed := tx.removed(sent.id)):
                raise RemovedError(
                    f"delivery {number}: its octets were removed by retention on {removed[:10]}; send the certificates"
                    " anew, which makes a new mail: see RESEND and `ecertmail subscriber`"
                )
            if do != "close":
                allowed, state, past = _ORDERS[do]
                if sent.state not in allowed:
                    names = ", ".join(sorted(state.value for state in allowed))
                    raise PermanentError(f"delivery {number} is {sent.state.value}; only {names} can be {past}")
                self._move(tx, sent, state, now)
            self._clear(tx, sent, now)

    def _matches(self, tx: Transaction, examination: Examination) -> Iterator[tuple[int, Report]]:
        """Yield (delivery, report) by our own envelope sender where the mail came to one, else by the Message-ID.

        That comes back with the mail, or as the envelope id that went out with it (RFC 3461 section 4.4).
        """
        to = examination.reported_to.union(examination.envelope.recipients)
        named = {delivery_of(address, self.bounces_to, self.secret) for address in to}
        for number in named - {None} if self.secret else ():
            sent = tx.delivery(number) if number else None
            if sent is not None:
                yield from ((sent.id, report) for report in reconcile.about(examination.reports, sent))
                return
        for report in examination.reports:
            for named_id in dict.fromkeys(filter(None, (report.message_id, message_id(report.envelope_id)))):
                yield from ((sent.id, report) for sent in reconcile.same_mail(report, tx.sent(named_id)))

    def _follow(self, tx: Transaction, sent: Sent, report: Report, meaning: Meaning, now: datetime) -> None:
        if meaning.state is None and meaning.alarm is None:
            self.log.info("delivery.reported", delivery=sent.id, to=sent.recipient, kind=report.kind.value,
                          status=report.status or None, reply=report.diagnostic or None)  # fmt: skip
            return
        if meaning.state is not None:
            self._move(tx, sent, meaning.state, now, reply=report.diagnostic)
        if meaning.state is DeliveryState.BOUNCED:
            tx.note(sent.id, BOUNCED if report.hard else "undelivered", report.diagnostic or report.status, now)
            reply = f"{report.status} {report.diagnostic}".strip()
            self._raise(tx, sent, alarm(sent.id, sent.kind, sent.recipient, meaning.state, reply, self.who), now)
        elif meaning.state is DeliveryState.ACKNOWLEDGED:
            tx.note(sent.id, "answered", "refused" if report.kind is Kind.ERROR else report.kind.value, now)
            self._clear(tx, sent, now)
        if meaning.alarm is not None:
            self._raise(tx, sent, f"{sent.kind} to {self.who(sent.recipient)}: {meaning.alarm}", now)

    def _move(self, tx: Transaction, sent: Sent, state: DeliveryState, now: datetime, reply: str = "") -> None:
        tx.move(sent, state, now)
        bad = {DeliveryState.BOUNCED, DeliveryState.ALARMED}
        (self.log.error if state in bad else self.log.info)(
            f"delivery.{state.value}",
            delivery=sent.id,
            kind=sent.kind,
            to=sent.recipient,
            message_id=sent.message_id,
            reply=reply or None,
        )

    def _raise(self, tx: Transaction, sent: Sent, text: str, now: datetime) -> None:
        what = f"delivery:{sent.id}"
        if text and tx.raise_alarm(what, text, now):
            self.log.error("alarm.raised", alarm=what, text=text)

    def _clear(self, tx: Transaction, sent: Sent, now: datetime) -> None:
        if tx.clear_alarm(f"delivery:{sent.id}", now):
            self.log.info("alarm.cleared", alarm=f"delivery:{sent.id}")
