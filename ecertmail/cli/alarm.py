"""`ecertmail alarm`: what somebody has to look at, and has looked at."""

import click

from ecertmail.cli.changing import change
from ecertmail.cli.common import Group, json_option, load, show_json, table
from ecertmail.store.deliveries import DeliveryReader


@click.group(cls=Group)
def alarm() -> None:
    """Look at open alarms, and close those that were seen to."""


@alarm.command("list", epilog="\b\nExample:\n  ecertmail alarm list")
@json_option
@click.pass_context
def list_(context: click.Context, as_json: bool) -> None:
    """List the open alarms, the oldest first."""
    reader = DeliveryReader(load(context).spool / "ledger.db")
    alarms = reader.alarms()
    reader.close()
    if as_json:
        show_json(alarms)
        return
    table([(one.what, f"{one.since:%Y-%m-%d %H:%M}", one.text) for one in alarms], ("ALARM", "SINCE", "WHAT"))


@alarm.command(epilog="\b\nExamples:\n  ecertmail alarm close misses:li-wei\n  ecertmail alarm close delivery:17")
@click.argument("what", metavar="ALARM")
@click.pass_context
def close(context: click.Context, what: str) -> None:
    """Close an alarm after somebody has seen to it; it is raised again if its cause goes on."""
    change(load(context), {"do": "alarm.close", "id": what})
    click.echo(f"{what}: closed.")
