"""The receipt for a judged message: written, signed, encrypted where agreed, stored; and sent, if it may be.

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
        """Stage the stored receipt to the partner's registered address, unless this mail must not be answered."""
        partner, message = examination.partner, examination.message
        assert message is not None  # noqa: S101 - who has a receipt has sent a signed message
        reason = silence(examination.envelope, message, partner, self.policy)
        if reason is None and partner is not None:
            if tx.replies(partner.receipt_address, now - _WINDOW, now + _WINDOW) < self.policy.replies_per_hour:
                tx.stage(mail, "receipt", partner.receipt_address, "", now)
                return
            reason = Silence.LIMIT
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


def _keys(examination: Examination, partner: Partner, now: datetime) -> list[str]:
    """The key that signed the message first, then the partner's others that are in force."""
    signer = examination.signature.fingerprint if examination.signature else ""
    return sorted((key.fingerprint for key in partner.keys if key.in_force(now)), key=lambda f: f != signer)
