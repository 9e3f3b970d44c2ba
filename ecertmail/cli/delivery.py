"""`ecertmail delivery`: what was sent, what became of it, and what an operator can do about it."""

import contextlib
import itertools

import click

from ecertmail.cli.changing import change
from ecertmail.cli.common import Group, json_option, load, opened, pairs, show_json, show_json_list, table
from ecertmail.config import Config
from ecertmail.core import mime
from ecertmail.delivery import DeliveryState
from ecertmail.store.deliveries import DeliveryReader, Row

_DONE = {DeliveryState.DELIVERED, DeliveryState.ACKNOWLEDGED, DeliveryState.CANCELLED}
_SHOWN = 50
_OPEN = tuple(state.value for state in DeliveryState if state not in _DONE)


@click.group(cls=Group)
def delivery() -> None:
    """Look at outgoing mails; send one again, or cancel it."""


@delivery.command(
    "list",
    epilog="\b\nExamples:\n  ecertmail delivery list\n  ecertmail delivery list --state bounced --state alarmed"
    "\n  ecertmail delivery list --all --to customs.example --json",
)
@click.option("--state", "states", multiple=True, type=click.Choice([state.value for state in DeliveryState]),
              help="Only in this state; can be given several times.")  # fmt: skip
@click.option("--to", default="", help="Only to recipients that contain this text.")
@click.option("--all", "everything", is_flag=True, help="Those that are done with, too.")
@click.option("-n", "count", type=click.IntRange(min=1),
              help="How many at most, newest first; 50 by default, and no limit with --all.")  # fmt: skip
@json_option
@click.pass_context
def list_(
    context: click.Context, states: tuple[str, ...], to: str, everything: bool, count: int | None, as_json: bool
) -> None:
    """List outgoing mails that wait or that something is wrong with."""
    limit = count or (None if everything else _SHOWN)
    with contextlib.closing(_reader(context)) as reader:
        found = reader.rows(states or (() if everything else _OPEN), to)
        rows = itertools.islice(found, limit)
        if as_json:
            show_json_list(rows)
        else:
            table([_cells(row) for row in rows], ("ID", "STATE", "KIND", "TO", "TRIES", "STAGED", "NEXT", "REPLY"))
        if next(found, None) is not None:
            click.echo(f"These are the newest {limit}; more with -n, everything with --all.", err=True)


@delivery.command(epilog="\b\nExample:\n  ecertmail delivery show 17")
@click.argument("number", metavar="ID", type=click.IntRange(min=1))
@json_option
@click.pass_context
def show(context: click.Context, number: int, as_json: bool) -> None:
    """Show one outgoing mail's envelope, headline, state and every try with the server's reply."""
    reader = _reader(context)
    shown = reader.show(number)
    reader.close()
    head, row = mime.headline(shown.octets), shown.row
    if as_json:
        show_json({"delivery": row, "headline": head, "tries": shown.tries, "alarm": shown.alarm, "gone": shown.gone})
        return
    answer = _time(row.answered_at) if row.answered_at else "expected" if row.expects else "not expected"
    pairs(
        [
            ("id", row.id),
            ("state", row.state),
            ("alarm", shown.alarm or "-"),
            ("kind", row.kind),
            ("envelope", f"from <{row.reverse_path}> to {row.recipient}"),
            ("Subject", head.subject or shown.gone),
            ("Message-ID", row.message_id),
            ("staged", _time(row.created_at)),
            ("next try", _time(row.next_at)),
            ("reminded", _time(row.reminded_at)),
            ("answer", answer),
            *((_time(one.at), f"{one.outcome}: {one.reply}") for one in shown.tries),
        ]
    )


@delivery.command(epilog="\b\nExample:\n  ecertmail delivery retry 17")
@click.argument("number", metavar="ID", type=click.IntRange(min=1))
@json_option
@click.pass_context
def retry(context: click.Context, number: int, as_json: bool) -> None:
    """Send a mail that failed, expired or bounced once more: the same octets, the same Message-ID."""
    _change(load(context), "retry", number)
    _say(number, "is due again", as_json)


@delivery.command(epilog="\b\nExample:\n  ecertmail delivery cancel 17")
@click.argument("number", metavar="ID", type=click.IntRange(min=1))
@json_option
@click.pass_context
def cancel(context: click.Context, number: int, as_json: bool) -> None:
    """Send a mail no more that waits, failed or expired."""
    _change(load(context), "cancel", number)
    _say(number, "is cancelled", as_json)


@delivery.command(epilog="\b\nExample:\n  ecertmail delivery close 17")
@click.argument("number", metavar="ID", type=click.IntRange(min=1))
@json_option
@click.pass_context
def close(context: click.Context, number: int, as_json: bool) -> None:
    """Close the alarm of a mail after somebody has seen to it; its state stays."""
    _change(load(context), "close", number)
    _say(number, "has no open alarm", as_json)


def _cells(row: Row) -> tuple[object, ...]:
    times = _time(row.created_at), _time(row.next_at)
    return row.id, row.state, row.kind, row.recipient, row.attempts, *times, row.reply


def _say(number: int, what: str, as_json: bool) -> None:
    if as_json:
        show_json({"id": number, "done": what})
    else:
        click.echo(f"{number}: {what}.")


def _change(config: Config, do: str, number: int) -> None:
    change(config, {"do": f"delivery.{do}", "id": str(number)})


def _reader(context: click.Context) -> DeliveryReader:
    return opened(DeliveryReader(load(context).spool / "ledger.db"))


def _time(text: str) -> str:
    return text[:19].replace("T", " ") or "-"
