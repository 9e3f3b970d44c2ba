"""The SMTP listener over real sockets, spoken to octet by octet."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from socket import create_server

import pytest

from ecertmail.core.admission import Admission, Limits
from ecertmail.edge import smtp_in
from ecertmail.edge.smtp_in import Handler, Tls
from ecertmail.errors import StoreBusyError
from ecertmail.message import Envelope
from tests.builders import CHINA, NOW

LIMITS = Limits(
    messages_per_minute=100,
    octets_at_once=1_000_000,
    message_size=100_000,
    recipients=2,
    connections=4,
    connections_per_address=3,
    connections_kept=0,
    commands=20,
    idle_timeout=5,
    slowest_rate=100,
    rate_window=0.3,
)


class Events:
    """An event log that remembers."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def info(self, event: str, **facts: object) -> None:
        self.seen.append(event)
        self.facts = facts

    warning = error = info


class Store:
    """An accept function that remembers, or fails as it is told."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.stored: list[tuple[Envelope, bytes]] = []
        self.failure = failure

    async def accept(self, envelope: Envelope, octets: bytes) -> str:
        if self.failure:
            raise self.failure
        self.stored.append((envelope, octets))
        return "id-1"


class Line:
    """A client that sends exactly what it is told."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, octets: bytes) -> str:
        self.writer.write(octets)
        return await self.answer()

    async def answer(self) -> str:
        """The last line of one reply, or nothing when the server hung up."""
        line = b"-continued"
        while line[3:4] == b"-" or line == b"-continued":
            line = await asyncio.wait_for(self.reader.readline(), 5)
        return line.decode().strip()

    async def start_mail(self, recipient: str = CHINA.address) -> str:
        await self.ask(b"EHLO client.example\r\n")
        await self.ask(b"MAIL FROM:<ecert@mpi.example>\r\n")
        await self.ask(f"RCPT TO:<{recipient}>\r\n".encode())
        return await self.ask(b"DATA\r\n")


@asynccontextmanager
async def listening(
    store: Store, limits: Limits = LIMITS, log: Events | None = None
) -> AsyncIterator[Callable[[], Awaitable[Line]]]:
    events = log or Events()
    admission = Admission(limits)
    handler = Handler({CHINA.address}.__contains__, limits, admission, store.accept, lambda: NOW, events)
    sock = create_server(("127.0.0.1", 0))
    port = sock.getsockname()[1]
    opened: list[Line] = []
    server = await smtp_in.listen(sock, "mx.customs.example", handler, limits, admission, Tls(), events)

    async def connect() -> Line:
        opened.append(Line(*await asyncio.open_connection("127.0.0.1", port)))
        return opened[-1]

    try:
        yield connect
    finally:
        server.close()
        for line in opened:
            line.writer.close()
        await asyncio.sleep(0.05)  # let both ends see that it is over


async def greeted(connect: Callable[[], Awaitable[Line]]) -> Line:
    line = await connect()
    assert (await line.answer()).startswith("220 mx.customs.example")
    return line


async def test_250_comes_with_the_id_under_which_the_exact_octets_are_stored() -> None:
    store = Store()
    async with listening(store) as connect:
        line = await greeted(connect)
        assert (await line.start_mail()).startswith("354")
        assert await line.ask(b"Subject: x\r\n\r\n..dot\r\n.\r\n") == "250 2.0.0 Stored as id-1"
    envelope, octets = store.stored[0]
    assert octets == b"Subject: x\r\n\r\n.dot\r\n"
    assert (envelope.reverse_path, envelope.recipients, envelope.peer) == (
        "ecert@mpi.example", (CHINA.address,), "127.0.0.1",
    )  # fmt: skip


async def test_the_null_return_path_is_taken() -> None:
    store = Store()
    async with listening(store) as connect:
        line = await greeted(connect)
        await line.ask(b"EHLO client\r\n")
        assert (await line.ask(b"MAIL FROM:<>\r\n")).startswith("250")
        assert (await line.ask(f"RCPT TO:<{CHINA.address}>\r\n".encode())).startswith("250")
        await line.ask(b"DATA\r\n")
        await line.ask(b"x\r\n.\r\n")
    assert store.stored[0][0].reverse_path == ""


