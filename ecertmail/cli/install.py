"""`ecertmail init`."""

import secrets
from pathlib import Path
from typing import Any

import click

from ecertmail import config as configuration
from ecertmail import durable, own_key
from ecertmail.cli import init_mailbox
from ecertmail.cli.common import pairs
from ecertmail.core.address import normal
from ecertmail.edge import control
from ecertmail.edge.keyring import GnupgKeyring
from ecertmail.errors import ConfigError

_SOCKETS = ("spool/control.sock", "keys/gnupg/S.gpg-agent.browser")  # the longest one of GnuPG's agent


@click.command(epilog="\b\nExample:\n  ecertmail init /srv/ecertmail --name 'Example Authority' --country NZ "
               "--address ecert@example.org")  # fmt: skip
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--name", prompt="Name of your authority", help="The institution's name, as partners read it.")
@click.option("--country", prompt="Country code", help="Two letters, such as NZ.")
@click.option("--address", prompt="Mail address of this node", help="Where partners send certificates.")
@init_mailbox.options
def init(folder: Path, name: str, country: str, address: str, **mailbox: Any) -> None:
    """Make a working installation in DIR: configuration, key pair, folders; with --mailbox one that needs no port."""
    file = folder / "ecertmail.toml"
    if file.exists():
        raise ConfigError(f"{file}: exists already; nothing was changed")
    if too_long := [name for name in _SOCKETS if not control.fits(folder.absolute() / name)]:
        raise ConfigError(
            f"{folder}: the path is too long for the socket {too_long[0]} in it, which may have {control.LONGEST_PATH} "
            "octets in all; choose a folder nearer to /; nothing was changed"
        )
    if normal(address) is None or len(country) != 2:
        raise ConfigError("--address must be a plain mail address and --country two letters such as NZ")
    if '"' in name or "\\" in name or not name.isprintable():
        raise ConfigError("--name must not contain quotes, backslashes or control characters")
    reading = init_mailbox.chosen(normal(address) or "", mailbox)
    for part in (".", "keys", "spool", "partners"):
        durable.make_folder(folder / part)
    click.echo("Making the node's key …")
    fingerprint = _make_key(folder, name, normal(address) or "")
    values = {"NAME": name, "COUNTRY": country.upper(), "ADDRESS": normal(address) or "", "FINGERPRINT": fingerprint}
    text = configuration.packaged("ecertmail.toml").read_text(encoding="utf-8")
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    if reading is not None:
        reading.write_password(folder)
        text = reading.write_into(text)
    durable.write(file, text.encode(), durable.READABLE)
    configuration.load(file)
    _tell(folder, fingerprint)


def _make_key(folder: Path, name: str, address: str) -> str:
    passphrase = secrets.token_urlsafe(32)
    keyring = GnupgKeyring(folder / "keys/gnupg")
    fingerprint = keyring.generate(name, address, passphrase)
    durable.write(folder / "keys/passphrase", f"{passphrase}\n".encode())
    durable.write(folder / "keys/node.asc", keyring.public_key(fingerprint).encode(), durable.READABLE)
    own_key.prove(own_key.load(keyring, fingerprint, passphrase))
    return fingerprint


def _tell(folder: Path, fingerprint: str) -> None:
    pairs(
        [
            ("Configuration", folder / "ecertmail.toml"),
            ("Public key, for your partners", folder / "keys/node.asc"),
            ("Its fingerprint, to be told by another way", fingerprint),
            ("Its passphrase, to be backed up", folder / "keys/passphrase"),
        ]
    )
    click.echo(f"\nNext: ecertmail -C {folder}/ecertmail.toml partner add …, then … check-config, then … serve")
