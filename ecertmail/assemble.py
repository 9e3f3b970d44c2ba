"""From configuration to things: secrets, the lock, sockets and TLS, each failing with what to mend."""

import fcntl
import hmac
import os
import ssl
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from socket import create_server, socket

from ecertmail.config import Config
from ecertmail.core import ticket, verp
from ecertmail.delivery import Delivery
from ecertmail.edge import smtp_in, systemd
from ecertmail.edge.dkim import DkimSigner
from ecertmail.edge.smtp_out import Smarthost
from ecertmail.errors import ConfigError, MailboxLoginError, StoreBusyError, unreadable
from ecertmail.store import database, ledger_schema, spool

TOKEN_SECONDS = 30.0
_BOUNCES = b"ecertmail: envelope senders of deliveries"
_TICKETS = b"ecertmail: tickets of officials"


def secret(config: Config, file: str, what: str) -> str:
    """Read a secret: from the systemd credential with the file's last name, else from the file."""
    path = config.path(file)
    octets = systemd.credential(path.name)
    if octets is None:
        try:
            octets = path.read_bytes()
        except OSError as error:
            raise unreadable(f"{path}: {what} cannot be read", error) from error
    try:
        return octets.decode().strip()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: {what} is not text in UTF-8") from error


def token_secret(config: Config) -> bytes:
    """Make the secret of the tokens in subjects from the key's passphrase, which only this node knows."""
    return _derived(config, b"ecertmail tokens")


def ticket_secret(config: Config) -> bytes:
    """Make the secret of officials' tickets; a new passphrase makes those that are out worthless."""
    return _derived(config, _TICKETS)


def _derived(config: Config, label: bytes) -> bytes:
    passphrase = secret(config, config.settings.keys.passphrase_file, "the key's passphrase")
    return hmac.digest(passphrase.encode(), label, "sha256")


def own_secret(config: Config, file: str, what: str) -> str:
    """Read a secret that opens somebody else's door; as a file it must be for its owner only."""
    path = config.path(file)
    if systemd.credential(path.name) is None and open_to_others(path):
        raise ConfigError(f"{path}: {what} can be read by others; `chmod 600` it")
    return secret(config, file, what)


def open_to_others(path: Path) -> bool:
    """Say whether group or others have any right to a file or folder."""
    try:
        return bool(path.stat().st_mode & 0o077)
    except OSError:
        return False  # reading it says what is wrong


def token(config: Config, file: str, command: Sequence[str], what: str) -> Callable[[], str] | None:
    """Return how to get an OAuth2 access token: anew each time, for it is good for about an hour; None without one."""
    if file:
        return partial(own_secret, config, file, what)
    return partial(_run, list(command), what) if command else None


def _run(command: list[str], what: str) -> str:
    """Run a command and return what it prints; its own words about a failure go to the operator, never its output."""
    try:
        done = subprocess.run(
            command, capture_output=True, check=False, timeout=TOKEN_SECONDS, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MailboxLoginError(f"{what}: {command[0]} did not run ({error})") from error
    printed = done.stdout.decode("ascii", "replace").strip()
    if done.returncode or not printed:
        said = " ".join(done.stderr.decode("utf-8", "replace").split())[:200]
        raise MailboxLoginError(f"{what}: {command[0]} ended with {done.returncode} and {said or 'no word'}")
    return printed


@contextmanager
def locked(config: Config) -> Iterator[None]:
    """Hold the installation: only who holds it may write its databases.

    Raises:
        StoreBusyError: another process holds it, or the folder cannot be written.
    """
    try:
        config.spool.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreBusyError(_unwritable(config.spool, error)) from error
    with holding(config.spool):
        yield


@contextmanager
def holding(spool: Path) -> Iterator[None]:
    """Hold the folder of the databases.

    Raises:
        StoreBusyError: another process holds it, or it cannot be written.
    """
    try:
        file = (spool / "lock").open("a")
    except OSError as error:
        raise StoreBusyError(_unwritable(spool, error)) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreBusyError(f"{spool}: another ecertmail is running on this installation") from error
        yield


def _unwritable(spool: Path, error: OSError) -> str:
    return f"{spool}: cannot be written ({error.strerror}); it must belong to the user that runs ecertmail"


def refuse_newer(config: Config) -> None:
    """Look whether a newer ecertmail wrote the databases, before anything is started or migrated.

    Raises:
        StoreError: it did; the text says what to do.
    """
    for name, migrations in (("spool.db", spool.migrations), ("ledger.db", ledger_schema.migrations)):
        database.refuse_newer(config.spool / name, migrations)


def sockets(config: Config) -> list[tuple[socket, bool]]:
    """Return the sockets to listen on, if any, and whether each speaks TLS from the first octet."""
    if not config.settings.listen.enabled:
        return []
    passed = systemd.passed_sockets()
    if passed:
        return [(sock, name == "smtps") for name, sock in passed]
    listen = config.settings.listen
    sockets = [(_bind(listen.host, listen.port, "port"), False)]
    if listen.tls_port:
        sockets.append((_bind(listen.host, listen.tls_port, "tls_port"), True))
    return sockets


def _bind(host: str, port: int, key: str) -> socket:
    try:
        return create_server((host, port), backlog=128)
    except OSError as error:
        raise ConfigError(
            f"[listen] {key} = {port}: cannot listen on {host} ({os.strerror(error.errno or 0)}); "
            "stop what uses it (`ss -ltnp`), choose another port, or use systemd's socket unit for ports under 1024"
        ) from error


def place(sock: socket) -> str:
    """Name a socket for people, as host:port."""
    host, port = sock.getsockname()[:2]
    return f"{host}:{port}"


def listener_tls(config: Config) -> smtp_in.Tls:
    """Load what the listener offers TLS with, if anything."""
    listen = config.settings.listen
    if not listen.certificate:
        if listen.require_starttls or listen.tls_port:
            raise ConfigError(f"{config.file}: [listen] TLS is asked for, but certificate is not set")
        return smtp_in.Tls()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    load_certificate(context, config)
    return smtp_in.Tls(context=context)


def load_certificate(context: ssl.SSLContext, config: Config) -> None:
    """Load certificate and key into a context in use: new connections get them, open ones stay."""
    listen = config.settings.listen
    certificate, key = config.path(listen.certificate), config.path(listen.private_key or listen.certificate)
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"{certificate}, {key}: cannot be used as TLS certificate and key ({error})") from error


