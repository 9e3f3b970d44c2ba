"""`ecertmail serve` and `ecertmail status`."""

import asyncio
import sys
from dataclasses import asdict
from datetime import datetime

import click

from ecertmail import clock
from ecertmail.checks.problems import problems
from ecertmail.checks.standing import Standing, look
from ecertmail.cli.common import json_option, load, pairs, show_json
from ecertmail.cli.mailbox import in_words
from ecertmail.cli.standing import facts as facts_of
from ecertmail.cli.standing import words
from ecertmail.config import Config
from ecertmail.core import notice
from ecertmail.fault import Fault, good, heading

_SHOWN = 10


@click.command(epilog="\b\nExample:\n  ecertmail -C /srv/ecertmail/ecertmail.toml serve")
@click.option("--log-format", type=click.Choice(["auto", "human", "journal", "json"]), help="Overrides [log] format.")
@click.pass_context
def serve(context: click.Context, log_format: str | None) -> None:
    """Run the daemon until SIGTERM; SIGHUP reads configuration, partners and certificates again."""
    from ecertmail import app, assemble
    from ecertmail.edge import allocator, log

    allocator.share_arenas()
    config = load(context)
    events = log.make(log_format or config.settings.log.format, config.settings.log.level)
    log.bridge(events)

    async def run() -> None:
        node = app.Node(config, events)
        await node.run(
            lambda places: events.info(
                "start.ready", listening=" ".join(places) or "nowhere", node=config.authority.address
            )
        )

    with assemble.locked(config):
        asyncio.run(run())
    events.info("stop.done")


@click.command(epilog="\b\nExamples:\n  ecertmail status\n  ecertmail status --json")
@json_option
@click.pass_context
def status(context: click.Context, as_json: bool) -> None:
    """Show whether all is good, what waits and since when, what comes next, and who has problems.

    The first line says `good` or counts what is wrong; `ecertmail doctor` says how to mend it. Ends with 0 when
    it could look, with 75 when the disk is full, and with 4, 6 or 75 when a database is missing, newer or unreadable.
    """
    config = load(context)
    now = clock.now()
    standing = look(config, now)
    faults = problems(config, standing, now)
    if as_json:
        show_json({"good": good(faults), **_facts(config, standing, now), "faults": [one.as_json() for one in faults]})
    else:
        _tell(faults)
        pairs([(_label(name), _words(name, value)) for name, value in _facts(config, standing, now).items()])
    sys.exit(next((fault.exit_code for fault in faults if fault.exit_code), 0))


def _tell(faults: list[Fault]) -> None:
    """Print in one line how it stands, and what is wrong."""
    if good(faults):
        click.secho("good", fg="green")
    else:
        click.secho(f"{heading(faults)}; `ecertmail doctor` says what mends them", bold=True)
    for fault in faults[:_SHOWN]:
        click.echo(f"  {fault.harm.severity}: {fault.sentence}")
    if len(faults) > _SHOWN:
        click.echo(f"  and {len(faults) - _SHOWN} more")


def _facts(config: Config, standing: Standing, now: datetime) -> dict[str, object]:
    facts: dict[str, object] = {
        "authority": config.authority.name,
        "daemon": standing.daemon.value,
        "partners": len(config.partners),
        "keys": [warned.sentence for warned in notice.ending(standing.keys, now)],
        "disk_free": standing.free,
        "last_backup": standing.backup.made_at.isoformat(timespec="seconds") if standing.backup else None,
    }
    if standing.seen is not None:
        facts["alarms"] = [f"{alarm.what} {alarm.text}" for alarm in standing.alarms]
        facts["delayed_answers"] = [
            {"count": one.count, "until": one.until.isoformat(timespec="minutes")} for one in standing.delayed
        ]
        facts["retention"] = _retention(config, standing)
        facts["databases"] = [asdict(file) for file in standing.files]
        facts |= facts_of(standing.seen, now)
    return facts | {f"mailbox {row.name}": in_words(row) for row in standing.mailboxes}


def _retention(config: Config, standing: Standing) -> list[dict[str, object]]:
    """Return for each kind of mail after how many days it is removed, and what the last run removed."""
    from ecertmail.retaining import days_of

    runs = {run.what: asdict(run) for run in standing.retention}
    return [
        {"what": what, "days": days, **runs.get(what, {})}
        for what, days in days_of(config.settings.retention).items()
        if days
    ]


def _label(name: str) -> str:
    return {"problems": "subscriber trouble"}.get(name, name.removesuffix("_seconds").replace("_", " "))


def _words(name: str, value: object) -> object:
    return "none ends within 60 days" if name == "keys" and not value else words(name, value)
