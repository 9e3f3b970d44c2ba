"""What only a connection shows: whether the smarthost takes our mail, and whether the mailboxes can be read."""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime

import aiosmtplib

from ecertmail import assemble, mailboxes
from ecertmail.checks import where
from ecertmail.config import Config
from ecertmail.core.mailbox import Step
from ecertmail.delivery import Delivery, DeliveryState
from ecertmail.edge import log, maildir
from ecertmail.edge.imap import check
from ecertmail.edge.smtp_out import SmarthostSender
from ecertmail.errors import EcertmailError
from ecertmail.fault import Fault, Harm
from ecertmail.mailbox_section import MailboxSection

_CAUSES: tuple[tuple[type[BaseException], str, str], ...] = (
    (socket.gaierror, "host", "no such name: check host, and that this machine can look names up"),
    (ssl.SSLCertVerificationError, "ca_file", "the certificate is not trusted: check host, or set ca_file"),
    (ssl.SSLError, "implicit_tls", "this port does not begin with TLS: set implicit_tls = false, or port = 465"),
    (ConnectionRefusedError, "port", "nobody listens there: check host and port"),
    (aiosmtplib.SMTPAuthenticationError, "password_file", "the login is refused: check username and password_file"),
    (aiosmtplib.SMTPSenderRefused, "username", "our address is refused as sender: log in, or let the server allow it"),
    (aiosmtplib.SMTPTimeoutError, "host", "no answer: check host, port and implicit_tls, and the firewall"),
    (TimeoutError, "host", "no answer: check host, port and implicit_tls, and the firewall"),
)

_SAMPLES = tuple(
    Delivery(id=1, kind=kind, recipient="", reverse_path="", message_id="", octets=b"", state=DeliveryState.DUE,
             attempts=0, created_at=datetime.min.replace(tzinfo=UTC))
    for kind in ("receipt", "push")
)  # fmt: skip


def faults(config: Config) -> Iterator[Fault]:
    """Try the smarthost and each mailbox; no mail is sent and nothing is changed."""
    yield from asyncio.run(_smarthost(config))
    for section in config.settings.mailbox:
        for step in steps(config, section):
            if not step.good:
                text = f"mailbox {section.name}: {step.name}: {step.text}"
                yield Fault(code="mailbox", harm=Harm.MAIL, text=text, remedy=step.advice or "mend what it names",
                            **where.setting(config, "mailbox", "host"))  # fmt: skip


def steps(config: Config, section: MailboxSection) -> Iterator[Step]:
    """Do what `ecertmail mailbox test` does with one mailbox."""
    plan = mailboxes.plan(config, section)
    if section.maildir:
        return maildir.steps(config.path(section.maildir), plan)
    return check.steps(mailboxes.account(config, section), plan, idle=section.idle, log=log.make("human", "error"))


async def _smarthost(config: Config) -> list[Fault]:
    """Connect, greet, STARTTLS, log in and name the envelope senders of receipts and pushes, and take them back."""
    try:
        smarthost = assemble.outgoing(config)
        await SmarthostSender(smarthost).rehearse(*(smarthost.reverse_path(sample) for sample in _SAMPLES))
    except (aiosmtplib.SMTPException, OSError, ValueError, EcertmailError) as error:
        return [_fault(config, error)]
    return []


def _fault(config: Config, error: Exception) -> Fault:
    send = config.settings.send
    chain = (error, error.__cause__, error.__context__)
    key, remedy = next(
        ((key, remedy) for kind, key, remedy in _CAUSES if any(isinstance(one, kind) for one in chain)),
        ("host", "check host, port, starttls, implicit_tls, username and password_file"),
    )
    if isinstance(error, aiosmtplib.SMTPResponseException) and error.code == 530:
        key, remedy = "starttls", 'the server wants TLS or a login first: set starttls = "required" and username'
    elif "STARTTLS" in str(error):
        key, remedy = "starttls", 'the server has no STARTTLS: set starttls = "when-offered", or implicit_tls'
    answer = f"{error.code} {error.message}" if isinstance(error, aiosmtplib.SMTPResponseException) else str(error)
    text = f"{send.host}:{send.port}: {' '.join(answer.split())}"
    return Fault(code="smarthost-refuses", harm=Harm.MAIL, text=text, remedy=remedy,
                 **where.setting(config, "send", key))  # fmt: skip
