"""From configuration to the steps of the flow: processing, delivering and reporting, each with what it needs."""

import asyncio
import secrets
from collections.abc import Callable
from datetime import datetime, time, timedelta
from functools import partial

from ecertmail import desks
from ecertmail.assemble import bounce_secret, token_secret
from ecertmail.config import Config
from ecertmail.desks import Office
from ecertmail.edge.schedule import next_run
from ecertmail.flow.clock import ClockWatch
from ecertmail.flow.command import Commander
from ecertmail.flow.deliver import Deliverer, Run
from ecertmail.flow.hand import Hand
from ecertmail.flow.issue import Issuer
from ecertmail.flow.leave import Leaver
from ecertmail.flow.peers import KnownPeers
from ecertmail.flow.process import Processor
from ecertmail.flow.publish import Publisher
from ecertmail.flow.reconcile import Reconciler
from ecertmail.flow.reply import Replier
from ecertmail.flow.report import Reporter
from ecertmail.ports import EventLog, Ledger, Outbox, Quarantine, Sender, Spool
from ecertmail.store import schemas

Clock = Callable[[], datetime]


def processor(
    config: Config, spool: Spool, ledger: Ledger, served: Office, peers: KnownPeers, clock: Clock, log: EventLog
) -> Processor:
    """What decides spooled messages and answers them; `served` deals with officials, `peers` learns of partners'."""
    replier = Replier(
        authority=config.authority, policy=config.policy, new_message_id=_message_ids(config, clock), log=log
    )
    leaver = Leaver(
        authority=config.authority, secret=token_secret(config), new_message_id=_message_ids(config, clock), log=log
    )
    matching = reconciler(config, ledger, log)
    return Processor(
        spool=spool,
        ledger=ledger,
        replier=replier,
        leaver=leaver,
        reconciler=matching,
        commander=Commander(next_run=next_run, log=log, nodes=config.nodes),
        desk=served.desk,
        responder=served.responder,
        log=log,
        peers=peers,
    )


def issuer(config: Config, ledger: Ledger, log: EventLog) -> Issuer:
    """What records certificates of our own."""
    return Issuer(ledger=ledger, schemas=schemas.load(config.schemas), country=config.authority.country, log=log)


def reconciler(config: Config, ledger: Ledger, log: EventLog) -> Reconciler:
    """What matches answers to deliveries."""
    section = config.settings.push
    return Reconciler(
        ledger=ledger,
        log=log,
        remind_after=timedelta(hours=section.remind_after_hours),
        alarm_after=timedelta(hours=section.alarm_after_hours),
        bounces_to=config.authority.address,
        secret=bounce_secret(config),
        who=partial(who, config),
    )


def who(config: Config, address: str) -> str:
    """Return an address with the partner whose it is, for people."""
    known = (one.id for one in config.partners if address.lower() in map(str.lower, one.addresses))
    partner = next(known, "")
    return f"{partner} ({address})" if partner else address


def clock_watch(config: Config, ledger: Ledger, log: EventLog) -> ClockWatch:
    """What notices that the clock went back."""
    return ClockWatch(ledger=ledger, longest_wait=timedelta(minutes=max(config.settings.send.retry_minutes)), log=log)


def deliverer(
    config: Config,
    outbox: Outbox,
    sender: Sender,
    run: Run,
    news: asyncio.Event,
    clock: Clock,
    log: EventLog,
    named: Callable[[str], str],
) -> Deliverer:
    """What makes deliveries that are due; `named` is `who` of the configuration as it is at each moment."""
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
        who=named,
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


def office(config: Config, ledger: Ledger, clock: Clock, log: EventLog) -> Office:
    """What deals with officials."""
    return desks.office(config, ledger, _message_ids(config, clock), log)


def publisher(config: Config, ledger: Ledger, served: Office, clock: Clock, log: EventLog) -> Publisher:
    """What stages newly recorded certificates for subscribers; officials among them can answer."""
    return Publisher(
        authority=config.authority,
        partners={partner.id: partner for partner in config.partners},
        ledger=ledger,
        next_run=next_run,
        secret=token_secret(config),
        bounces_to_pause=config.settings.push.bounces_to_pause,
        new_message_id=_message_ids(config, clock),
        log=log,
        arrivals=served.arrivals,
    )


def spool_ids(clock: Clock) -> Callable[[], str]:
    """Return what makes the ID of a message: when it came in, and something that cannot be guessed."""
    return lambda: f"{clock():%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"


def _message_ids(config: Config, clock: Clock) -> Callable[[], str]:
    return partial(_message_id, config.authority.address.rpartition("@")[2], clock)


def _message_id(domain: str, clock: Clock) -> str:
    return f"<{clock():%Y%m%d%H%M%S}.{secrets.token_hex(8)}@{domain}>"
