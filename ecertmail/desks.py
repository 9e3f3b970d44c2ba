"""From configuration to the desk where officials are dealt with, and to what watches over their conversations."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from ecertmail.assemble import ticket_secret
from ecertmail.config import Config, demands_on
from ecertmail.core.deadline import Hours
from ecertmail.core.reply import quote
from ecertmail.edge.templates import JinjaTemplates
from ecertmail.flow.announce import Announcer
from ecertmail.flow.arrival import Arrivals
from ecertmail.flow.deciding import Deciding
from ecertmail.flow.desk import Desk
from ecertmail.flow.inquire import Inquirer
from ecertmail.flow.inquiry_book import InquiryBook
from ecertmail.flow.inquiry_post import InquiryPost
from ecertmail.flow.inquiry_watch import InquiryWatch
from ecertmail.flow.look_up import LookUps
from ecertmail.flow.offer import Offers
from ecertmail.flow.post import Post
from ecertmail.flow.respond import Responder
from ecertmail.parties import Partner
from ecertmail.ports import EventLog, Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """Everything that deals with officials, made once: they share templates, partners and the secret of tickets."""

    desk: Desk
    arrivals: Arrivals
    watch: InquiryWatch
    responder: Responder


def office(config: Config, ledger: Ledger, new_message_id: Callable[[], str], log: EventLog) -> Office:
    """Put it together.

    Raises:
        ConfigError: a template is missing or broken.
    """
    partners = {partner.id: partner for partner in config.partners}
    section = config.settings.officials
    post = _post(config, new_message_id, log)
    look_ups = LookUps(authority=config.authority, partners=partners, misses_to_alarm=section.misses_to_alarm, log=log)
    offers = Offers(post=post, look_ups=look_ups)
    announcer = Announcer(authority=config.authority, new_message_id=new_message_id, log=log)
    inquirer = _inquirer(config, offers, partners, announcer, log)
    deciding = Deciding(
        partners=partners, look_ups=look_ups, opens=inquirer.open, settles=inquirer.settle,
        announce=announcer.announce, remark_length=section.remark_length, log=log,
    )  # fmt: skip
    desk = Desk(
        post=post, deciding=deciding, look_ups=look_ups, offers=offers, answered=inquirer.answered,
        demands=partial(demands_on, config), log=log,
    )  # fmt: skip
    watch = InquiryWatch(ledger=ledger, post=inquirer.post, book=inquirer.book, partners=partners, log=log)
    return Office(
        desk=desk,
        arrivals=Arrivals(post=post, look_ups=look_ups),
        watch=watch,
        responder=Responder(inquiries=inquirer.receive, log=log),
    )


def _post(config: Config, new_message_id: Callable[[], str], log: EventLog) -> Post:
    return Post(
        authority=config.authority,
        policy=config.policy,
        templates=JinjaTemplates(quote.ABOVE, config.templates),
        secret=ticket_secret(config),
        life=timedelta(days=config.settings.officials.ticket_days),
        new_message_id=new_message_id,
        log=log,
    )


def _inquirer(
    config: Config, offers: Offers, partners: Mapping[str, Partner], announcer: Announcer, log: EventLog
) -> Inquirer:
    section = config.settings.inquiries
    letters = InquiryPost(
        post=offers.post,
        show=offers.plain,
        offer=offers.one,
        operator=config.settings.operator.address,
        escalate_to=section.escalate_to,
    )
    book = InquiryBook(hours=_hours(config), log=log)
    return Inquirer(
        partners=partners, post=letters, book=book, file_octets=section.file_octets, announce=announcer.respond,
        log=log,
    )  # fmt: skip


def _hours(config: Config) -> Hours:
    section = config.settings.inquiries
    return Hours(
        answer_within=timedelta(hours=section.answer_within_hours),
        remind_after=timedelta(hours=section.remind_after_hours),
        escalate_after=timedelta(hours=section.escalate_after_hours),
    )
