"""A group whose commands are imported when they are called, so that `ecertmail --help` need not import the daemon."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import ClassVar

import click

from ecertmail.cli.common import Group


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command is: a module of `ecertmail.cli`, and the line that the list of commands has for it."""

    module: str
    summary: str


class LazyGroup(Group):
    """A command group with a table of names in place of the commands themselves."""

    places: ClassVar[Mapping[str, Place]] = {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the table, and of commands that were added in the usual way."""
        return sorted({*super().list_commands(ctx), *self.places})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of a command; the command has the same name there, with underscores."""
        place = self.places.get(cmd_name)
        if place is None:
            return super().get_command(ctx, cmd_name)
        found: click.Command = getattr(import_module(f"ecertmail.cli.{place.module}"), cmd_name.replace("-", "_"))
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from the table, without an import."""
        rows = [(name, self._summary(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def _summary(self, ctx: click.Context, name: str) -> str:
        if name in self.places:
            return self.places[name].summary
        command = self.get_command(ctx, name)
        return command.get_short_help_str() if command else ""
