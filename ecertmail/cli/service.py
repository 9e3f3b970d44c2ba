"""`ecertmail serve` and `ecertmail status`."""

import asyncio

import click

from ecertmail import app, assemble, examining
from ecertmail.cli.common import json_option, load, pairs, show_json
from ecertmail.cli.mailbox import in_words, summaries
from ecertmail.config import Config
from ecertmail.core import notice
from ecertmail.edge import control, log
from ecertmail.store.deliveries import DeliveryReader
from ecertmail.store.reader import LedgerReader
from ecertmail.store.spool import SpoolReader


@click.command(epilog="\b\nExample:\n  ecertmail -C /srv/ecertmail/ecertmail.toml serve")
@click.option("--log-format", type=click.Choice(["auto", "human", "journal", "json"]), help="Overrides [log] format.")
@click.pass_context
def serve(context: click.Context, log_format: str | None) -> None:
    """Run the daemon until SIGTERM; SIGHUP reads configuration, partners and certificates again."""
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
    """Show whether the daemon runs, what waits, and the ledger's size and root."""
    config = load(context)
    facts = _facts(config)
    if as_json:
        show_json(facts)
        return
    pairs([(name, _words(name, value)) for name, value in facts.items()])


def _facts(config: Config) -> dict[str, object]:
    spool, ledger = SpoolReader(config.spool / "spool.db"), LedgerReader(config.spool / "ledger.db")
    outbox = DeliveryReader(config.spool / "ledger.db")
    size = ledger.size()
    facts: dict[str, object] = {
        "authority": config.authority.name,
        "daemon": "running" if control.ask(config.spool / "control.sock", {"do": "ping"}) else "not running",
        "partners": len(config.partners),
        "keys": [warned.sentence for warned in notice.ending(examining.key_lives(config), app.now())],
        "spool": spool.counts(),
        "deliveries": ledger.counts("delivery"),
        "alarms": [f"{alarm.what} {alarm.text}" for alarm in outbox.alarms()],
        "certificates": ledger.counts("certificate"),
        "ledger_size": size,
        "ledger_root": ledger.root(size).hex(),
    }
    facts |= {f"mailbox {row.name}": in_words(row) for row in summaries(config)}
    spool.close()
    ledger.close()
    outbox.close()
    return facts


def _words(name: str, value: object) -> object:
    if isinstance(value, list):
        return "; ".join(value) or {"keys": "none ends within 60 days"}.get(name, "none")
    if isinstance(value, dict):
        return ", ".join(f"{count} {name}" for name, count in sorted(value.items())) or "none"
    return value


COMMANDS = (serve, status)
