"""`ecertmail ledger compact` and `ecertmail spool compact`: space of removed mails goes back to the file system."""

import sys

import click

from ecertmail import assemble
from ecertmail.cli.common import load
from ecertmail.store.compact import compact


def command(name: str) -> click.Command:
    """Make the command for one of the two files, `ledger` or `spool`."""

    @click.command(epilog=f"\b\nExample:\n  systemctl stop ecertmail.socket ecertmail\n  ecertmail {name} compact")
    @click.pass_context
    def compact_(context: click.Context) -> None:
        config = load(context)
        path = config.spool / f"{name}.db"
        shown = 0.0
        with (
            assemble.locked(config),
            click.progressbar(length=1000, label=f"Compacting {path}", file=sys.stderr) as bar,
        ):

            def progress(share: float) -> None:
                nonlocal shown
                bar.update(int(1000 * share) - int(1000 * shown))
                shown = share

            before, after = compact(path, progress)
        click.echo(f"{path}: {before:,} octets before, {after:,} after. It gives space back by itself from now on.")

    compact_.name = "compact"
    compact_.help = (
        f"Write {name}.db anew without its free space, while the daemon is stopped.\n\n"
        "Only a file that an older ecertmail made needs this. It takes as much free disk space as two copies."
    )
    return compact_
