"""`ecertmail sign`, `offer-key`, `command` and `verify-receipt`: an exchange without an installation."""

import base64
import secrets
import sys
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import click

from ecertmail import clock, examining
from ecertmail import config as configuration
from ecertmail.cli.common import CHECK_FAILED, fail, json_option, load, pairs, show_json
from ecertmail.core import batch, mime, outgoing, read_receipt
from ecertmail.core import command as commanding
from ecertmail.core.mime import Attachment
from ecertmail.core.outgoing import Letter, Sign
from ecertmail.core.profiles import PROFILES
from ecertmail.core.read_receipt import Statement
from ecertmail.edge import openpgp
from ecertmail.edge.keyring import GnupgKeyring
from ecertmail.findings import Finding
from ecertmail.message import SignatureStatus, SignedMessage
from ecertmail.store import schemas

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_PATH = click.Path(path_type=Path)


def _sending(command: Callable[..., None]) -> Callable[..., None]:
    """The options of every command that makes a signed mail."""
    options = (
        click.option("--to", "recipient", required=True, help="The address of the authority that shall receive it."),
        click.option("--from", "sender", help="Your registered address; by default the installation's."),
        click.option("--key", "fingerprint", help="Sign with this key of your GnuPG, not with an installation's."),
        click.option("--home", type=_PATH, default=Path("~/.gnupg"), help="With --key: the GnuPG home."),
        click.option("--encrypt-to", type=_FILE, help="Encrypt to the public key in this file, the recipient's."),
        click.option("-o", "--output", type=_PATH, help="Write here instead of to standard output."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command(
    epilog="\b\nExamples:\n  ecertmail sign certificates.xml --to ecert@customs.example -o batch.eml\n"
    "  ecertmail sign *.xml --to ecert@customs.example --key 0123… --from ecert@example.org > batch.eml"
)
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=_FILE)
@_sending
@click.option("--no-check", is_flag=True, help="Sign also what does not conform to its schema.")
@click.pass_context
def sign(
    context: click.Context, /, files: tuple[Path, ...], output: Path | None, no_check: bool, **sending: Any
) -> None:
    """Make a batch mail from certificate files, signed and ready to send with any mail program."""
    documents = [(file.name, file.read_bytes()) for file in files]
    if not no_check:
        _check(documents)
    _write(outgoing.batch_mail(documents, *_letter(context, **sending)), output)


@click.command(
    "offer-key",
    epilog="\b\nExample:\n  ecertmail offer-key new.asc --to ecert@customs.example -o new-key.eml",
)
@click.argument("key_file", metavar="KEYFILE", type=_FILE)
@_sending
@click.pass_context
def offer_key(context: click.Context, /, key_file: Path, output: Path | None, **sending: Any) -> None:
    """Make a mail that offers a partner your new public key, signed with the key that the partner has."""
    octets = key_file.read_bytes()
    key = openpgp.read_public_key(octets)
    _write(outgoing.key_offer_mail(key.fingerprint, octets, *_letter(context, **sending)), output)


@click.command(
    epilog="\b\nExamples:\n  ecertmail command STATUS HELP --to ecert@customs.example -o ask.eml\n"
    '  ecertmail command "SUBSCRIBE harbour importing=CN digest" --to ecert@customs.example \\\n'
    "    --key 0123… --from ecert@example.org > subscribe.eml",
)
@click.argument("lines", metavar="COMMAND…", nargs=-1, required=True)
@_sending
@click.pass_context
def command(context: click.Context, /, lines: tuple[str, ...], output: Path | None, **sending: Any) -> None:
    """Make a mail that manages your subscriptions at a partner's node: SUBSCRIBE, UNSUBSCRIBE, STATUS, RESEND, HELP."""
    wrong = [f"{line}: {said}" for line in lines if (said := commanding.one(line).wrong)]
    if wrong or len(lines) > commanding.MOST:
        fail("\n".join(wrong or [f"a mail holds at most {commanding.MOST} commands"]), CHECK_FAILED)
    _write(outgoing.command_mail(lines, *_letter(context, **sending)), output)


def _letter(
    context: click.Context,
    recipient: str,
    sender: str | None,
    fingerprint: str | None,
    home: Path,
    encrypt_to: Path | None,
) -> tuple[Letter, Sign]:
    """Who writes to whom, and with which key; an installation's unless another is named."""
    if fingerprint:
        if not sender:
            raise click.UsageError("--key needs --from, the address that your partner has registered for you")
        signer = GnupgKeyring(home.expanduser()).signer(fingerprint)
    else:
        config = load(context)
        sender = sender or config.authority.address
        signer = examining.load_own_key(config).sign
    message_id = f"<{secrets.token_hex(12)}@{sender.rpartition('@')[2]}>"
    encrypt = partial(openpgp.encrypt_to, openpgp.read_public_key(encrypt_to.read_bytes())) if encrypt_to else None
    letter = Letter(sender=sender, recipient=recipient, now=clock.now(), message_id=message_id, encrypt=encrypt)
    return letter, signer


def _write(octets: bytes, output: Path | None) -> None:
    if output:
        output.write_bytes(octets)
    else:
        sys.stdout.buffer.write(octets)


def _check(documents: list[tuple[str, bytes]]) -> None:
    """Tell now what the partner's node would refuse later."""
    attached = tuple(Attachment(type="application/xml", filename=name, data=octets) for name, octets in documents)
    names = tuple(profile.name for profile in PROFILES)
    read = batch.read(attached, names, schemas.load(configuration.packaged("schemas")))
    findings = [read] if isinstance(read, Finding) else [f for item in read.items for f in item.findings]
    if findings:
        lines = [f"{f.where} {f.code.value} {f.detail}".strip() for f in findings]
        fail("\n".join([*lines, "nothing was signed; --no-check signs anyway"]), CHECK_FAILED)


@click.command(
    "verify-receipt", epilog="\b\nExample:\n  ecertmail verify-receipt receipt.eml --key customs.asc --sent batch.eml"
)
@click.argument("file", metavar="FILE", type=_FILE)
@click.option("--key", "key_file", required=True, type=_FILE, help="The public key of who made the receipt.")
@click.option("--sent", type=_FILE, help="The batch mail that was sent; its signed part must have the receipt's MIC.")
@json_option
def verify_receipt(file: Path, key_file: Path, sent: Path | None, as_json: bool) -> None:
    """Verify a receipt offline: whose it is, and what it says about which octets."""
    key = openpgp.read_public_key(key_file.read_bytes())
    receipt = _signed(file)
    check = openpgp.OpenPgpEngine({key.fingerprint: key}, _unexplained).check(receipt.signed_octets, receipt.signature)
    if check.status is not SignatureStatus.GOOD:
        fail(f"{file}: the signature is {check.status.value} for key {key.fingerprint}", CHECK_FAILED)
    said = read_receipt.statement(receipt.signed_octets)
    if said is None:
        fail(f"{file}: is signed, but holds no receipt.xml", CHECK_FAILED)
    if sent and said.mic != _mic(sent):
        fail(f"{file}: is about other octets than {sent}: its MIC is {said.mic}, not {_mic(sent)}", CHECK_FAILED)
    if as_json:
        show_json({"verified": True, "key": key.fingerprint, "sent_matches": bool(sent), "receipt": said})
    else:
        _show(said, key.fingerprint, sent)


def _show(said: Statement, fingerprint: str, sent: Path | None) -> None:
    click.secho(f"A genuine receipt of {said.authority}.", fg="green")
    pairs(
        [
            ("signed by", fingerprint),
            ("at", said.at),
            ("outcome", said.outcome),
            ("answers", said.message_id),
            ("MIC (sha-256)", f"{said.mic}{'  = that of ' + str(sent) if sent else ''}"),
            ("ledger entry", said.entry),
        ]
    )
    for line in said.certificates:
        click.echo(f"  {line.number or '(no number)'}: {line.result}" + (f", entry {line.entry}" if line.entry else ""))
        for finding in line.findings:
            click.echo(f"    {finding}")
    for sentence in (*said.findings, *said.commands):
        click.echo(f"  {sentence}")


def _unexplained(_signed: bytes, _signature: bytes, _fingerprint: str) -> SignatureStatus:
    return SignatureStatus.BAD


def _mic(sent: Path) -> str:
    return base64.b64encode(sha256(_signed(sent).signed_octets).digest()).decode()


def _signed(file: Path) -> SignedMessage:
    mail = mime.read(_crlf(file.read_bytes()))
    if isinstance(mail, mime.Encrypted):
        fail(f"{file}: is encrypted; give its attachment to `gpg --decrypt`, and me what comes out", CHECK_FAILED)
    if isinstance(mail, Finding):
        fail(f"{file}: {mail.code.value}", CHECK_FAILED)
    return mail


def _crlf(octets: bytes) -> bytes:
    """A mail saved by a mail program has local line ends; signatures are over CRLF."""
    return octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
