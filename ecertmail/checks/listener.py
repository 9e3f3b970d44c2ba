"""Incoming mail by SMTP: [listen], its ports and its certificate."""

import os
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from ecertmail.checks import ports, tls, where
from ecertmail.config import Config
from ecertmail.errors import ConfigError
from ecertmail.fault import Fault, Harm

_SOON = timedelta(days=14)
_FIRST_FREE_PORT = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")


def faults(config: Config, now: datetime) -> Iterator[Fault]:
    """Return what is wrong with how mail comes in by SMTP."""
    if not config.settings.listen.enabled:
        return
    places = ports.listening(config)
    public = any(ports.is_public(host) for host, _ in places)
    yield from _ports(config, places)
    if config.settings.listen.certificate:
        yield from _certificate(config, now)
    elif public:
        where_to = ", ".join(f"{host or '*'}:{port}" for host, port in places)
        text = f"takes mail from other machines ({where_to}) without TLS: everybody on the way can read it"
        yield _wrong(config, "no-tls", "certificate", text, "set certificate and private_key to PEM files", Harm.LATER)
    if config.settings.listen.hostname == "localhost" and (public or not ports.is_loopback(config.settings.send.host)):
        text = "greets other mail servers as localhost; many refuse that"
        yield _wrong(config, "hostname", "hostname", text, "set the name that this machine has in the DNS", Harm.LATER)


def _ports(config: Config, places: list[tuple[str, int]]) -> Iterator[Fault]:
    listen, metrics = config.settings.listen, config.settings.metrics
    used = Counter(port for port in (listen.port, listen.tls_port, metrics.port) if port)
    for port, count in used.items():
        if count > 1:
            text = f"port {port} is set {count} times among port, tls_port and [metrics] port"
            yield _wrong(config, "port-twice", "port", text, "give each its own", Harm.MAIL)
    if (listen.host, listen.port) in places and os.geteuid() and listen.port < _first_free_port():
        text = f"only root may bind port {listen.port}, and no enabled socket unit of systemd does it"
        remedy = "systemctl enable --now ecertmail.socket, or choose a port from 1024"
        yield _wrong(config, "port-privileged", "port", text, remedy, Harm.MAIL)


def _first_free_port() -> int:
    try:
        return int(_FIRST_FREE_PORT.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 1024


def _certificate(config: Config, now: datetime) -> Iterator[Fault]:
    listen = config.settings.listen
    certificate = config.path(listen.certificate)
    try:
        seen = tls.presented(certificate, config.path(listen.private_key or listen.certificate))
    except ConfigError:
        return  # loading it says so
    if seen is None or seen.ends_at <= now:
        text = f"{certificate} has expired, or is not valid yet: careful senders do not deliver"
        yield _wrong(config, "tls-expired", "certificate", text, "renew it, then reload the daemon", Harm.MAIL)
        return
    if seen.ends_at <= now + _SOON:
        text = f"{certificate} ends on {seen.ends_at:%Y-%m-%d}"
        yield _wrong(config, "tls-ends", "certificate", text, "renew it, then reload the daemon", Harm.LATER)
    if seen.names and listen.hostname != "localhost" and not seen.is_for(listen.hostname):
        text = f"{certificate} is for {', '.join(sorted(seen.names))}, and this node calls itself {listen.hostname}"
        yield _wrong(config, "tls-name", "hostname", text, "let both name the host in the MX record", Harm.LATER)


def _wrong(config: Config, code: str, key: str, text: str, remedy: str, harm: Harm) -> Fault:
    return Fault(code=code, harm=harm, text=text, remedy=remedy, **where.setting(config, "listen", key))
