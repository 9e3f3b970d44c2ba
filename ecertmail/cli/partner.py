"""`ecertmail partner`: partners are files that an operator edits and reviews; this writes the first version."""

from datetime import date
from pathlib import Path
from typing import ClassVar

import click
import tomlkit

from ecertmail import config as configuration
from ecertmail import durable
from ecertmail.cli.common import json_option, load, pairs, show_json, table
from ecertmail.cli.lazy_group import LazyGroup, Place
from ecertmail.config import Config
from ecertmail.edge import openpgp
from ecertmail.edge.keyring import gnupg_reads
from ecertmail.errors import ConfigError, KeyringError, NotFoundError
from ecertmail.parties import Partner, PinnedKey


class PartnerCommands(LazyGroup):
    """The commands of a partner file, and those of its keys in a module of their own."""

    places: ClassVar[dict[str, Place]] = {"keys": Place("keys", "Look at keys; add, confirm and end them.")}


@click.group(cls=PartnerCommands)
def partner() -> None:
    """Add and look at partners: authorities whose certificates this node takes."""


@partner.command(epilog="\b\nExample:\n  ecertmail partner add cn cn.asc --name 'GACC' --country CN "
                 "--address ecert@customs.example")  # fmt: skip
@click.argument("partner_id", metavar="ID")
@click.argument("key_file", metavar="KEYFILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", required=True, help="The institution's name.")
@click.option("--country", required=True, help="Two letters, such as CN.")
@click.option(
    "--address", "addresses", required=True, multiple=True, help="It sends from here; the first gets receipts."
)
@click.option("--issues-for", multiple=True, help="Countries it may issue for; by default its own.")
@click.option("--profile", "profiles", multiple=True, help="Formats agreed; by default all.")
@click.option("--fingerprint", help="The fingerprint you were told by another way; then nothing is asked.")
@click.pass_context
def add(
    context: click.Context,
    partner_id: str,
    key_file: Path,
    name: str,
    country: str,
    addresses: tuple[str, ...],
    issues_for: tuple[str, ...],
    profiles: tuple[str, ...],
    fingerprint: str | None,
) -> None:
    """Write partners/ID.toml and its key file, after the key's fingerprint was confirmed."""
    config = load(context)
    if not partner_id.isidentifier() and not partner_id.replace("-", "").isalnum():
        raise ConfigError(f"{partner_id!r}: an ID is letters, digits and hyphens, such as nz or nz-mpi")
    folder = config.path(config.settings.paths.partners)
    file, key_copy = folder / f"{partner_id}.toml", folder / f"{partner_id}.asc"
    if file.exists():
        raise ConfigError(f"{file}: exists already; edit it instead")
    octets = key_file.read_bytes()
    key = usable(octets)
    confirm(key.fingerprint, fingerprint)
    values = {
        "name": name,
        "country": country,
        "addresses": list(addresses),
        "issues_for": list(issues_for) or [country],
        **({"profiles": list(profiles)} if profiles else {}),
        "keys": [{"fingerprint": key.fingerprint, "file": key_copy.name}],
    }
    durable.write(key_copy, octets, durable.READABLE)  # a crash after it leaves a key file that no partner names
    durable.write(file, tomlkit.dumps(values).encode(), durable.READABLE)
    try:
        configuration.load(config.file)
    except ConfigError:
        durable.remove(file)
        durable.remove(key_copy)
        raise
    click.echo(f"{file}: written. A running daemon takes it up at reload (`systemctl reload ecertmail`).")


def usable(octets: bytes) -> openpgp.PublicKey:
    """Read a partner's key; say so where only Sequoia can read it.

    Raises:
        KeyringError: its signatures cannot be checked here, for the reason in its text.
    """
    key = openpgp.require_signing(openpgp.read_public_key(octets))
    if not gnupg_reads(octets):
        click.echo(
            "The GnuPG of this machine cannot read this key. Sequoia checks its signatures all the same. When it "
            "refuses one, no second program can say why.",
            err=True,
        )
    return key


def confirm(found: str, told: str | None) -> None:
    """Ask whether a fingerprint, as a whole, is the one that came by another way."""
    if told is not None:
        if told.replace(" ", "").upper() != found:
            raise KeyringError(f"the key file holds {found}, not {told}; nothing was changed")
        return
    click.echo(f"The key's fingerprint is\n\n  {_grouped(found)}\n")
    click.confirm("Did the partner confirm exactly this, by telephone or on paper?", abort=True)


def _grouped(fingerprint: str) -> str:
    return " ".join(fingerprint[i : i + 4] for i in range(0, len(fingerprint), 4))


@partner.command("list")
@json_option
@click.pass_context
def list_(context: click.Context, as_json: bool) -> None:
    """List all partners."""
    partners = load(context).partners
    if as_json:
        show_json(partners)
        return
    rows = [(p.id, p.country, p.name, p.receipt_address, ",".join(p.issues_for)) for p in partners]
    table(rows, ("ID", "COUNTRY", "NAME", "ADDRESS", "ISSUES FOR"))


@partner.command(epilog="\b\nExample:\n  ecertmail partner show cn")
@click.argument("partner_id", metavar="ID")
@json_option
@click.pass_context
def show(context: click.Context, partner_id: str, as_json: bool) -> None:
    """Show one partner with its full fingerprints."""
    config = load(context)
    entry = find(config, partner_id)
    if as_json:
        show_json(entry)
        return
    pairs(_facts(config, entry))


def find(config: Config, partner_id: str) -> Partner:
    """Return a partner by its ID."""
    found = {entry.id: entry for entry in config.partners}.get(partner_id)
    if found is None:
        raise NotFoundError(f"{partner_id}: no partner has this ID; see `ecertmail partner list`")
    return found


def _facts(config: Config, entry: Partner) -> list[tuple[str, object]]:
    return [
        ("id", entry.id),
        ("name", entry.name),
        ("country", entry.country),
        ("addresses", ", ".join(entry.addresses)),
        ("receipts go to", entry.receipt_address),
        ("issues for", ", ".join(entry.issues_for)),
        ("profiles", ", ".join(entry.profiles)),
        ("assurance", entry.assurance.value),
        ("encrypt", entry.encrypt.value),
        *(("key", line) for key in entry.keys for line in (_grouped(key.fingerprint), _life(config, key))),
    ]


def _life(config: Config, pinned: PinnedKey) -> str:
    try:
        key = openpgp.read_public_key(config.key_files[pinned.fingerprint].read_bytes())
    except (OSError, KeyringError) as error:
        return f"  CANNOT BE USED: {error}"
    expiry = f"expires {key.expires_at:%Y-%m-%d}" if key.expires_at else "never expires"
    period = "" if pinned == PinnedKey(fingerprint=pinned.fingerprint) else f", {period_of(pinned)}"
    return f"  {expiry}{period}{', REVOKED' if key.revoked else ''}"


def period_of(key: PinnedKey) -> str:
    """Say in words from when to when a key counts."""
    bounds = [("from", key.not_before, date.min), ("to", key.not_after, date.max)]
    return " ".join(f"{word} {day}" for word, day, open_end in bounds if day != open_end) or "always"
