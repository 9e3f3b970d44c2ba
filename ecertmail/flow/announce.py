"""What this node tells the node of an issuer: an official's decision, or what a duty officer answers.

It is staged in the commit that records what it says: a crash before leaves neither, one after a delivery that is due.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from ecertmail.conversation import Message
from ecertmail.core import acknowledgement, inquiry_document
from ecertmail.core.compose import Draft
from ecertmail.core.node_mail import Head
from ecertmail.flow.visit import Visit
from ecertmail.official import Decided, Language
from ecertmail.parties import Authority, Encryption, Partner
from ecertmail.ports import EventLog, OpenPgp, Transaction

KIND = "acknowledgement"

_Written = Callable[[Head], Draft]


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcer:
    """Writes to partners' nodes in the name of this one; each mail is to be answered with a receipt."""

    authority: Authority
    new_message_id: Callable[[], str]
    log: EventLog

    def announce(self, visit: Visit, partner: Partner, decided: Decided, message: Message | None) -> bool:
        """Tell the issuer what was decided about its certificate, with the question that belongs to a request.

        Returns:
            Whether it is told; if not, the operator has to do it, and an alarm says so.
        """
        found = visit.tx.look_ups.find(decided.number)
        held = next((one for one in found if one.issuer == decided.issuer), None)
        type_code, version = (held.type, held.sha256) if held else ("", "")

        def written(head: Head) -> Draft:
            return acknowledgement.draft(head, decided, type_code, version, visit.official.language.value, message)

        return self._send(visit.tx, partner, decided.number, written, visit.openpgp, visit.now)

    def respond(
        self, tx: Transaction, partner: Partner, message: Message, language: Language, openpgp: OpenPgp, now: datetime
    ) -> None:
        """Bring an answer to the node that asked."""

        def written(head: Head) -> Draft:
            return inquiry_document.draft(head, message, language.value)

        self._send(tx, partner, message.number, written, openpgp, now)

    def _send(
        self, tx: Transaction, partner: Partner, number: str, written: _Written, openpgp: OpenPgp, now: datetime
    ) -> bool:
        alarm = f"{KIND}:{number}"
        head = Head(authority=self.authority, partner=partner, now=now, message_id=self.new_message_id())
        made = self._encrypted(head, written, openpgp)
        if made is None and partner.encrypt is Encryption.REQUIRED:
            # An error would keep the official's mail from ever being recorded; so a person has to bring the news.
            text = f"{partner.id} was not told about {number}: no key of it can be used for encryption"
            tx.raise_alarm(alarm, text, now)
            self.log.error("acknowledgement.unsent", partner=partner.id, number=number)
            return False
        draft, octets = made or _in_clear(head, written, openpgp)
        mail = tx.put_mail(draft.message_id, octets, draft.mic)
        tx.stage(mail, KIND, partner.receipt_address, "", now, expects=True)
        self.log.info("acknowledgement.staged", partner=partner.id, number=number, message_id=draft.message_id)
        return True

    def _encrypted(self, head: Head, written: _Written, openpgp: OpenPgp) -> tuple[Draft, bytes] | None:
        partner = head.partner
        if partner.encrypt is Encryption.NEVER:
            return None
        draft = written(replace(head, cipher=True))
        keys = [key.fingerprint for key in partner.keys if key.in_force(head.now)]
        ciphertext = openpgp.encrypt(draft.inside(openpgp.sign(draft.part)), keys)
        return None if ciphertext is None else (draft, draft.encrypted(ciphertext))


def _in_clear(head: Head, written: _Written, openpgp: OpenPgp) -> tuple[Draft, bytes]:
    draft = written(head)
    return draft, draft.signed(openpgp.sign(draft.part))