@pytest.mark.parametrize("failure", [StoreBusyError("/secret/path: disk full"), RuntimeError("/secret/path")])
async def test_our_own_failure_is_451_and_shows_nothing(failure: Exception) -> None:
    log = Events()
    async with listening(Store(failure), log=log) as connect:
        line = await greeted(connect)
        await line.start_mail()
        answer = await line.ask(b"x\r\n.\r\n")
    assert answer == "451 4.3.0 Temporary failure, please try again later"
    assert "smtp.failed" in log.seen


@pytest.mark.parametrize(
    "recipient",
    [
        "somebody@elsewhere.example",
        "ecert@customs.example@elsewhere.example",
        "ecert%elsewhere.example@customs.example",
        "elsewhere.example!ecert@customs.example",
        '"ecert@elsewhere.example"@customs.example',
        "ecert@customs.example.elsewhere.example",
        "postmaster",
    ],
)
async def test_nothing_is_relayed(recipient: str) -> None:
    store = Store()
    async with listening(store) as connect:
        line = await greeted(connect)
        await line.ask(b"EHLO client\r\n")
        await line.ask(b"MAIL FROM:<a@b.example>\r\n")
        answer = await line.ask(f"RCPT TO:<{recipient}>\r\n".encode())
    assert answer[0] == "5", answer


@pytest.mark.parametrize(
    "octets",
    [b"a\nb\r\n", b"a\rb\r\n", b"a\x00b\r\n", b"a\n.\nMAIL FROM:<x@y.example>\r\n", b"a\r.\rb\r\n", b"a\r\n.\nb\r\n",
     b"a\n.\r\nb\r\n", b"a\r\r\n.\r\r\nb\r\n"],
)  # fmt: skip
async def test_bare_line_ends_and_nul_are_refused_and_do_not_smuggle(octets: bytes) -> None:
    store = Store()
    async with listening(store) as connect:
        line = await greeted(connect)
        await line.start_mail()
        assert (await line.ask(octets + b".\r\n")).startswith("550 5.6.0")
        assert (await line.ask(b"NOOP\r\n")).startswith("250")
    assert store.stored == []


async def test_a_message_over_size_is_refused_and_the_connection_goes_on() -> None:
    store = Store()
    async with listening(store) as connect:
        line = await greeted(connect)
        await line.start_mail()
        assert (await line.ask(b"0123456789\r\n" * 10_000 + b".\r\n")).startswith("552")
        assert (await line.ask(b"RSET\r\n")).startswith("250")
    assert store.stored == []


async def test_a_declared_size_over_the_limit_is_refused_at_once() -> None:
    async with listening(Store()) as connect:
        line = await greeted(connect)
        await line.ask(b"EHLO client\r\n")
        assert (await line.ask(b"MAIL FROM:<a@b.example> SIZE=30000000\r\n")).startswith("552")


async def test_a_line_over_a_thousand_octets_is_refused() -> None:
    store = Store()
    async with listening(store) as connect:
        line = await greeted(connect)
        await line.start_mail()
        assert (await line.ask(b"x" * 5000 + b"\r\n.\r\n")).startswith("500")
    assert store.stored == []


async def test_more_recipients_than_allowed_are_put_off() -> None:
    async with listening(Store()) as connect:
        line = await greeted(connect)
        await line.ask(b"EHLO client\r\n")
        await line.ask(b"MAIL FROM:<a@b.example>\r\n")
        answers = [await line.ask(f"RCPT TO:<{CHINA.address}>\r\n".encode()) for _ in range(3)]
    assert [answer[:3] for answer in answers] == ["250", "250", "452"]


