"""From configuration to the steps of the flow: processing, delivering and reporting, each with what it needs."""

import asyncio
import secrets
from collections.abc import Callable
from datetime import datetime, time, timedelta
from functools import partial

from ecertmail.config import Config
from ecertmail.flow.deliver import Deliverer, Run
from ecertmail.flow.hand import Hand
from ecertmail.flow.process import Processor
from ecertmail.flow.reply import Replier
from ecertmail.flow.report import Reporter
from ecertmail.ports import EventLog, Ledger, Outbox, Quarantine, Sender, Spool

Clock = Callable[[], datetime]


def processor(config: Config, spool: Spool, ledger: Ledger, clock: Clock, log: EventLog) -> Processor:
    """What decides spooled messages and answers them."""
    replier = Replier(
        authority=config.authority, policy=config.policy, new_message_id=_message_ids(config, clock), log=log
    )
    return Processor(spool=spool, ledger=ledger, replier=replier, log=log)


def deliverer(
    config: Config, outbox: Outbox, sender: Sender, run: Run, news: asyncio.Event, clock: Clock, log: EventLog
) -> Deliverer:
    """What makes deliveries that are due."""
    settings = config.settings.send
    return Deliverer(
        outbox=outbox,
        sender=sender,
        run=run,
        clock=clock,
        backoff=tuple(timedelta(minutes=minutes) for minutes in settings.retry_minutes),
        give_up=timedelta(days=settings.give_up_days),
        hand=Hand(settings.connections, settings.per_domain),
        news=news,
        log=log,
    )


def reporter(config: Config, ledger: Ledger, quarantine: Quarantine, clock: Clock, log: EventLog) -> Reporter:
    """What tells the operator once a day."""
    section = config.settings.operator
    return Reporter(
        authority=config.authority,
        operator=section.address,
        at=time.fromisoformat(section.report_at),
        ledger=ledger,
        quarantine=quarantine,
        new_message_id=_message_ids(config, clock),
        log=log,
    )


def _message_ids(config: Config, clock: Clock) -> Callable[[], str]:
    return partial(_message_id, config.authority.address.rpartition("@")[2], clock)


def _message_id(domain: str, clock: Clock) -> str:
    return f"<{clock():%Y%m%d%H%M%S}.{secrets.token_hex(8)}@{domain}>"
