"""An unsigned mail that ends a subscription: the one thing that is done without a signature, for a token of ours."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from ecertmail.core import record, unsubscribe
from ecertmail.model import Examination
from ecertmail.parties import Authority
from ecertmail.ports import EventLog, OpenPgp, Transaction
from ecertmail.subscription import Subscription, SubscriptionState

_LEAVABLE = (SubscriptionState.ACTIVE, SubscriptionState.PAUSED, SubscriptionState.PENDING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaver:
    """Ends subscriptions; `secret` makes the tokens."""

    authority: Authority
    secret: bytes
    new_message_id: Callable[[], str]
    log: EventLog

    def leave(self, tx: Transaction, spool_id: str, examination: Examination, openpgp: OpenPgp, now: datetime) -> bool:
        """Do what the mail asks, and confirm it once; return whether it asked for something that could be done."""
        wish = examination.wish
        if wish is None or not unsubscribe.is_granted(wish, self.secret):
            return False
        found = {one.id: one for one in tx.subscriptions.all(*_LEAVABLE)}.get(wish.subscription)
        if found is None:
            return False
        tx.subscriptions.change(found.id, SubscriptionState.REMOVED, "by mail", now)
        self._confirm(tx, spool_id, found, examination, openpgp, now)
        self.log.info("subscriber.left", id=spool_id, subscriber=found.id)
        return True

    def _confirm(
        self,
        tx: Transaction,
        spool_id: str,
        left: Subscription,
        examination: Examination,
        openpgp: OpenPgp,
        now: datetime,
    ) -> None:
        facts = record.of_subscription(left.id, SubscriptionState.REMOVED, spool_id, now)
        entry = tx.append([("subscription", record.canonical(facts))])[0]
        draft = unsubscribe.confirmation(self.authority, left.address, left.id, now, self.new_message_id())
        mail = tx.put_mail(draft.message_id, draft.signed(openpgp.sign(draft.part)))
        tx.stage(mail, "notice", left.address, "", now)
        decided: dict[str, str | int | None] = {
            "partner": left.partner,
            "fingerprint": "",
            "mic": examination.octets_sha256,
            "outcome": "unsubscribed",
            "mail": mail,
        }
        tx.put_message(spool_id, entry, decided)
