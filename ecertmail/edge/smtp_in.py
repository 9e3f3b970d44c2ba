"""The SMTP listener: takes mail for our own mailboxes, within limits, and says 250 only when it is stored.

aiosmtpd has no limit on connections, recipients or idle sessions and answers its own failures with 500 and the
exception's text; what is missing is added here (MAIL.md section 8). Verification never happens in the dialogue.
"""

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from socket import socket
from typing import Any

from aiosmtpd.smtp import SMTP, Session
from aiosmtpd.smtp import Envelope as SmtpEnvelope

from ecertmail.core.address import ADDR_SPEC, normal
from ecertmail.core.door import Door, Limits
from ecertmail.errors import TemporaryError
from ecertmail.message import Envelope
from ecertmail.ports import EventLog

_PATH = re.compile(rf"\s*<(?P<address>{ADDR_SPEC.pattern})>\s*(?P<rest>.*)", re.DOTALL)
_NULL = "<>"  # aiosmtpd takes an empty string for "no MAIL yet"

Accept = Callable[[Envelope, bytes], Awaitable[str]]


class Handler:
    """Answers MAIL, RCPT and DATA."""

    def __init__(
        self,
        mailboxes: frozenset[str],
        limits: Limits,
        door: Door,
        accept: Accept,
        clock: Callable[[], datetime],
        log: EventLog,
    ) -> None:
        self._mailboxes = mailboxes
        self._door = door
        self._limits = limits
        self._accept = accept
        self._clock = clock
        self._log = log

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, session: Session, _envelope: SmtpEnvelope, hostname: str, responses: list[str]
    ) -> list[str]:
        """Offer no AUTH: nobody logs in here."""
        session.host_name = hostname
        return [line for line in responses if not line.startswith("250-AUTH")]

    async def handle_MAIL(  # noqa: N802
        self, _server: SMTP, session: Session, envelope: SmtpEnvelope, address: str | None, options: list[str]
    ) -> str:
        """Take the null return path or a plain address, and not too many a minute."""
        if not self._door.admit_message(_peer(session), self._clock()):
            self._log.warning("smtp.too-many-messages", peer=_peer(session))
            return "450 4.7.1 Too many messages a minute"
        sender = _NULL if address in {None, "", _NULL} else normal(str(address))
        if sender is None:
            return "553 5.1.7 This sender address is not a plain address"
        envelope.mail_from = sender
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, session: Session, envelope: SmtpEnvelope, address: str, options: list[str]
    ) -> str:
        """Take our own mailboxes, compared as a whole, and nothing else."""
        if normal(address) not in self._mailboxes:
            self._log.warning("smtp.relay-refused", peer=_peer(session), recipient=address[:100])
            return "550 5.1.1 No such mailbox here"
        if len(envelope.rcpt_tos) >= self._limits.recipients:
            return "452 4.5.3 Too many recipients"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: "Server", session: Session, envelope: SmtpEnvelope) -> str:  # noqa: N802
        """Store the message and only then say 250; a failure of ours is 451 and shows nothing."""
        server.receiving = False
        octets = envelope.original_content or b""
        if _has_bare_line_ends(octets):
            self._log.warning("smtp.bare-line-end", peer=_peer(session))
            return "550 5.6.0 Bare CR, LF or NUL octets are not accepted"
        received = Envelope(
            reverse_path=(envelope.mail_from or "").replace(_NULL, ""),
            recipients=tuple(envelope.rcpt_tos),
            source="smtp",
            peer=_peer(session),
            received_at=self._clock(),
        )
        spool_id = await self._accept(received, octets)
        return f"250 2.0.0 Stored as {spool_id}"

    async def handle_exception(self, error: Exception) -> str:
        """Never tell a stranger what went wrong here; the sender keeps the mail and tries again."""
        expected = isinstance(error, TemporaryError)
        self._log.error("smtp.failed", error=str(error) if expected else repr(error))
        return "451 4.3.0 Temporary failure, please try again later"


class Server(SMTP):
    """One connection: aiosmtpd's, plus admission, a floor under the data rate, and no silence at the end."""

    def __init__(self, handler: Handler, limits: Limits, door: Door, log: EventLog, **options: Any) -> None:
        super().__init__(handler, **options)
        self._limits = limits
        self._door = door
        self._log = log
        self._peer: str | None = None
        self._octets = 0
        self._watch: asyncio.TimerHandle | None = None
        self.receiving = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Admit the peer, or say 421 and hang up; a connection that turns to TLS was admitted before."""
        if self._peer is None:
            peer = str((transport.get_extra_info("peername") or ("local",))[0])
            if not self._door.enter(peer):
                self._log.warning("smtp.too-many-connections", peer=peer)
                transport.write(b"421 4.7.0 Too many connections, try again later\r\n")  # type: ignore[attr-defined]
                transport.close()
                return
            self._peer = peer
            self._watch = self.loop.call_later(self._limits.rate_window, self._check_rate)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Give the place back."""
        if self._peer is None:
            return
        if self._watch is not None:
            self._door.leave(self._peer)
            self._watch.cancel()
            self._watch = None
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        """Count what arrives."""
        if self._peer is not None:
            self._octets += len(data)
            super().data_received(data)

    def eof_received(self) -> bool | None:
        """Ignore the end of a connection that was never admitted."""
        return None if self._peer is None else super().eof_received()

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        """Receive a message under the rate watch."""
        self.receiving, self._octets = True, 0
        try:
            await super().smtp_DATA(arg)
        finally:
            self.receiving = False

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        """Read a plain path here: aiosmtpd builds a parse tree for each, which is a quarter of a mail's cost."""
        plain = _PATH.fullmatch(arg)
        return (plain["address"], plain["rest"]) if plain else super()._getaddr(arg)

    def _check_rate(self) -> None:
        too_slow = self.receiving and self._octets < self._limits.slowest_rate * self._limits.rate_window
        if too_slow and self.transport is not None:
            self._log.warning("smtp.too-slow", peer=self._peer, octets=self._octets)
            self.transport.write(b"421 4.4.2 Too slow\r\n")  # type: ignore[attr-defined]
            self.transport.close()
            return
        if self.receiving:
            self._reset_timeout()
        self._octets = 0
        self._watch = self.loop.call_later(self._limits.rate_window, self._check_rate)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """How a listener offers TLS: not at all (`context` None), by STARTTLS, or from the first octet."""

    context: ssl.SSLContext | None = None
    implicit: bool = False
    required: bool = False


async def listen(
    sock: socket, hostname: str, handler: Handler, limits: Limits, door: Door, tls: Tls, log: EventLog
) -> asyncio.Server:
    """Serve SMTP on a bound socket until the returned server is closed."""
    loop = asyncio.get_running_loop()

    def connection() -> Server:
        return Server(
            handler,
            limits,
            door,
            log,
            data_size_limit=limits.message_size,
            hostname=hostname,
            ident="ESMTP ecertmail",
            tls_context=None if tls.implicit else tls.context,
            require_starttls=tls.required and not tls.implicit,
            timeout=limits.idle_timeout,
            command_call_limit=limits.commands,
            loop=loop,
        )

    return await loop.create_server(connection, sock=sock, ssl=tls.context if tls.implicit else None)


def _peer(session: Session) -> str:
    return str(session.peer[0]) if session.peer else "local"


def _has_bare_line_ends(octets: bytes) -> bool:
    pairs = octets.count(b"\r\n")
    return octets.count(b"\n") != pairs or octets.count(b"\r") != pairs or b"\x00" in octets
