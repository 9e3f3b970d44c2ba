"""Outgoing mail, as far as it can be judged without sending: [send] and [dkim]."""

import socket
from collections.abc import Iterator
from datetime import datetime

from ecertmail.checks import ports, where
from ecertmail.config import Config
from ecertmail.fault import Fault, Harm

_GREETING_SECONDS = 3.0
_OUR_GREETING = "ESMTP ecertmail"


def faults(config: Config, _now: datetime) -> Iterator[Fault]:
    """Return what is wrong with how mail goes out."""
    if _is_this_node(config):
        yield _own(config, "is this node itself")
    elif ports.is_loopback(config.settings.send.host):
        yield from _on_this_machine(config)
    yield from _login(config)
    yield from _tls(config)
    yield from _dkim(config)


def _is_this_node(config: Config) -> bool:
    """Say whether the smarthost is a place where this node listens, under whatever name."""
    send = config.settings.send
    hosts = [host for host, port in ports.listening(config) if port == send.port]
    if not hosts:
        return False
    theirs = {address for address in ports.addresses(send.host) if ports.is_here(address)}
    bound = {address for host in hosts for address in ports.addresses(host)}
    return bool(theirs if ports.WILDCARDS.intersection(hosts) else theirs & bound)


def _own(config: Config, why: str) -> Fault:
    send = config.settings.send
    text = f"{send.host}:{send.port} {why}: it takes mail for its own mailboxes only, so no receipt leaves"
    remedy = "name your mail server or your provider's submission server (host, port), or let the mail server on this "
    remedy += "machine have port 25 and this node another one"
    return Fault(code="sends-to-itself", harm=Harm.MAIL, text=text, remedy=remedy,
                 **where.setting(config, "send", "host"))  # fmt: skip


def _on_this_machine(config: Config) -> Iterator[Fault]:
    """Look who listens on this machine's loopback; nothing leaves the machine for that."""
    send = config.settings.send
    try:
        with socket.create_connection((send.host, send.port), _GREETING_SECONDS) as connection:
            connection.settimeout(_GREETING_SECONDS)
            greeting = "" if send.implicit_tls else connection.recv(512).decode("ascii", "replace")
            connection.sendall(b"QUIT\r\n")
    except TimeoutError:
        return
    except OSError as error:
        text = f"nobody listens on {send.host}:{send.port} now ({error.strerror}): receipts wait"
        remedy = "start the mail server, or name another one; `ecertmail check-config --online` tries it"
        yield Fault(code="smarthost-away", harm=Harm.LATER, text=text, remedy=remedy,
                    **where.setting(config, "send", "host"))  # fmt: skip
        return
    if _OUR_GREETING in greeting:
        yield _own(config, "answers as an ecertmail node")


def _login(config: Config) -> Iterator[Fault]:
    send = config.settings.send
    secrets = [bool(send.password_file), bool(send.oauth2_token_file), bool(send.oauth2_token_command)]
    if send.username and not any(secrets):
        yield _wrong(config, "username", "there is a username and no password or token: nobody logs in",
                     "set password_file, or remove username")  # fmt: skip
    if any(secrets) and not send.username:
        yield _wrong(config, "username", "there is a password or token and no username: nobody logs in",
                     "set username")  # fmt: skip
    if sum(secrets) > 1:
        yield _wrong(config, "password_file", "more than one of password_file, oauth2_token_file and "
                     "oauth2_token_command is set", "keep one of them")  # fmt: skip
    in_clear = not send.implicit_tls and send.starttls != "required" and not ports.is_loopback(send.host)
    if send.username and in_clear:
        remedy = 'set starttls = "required" (port 587), or implicit_tls = true (port 465)'
        text = "the password may go over the network in clear, or to somebody else"
        yield _wrong(config, "starttls", text, remedy, Harm.SECRET)


def _tls(config: Config) -> Iterator[Fault]:
    send = config.settings.send
    if send.port == 465 and not send.implicit_tls:
        yield _wrong(config, "implicit_tls", "port 465 speaks TLS from the first octet, and implicit_tls is not set",
                     "set implicit_tls = true")  # fmt: skip
    if send.port in {25, 587} and send.implicit_tls:
        yield _wrong(config, "implicit_tls", f"port {send.port} begins in clear, and implicit_tls is set",
                     'set implicit_tls = false and starttls = "required", or port = 465')  # fmt: skip


def _dkim(config: Config) -> Iterator[Fault]:
    domain, ours = config.settings.dkim.domain, config.authority.address.rpartition("@")[2].lower()
    if domain and domain != ours and not ours.endswith(f".{domain}"):
        text = f"signs for {domain}, and mail comes from {ours}: receivers do not count it (DMARC, RFC 7489)"
        yield Fault(code="dkim-domain", harm=Harm.LATER, text=text, remedy=f'set domain = "{ours}"',
                    **where.setting(config, "dkim", "domain"))  # fmt: skip


def _wrong(config: Config, key: str, text: str, remedy: str, harm: Harm = Harm.MAIL) -> Fault:
    return Fault(code="smarthost", harm=harm, text=text, remedy=remedy, **where.setting(config, "send", key))
