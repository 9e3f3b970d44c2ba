"""The metrics' few lines of HTTP: one answer, a limit on size and time, and nothing that blocks the event loop."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from socket import create_server

import pytest

from ecertmail.edge import scrape
from ecertmail.errors import StoreBusyError


@asynccontextmanager
async def endpoint(render: Callable[[], bytes], seconds: float = 5) -> AsyncIterator[int]:
    server = await scrape.listen(create_server(("127.0.0.1", 0)), render, seconds)
    yield server.sockets[0].getsockname()[1]
    server.close()


async def ask(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    return answer


def busy() -> bytes:
    raise StoreBusyError("/srv/secret/place/ledger.db: is busy")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", b"200 OK"),
        (b"GET /metrics?name[]=up HTTP/1.1\r\n\r\n", b"200 OK"),
        (b"GET / HTTP/1.1\r\n\r\n", b"404 "),
        (b"GET /metrics/../etc HTTP/1.1\r\n\r\n", b"404 "),
        (b"POST /metrics HTTP/1.1\r\nContent-Length: 0\r\n\r\n", b"404 "),
        (b"GET\r\n\r\n", b"404 "),
        (b"\r\n\r\n", b"404 "),
        (b"\x16\x03\x01\xff\r\n\r\n", b"404 "),
        (b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 9000 + b"\r\n\r\n", b"431 "),
    ],
)
async def test_a_request_is_answered_once(request_: bytes, status: bytes) -> None:
    async with endpoint(lambda: b"up 1\n") as port:
        answer = await ask(port, request_)
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert answer.endswith(b"\r\n\r\nup 1\n") == (status == b"200 OK")


async def test_who_says_nothing_is_hung_up_on_and_others_do_not_wait_for_that() -> None:
    async with endpoint(lambda: b"up 1\n", seconds=0.3) as port:
        silent = asyncio.create_task(ask(port, b"GET /met"))
        assert b"200 OK" in await ask(port, b"GET /metrics HTTP/1.1\r\n\r\n")
        assert not silent.done()
        assert await asyncio.wait_for(silent, 5) == b""


async def test_trouble_with_the_databases_is_told_without_their_place() -> None:
    async with endpoint(busy) as port:
        answer = await ask(port, b"GET /metrics HTTP/1.1\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"secret" not in answer


async def test_a_slow_answer_does_not_block_the_event_loop() -> None:
    def slow() -> bytes:
        time.sleep(0.5)
        return b"up 1\n"

    async with endpoint(slow) as port:
        asking = asyncio.create_task(ask(port, b"GET /metrics HTTP/1.1\r\n\r\n"))
        began, ticks = time.monotonic(), 0
        while time.monotonic() - began < 0.3:
            await asyncio.sleep(0.01)
            ticks += 1
        assert ticks > 10
        assert b"200 OK" in await asking
