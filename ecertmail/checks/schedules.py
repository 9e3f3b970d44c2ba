"""Time: time zones of subscribers that this machine does not know, and a clock that is plainly wrong."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

from ecertmail.config import Config
from ecertmail.edge.schedule import IMMEDIATELY, next_run
from ecertmail.errors import ConfigError, EcertmailError
from ecertmail.fault import Fault, Harm
from ecertmail.store.reader import LedgerReader
from ecertmail.subscription import Subscription, SubscriptionState

_WRITTEN = datetime(2026, 1, 1, tzinfo=UTC)  # no right clock is before the day on which this was written


def faults(config: Config, now: datetime) -> Iterator[Fault]:
    """Return what is wrong with the clock and with schedules."""
    if now < _WRITTEN:
        text = f"this machine's clock says {now:%Y-%m-%d}: every signature seems to come from the future"
        yield Fault(code="clock", harm=Harm.MAIL, text=text, remedy="timedatectl set-ntp true")
    for subscription in _subscriptions(config):
        if (why := _wrong(subscription, now)) is not None:
            text = f"subscriber {subscription.id} is never due: {why}"
            remedy = f"install tzdata, or `ecertmail subscriber remove {subscription.id}` and add it again"
            yield Fault(code="schedule", harm=Harm.MAIL, text=text, remedy=remedy)


def _subscriptions(config: Config) -> list[Subscription]:
    try:
        with closing(LedgerReader(config.spool / "ledger.db")) as reader:
            return [one for one in reader.subscriptions()
                    if one.state is not SubscriptionState.REMOVED and one.schedule != IMMEDIATELY]  # fmt: skip
    except EcertmailError:
        return []


def _wrong(subscription: Subscription, now: datetime) -> str | None:
    try:
        run = next_run(subscription.schedule, subscription.time_zone, now)
    except ConfigError as error:
        return str(error)
    return None if run is not None else f"{subscription.schedule!r} names no day that exists"