def client_tls(config: Config, ca_file: str, section: str) -> ssl.SSLContext:
    """Return how servers' certificates are checked: against the system's authorities, or those of a file."""
    try:
        return ssl.create_default_context(cafile=str(config.path(ca_file)) if ca_file else None)
    except OSError as error:
        raise ConfigError(f"{config.file}: {section} ca_file cannot be read ({error})") from error


def smarthost(config: Config) -> Smarthost:
    """Describe where outgoing mail goes."""
    send = config.settings.send
    context = client_tls(config, send.ca_file, "[send]")
    if send.starttls != "required" and not send.implicit_tls:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # opportunistic (RFC 7435)
    return Smarthost(
        host=send.host,
        port=send.port,
        hostname=config.settings.listen.hostname,
        starttls=send.starttls,
        implicit_tls=send.implicit_tls,
        tls_context=context,
        username=send.username,
        password=secret(config, send.password_file, "the smarthost's password") if send.password_file else "",
        token=token(config, send.oauth2_token_file, send.oauth2_token_command, "the smarthost's token"),
        timeout=send.timeout,
    )


def outgoing(config: Config, process: str = "") -> Smarthost:
    """Describe how mail of ours goes there; `process` is what our own listener announces."""
    return replace(smarthost(config), reverse_path=_reverse_path(config), signature=dkim(config), process=process)


def _reverse_path(config: Config) -> Callable[[Delivery], str]:
    """Return what makes envelope senders: the one that is configured, or VERP (`core/verp.py`)."""
    fixed = config.settings.send.envelope_sender
    if fixed:
        return lambda _: fixed
    return partial(verp.reverse_path, config.authority.address, bounce_secret(config))


def bounce_secret(config: Config) -> bytes:
    """Return the secret behind envelope senders: it follows from the key's passphrase, so there is nothing to keep.

    Raises:
        ConfigError: no envelope sender can be made of the node's address.
    """
    derived = _derived(config, _BOUNCES)
    try:
        verp.verp(config.authority.address, verp.MAX_NUMBER, derived)
    except ValueError as error:
        raise ConfigError(f"{config.file}: [authority] address is too long for bounces ({error})") from error
    return derived


def ours(config: Config) -> Callable[[str], bool]:
    """Return what tells the addresses that the listener takes mail for."""
    is_mailbox = partial(verp.ours, config.mailboxes, bounce_secret(config))
    return lambda address: is_mailbox(address) or ticket.ours(config.mailboxes, address)


def dkim(config: Config) -> Callable[[Delivery], bytes] | None:
    """Return what makes DKIM signatures; None if none are asked for."""
    section = config.settings.dkim
    if not section.domain:
        return None
    key = own_secret(config, section.key_file, "the DKIM key")
    try:
        return DkimSigner(section.domain, section.selector, key.encode()).header
    except ValueError as error:
        raise ConfigError(f"{config.path(section.key_file)}: the DKIM key is {error}") from error
