"""`ecertmail official`: people who check certificates and answer by mail, and who answer for those issued here."""

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from ecertmail.cli.changing import change
from ecertmail.cli.common import Group, json_option, load, opened, pairs, show_json, table
from ecertmail.cli.partner import find
from ecertmail.config import Config
from ecertmail.core.address import base, normal
from ecertmail.core.record import timestamp
from ecertmail.edge import openpgp
from ecertmail.errors import ConfigError, KeyringError, NotFoundError
from ecertmail.official import Language, Official, OfficialState, Role
from ecertmail.parties import OWN
from ecertmail.store.reader import LedgerReader

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,40}")
_LONGEST = 100
_LANGUAGES = [language.value for language in Language]
_ROLES = [role.value for role in Role]


@click.group(cls=Group)
def official() -> None:
    """Add and look at officials: people who look certificates up and decide on them by mail."""


@official.command(
    epilog='\b\nExamples:\n  ecertmail official add --address wang@customs.example --name "Wang Wei" \\\n'
    '    --post "Port of Shanghai" --language zh\n'
    '  ecertmail official add duty --address duty@customs.example --name "Li Na" --role answers\n'
    '  ecertmail official add smith --partner nz --address smith@mpi.example --name "Jo Smith" --key smith.asc'
)
@click.argument("official_id", metavar="[ID]", required=False)
@click.option("--address", required=True, help="The person's own mailbox; nothing else is listened to or answered.")
@click.option("--name", required=True, help="As others are told, such as Wang Wei.")
@click.option("--post", default="", help="As others are told, such as Port of Shanghai.")
@click.option("--language", default="en", show_default=True, type=click.Choice(_LANGUAGES), help="Of the letters.")
@click.option("--partner", default=OWN, show_default=True, help="Whose official it is: ours, or a partner's ID.")
@click.option("--role", default="checks", show_default=True, type=click.Choice(_ROLES),
              help="checks certificates that come in, or answers inquiries about those that we issued.")  # fmt: skip
