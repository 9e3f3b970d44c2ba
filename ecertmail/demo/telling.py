"""How the demo speaks: chapters, what was seen, and what should have been."""

import click

from ecertmail.demo.node import ObservedError


def expect(holds: bool, otherwise: str) -> None:
    """End the demo unless something holds."""
    if not holds:
        raise ObservedError(otherwise)


def chapter(title: str) -> None:
    """Begin a chapter."""
    click.secho(f"\n{title}", bold=True)


def seen(text: str) -> None:
    """Say what was really observed."""
    click.echo(f"  {click.style('✓', fg='green')} {text}")
