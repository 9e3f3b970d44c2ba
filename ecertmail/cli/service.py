"""`ecertmail serve` and `ecertmail status`."""

import asyncio

import click

from ecertmail import app, assemble, examining
from ecertmail.cli import standing
from ecertmail.cli.common import json_option, load, pairs, show_json
from ecertmail.cli.mailbox import in_words, summaries
from ecertmail.config import Config
from ecertmail.core import notice
from ecertmail.edge import allocator, control, log
from ecertmail.store import overview
from ecertmail.store.deliveries import DeliveryReader


@click.command(epilog="\b\nExample:\n  ecertmail -C /srv/ecertmail/ecertmail.toml serve")
@click.option("--log-format", type=click.Choice(["auto", "human", "journal", "json"]), help="Overrides [log] format.")
@click.pass_context
def serve(context: click.Context, log_format: str | None) -> None:
    """Run the daemon until SIGTERM; SIGHUP reads configuration, partners and certificates again."""
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


@click.command(epilog="\b\nExample:\n  ecertmail status --json")
@json_option
@click.pass_context
def status(context: click.Context, as_json: bool) -> None:
    """Show whether the daemon runs, what waits and since when, what comes next, and who has problems."""
    config = load(context)
    facts = _facts(config)
    if as_json:
        show_json(facts)
        return
    pairs([(name.removesuffix("_seconds").replace("_", " "), _words(name, value)) for name, value in facts.items()])


def _facts(config: Config) -> dict[str, object]:
    now = app.now()
    facts: dict[str, object] = {
        "authority": config.authority.name,
        "daemon": "running" if control.ask(config.spool / "control.sock", {"do": "ping"}) else "not running",
        "partners": len(config.partners),
        "keys": [warned.sentence for warned in notice.ending(examining.key_lives(config), now)],
        "alarms": _alarms(config),
        **standing.facts(overview.read(config.spool, now), now),
    }
    return facts | {f"mailbox {row.name}": in_words(row) for row in summaries(config)}


def _alarms(config: Config) -> list[str]:
    reader = DeliveryReader(config.spool / "ledger.db")
    alarms = [f"{alarm.what} {alarm.text}" for alarm in reader.alarms()]
    reader.close()
    return alarms


def _words(name: str, value: object) -> object:
    return "none ends within 60 days" if name == "keys" and not value else standing.words(name, value)


COMMANDS = (serve, status)
