"""Carrying out what a partner's signed mail asks of its own subscriptions, in the commit that records the mail.

A partner reaches nothing but subscriptions whose `partner` it is, whatever their IDs are.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time

from ecertmail.core import audience, official_command, record
from ecertmail.core.command import USAGE
from ecertmail.errors import ConfigError, PermanentError
from ecertmail.flow.official_command import OfficialCommander
from ecertmail.flow.order import Order, WrongError, full_id, new_id
from ecertmail.flow.publish import NextRun
from ecertmail.model import Examination
from ecertmail.ports import EventLog, Transaction
from ecertmail.subscription import Answer, Subscription, SubscriptionState, Verb

MOST = 100

_AT_ONCE = 500
_LIVE = (SubscriptionState.ACTIVE, SubscriptionState.PAUSED, SubscriptionState.PENDING)
_OUTSIDE = "its domain is not the partner's"


@dataclass(frozen=True, slots=True, kw_only=True)
class Commander:
    """Carries out commands; `next_run` reads schedules, `looked_at` is the most certificates for one mail.

    `nodes` are the addresses that programs read, ours and our partners': nobody's own mailbox.
    """

    next_run: NextRun
    log: EventLog
    looked_at: int = 5000
    nodes: Collection[str] = ()

    def carry_out(self, tx: Transaction, spool_id: str, examination: Examination, now: datetime) -> tuple[Answer, ...]:
        """Do what the commands of a judged mail say, one after the other; each is answered."""
        partner = examination.partner
        assert partner is not None  # noqa: S101 - judge quarantines strangers
        most = self.looked_at // max(len(examination.commands), 1)
        return tuple(
            self._answer(Order(tx=tx, spool_id=spool_id, partner=partner, command=command, now=now, most=most))
            for command in examination.commands
        )

    def _answer(self, order: Order) -> Answer:
        does = {
            Verb.SUBSCRIBE: self._subscribe,
            Verb.UNSUBSCRIBE: self._unsubscribe,
            Verb.STATUS: _status,
            Verb.RESEND: self._resend,
            Verb.OFFICIAL: OfficialCommander(nodes=self.nodes, log=self.log).carry_out,
            Verb.HELP: _help,
        }
        line, wrong = order.command.line, order.command.wrong
        if wrong:
            return Answer(line=line, done=False, text=(wrong,))
        try:
            return Answer(line=line, done=True, text=tuple(does[order.command.verb](order)))
        except WrongError as error:
            return Answer(line=line, done=False, text=(str(error),))

    def _subscribe(self, order: Order) -> Sequence[str]:
        subscription = self._wanted(order)
        table = order.tx.subscriptions
        mine = _mine(order, *SubscriptionState)
        live = [one.id for one in mine if one.state in _LIVE]
        if subscription.id in live:
            raise WrongError(f"{subscription.id} exists; UNSUBSCRIBE it first.")
        if len(live) >= MOST:
            raise WrongError(f"You have {MOST} subscriptions; more are not possible.")
        if subscription.id in {one.id for one in mine}:
            table.forget(subscription.id)
        try:
            table.add(subscription, order.tx.next_index() - 1, None)
        except PermanentError:
            raise WrongError(f"{subscription.id} cannot be used; choose another ID.") from None
        self._record(order, subscription.id, subscription.state)
        return _described(subscription)

    def _wanted(self, order: Order) -> Subscription:
        command, partner = order.command, order.partner
        address = command.address or partner.receipt_address.lower()
        at_home = address.rpartition("@")[2] in partner.domains
        subscription_id = new_id(command.subscription, partner)
        self._check_schedule(order)
        return Subscription(
            id=subscription_id, address=address, name=partner.name, partner=partner.id,
            filter=replace(command.filter, concerning=tuple(dict.fromkeys((partner.country, *partner.issues_for)))),
            bundle=command.bundle, max_certificates=100, max_octets=5_000_000, schedule=command.schedule,
            time_zone=command.time_zone, state=SubscriptionState.ACTIVE if at_home else SubscriptionState.PENDING,
            reason="" if at_home else _OUTSIDE, cursor=-1, ran_at=order.now, created_at=order.now,
            trusted_at=order.now,
        )  # fmt: skip

    def _check_schedule(self, order: Order) -> None:
        command = order.command
        try:
            run = self.next_run(command.schedule, command.time_zone, order.now)
        except ConfigError as error:
            raise WrongError(f"{error}.") from None
        if run is None:
            raise WrongError(f'schedule="{command.schedule}" never comes.')

    def _unsubscribe(self, order: Order) -> Sequence[str]:
        found = _found(order)
        order.tx.subscriptions.change(found.id, SubscriptionState.REMOVED, "by signed mail", order.now)
        self._record(order, found.id, SubscriptionState.REMOVED)
        return (f"{found.id} has ended; nothing more is sent to {found.address} for it.",)

    def _resend(self, order: Order) -> Sequence[str]:
        found, since = _found(order), order.command.since
        assert since is not None  # noqa: S101 - it would be wrong without
        table, end = order.tx.subscriptions, order.tx.next_index() - 1
        cursor = min(found.cursor, table.entry_before(datetime.combine(since, time.min, UTC), end))
        table.move(found.id, cursor, found.ran_at)
        self._record(order, found.id, found.state, since=since.isoformat())
        owed = _owed(order.tx, found, cursor, end, order.most)
        when = "with the next run" if found.state is SubscriptionState.ACTIVE else f"when it is no longer {found.state}"
        return (f"{found.id} is sent what was recorded since {since}, {when}: {owed} now.",)

    def _record(self, order: Order, subscription_id: str, state: SubscriptionState, **more: str) -> None:
        facts = record.of_subscription(subscription_id, state, order.spool_id, order.now) | more
        order.tx.append([("subscription", record.canonical(facts))])
        self.log.info(
            "subscriber.changed", id=order.spool_id, partner=order.partner.id, subscriber=subscription_id,
            state=state.value, **more,
        )  # fmt: skip


def _status(order: Order) -> Sequence[str]:
    mine, end = _mine(order, *_LIVE), order.tx.next_index() - 1
    most = order.most // max(len(mine), 1)
    return [_line(order.tx, one, end, most) for one in mine] or ("You have no subscriptions.",)


def _help(_order: Order) -> Sequence[str]:
    return ("One command a line, at the beginning of a signed mail:", *_usage())


def _usage() -> Iterator[str]:
    for verb, line in USAGE.items():
        yield from official_command.USAGE if verb is Verb.OFFICIAL else [line]


def _line(tx: Transaction, one: Subscription, end: int, most: int) -> str:
    recorded = tx.subscriptions.recorded_at(one.cursor)
    upto = f"up to {recorded:%Y-%m-%d}" if recorded else "nothing yet"
    facts = (one.state.upper(), one.address, _schedule(one), upto, f"{_owed(tx, one, one.cursor, end, most)} waiting")
    return f"{one.id}: {', '.join(facts)}"


def _described(one: Subscription) -> Sequence[str]:
    chosen = {name: ", ".join(getattr(one.filter, name)) for name in one.filter.__slots__}
    wanted = "; ".join(f"{name} {value}" for name, value in chosen.items() if value)
    waits = " It is PENDING until the operator of this node approves the address." if one.reason else ""
    return (
        f"{one.id} is {one.state.upper()}: new certificates go to {one.address}, {_schedule(one)}.{waits}",
        f"Certificates: {wanted or 'all'}.",
    )


def _schedule(one: Subscription) -> str:
    cron = one.schedule if one.schedule == "immediately" else f"{one.schedule} ({one.time_zone})"
    return f"{one.bundle} {cron}"


def _mine(order: Order, *states: SubscriptionState) -> list[Subscription]:
    return [one for one in order.tx.subscriptions.all(*states) if one.partner == order.partner.id]


def _found(order: Order) -> Subscription:
    mine = {one.id: one for one in _mine(order, *_LIVE)}
    name = order.command.subscription
    found = mine.get(full_id(name, order.partner)) or mine.get(name)
    if found is None:
        raise WrongError(f"You have no subscription {name}. Yours: {', '.join(mine) or 'none'}.")
    return found


def _owed(tx: Transaction, one: Subscription, cursor: int, end: int, most: int) -> str:
    """Say how many certificates a subscription is owed, or at least how many of the next `most` that are recorded."""
    owed = looked_at = 0
    while looked_at < most:
        page = min(_AT_ONCE, most - looked_at)
        fresh = tx.subscriptions.fresh(cursor, end, page)
        owed += sum(audience.wants(one.filter, certificate) for certificate in fresh)
        looked_at += len(fresh)
        if len(fresh) < page:
            return f"{owed} certificate{'' if owed == 1 else 's'}"
        cursor = fresh[-1].entry
    return f"{owed} certificates or more"
