"""What every command shares: finding the configuration, JSON, tables, and errors as one sentence with an exit code."""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeVar

import click

from ecertmail.errors import ConfigError, EcertmailError, UnreadableError

if TYPE_CHECKING:  # `ecertmail --help` reads no configuration
    from ecertmail.config import Config

CHECK_FAILED = 3
_Reader = TypeVar("_Reader", bound="Closable")
_PLACES = (Path("ecertmail.toml"), Path("/etc/ecertmail/ecertmail.toml"))


class Closable(Protocol):
    """What is closed after use."""

    def close(self) -> None:
        """Close it."""


class Group(click.Group):
    """A command group that ends our own errors in a sentence and their exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; no stack trace for what we can explain."""
        try:
            return super().invoke(ctx)
        except EcertmailError as error:
            fail(str(error), error.exit_code)
        except PermissionError as error:
            sentence = f"{error.filename}: this user may not use it; run the command as the user that runs ecertmail"
            fail(sentence, UnreadableError.exit_code)


def fail(message: str, code: int) -> NoReturn:
    """Print an error for people and end with an exit code for programs."""
    for line in message.splitlines():
        click.echo(f"{click.style('error:', fg='red', bold=True)} {line}", err=True)
    sys.exit(code)


def opened(reader: _Reader) -> _Reader:
    """Return a reader; it is closed when the command ends."""
    click.get_current_context().call_on_close(reader.close)
    return reader


def load(context: click.Context) -> "Config":
    """Load the configuration that -C, the environment or the usual places name."""
    from ecertmail import config as configuration

    return configuration.load(config_file(context))


def config_file(context: click.Context) -> Path:
    """Find ecertmail.toml."""
    given = context.find_root().obj
    if given:
        return Path(given)
    for place in _PLACES:
        if os.path.exists(place):  # noqa: PTH110 - unlike Path.exists, no exception for a folder we may not enter
            return place
    raise ConfigError(
        "there is no ecertmail.toml here or in /etc/ecertmail; name one with -C, or run `ecertmail init DIR`"
    )


def show_json(value: object) -> None:
    """Print a value as JSON; dataclasses as objects."""
    click.echo(json.dumps(value, default=_plain, ensure_ascii=False, indent=2))


def show_json_list(values: Iterable[object]) -> None:
    """Print a list as JSON, value by value, however long it is."""
    opened = "["
    for value in values:
        text = json.dumps(value, default=_plain, ensure_ascii=False, indent=2).replace("\n", "\n  ")
        click.echo(f"{opened}\n  {text}", nl=False)
        opened = ","
    click.echo("[]" if opened == "[" else "\n]")


def table(rows: Sequence[Sequence[object]], head: Sequence[str]) -> None:
    """Print rows under a head, columns aligned."""
    texts = [[str(cell) for cell in row] for row in [head, *rows]]
    widths = [max(len(row[i]) for row in texts) for i in range(len(head))]
    for number, row in enumerate(texts):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        click.secho(line, bold=number == 0)


def pairs(values: Sequence[tuple[str, object]]) -> None:
    """Print names and values, aligned; a value of several lines stays in its column."""
    width = max(len(name) for name, _ in values)
    for name, value in values:
        for number, line in enumerate(str(value).splitlines() or [""]):
            click.echo(f"{('' if number else name).ljust(width)}  {line}".rstrip())


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return str(value)


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
