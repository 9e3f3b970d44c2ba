"""Where this node takes mail: on the sockets that systemd passed or will pass, else where the configuration says."""

import ipaddress
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

from ecertmail.config import Config
from ecertmail.edge import control
from ecertmail.errors import EcertmailError

_UNIT_FOLDERS = tuple(Path(root) / "systemd/system" for root in ("/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib"))

WILDCARDS = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - looked for, not bound
_STREAM = re.compile(r"^\s*ListenStream\s*=\s*(?:(?P<host>\S+):)?(?P<port>\d+)\s*$", re.MULTILINE)


def listening(config: Config) -> list[tuple[str, int]]:
    """Return host and port of each place where this node takes mail by SMTP; an empty host is every address."""
    listen = config.settings.listen
    if not listen.enabled:
        return []
    ports = [port for port in (listen.port, listen.tls_port) if port]
    return _passed(config) or list(_of_units(config)) or [(listen.host, port) for port in ports]


def addresses(host: str) -> set[str]:
    """Return the addresses of a host name or address; none if it has none that can be found."""
    try:
        return {str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        return set()


def is_here(address: str) -> bool:
    """Say whether an address belongs to this machine: only then can a socket be bound to it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.bind((address, 0))
    except (OSError, OverflowError):
        return False
    return True


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine's loopback, without asking a name server."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_public(host: str) -> bool:
    """Say whether other machines can connect to what listens on this host."""
    return host in WILDCARDS or not is_loopback(host)


def _passed(config: Config) -> list[tuple[str, int]]:
    """Return what systemd passed to the running daemon, as the daemon says."""
    try:
        answer = control.ask(config.spool / "control.sock", {"do": "ping"}, 5) or {}
    except EcertmailError:
        return []
    places = answer.get("sockets", [])
    found = (str(place).rpartition(":") for place in (places if isinstance(places, list) else []))
    return [(host, int(port)) for host, _, port in found]


def service_of(config: Config) -> Path | None:
    """Return the unit file of the service that runs this installation: its command names the configuration."""
    for service in _units("ecertmail.service")[:1]:
        named = re.findall(r"^ExecStart=.*?\s-C\s+(\S+)", _text(service), re.MULTILINE)
        if any(Path(name).resolve() == config.file for name in named):
            return service
    return None


def unit_folders() -> tuple[Path, ...]:
    """Return where systemd looks for units; SYSTEMD_UNIT_PATH says otherwise, as it does to systemd."""
    named = os.environ.get("SYSTEMD_UNIT_PATH", "")
    return tuple(map(Path, filter(None, named.split(":")))) or _UNIT_FOLDERS


def is_enabled(target: str, name: str) -> bool:
    """Say whether a target of systemd wants a unit."""
    return any((folder / f"{target}.wants" / name).is_symlink() for folder in unit_folders())


def _of_units(config: Config) -> Iterator[tuple[str, int]]:
    """Return what enabled socket units of this installation's service listen on."""
    if service_of(config) is None:
        return
    for name in ("ecertmail.socket", "ecertmail-tls.socket"):
        for unit in _units(name)[:1]:
            if is_enabled("sockets.target", name):
                for stream in _STREAM.finditer(_text(unit)):
                    yield (stream["host"] or "").strip("[]"), int(stream["port"])


def _units(name: str) -> list[Path]:
    return [folder / name for folder in unit_folders() if (folder / name).is_file()]


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
