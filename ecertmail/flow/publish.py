"""Newly recorded certificates times subscriptions: what is owed is staged, and the cursor moves, in one commit each.

A crash before a commit leaves the cursor where it was, and the same certificates are staged by the next run; one after
it leaves deliveries that are due. So nothing is missed and nothing is staged twice.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from ecertmail.core import audience, push, unsubscribe
from ecertmail.core.compose import Draft
from ecertmail.errors import KeyringError
from ecertmail.parties import Authority, Encryption, Partner
from ecertmail.ports import EventLog, Ledger, OpenPgp, Transaction
from ecertmail.subscription import Fresh, Subscription, SubscriptionState

AT_ONCE = 500

NextRun = Callable[[str, str, datetime], datetime | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Publisher:
    """Stages pushes; `next_run` reads schedules, `partners` is keyed by ID."""

    authority: Authority
    partners: Mapping[str, Partner]
    ledger: Ledger
    next_run: NextRun
    secret: bytes
    new_message_id: Callable[[], str]
    log: EventLog

    def publish_due(self, openpgp: OpenPgp, now: datetime) -> int:
        """Run every subscription that is due; return how many mails were staged."""
        with self.ledger.transaction() as tx:
            active = tx.subscriptions.all(SubscriptionState.ACTIVE)
            end = tx.next_index() - 1
        due = [one for one in active if one.cursor < end and self._is_due(one, now)]
        return sum(self._try(subscription, end, openpgp, now) for subscription in due)

    def _try(self, subscription: Subscription, end: int, openpgp: OpenPgp, now: datetime) -> int:
        """Run one; what one subscriber's key cannot do must not stop the others."""
        try:
            return self._run(subscription, end, openpgp, now)
        except KeyringError as error:
            self.log.error("push.failed", subscriber=subscription.id, error=str(error))
            return 0

    def _is_due(self, subscription: Subscription, now: datetime) -> bool:
        run = self.next_run(subscription.schedule, subscription.time_zone, subscription.ran_at)
        return run is not None and run <= now

    def _run(self, subscription: Subscription, end: int, openpgp: OpenPgp, now: datetime) -> int:
        """Bring one subscription up to date, so many certificates in a commit."""
        cursor, staged = subscription.cursor, 0
        while cursor < end:
            with self.ledger.transaction() as tx:
                fresh = tx.subscriptions.fresh(cursor, end, AT_ONCE)
                owed = [one for one in fresh if audience.wants(subscription.filter, one)]
                for mail in audience.bundles(subscription, owed):
                    self._stage(tx, subscription, mail, openpgp, now)
                    staged += 1
                cursor = fresh[-1].entry if len(fresh) == AT_ONCE else end
                tx.subscriptions.move(subscription.id, cursor, now if cursor == end else subscription.ran_at)
        if staged:
            self.log.info("push.staged", subscriber=subscription.id, mails=staged, upto=end)
        return staged

    def _stage(
        self, tx: Transaction, subscription: Subscription, certificates: list[Fresh], openpgp: OpenPgp, now: datetime
    ) -> None:
        head = self._letterhead(subscription, now, self.new_message_id())
        draft, octets = self._encrypted(head, certificates, openpgp) or self._in_clear(head, certificates, openpgp)
        mail = tx.put_mail(draft.message_id, octets, draft.mic)
        tx.stage(mail, "push", subscription.address, "", now, expects=bool(subscription.partner))

    def _in_clear(self, head: push.Letterhead, certificates: list[Fresh], openpgp: OpenPgp) -> tuple[Draft, bytes]:
        draft = push.draft(head, certificates)
        return draft, draft.signed(openpgp.sign(draft.part))

    def _letterhead(self, subscription: Subscription, now: datetime, message_id: str) -> push.Letterhead:
        leave = unsubscribe.subject(self.secret, subscription.id)
        return push.Letterhead(
            authority=self.authority, subscription=subscription, leave=leave, now=now, message_id=message_id
        )

    def _encrypted(
        self, head: push.Letterhead, certificates: list[Fresh], openpgp: OpenPgp
    ) -> tuple[Draft, bytes] | None:
        partner = self.partners.get(head.subscription.partner)
        if partner is None or partner.encrypt is Encryption.NEVER:
            return None
        draft = push.draft(head, certificates, cipher=True)
        keys = [key.fingerprint for key in partner.keys if key.in_force(head.now)]
        ciphertext = openpgp.encrypt(draft.inside(openpgp.sign(draft.part)), keys)
        if ciphertext is None and partner.encrypt is Encryption.REQUIRED:
            raise KeyringError(f"partner {partner.id}: encryption is required, and no key of it can be used for it")
        return None if ciphertext is None else (draft, draft.encrypted(ciphertext))
