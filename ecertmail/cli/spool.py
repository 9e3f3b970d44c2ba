"""`ecertmail spool`: what waits, what was set aside and why, and every message ever received."""

import sys
from datetime import UTC

import click

from ecertmail.cli import compacting
from ecertmail.cli.changing import change
from ecertmail.cli.common import Group, json_option, load, opened, pairs, show_json, table
from ecertmail.core import mime
from ecertmail.core.outline import outline
from ecertmail.errors import RemovedError
from ecertmail.findings import FindingCode
from ecertmail.store.spool import SpoolReader
from ecertmail.store.spool_rows import Row

_WAITING = ("spooled", "claimed", "quarantined")
_SENTENCES = {finding.code: finding.value for finding in FindingCode}


@click.group(cls=Group)
def spool() -> None:
    """Look at received messages; release or drop what is in quarantine."""


@spool.command("list", epilog="\b\nExamples:\n  ecertmail spool list\n  ecertmail spool list --all --json")
@click.option("--all", "everything", is_flag=True, help="Decided messages too.")
@click.option("-n", "count", default=50, show_default=True, help="How many at most, newest first.")
@json_option
@click.pass_context
def list_(context: click.Context, everything: bool, count: int, as_json: bool) -> None:
    """List messages that wait or are in quarantine, with the reason."""
    rows = _reader(context).list((*_WAITING, *(("archived",) if everything else ())), count)
    if as_json:
        show_json(rows)
        return
    cells = [
        (r.id, r.state, r.reason, _since(r), r.envelope.reverse_path or "<>", r.envelope.peer, r.size) for r in rows
    ]
    table(cells, ("ID", "STATE", "REASON", "RECEIVED", "SENDER", "PEER", "OCTETS"))


@spool.command(epilog="\b\nExample:\n  ecertmail spool show 20260115T023000-1a2b3c4d")
@click.argument("spool_id", metavar="ID")
@json_option
@click.pass_context
def show(context: click.Context, spool_id: str, as_json: bool) -> None:
    """Show one message's envelope, unverified headers, structure and the reason for its quarantine."""
    reader = _reader(context)
    row, gone = reader.row(spool_id), ""
    try:
        octets = reader.get(spool_id)[1]
    except RemovedError as error:
        octets, gone = b"", str(error)
    head = mime.headline(octets)
    lines = [] if gone else outline(octets)
    if as_json:
        show_json({"message": row, "headline": head, "parts": lines, "gone": gone})
        return
    pairs(
        [
            ("id", row.id),
            ("state", row.state),
            ("reason", f"{row.reason}: {_SENTENCES.get(row.reason, row.detail)}" if row.reason else "-"),
            ("detail", row.detail or "-"),
            ("received", _since(row)),
            ("envelope", f"from <{row.envelope.reverse_path}> to {', '.join(row.envelope.recipients)}"),
            ("peer", row.envelope.peer),
            *([("octets", gone)] if gone else []),
            ("From (unverified)", head.sender),
            ("Subject (unverified)", head.subject),
            ("Message-ID", head.message_id),
            *(("structure" if line.depth == 0 else "", line) for line in lines),
        ]
    )


@spool.command(epilog="\b\nExample:\n  ecertmail spool export 20260115T023000-1a2b3c4d > message.eml")
@click.argument("spool_id", metavar="ID")
@click.pass_context
def export(context: click.Context, spool_id: str) -> None:
    """Write one message's octets, exactly as received, to standard output."""
    sys.stdout.buffer.write(_reader(context).get(spool_id)[1])


@spool.command(epilog="\b\nExample:\n  ecertmail spool release 20260115T023000-1a2b3c4d")
@click.argument("spool_id", metavar="ID")
@click.pass_context
def release(context: click.Context, spool_id: str) -> None:
    """Process a quarantined message again, after its cause was mended (a key added, a partner corrected)."""
    change(load(context), {"do": "release", "id": spool_id})
    click.echo(f"{spool_id}: will be processed again.")


@spool.command(epilog="\b\nExample:\n  ecertmail spool drop 20260115T023000-1a2b3c4d")
@click.argument("spool_id", metavar="ID")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def drop(context: click.Context, spool_id: str, yes: bool) -> None:
    """Delete a quarantined message for good."""
    if not yes:
        click.confirm(f"Delete {spool_id} for good?", abort=True)
    change(load(context), {"do": "drop", "id": spool_id})
    click.echo(f"{spool_id}: deleted.")


spool.add_command(compacting.command("spool"))


def _reader(context: click.Context) -> SpoolReader:
    return opened(SpoolReader(load(context).spool / "spool.db"))


def _since(row: Row) -> str:
    return row.envelope.received_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
