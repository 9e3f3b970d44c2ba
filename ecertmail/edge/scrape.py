"""The few lines of HTTP that a Prometheus server needs: GET /metrics on loopback, and 404 for everything else.

One request a connection, 8 kB and ten seconds at most, and one answer made at a time, in a thread, so that neither the
event loop nor the pool of threads can be held up by whoever asks.
"""

import asyncio
import contextlib
from collections.abc import Callable
from socket import socket

from ecertmail.errors import EcertmailError

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_LONGEST = 8 * 1024
_SECONDS = 10.0


async def listen(sock: socket, render: Callable[[], bytes], seconds: float = _SECONDS) -> asyncio.Server:
    """Answer requests on a bound socket until the returned server is closed; `render` runs in a thread."""
    turn = asyncio.Semaphore(1)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(TimeoutError, OSError, asyncio.IncompleteReadError):
                async with asyncio.timeout(seconds):
                    writer.write(await _answer(reader, render, turn))
                    await writer.drain()
        finally:
            writer.close()

    return await asyncio.start_server(connected, sock=sock, limit=_LONGEST)


async def _answer(reader: asyncio.StreamReader, render: Callable[[], bytes], turn: asyncio.Semaphore) -> bytes:
    try:
        request = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        return _response("431 Request Header Fields Too Large", b"The request is too long.\n")
    method, target, *_ = [*request.split(b"\r\n", 1)[0].split(b" "), b""]
    if method != b"GET" or target.split(b"?", 1)[0] != b"/metrics":
        return _response("404 Not Found", b"Metrics are at /metrics.\n")
    async with turn:
        try:
            return _response("200 OK", await asyncio.to_thread(render))
        except EcertmailError:
            return _response("503 Service Unavailable", b"The databases cannot be read now.\n")


def _response(status: str, body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {CONTENT_TYPE}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
