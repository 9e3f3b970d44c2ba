"""`ecertmail partner`: partners are files that an operator edits and reviews; this writes the first version."""

import json
from pathlib import Path

import click

from ecertmail import config as configuration
from ecertmail.cli.common import Group, json_option, load, pairs, show_json, table
from ecertmail.edge import openpgp
from ecertmail.errors import ConfigError, KeyringError, NotFoundError
from ecertmail.model import Partner


@click.group(cls=Group)
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
    key = openpgp.read_public_key(octets)
    _confirm(key.fingerprint, fingerprint)
    values = {
        "name": name,
        "country": country,
        "addresses": list(addresses),
        "fingerprints": [key.fingerprint],
        "key_file": key_copy.name,
        "issues_for": list(issues_for) or [country],
        **({"profiles": list(profiles)} if profiles else {}),
    }
    key_copy.write_bytes(octets)
    file.write_text("".join(f"{k} = {json.dumps(v, ensure_ascii=False)}\n" for k, v in values.items()), "utf-8")
    try:
        configuration.load(config.file)
    except ConfigError:
        file.unlink()
        key_copy.unlink()
        raise
    click.echo(f"{file}: written. A running daemon takes it up at reload (`systemctl reload ecertmail`).")


def _confirm(found: str, told: str | None) -> None:
    """A fingerprint is compared as a whole, with one that came by another way."""
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
    partners = [entry for entry, _ in load(context).partners]
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
    found = {entry.id: (entry, path) for entry, path in load(context).partners}.get(partner_id)
    if found is None:
        raise NotFoundError(f"{partner_id}: no partner has this ID; see `ecertmail partner list`")
    entry, path = found
    if as_json:
        show_json(entry)
        return
    pairs(_facts(entry, path))


def _facts(entry: Partner, path: Path) -> list[tuple[str, object]]:
    key = openpgp.read_public_key(path.read_bytes())
    return [
        ("id", entry.id),
        ("name", entry.name),
        ("country", entry.country),
        ("addresses", ", ".join(entry.addresses)),
        ("receipts go to", entry.receipt_address),
        ("issues for", ", ".join(entry.issues_for)),
        ("profiles", ", ".join(entry.profiles)),
        *(("fingerprint", _grouped(fingerprint)) for fingerprint in entry.fingerprints),
        ("key expires", f"{key.expires_at:%Y-%m-%d}" if key.expires_at else "never"),
        ("key revoked", "YES" if key.revoked else "no"),
    ]
