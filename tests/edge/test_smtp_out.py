"""Sending over real sockets to servers that take, refuse, hang up and lie."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from socket import create_server

import pytest

from ecertmail.delivery import Attempted, Delivery, DeliveryState
from ecertmail.edge.smtp_out import Smarthost, SmarthostSender
from tests.builders import NOW, batch_mail, certificates_xml
from tests.installation import Sink, free_port, running_sink

OCTETS = batch_mail(certificates_xml("NZ/1")) + b".a line with a dot\r\n"


def delivery(recipient: str = "ecert@mpi.example") -> Delivery:
    return Delivery(
        id=1, kind="receipt", recipient=recipient, reverse_path="", message_id="<1@x>", octets=OCTETS,
        state=DeliveryState.SENDING, attempts=0, created_at=NOW,
    )  # fmt: skip


def smarthost(port: int, timeout: float = 5) -> Smarthost:
    return Smarthost(
        host="127.0.0.1", port=port, hostname="mx.customs.example", starttls="never", implicit_tls=False,
        tls_context=None, username="", password="", timeout=timeout,
    )  # fmt: skip


def sender(port: int, timeout: float = 5) -> SmarthostSender:
    return SmarthostSender(smarthost(port, timeout))


@asynccontextmanager
async def scripted(*answers: bytes | None) -> AsyncIterator[int]:
    """A server that answers each line in turn from a script; None hangs up, an empty answer stays silent."""
    script = list(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await converse(reader, writer)
        writer.close()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        in_data = False
        writer.write(b"220 scripted\r\n")
        while line := await reader.readline():
            if in_data and line != b".\r\n":
                continue
            answer = script.pop(0) if script else b"221 bye\r\n"
            if answer is None:
                break
            in_data = answer.startswith(b"354")
            writer.write(answer)

    sock = create_server(("127.0.0.1", 0))
    server = await asyncio.start_server(serve, sock=sock)
    try:
        yield sock.getsockname()[1]
    finally:
        server.close()
        await asyncio.sleep(0.05)  # let both ends see that it is over


OK, GO = b"250 OK\r\n", b"354 go\r\n"


async def test_the_stored_octets_go_out_as_they_are_over_one_connection() -> None:
    with running_sink() as (sink, port):
        out = sender(port)
        attempts = [await out.send(delivery()) for _ in range(3)]
        await out.close()
    assert [attempt.outcome for attempt in attempts] == [Attempted.SENT] * 3
    assert sink.mails == [OCTETS] * 3


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        ((OK, b"451 busy\r\n"), Attempted.TEMPORARY),
        ((OK, OK, b"452 full\r\n"), Attempted.TEMPORARY),
        ((OK, OK, b"550 no such user\r\n"), Attempted.PERMANENT),
        ((OK, OK, OK, b"554 no\r\n"), Attempted.PERMANENT),
        ((OK, OK, OK, GO, b"554 spam\r\n"), Attempted.PERMANENT),
        ((OK, OK, OK, GO, b"451 greylisted\r\n"), Attempted.TEMPORARY),
        ((OK, OK, OK, GO, None), Attempted.UNKNOWN),
        ((OK, OK, OK, GO, b""), Attempted.UNKNOWN),
        ((OK, None), Attempted.UNKNOWN),
    ],
)
async def test_every_end_of_an_attempt_is_told_apart(script: tuple[bytes | None, ...], outcome: Attempted) -> None:
    async with scripted(*script) as port:
        out = sender(port, timeout=0.5)
        attempt = await out.send(delivery())
        await out.close()
    assert attempt.outcome is outcome, attempt.reply
    assert "\n" not in attempt.reply


async def test_a_server_that_is_away_is_temporary() -> None:
    attempt = await sender(free_port()).send(delivery())
    assert attempt.outcome is Attempted.TEMPORARY


async def test_a_connection_that_was_lost_is_opened_again() -> None:
    with running_sink() as (sink, port):
        out = sender(port)
        sink.refuse.append("421 going down")
        assert (await out.send(delivery())).outcome is Attempted.TEMPORARY
        assert (await out.send(delivery())).outcome is Attempted.SENT
        await out.close()
    assert isinstance(sink, Sink)
