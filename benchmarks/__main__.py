"""`make bench`: run every benchmark, or those named, and print a line each."""

import json
from collections.abc import Callable
from dataclasses import asdict

import click

from benchmarks import (
    batch_of_thousand,
    fan_out,
    hostile_mail,
    look_up,
    mailbox_catch_up,
    mailbox_memory,
    memory,
    smtp_accept,
    space,
    spool_to_receipt,
    staging,
)
from benchmarks.ratio import Ratio

_ALL: dict[str, Callable[[], Ratio | tuple[Ratio, ...]]] = {
    "spool-to-receipt": spool_to_receipt.measure,
    "batch-of-thousand": batch_of_thousand.measure,
    "smtp-accept": smtp_accept.measure,
    "mailbox-catch-up": mailbox_catch_up.measure,
    "fan-out": fan_out.measure,
    "staging": staging.measure,
    "look-up": look_up.measure,
    "space": space.measure,
    "hostile-mail": hostile_mail.measure,
    "memory": memory.measure,
    "mailbox-memory": mailbox_memory.measure,
}


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(_ALL)))
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
def bench(names: tuple[str, ...], as_json: bool) -> None:
    """Measure the named benchmarks, or all."""
    ratios: list[Ratio] = []
    for name in names or _ALL:
        measured = _ALL[name]()
        told = measured if isinstance(measured, tuple) else (measured,)
        ratios += told
        if not as_json:
            click.echo("\n".join(ratio.line() for ratio in told))
    if as_json:
        click.echo(json.dumps([asdict(ratio) for ratio in ratios], indent=2))


if __name__ == "__main__":
    bench()
