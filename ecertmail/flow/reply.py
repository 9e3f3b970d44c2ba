"""The receipt for a judged message: written, signed, encrypted where agreed, stored; and sent, if it may be.

A receipt for certificates is never dropped because an address got too many answers: it goes out later.
What came encrypted is never quoted in clear: when the answer cannot be encrypted, it names codes and hashes only.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ecertmail.core import receipt
from ecertmail.core.answer import Silence, silence
from ecertmail.model import Examination, Verdict
from ecertmail.parties import Authority, Encryption, Partner, Policy
from ecertmail.ports import EventLog, OpenPgp, Transaction

_WINDOW = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replier:
    """Answers messages in the name of this node."""

    authority: Authority
    policy: Policy
    new_message_id: Callable[[], str]
    log: EventLog

    def write(
        self, tx: Transaction, examination: Examination, verdict: Verdict, entry: int, openpgp: OpenPgp, now: datetime
    ) -> int:
        """Write the receipt and store it as a mail; whether it is sent is asked later."""
        draft_id = self.new_message_id()
        octets = self._encrypted(examination, verdict, entry, openpgp, now, draft_id)
        if octets is None:
            octets = self._in_clear(examination, verdict, entry, openpgp, now, draft_id)
        return tx.put_mail(draft_id, octets)

    def send(self, tx: Transaction, mail: int, spool_id: str, examination: Examination, now: datetime) -> None:
        """Stage the stored receipt to the partner's registered address, unless this mail must not be answered.

        Beyond `replies_per_hour` a receipt for certificates waits for its turn, and any other answer is dropped.
        """
        partner, message = examination.partner, examination.message
        assert message is not None  # noqa: S101 - who has a receipt has sent a signed message
        reason = silence(examination.envelope, message, partner, self.policy)
        if reason is None and partner is not None:
            turn = max(tx.turn(partner.receipt_address, self.policy.replies_per_hour, _WINDOW), now)
            if turn == now or examination.batch is not None:
                # A mail that is sent again and again has one receipt that waits, not one for each time.
                if tx.stage(mail, "receipt", partner.receipt_address, "", turn) and turn > now:
                    self.log.warning("receipt.delayed", id=spool_id, partner=partner.id, until=_minute(turn))
                return
            reason = Silence.LIMIT
            over_limit(tx, partner.id, self.policy, self.log, now)
        if reason is not None:
            self.log.warning("mail.unanswered", id=spool_id, reason=reason.code, because=reason.value)

    def _encrypted(
        self, examination: Examination, verdict: Verdict, entry: int, openpgp: OpenPgp, now: datetime, draft_id: str
    ) -> bytes | None:
        partner = examination.partner
        if partner is None or partner.encrypt is Encryption.NEVER:
            return None
        draft = receipt.draft(self.authority, examination, verdict, entry, now, draft_id, cipher=True)
        ciphertext = openpgp.encrypt(draft.inside(openpgp.sign(draft.part)), _keys(examination, partner, now))
        return None if ciphertext is None else draft.encrypted(ciphertext)

    def _in_clear(
        self, examination: Examination, verdict: Verdict, entry: int, openpgp: OpenPgp, now: datetime, draft_id: str
    ) -> bytes:
        required = examination.partner is not None and examination.partner.encrypt is Encryption.REQUIRED
        if required or (examination.message is not None and examination.message.encrypted):
            examination, verdict = receipt.discreet(examination, verdict)
        draft = receipt.draft(self.authority, examination, verdict, entry, now, draft_id)
        return draft.signed(openpgp.sign(draft.part))


def over_limit(tx: Transaction, to: str, policy: Policy, log: EventLog, now: datetime) -> None:
    """Raise the alarm for answers that were dropped because a partner or an official got too many.

    Args:
        tx: the commit that drops the answer.
        to: the ID of the partner or official.
        policy: with the limit.
        log: hears of the alarm.
        now: the current time.
    """
    what = f"replies:{to}"
    text = (
        f"answers to {to} were dropped, as it got {policy.replies_per_hour} within an hour; what came is recorded;"
        f" look for a loop, or raise [policy] replies_per_hour, then `ecertmail alarm close {what}`"
    )
    if tx.raise_alarm(what, text, now):
        log.error("alarm.raised", alarm=what, text=text)


def _minute(moment: datetime) -> str:
    return moment.isoformat(timespec="minutes")


def _keys(examination: Examination, partner: Partner, now: datetime) -> list[str]:
    """The key that signed the message first, then the partner's others that are in force."""
    signer = examination.signature.fingerprint if examination.signature else ""
    return sorted((key.fingerprint for key in partner.keys if key.in_force(now)), key=lambda f: f != signer)
