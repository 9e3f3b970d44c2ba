"""`ecertmail partner keys`: which keys speak for a partner, from when to when, and how one follows another."""

from datetime import date, datetime
from pathlib import Path

import click
import tomlkit
from tomlkit.items import AoT

from ecertmail import config as configuration
from ecertmail import durable
from ecertmail.cli.common import Group, json_option, load, show_json, table
from ecertmail.cli.partner import confirm, find, period_of, usable
from ecertmail.config import Config
from ecertmail.edge import openpgp
from ecertmail.errors import ConfigError, KeyringError, NotFoundError
from ecertmail.store.reader import LedgerReader, Offered

_DAY = click.DateTime(["%Y-%m-%d"])
_RELOAD = "A running daemon takes it up at reload (`systemctl reload ecertmail`)."


@click.group(cls=Group)
def keys() -> None:
    """Look at a partner's keys; add one, confirm one that the partner offered by mail, end one."""


@keys.command("list", epilog="\b\nExample:\n  ecertmail partner keys list nz")
@click.argument("partner_id", metavar="[ID]", required=False)
@json_option
@click.pass_context
def list_(context: click.Context, partner_id: str | None, as_json: bool) -> None:
    """List pinned keys with their expiry, and keys that partners offered in signed mails and nobody confirmed yet."""
    config = load(context)
    rows = [row for row in _rows(config) if partner_id in {None, row[0]}]
    head = ("PARTNER", "FINGERPRINT", "STATE", "PERIOD", "EXPIRES")
    if as_json:
        show_json([dict(zip(map(str.lower, head), row, strict=True)) for row in rows])
        return
    table(rows, head)


@keys.command(epilog="\b\nExample:\n  ecertmail partner keys add nz new.asc --from 2027-01-01")
@click.argument("partner_id", metavar="ID")
@click.argument("key_file", metavar="KEYFILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--fingerprint", help="The fingerprint you were told by another way; then nothing is asked.")
@click.option("--from", "first", type=_DAY, help="The first day it counts; by default at once.")
@click.pass_context
def add(
    context: click.Context, partner_id: str, key_file: Path, fingerprint: str | None, first: datetime | None
) -> None:
    """Let another key speak for a partner, after its fingerprint was confirmed; the others stay."""
    _add(load(context), partner_id, key_file.read_bytes(), fingerprint, first)


@keys.command(
    "confirm", epilog="\b\nExample:\n  ecertmail partner keys confirm nz 0123456789ABCDEF0123456789ABCDEF01234567"
)
@click.argument("partner_id", metavar="ID")
@click.argument("fingerprint", metavar="FINGERPRINT")
@click.option("--from", "first", type=_DAY, help="The first day it counts; by default at once.")
@click.pass_context
def confirm_(context: click.Context, partner_id: str, fingerprint: str, first: datetime | None) -> None:
    """Let a key that the partner offered by mail speak for it; give the fingerprint that you were TOLD, as a whole."""
    config = load(context)
    told = fingerprint.replace(" ", "").upper()
    offers = {offer.fingerprint: offer for offer in _offers(config) if offer.partner == partner_id}
    if told not in offers:
        raise NotFoundError(f"{partner_id} has offered no key {told}; see `ecertmail partner keys list {partner_id}`")
    _add(config, partner_id, offers[told].public_key, told, first)


@keys.command(
    epilog="\b\nExample:\n  ecertmail partner keys end nz 0123456789ABCDEF0123456789ABCDEF01234567 2027-01-31"
)
@click.argument("partner_id", metavar="ID")
@click.argument("fingerprint", metavar="FINGERPRINT")
@click.argument("last", metavar="DAY", type=_DAY)
@click.pass_context
def end(context: click.Context, partner_id: str, fingerprint: str, last: datetime) -> None:
    """Set the last day on which a key counts."""
    config = load(context)
    wanted = fingerprint.replace(" ", "").upper()
    file, document = _partner_file(config, partner_id)
    blocks = [block for block in _blocks(document) if str(block["fingerprint"]).replace(" ", "").upper() == wanted]
    if not blocks:
        raise NotFoundError(f"{file}: has no key {wanted}")
    blocks[0]["not_after"] = last.date()
    _write(config, file, document)


def _add(config: Config, partner_id: str, octets: bytes, told: str | None, first: datetime | None) -> None:
    key = usable(octets)
    file, document = _partner_file(config, partner_id)
    if key.fingerprint in find(config, partner_id).fingerprints:
        raise ConfigError(f"{file}: has key {key.fingerprint} already")
    confirm(key.fingerprint, told)
    name = f"{partner_id}-{key.fingerprint[-8:].lower()}.asc"
    block = tomlkit.table()
    block.update({"fingerprint": key.fingerprint, "file": name, **({"not_before": first.date()} if first else {})})
    _blocks(document).append(block)
    durable.write(file.parent / name, octets, durable.READABLE)
    _write(config, file, document)


def _write(config: Config, file: Path, document: tomlkit.TOMLDocument) -> None:
    """Replace the partner file, unless what results is not a good configuration."""
    before = file.read_bytes()
    durable.write(file, tomlkit.dumps(document).encode())
    try:
        configuration.load(config.file)
    except ConfigError:
        durable.write(file, before)
        raise
    click.echo(f"{file}: changed. {_RELOAD}")


def _partner_file(config: Config, partner_id: str) -> tuple[Path, tomlkit.TOMLDocument]:
    find(config, partner_id)
    file = config.path(config.settings.paths.partners) / f"{partner_id}.toml"
    return file, tomlkit.parse(file.read_text(encoding="utf-8"))


def _blocks(document: tomlkit.TOMLDocument) -> AoT:
    blocks = document["keys"]
    if not isinstance(blocks, AoT):
        raise ConfigError("the partner file must hold its keys in [[keys]] blocks")
    return blocks


def _rows(config: Config) -> list[tuple[str, str, str, str, str]]:
    rows = []
    today = date.today()  # noqa: DTZ011 - for display
    for entry in config.partners:
        for pinned in entry.keys:
            in_force = pinned.not_before <= today <= pinned.not_after
            try:
                key = openpgp.read_public_key(config.key_files[pinned.fingerprint].read_bytes())
                expires = f"{key.expires_at:%Y-%m-%d}" if key.expires_at else "never"
                state = "REVOKED" if key.revoked else "in force" if in_force else "not in force"
            except (OSError, KeyringError):
                expires, state = "", "UNUSABLE"
            rows.append((entry.id, pinned.fingerprint, state, period_of(pinned), expires))
    known = {row[1] for row in rows}
    offers = [offer for offer in _offers(config) if offer.fingerprint not in known]
    return rows + [
        (o.partner, o.fingerprint, f"OFFERED {o.at[:10]}", f"signed by …{o.signed_by[-8:]}", "") for o in offers
    ]


def _offers(config: Config) -> list[Offered]:
    try:
        reader = LedgerReader(config.spool / "ledger.db")
    except NotFoundError:
        return []
    offers = reader.offers()
    reader.close()
    return offers
