"""`ecertmail report`: one month in tables, and as a page with plots."""

from datetime import datetime, timedelta
from typing import TextIO

import click

from ecertmail import clock
from ecertmail.cli.common import json_option, load, show_json, table
from ecertmail.core import monthly
from ecertmail.core.page import page
from ecertmail.store import month as months


@click.command(epilog="\b\nExamples:\n  ecertmail report --month 2026-11\n  ecertmail report --html report.html")
@click.option("--month", type=click.DateTime(["%Y-%m"]), metavar="YYYY-MM", help="Default: the last whole month.")
@click.option(
    "--html", "file", type=click.File("w", "utf-8", atomic=True), help="Write a page with plots to this file."
)
@json_option
@click.pass_context
def report(context: click.Context, month: datetime | None, file: TextIO | None, as_json: bool) -> None:
    """Show a month (in UTC): certificates, answers, deliveries and their times, and failures."""
    config = load(context)
    chosen = month or clock.now().replace(day=1) - timedelta(days=1)
    seen = months.read(config.spool / "ledger.db", chosen.year, chosen.month)
    names = {partner.id: partner.name for partner in config.partners} | {"self": config.authority.name}
    sections = monthly.sections(seen, names)
    title = f"Export certificates in {chosen:%Y-%m}"
    under = f"{config.authority.name}, days in UTC, as of {clock.now():%Y-%m-%d %H:%M} UTC"
    if file is not None:
        file.write(page(title, under, sections))
    elif as_json:
        show_json(sections)
    else:
        _show(title, under, sections)


def _show(title: str, under: str, sections: list[monthly.Section]) -> None:
    click.secho(title, bold=True)
    click.echo(under)
    for section in sections:
        click.secho(f"\n{section.title}", bold=True)
        if section.rows:
            table(section.rows, section.head)
        else:
            click.echo("none")
