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
from ecertmail.flow.arrival import Arrivals
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
    bounces_to_pause: int
    new_message_id: Callable[[], str]
    log: EventLog
    arrivals: Arrivals | None = None

    def due(self, now: datetime) -> list[Subscription]:
        """Return the subscriptions that have something new to look at, and whose time it is."""
        with self.ledger.transaction() as tx:
            active = tx.subscriptions.all(SubscriptionState.ACTIVE)
            end = tx.next_index() - 1
        return [one for one in active if one.cursor < end and self._is_due(one, now)]

    def publish_due(self, openpgp: OpenPgp, now: datetime) -> int:
        """Bring every subscription that is due up to date; return how many mails were staged."""
        staged = 0
        while due := self.due(now):
            done = [self.publish(subscription, openpgp, now) for subscription in due]
            staged += sum(count or 0 for count in done)
            if None in done:
                break
        return staged

    def publish(self, subscription: Subscription, openpgp: OpenPgp, now: datetime) -> int | None:
        """Look at the next certificates for one subscription, in one commit; return how many mails were staged.

        None says that nothing can be sent to it now: an address that bounced too often is paused, a key that cannot be
        encrypted to leaves the certificates waiting. It must not stop the others.
        """
        try:
            with self.ledger.transaction() as tx:
                if self._gives_up(tx, subscription, now):
                    return None
                staged = self._next(tx, subscription, openpgp, now)
        except KeyringError as error:
            self.log.error("push.failed", subscriber=subscription.id, error=str(error))
            return None
        if staged:
            self.log.info("push.staged", subscriber=subscription.id, mails=staged)
        return staged

    def _is_due(self, subscription: Subscription, now: datetime) -> bool:
        ran_at = min(subscription.ran_at, now)  # the clock can have gone back
        run = self.next_run(subscription.schedule, subscription.time_zone, ran_at)
        return run is not None and run <= now

    def _gives_up(self, tx: Transaction, subscription: Subscription, now: datetime) -> bool:
        """Pause a subscription whose address bounced for good on too many days, and let a person know."""
        if tx.bounced_days(subscription.address, subscription.trusted_at) < self.bounces_to_pause:
            return False
        reason = f"its address bounced on {self.bounces_to_pause} days"
        tx.subscriptions.change(subscription.id, SubscriptionState.PAUSED, reason, now)
        tx.raise_alarm(f"subscriber:{subscription.id}", f"subscriber {subscription.id} is paused: {reason}", now)
        self.log.error("push.paused", subscriber=subscription.id, because=reason)
        return True

    def _next(self, tx: Transaction, subscription: Subscription, openpgp: OpenPgp, now: datetime) -> int:
        end = tx.next_index() - 1
        fresh = tx.subscriptions.fresh(subscription.cursor, end, AT_ONCE)
        owed = [one for one in fresh if audience.wants(subscription.filter, one)]
        mails = list(audience.bundles(subscription, owed))
        for mail in mails:
            self._stage(tx, subscription, mail, openpgp, now)
        cursor = fresh[-1].entry if len(fresh) == AT_ONCE else end
        tx.subscriptions.move(subscription.id, cursor, now if cursor == end else subscription.ran_at)
        return len(mails)

    def _stage(
        self, tx: Transaction, subscription: Subscription, certificates: list[Fresh], openpgp: OpenPgp, now: datetime
    ) -> None:
        head = self._letterhead(subscription, now, self.new_message_id())
        draft, octets = (
            self._encrypted(head, certificates, openpgp)
            or self._to_official(tx, head, certificates, openpgp)
            or self._in_clear(head, certificates, openpgp)
        )
        mail = tx.put_mail(draft.message_id, octets, draft.mic, push.held(certificates))
        tx.stage(mail, "push", subscription.address, "", now, expects=bool(subscription.partner))

    def _to_official(
        self, tx: Transaction, head: push.Letterhead, certificates: list[Fresh], openpgp: OpenPgp
    ) -> tuple[Draft, bytes] | None:
        """Write to somebody who can answer; None if the address is no official's."""
        official = self.arrivals.official(tx, head.subscription) if self.arrivals else None
        if self.arrivals is None or official is None:
            return None
        draft = self.arrivals.draft(tx, official, head.subscription, certificates, head.leave, head.now)
        return draft, draft.signed(openpgp.sign(draft.part))

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
