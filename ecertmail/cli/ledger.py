"""`ecertmail lookup` and `ecertmail ledger`."""

import json
import sys
from dataclasses import asdict

import click

from ecertmail.cli import compacting
from ecertmail.cli.common import CHECK_FAILED, Group, fail, json_option, load, opened, pairs, show_json, table
from ecertmail.config import Config
from ecertmail.core.entity import printable
from ecertmail.core.printed import qr_text
from ecertmail.core.record import timestamp
from ecertmail.errors import NotFoundError
from ecertmail.model import CertificateStatus
from ecertmail.official import Decided
from ecertmail.parties import OWN
from ecertmail.store import audit, octets_audit, space
from ecertmail.store.reader import Found, LedgerReader

_REMARK = 200
_STATES = ("status", "outcome", "decision", "state")


@click.command(epilog="\b\nExamples:\n  ecertmail lookup NZL2009/0001/26\n  ecertmail lookup --json 'NZ 2026 4711'\n"
               "  ecertmail lookup --xml 12 NZL2009/0001/26 > certificate.xml")  # fmt: skip
@click.argument("number")
@json_option
@click.option("--xml", "entry", type=int, help="Print the certificate as recorded at this ledger entry.")
@click.pass_context
def lookup(context: click.Context, number: str, as_json: bool, entry: int | None) -> None:
    """Show a certificate: its status, its main fields, every version ever received, and what was decided on it."""
    config = load(context)
    reader = opened(LedgerReader(config.spool / "ledger.db"))
    found = reader.lookup(number)
    if not found:
        raise NotFoundError(f"{number}: no certificate with this number is recorded here")
    if entry is not None:
        if entry not in {version.entry for one in found for version in one.versions}:
            raise NotFoundError(f"{number}: has no version at entry {entry}")
        sys.stdout.buffer.write(reader.octets(entry) + b"\n")
    elif as_json:
        show_json([{**asdict(one), "qr": _qr(one, config)} for one in found])
    else:
        names = {partner.id: partner.name for partner in config.partners} | {OWN: config.authority.name}
        for one in found:
            _show(one, names.get(one.issuer, one.issuer), _qr(one, config))


def _qr(found: Found, config: Config) -> str:
    """The text for the QR code of a printed copy: of what its issuer sent last."""
    countries = {partner.id: partner.country for partner in config.partners} | {OWN: config.authority.country}
    sha256 = next(version.sha256 for version in reversed(found.versions) if version.kind == "certificate")
    return qr_text(countries.get(found.issuer, found.exporting), found.number, sha256)


def _show(found: Found, issuer: str, qr: str) -> None:
    pairs(
        [
            ("number", found.number),
            ("issuer", issuer),
            ("status", _status(found.status)),
            ("title", found.title),
            ("type", found.type or "-"),
            ("issued", found.issued_at or "-"),
            ("from, to", f"{found.exporting}, {found.importing or '-'}"),
            ("QR code", qr),
        ]
    )
    for version in found.versions:
        kind = {"conflict": "CONFLICT, refused: ", "replaced": "replaced by " + version.replaced_by + ": "}
        click.echo(f"  entry {version.entry}  {version.at}  {kind.get(version.kind, '')}{_status(version.status)}"
                   f"  {version.sha256}")  # fmt: skip
    for decided in found.decisions:
        click.echo(f"  entry {decided.entry}  {timestamp(decided.at)}  {_decision(decided)}")


def _decision(decided: Decided) -> str:
    later = "" if decided.superseded_by is None else f" (superseded by entry {decided.superseded_by})"
    said = f": {printable(decided.remark)[:_REMARK]}" if decided.remark else ""
    who = f"{printable(decided.operator) or '-'} ({decided.partner}, {decided.assurance})"
    return f"{decided.decision.word}{later} by {who}{said}"


def _status(code: str) -> str:
    return f"{CertificateStatus(code).name.lower()} ({code})"


@click.group(cls=Group)
def ledger() -> None:
    """Look at the append-only log and prove that it is whole."""


@ledger.command(epilog="\b\nExample:\n  ecertmail ledger tail -n 5")
@click.option("-n", "count", default=10, show_default=True, help="How many entries.")
@json_option
@click.pass_context
def tail(context: click.Context, count: int, as_json: bool) -> None:
    """Show the newest entries."""
    entries = opened(LedgerReader(load(context).spool / "ledger.db")).tail(count)
    records = [{"index": entry.index, "leaf": entry.leaf.hex(), **json.loads(entry.record)} for entry in entries]
    if as_json:
        show_json(records)
        return
    rows = [(r["index"], r["at"], r["kind"], r.get("issuer") or r.get("partner", ""), r.get("number", ""),
             next((r[name] for name in _STATES if name in r), "")) for r in records]  # fmt: skip
    table(rows, ("ENTRY", "AT", "KIND", "PARTNER", "NUMBER", "STATUS"))


@ledger.command(epilog="\b\nExamples:\n  ecertmail ledger verify\n  ecertmail ledger verify --size 120 --root 5f1c…")
@click.option("--size", type=int, help="With --root: a size that was noted earlier.")
@click.option("--root", help="The root that was noted with it; a rewritten ledger has another.")
@json_option
@click.pass_context
def verify(context: click.Context, size: int | None, root: str | None, as_json: bool) -> None:
    """Recompute every hash, compare the current state with the log, and print size and root to note down."""
    if (size is None) != (root is None):
        raise click.UsageError("--size and --root go together")
    folder = load(context).spool
    reader = opened(LedgerReader(folder / "ledger.db"))
    now = reader.size()
    with click.progressbar(length=now, label="Verifying", file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
        faults = [*audit.faults(reader, bar.update), *octets_audit.faults(folder)]
    if size is not None and (size > now or reader.root(size).hex() != (root or "").lower()):
        faults.append(f"the root over the first {size} entries is not the one given: the ledger was rewritten")
    gone = {str(what): count for what, count in space.removed(folder).items()}
    facts = {"size": now, "root": reader.root(now).hex(), "removed_by_retention": gone, "faults": faults}
    if as_json:
        show_json(facts)
    else:
        told = ", ".join(f"{count} {what}" for what, count in gone.items() if count) or "nothing"
        pairs([("size", now), ("root", facts["root"]), ("removed by retention", told)])
    if faults:
        fail("\n".join(faults), CHECK_FAILED)
    if not as_json:
        click.secho("The ledger is whole.", fg="green")


ledger.add_command(compacting.command("ledger"))
