"""The story, step by step; ends with 0 only if every step was really observed."""

import sys
import tempfile
import time
from pathlib import Path

import click

from ecertmail.demo.node import DemoNode, ObservedError, free_ports
from ecertmail.demo.relay import Relay
from ecertmail.demo.story import tell


@click.command()
@click.option("--keep", is_flag=True, help="Keep the folder with both installations, to look around.")
def demo(keep: bool) -> None:
    """Show a signed batch travel from New Zealand to China and its receipt back."""
    click.echo("Two nodes start on this machine and exchange certificates. This takes about a minute.")
    begin = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="ecertmail-demo-"))
    first, second, between = free_ports(3)
    wellington = DemoNode("wellington", "Ministry for Primary Industries", "NZ", folder, first, between)
    beijing = DemoNode("beijing", "General Administration of Customs", "CN", folder, second, between)
    relay = Relay(between, {"wellington.example": first, "beijing.example": second}, folder / "border-post")
    relay.start()
    try:
        tell(folder, wellington, beijing, relay, keep)
        click.echo(f"\nEverything above was observed. It took {time.monotonic() - begin:.0f} seconds.")
    except ObservedError as error:
        click.secho(f"\n✗ {error}", fg="red", bold=True, err=True)
        sys.exit(1)
    finally:
        wellington.stop()
        beijing.stop()
        relay.stop()
        if keep:
            click.echo(f"Both installations are in {folder}.")
        else:
            _remove(folder)


def _remove(folder: Path) -> None:
    """Remove the folder; GnuPG's agents may still be removing their sockets in it."""
    for path in sorted(folder.rglob("*"), key=lambda path: len(path.parts), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
    folder.rmdir()


if __name__ == "__main__":
    demo()
