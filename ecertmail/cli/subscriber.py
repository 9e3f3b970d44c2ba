"""`ecertmail subscriber`: mailboxes that newly recorded certificates are pushed to."""

import json
import re
from datetime import datetime
from typing import Any

import click

from ecertmail import clock
from ecertmail.cli.changing import change
from ecertmail.cli.common import Group, json_option, load, pairs, show_json, table
from ecertmail.config import Config
from ecertmail.core.address import normal
from ecertmail.edge.schedule import IMMEDIATELY, next_run
from ecertmail.errors import ConfigError, NotFoundError
from ecertmail.store.reader import LedgerReader
from ecertmail.subscription import Bundle, Subscription, SubscriptionState

_FILTERS = {
    "exporting": "Country that exports, such as NZ.",
    "importing": "Country that imports, such as CN.",
    "type": "Type code, such as 851.",
    "status": "Status code, such as 70; withdrawals are always sent.",
    "product": "Beginning of an HS code, such as 0204 (SPSCertificates only).",
    "port": "Name or code of the port of unloading (SPSCertificates only).",
    "profile": "Format that can be read there: certificates or sps-d17a.",
}
_PLURAL = {"type": "types", "status": "statuses", "product": "products", "port": "ports", "profile": "profiles"}


@click.group(cls=Group)
def subscriber() -> None:
    """Add and look at subscribers: mailboxes that get newly recorded certificates on a schedule."""


def _filters(command: Any) -> Any:
    for name, text in reversed(_FILTERS.items()):
        command = click.option(f"--{name}", multiple=True, help=f"{text} Can be repeated; by default all.")(command)
    return command


@subscriber.command(
    epilog="\b\nExamples:\n  ecertmail subscriber add shanghai --address post@customs.example --importing CN\n"
    "  ecertmail subscriber add harbour --address port@customs.example --port Shanghai --product 0810 \\\n"
    '    --digest --schedule "0 6 * * *" --time-zone Asia/Shanghai'
)
@click.argument("subscription_id", metavar="ID")
@click.option("--address", required=True, help="Where the mails go.")
@click.option("--name", default="", help="Who that is, for you.")
@click.option("--partner", default="", help="The partner it belongs to; its node is asked for receipts.")
@_filters
@click.option("--digest", is_flag=True, help="Many certificates in one mail; by default each has its own.")
@click.option("--max-certificates", default=100, show_default=True, type=click.IntRange(1), help="In one digest.")
@click.option("--max-octets", default=5_000_000, show_default=True, type=click.IntRange(1), help="XML in one mail.")
@click.option("--schedule", default=IMMEDIATELY, show_default=True, help="immediately, or five cron fields.")
@click.option("--time-zone", default="UTC", show_default=True, help="In which the cron fields are read.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Send also what was recorded since this day (UTC).")
@click.pass_context
def add(
    context: click.Context,
    /,
    subscription_id: str,
    address: str,
    partner: str,
    digest: bool,
    since: datetime | None,
    **values: Any,
) -> None:
    """Add a subscriber. Outside the domains of partners and of this node it waits for `subscriber approve`."""
    config = load(context)
    mailbox = normal(address)
    if mailbox is None or not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,40}", subscription_id):
        raise ConfigError("--address must be a plain mail address, and ID lower-case letters, digits and hyphens")
    if partner and partner not in {known.id for known in config.partners}:
        raise NotFoundError(f"{partner}: no partner has this ID; see `ecertmail partner list`")
    next_run(values["schedule"], values["time_zone"], clock.now())
    known = _is_known(config, mailbox)
    subscription = {
        "id": subscription_id,
        "address": mailbox,
        "partner": partner,
        "filter": {_PLURAL.get(name, name): values.pop(name) for name in _FILTERS},
        "bundle": Bundle.DIGEST if digest else Bundle.SINGLE,
        "state": SubscriptionState.ACTIVE if known else SubscriptionState.PENDING,
        "reason": "" if known else "its domain belongs to no partner",
        **values,
    }
    moment = since.strftime("%Y-%m-%dT00:00:00+00:00") if since else ""
    change(config, {"do": "subscribe", "subscription": json.dumps(subscription), "since": moment})
    click.echo(f"{subscription_id}: {'active' if known else 'PENDING; `ecertmail subscriber approve` makes it active'}")


def _is_known(config: Config, address: str) -> bool:
    domains = {known.rpartition("@")[2] for partner in config.partners for known in partner.addresses}
    return address.rpartition("@")[2] in domains | {box.rpartition("@")[2] for box in config.mailboxes}


@subscriber.command("list")
@click.option("--all", "everything", is_flag=True, help="Removed ones too.")
@json_option
@click.pass_context
def list_(context: click.Context, everything: bool, as_json: bool) -> None:
    """List subscribers."""
    found = [s for s in _subscriptions(load(context)) if everything or s.state is not SubscriptionState.REMOVED]
    if as_json:
        show_json(found)
        return
    rows = [(s.id, s.state.value, s.address, s.bundle.value, s.schedule, s.time_zone, s.cursor) for s in found]
    table(rows, ("ID", "STATE", "ADDRESS", "BUNDLE", "SCHEDULE", "TIME ZONE", "UP TO ENTRY"))


@subscriber.command(epilog="\b\nExample:\n  ecertmail subscriber show shanghai")
@click.argument("subscription_id", metavar="ID")
@json_option
@click.pass_context
def show(context: click.Context, subscription_id: str, as_json: bool) -> None:
    """Show one subscriber with its filter and its next run."""
    found = {one.id: one for one in _subscriptions(load(context))}.get(subscription_id)
    if found is None:
        raise NotFoundError(f"{subscription_id}: there is no such subscriber; see `ecertmail subscriber list`")
    if as_json:
        show_json(found)
        return
    run = next_run(found.schedule, found.time_zone, clock.now())
    wanted = {name: ", ".join(getattr(found.filter, name)) for name in found.filter.__slots__}
    facts = [("id", found.id), ("state", found.state.value), ("reason", found.reason), ("address", found.address)]
    facts += [("name", found.name), ("partner", found.partner), ("bundle", found.bundle.value)]
    facts += [("schedule", f"{found.schedule} ({found.time_zone})")]
    facts += [("next run", f"{run:%Y-%m-%d %H:%M %Z}" if run else "never")]
    facts += [(name, value or "all") for name, value in wanted.items()]
    pairs([(name, value or "-") for name, value in facts])


def _state_command(word: str, state: SubscriptionState, text: str) -> None:
    @subscriber.command(word, help=text, epilog=f"\b\nExample:\n  ecertmail subscriber {word} shanghai")
    @click.argument("subscription_id", metavar="ID")
    @click.pass_context
    def command(context: click.Context, subscription_id: str) -> None:
        change(load(context), {"do": "subscription-state", "id": subscription_id, "state": state.value})
        click.echo(f"{subscription_id}: {state.value}")


_state_command("approve", SubscriptionState.ACTIVE, "Let a pending subscriber be sent certificates.")
_state_command("resume", SubscriptionState.ACTIVE, "Go on with a paused subscriber; what came meanwhile is sent.")
_state_command("pause", SubscriptionState.PAUSED, "Send nothing until resume; what comes meanwhile is sent then.")
_state_command("remove", SubscriptionState.REMOVED, "Send nothing any more; it stays in the list with --all.")


def _subscriptions(config: Config) -> list[Subscription]:
    reader = LedgerReader(config.spool / "ledger.db")
    found = reader.subscriptions()
    reader.close()
    return found