async def test_more_connections_than_allowed_are_told_so_and_places_come_back() -> None:
    log = Events()
    async with listening(Store(), log=log) as connect:
        held = [await greeted(connect) for _ in range(3)]
        assert (await (await connect()).answer()).startswith("421 4.7.0")
        await held.pop().ask(b"QUIT\r\n")
        await asyncio.sleep(0.1)
        await greeted(connect)
    assert "smtp.too-many-connections" in log.seen


async def test_a_client_that_dribbles_octets_is_hung_up_on() -> None:
    log = Events()
    async with listening(Store(), log=log) as connect:
        line = await greeted(connect)
        await line.start_mail()
        answer = ""
        for _ in range(20):
            line.writer.write(b"x")
            await asyncio.sleep(0.05)
            if line.reader.at_eof() or "smtp.too-slow" in log.seen:
                answer = await line.answer()
                break
    assert answer.startswith("421 4.4.2")


async def test_an_idle_client_is_hung_up_on() -> None:
    async with listening(Store(), replace(LIMITS, idle_timeout=0.2)) as connect:
        line = await greeted(connect)
        assert await asyncio.wait_for(line.reader.read(), 3) == b""


async def test_one_command_again_and_again_ends_the_connection() -> None:
    async with listening(Store()) as connect:
        line = await greeted(connect)
        answers = [await line.ask(b"NOOP\r\n") for _ in range(21)]
    assert answers[-1].startswith("421")


async def test_a_client_that_leaves_in_the_middle_of_data_stores_nothing() -> None:
    store = Store()
    async with listening(store) as connect:
        line = await greeted(connect)
        await line.start_mail()
        line.writer.write(b"Subject: half\r\n")
        line.writer.close()
        await asyncio.sleep(0.1)
        second = await greeted(connect)
        await second.start_mail()
        assert (await second.ask(b"x\r\n.\r\n")).startswith("250")
    assert [octets for _, octets in store.stored] == [b"x\r\n"]


async def test_no_auth_is_offered() -> None:
    async with listening(Store()) as connect:
        line = await greeted(connect)
        line.writer.write(b"EHLO client\r\n")
        await asyncio.sleep(0.2)
        assert b"AUTH" not in await line.reader.read(1000)
        assert (await line.ask(b"AUTH PLAIN AGEAYQ==\r\n"))[0] == "5"


async def test_a_message_far_over_the_size_limit_takes_no_memory_from_others() -> None:
    store = Store()
    limits = replace(LIMITS, octets_at_once=150_000, message_size=100_000)
    async with listening(store, limits) as connect:
        flooding, honest = await greeted(connect), await greeted(connect)
        await flooding.start_mail()
        flooding.writer.write(b"x" * 900 + b"\r\n")
        for _ in range(20):
            flooding.writer.write((b"x" * 98 + b"\r\n") * 1000)
            await flooding.writer.drain()
        assert (await honest.start_mail()).startswith("354")
        assert (await honest.ask((b"y" * 98 + b"\r\n") * 900 + b".\r\n")).startswith("250")
        assert (await flooding.ask(b".\r\n")).startswith("552")


async def test_the_largest_unfinished_message_is_cut_and_not_the_newest() -> None:
    store, events = Store(), Events()
    async with listening(store, replace(LIMITS, octets_at_once=120_000), events) as connect:
        large, small = await greeted(connect), await greeted(connect)
        await large.start_mail()
        await small.start_mail()
        large.writer.write((b"x" * 97 + b".\r\n") * 900)
        await asyncio.sleep(0.2)
        assert (await small.ask((b"y" * 97 + b".\r\n") * 400 + b".\r\n")).startswith("250")
        assert (await large.answer()).startswith("421 4.3.1")
    assert "smtp.too-much-at-once" in events.seen


async def test_ehlo_is_answered_in_one_write() -> None:
    async with listening(Store()) as connect:
        line = await greeted(connect)
        line.writer.write(b"EHLO client.example\r\n")
        first = await line.reader.read(65536)
    assert first.endswith(b"250 HELP\r\n")
    assert first.startswith(b"250-mx.customs.example\r\n")
