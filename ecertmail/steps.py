"""From configuration to the steps of the flow: processing, delivering and reporting, each with what it needs."""

import secrets
from collections.abc import Callable
from datetime import datetime, time, timedelta
from functools import partial

from ecertmail.assemble import token_secret
from ecertmail.config import Config
from ecertmail.edge.schedule import next_run
from ecertmail.flow.command import Commander
from ecertmail.flow.deliver import Deliverer, Run
from ecertmail.flow.leave import Leaver
from ecertmail.flow.process import Processor
from ecertmail.flow.publish import Publisher
from ecertmail.flow.reply import Replier
from ecertmail.flow.report import Reporter
from ecertmail.ports import EventLog, Ledger, Outbox, Quarantine, Sender, Spool

Clock = Callable[[], datetime]


def processor(config: Config, spool: Spool, ledger: Ledger, clock: Clock, log: EventLog) -> Processor:
    """What decides spooled messages and answers them."""
    replier = Replier(
        authority=config.authority, policy=config.policy, new_message_id=_message_ids(config, clock), log=log
    )
    leaver = Leaver(
        authority=config.authority, secret=token_secret(config), new_message_id=_message_ids(config, clock), log=log
    )
    commander = Commander(next_run=next_run, log=log)
    return Processor(spool=spool, ledger=ledger, replier=replier, leaver=leaver, commander=commander, log=log)


def deliverer(config: Config, outbox: Outbox, sender: Sender, run: Run, clock: Clock, log: EventLog) -> Deliverer:
    """What makes deliveries that are due."""
    settings = config.settings.send
    return Deliverer(
        outbox=outbox,
        sender=sender,
        run=run,
        clock=clock,
        backoff=tuple(timedelta(minutes=minutes) for minutes in settings.retry_minutes),
        give_up=timedelta(days=settings.give_up_days),
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


def publisher(config: Config, ledger: Ledger, clock: Clock, log: EventLog) -> Publisher:
    """What stages newly recorded certificates for subscribers."""
    return Publisher(
        authority=config.authority,
        partners={partner.id: partner for partner in config.partners},
        ledger=ledger,
        next_run=next_run,
        secret=token_secret(config),
        new_message_id=_message_ids(config, clock),
        log=log,
    )


def _message_ids(config: Config, clock: Clock) -> Callable[[], str]:
    return partial(_message_id, config.authority.address.rpartition("@")[2], clock)


def _message_id(domain: str, clock: Clock) -> str:
    return f"<{clock():%Y%m%d%H%M%S}.{secrets.token_hex(8)}@{domain}>"
