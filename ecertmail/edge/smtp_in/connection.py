"""One SMTP connection: admission, limits, and how a message is received."""

import asyncio
import itertools
import re
import ssl
from dataclasses import dataclass
from socket import socket
from typing import Any

from aiosmtpd.smtp import SMTP

from ecertmail.core import transparency
from ecertmail.core.address import ADDR_SPEC
from ecertmail.core.admission import TOO_MANY, Admission, Limits, Place
from ecertmail.edge.smtp_in.handler import Handler, in_thread
from ecertmail.ports import EventLog

_PATH = re.compile(rf"\s*<(?P<address>{ADDR_SPEC.pattern})>\s*(?P<rest>.*)", re.DOTALL)
_SEPARATOR = len(b"\r\n.\r\n")
_TURNS = 100


class Server(SMTP):
    """One connection: aiosmtpd's, plus admission, a floor under the data rate, and no silence at the end."""

    def __init__(self, handler: Handler, limits: Limits, admission: Admission, log: EventLog, **options: Any) -> None:
        super().__init__(handler, **options)
        self._limits = limits
        self._admission = admission
        self._log = log
        self._peer: str | None = None
        self._place: Place | None = None
        self._octets = 0
        self._last = b""
        self._watch: asyncio.TimerHandle | None = None
        self.receiving = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Admit the peer, or say 421 and hang up; a connection that turns to TLS was admitted before."""
        if self._peer is None:
            peer = str((transport.get_extra_info("peername") or ("local",))[0])
            self._place = self._admission.enter(peer, self._cut)
            if self._place is None:
                self._log.warning("smtp.too-many-connections", peer=peer)
                transport.write(f"{TOO_MANY}\r\n".encode())  # type: ignore[attr-defined]
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
            if self._place is not None:
                self._admission.leave(self._place)
            self._watch.cancel()
            self._watch = None
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        """Count what arrives."""
        if self._peer is None:
            return
        self._octets += len(data)
        if not self.receiving and data.count(b"\n") != (self._last + data).count(b"\r\n"):
            # Two servers that disagree on where a command ends can be made to disagree on where a mail does.
            self._log.warning("smtp.bare-line-end", peer=self._peer)
            self._hang_up("500 5.5.2 Commands end with CRLF")
            return
        self._last = data[-1:]
        super().data_received(data)

    def eof_received(self) -> bool | None:
        """Ignore the end of a connection that was never admitted."""
        return None if self._peer is None else super().eof_received()

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        """Receive a message under the rate watch; aiosmtpd's own way makes an object of each line."""
        if await self.check_helo_needed():
            return
        assert self.envelope is not None  # noqa: S101 - aiosmtpd makes one with each connection
        if arg or not self.envelope.rcpt_tos:
            await self.push("501 5.5.4 Syntax: DATA" if arg else "503 5.5.1 Error: need RCPT command")
            return
        self.receiving, self._octets = True, 0
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        try:
            octets, refusal = await self._message()
            self.receiving = False
            self.envelope.content = self.envelope.original_content = octets
            await self.push(refusal or str(await self._call_handler_hook("DATA")))
        finally:
            self._hold(0)
            self.receiving = False
            self._set_post_data_state()  # type: ignore[no-untyped-call]

    async def _receive(self) -> bytearray | None:
        """Read up to the lone dot; of a message over the size limit nothing is kept, and None is returned."""
        received, too_large = bytearray(), False
        for turn in itertools.count():
            received += await self._chunk()
            too_large = too_large or len(received) > self._limits.message_size + len(b".\r\n")
            if transparency.is_complete(received):
                return None if too_large else received
            if too_large:
                del received[:-_SEPARATOR]  # the lone dot can come in two pieces
            self._hold(len(received))
            if turn % _TURNS == 0:
                await asyncio.sleep(0)  # what is in the buffer already comes without a pause
        raise AssertionError("it counts for ever")

    async def _chunk(self) -> bytes:
        try:
            return bytes(await self._reader.readuntil(b".\r\n"))
        except asyncio.LimitOverrunError as overrun:
            return bytes(await self._reader.read(overrun.consumed))

    def _hold(self, octets: int) -> None:
        if self._place is not None:
            self._admission.hold(self._place, octets)

    def _cut(self, reply: str) -> None:
        """End the connection, because others need its place or the memory that its message takes."""
        if reply == TOO_MANY:
            self._log.warning("smtp.too-many-connections", peer=self._peer)
        else:
            self._log.warning("smtp.too-much-at-once", peer=self._peer)
        self._hang_up(reply)

    def _hang_up(self, reply: str) -> None:
        if self.transport is not None:
            self.transport.write(f"{reply}\r\n".encode())  # type: ignore[attr-defined]
            self.transport.close()

    async def _message(self) -> tuple[bytes, str]:
        """Receive a message; return it, or why it is refused. What was received by the way is free again then."""
        received = await self._receive()
        if received is None:
            return b"", "552 5.3.4 Error: Too much mail data"
        octets = await in_thread(transparency.message, received)
        if transparency.has_long_line(octets):
            return b"", "500 5.6.0 Line too long (see RFC5321 4.5.3.1.6)"
        return octets, ""

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        """Read a plain path here: aiosmtpd builds a parse tree for each, which is a quarter of a mail's cost."""
        plain = _PATH.fullmatch(arg)
        return (plain["address"], plain["rest"]) if plain else super()._getaddr(arg)

    def _check_rate(self) -> None:
        too_slow = self.receiving and self._octets < self._limits.slowest_rate * self._limits.rate_window
        if too_slow and self.transport is not None:
            self._log.warning("smtp.too-slow", peer=self._peer, octets=self._octets)
            self._hang_up("421 4.4.2 Too slow")
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
    sock: socket, hostname: str, handler: Handler, limits: Limits, admission: Admission, tls: Tls, log: EventLog
) -> asyncio.Server:
    """Serve SMTP on a bound socket until the returned server is closed."""
    loop = asyncio.get_running_loop()

    def connection() -> Server:
        return Server(
            handler,
            limits,
            admission,
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