@click.option("--key", "key_file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="The person's public OpenPGP key.")  # fmt: skip
@click.pass_context
def add(
    context: click.Context, /, official_id: str | None, address: str, partner: str, key_file: Path | None, **values: str
) -> None:
    """Add an official. An address outside the authority's own domains waits for `official approve`."""
    config = load(context)
    mailbox = _mailbox(config, address)
    if partner != OWN:
        find(config, partner)
        if values["role"] == Role.ANSWERS:
            raise ConfigError("--role answers: only our own officials answer for what we issued; leave --partner out")
    known = mailbox.rpartition("@")[2] in config.domains(partner)
    new = {
        "id": _identity(official_id, mailbox),
        "address": mailbox,
        "partner": partner,
        "state": OfficialState.ACTIVE if known else OfficialState.PENDING,
        **{name: _line(name, value) for name, value in values.items()},
        **_key(config, key_file),
    }
    change(config, {"do": "official", "official": json.dumps(new)})
    click.echo(f"{new['id']}: {'active' if known else 'PENDING; `ecertmail official approve` makes it active'}")
    if new["fingerprint"]:
        click.echo(f"signs with the key {new['fingerprint']}; compare it with the person's, by telephone or on paper")


def _mailbox(config: Config, address: str) -> str:
    mailbox = normal(address)
    if mailbox is None:
        raise ConfigError(f"--address {address}: must be a plain mail address, such as wang@customs.example")
    if base(mailbox) in config.nodes:
        raise ConfigError(
            f"--address {mailbox}: is read by a program, ours or a partner's; name the person's own mailbox"
        )
    return mailbox


def _identity(given: str | None, mailbox: str) -> str:
    made = given or re.sub("[^a-z0-9]+", "-", mailbox.partition("@")[0]).strip("-")[:41]
    if not _ID.fullmatch(made):
        raise ConfigError(f"{made!r}: an ID is up to 41 lower-case letters, digits and hyphens, such as wang-wei")
    return made


def _line(name: str, value: str) -> str:
    line = " ".join(value.split())
    if len(line) > _LONGEST or not line.isprintable() or (name == "name" and not line):
        raise ConfigError(f"--{name}: is one line of at most {_LONGEST} characters")
    return line


def _key(config: Config, file: Path | None) -> dict[str, str]:
    """Read a person's key; one that speaks for a node must not speak for a person too."""
    if file is None:
        return {"fingerprint": "", "public_key": ""}
    try:
        key = openpgp.read_public_key(file.read_bytes())
    except KeyringError as error:
        raise KeyringError(f"{file}: {error}") from error
    nodes = {config.settings.keys.fingerprint, *(name for one in config.signers for name in one.fingerprints)}
    if key.revoked or key.fingerprint in nodes:
        why = "is revoked" if key.revoked else "is the key of a node, ours or a partner's"
        raise KeyringError(f"{file}: {key.fingerprint} {why}; ask the person for the one to use")
    return {"fingerprint": key.fingerprint, "public_key": key.octets.hex()}


@official.command("list")
@click.option("--all", "everything", is_flag=True, help="Suspended ones too.")
@click.option("--partner", help="Only those of this partner; self for our own.")
@json_option
@click.pass_context
def list_(context: click.Context, everything: bool, partner: str | None, as_json: bool) -> None:
    """List officials."""
    reader = _reader(load(context))
    found = [
        one for one in reader.officials()
        if partner in {None, one.partner} and (everything or one.state is not OfficialState.SUSPENDED)
    ]  # fmt: skip
    reader.close()
    if as_json:
        show_json([_facts(one) for one in found])
        return
    rows = [(o.id, o.state, o.partner, o.role, o.address, o.language, o.signs_as) for o in found]
    table(rows, ("ID", "STATE", "PARTNER", "ROLE", "ADDRESS", "LANGUAGE", "NAME"))


@official.command(epilog="\b\nExample:\n  ecertmail official show wang")
@click.argument("official_id", metavar="ID")
@json_option
@click.pass_context
def show(context: click.Context, official_id: str, as_json: bool) -> None:
    """Show one official, with the number of decisions and the last of them."""
    reader = _reader(load(context))
    found = {one.id: one for one in reader.officials()}.get(official_id)
    count, last = reader.decided_by(official_id)
    reader.close()
    if found is None:
        raise NotFoundError(f"{official_id}: there is no such official; see `ecertmail official list --all`")
    if as_json:
        show_json({**_facts(found), "decisions": count, "last_decision": last})
        return
    said = f"{last.decision.word} {last.number} at {timestamp(last.at)} (entry {last.entry})" if last else "-"
    facts = [(name.replace("_", " "), value or "-") for name, value in _facts(found).items()]
    pairs([*facts, ("decisions", count), ("last decision", said)])


def _facts(one: Official) -> dict[str, Any]:
    """Everything but the octets of the key."""
    facts = {name: value for name, value in asdict(one).items() if name != "public_key"}
    return {**facts, "created_at": timestamp(one.created_at)}


def _state_command(word: str, done: str, text: str) -> None:
    @official.command(word, help=text, epilog=f"\b\nExample:\n  ecertmail official {word} wang")
    @click.argument("official_id", metavar="ID")
    @click.pass_context
    def command(context: click.Context, official_id: str) -> None:
        change(load(context), {"do": "official-state", "id": official_id, "word": word})
        click.echo(f"{official_id}: {done}")


_state_command("approve", "active", "Listen to and answer a pending official.")
_state_command("suspend", "suspended", "Listen no more, and write no more; decisions and tickets stay on record.")
_state_command("resume", "active", "Listen to a suspended official again.")


def _reader(config: Config) -> LedgerReader:
    return opened(LedgerReader(config.spool / "ledger.db"))
