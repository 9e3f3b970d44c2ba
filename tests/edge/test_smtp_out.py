"""Sending over real sockets to servers that take, refuse, hang up and lie."""

import asyncio
import contextlib
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from functools import partial
from socket import create_server

import pytest

from ecertmail.core.verp import delivery_of, reverse_path
from ecertmail.delivery import Attempted, Delivery, DeliveryState
from ecertmail.edge.smtp_out import Smarthost, SmarthostSender
from tests.builders import NOW, batch_mail, certificates_xml
from tests.installation import Sink, free_port, listens, running_sink, until

OCTETS = batch_mail(certificates_xml("NZ/1")) + b".a line with a dot\r\n"


def delivery(recipient: str = "ecert@mpi.example", kind: str = "receipt") -> Delivery:
    return Delivery(
        id=1, kind=kind, recipient=recipient, reverse_path="", message_id="<1@x>", octets=OCTETS,
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
async def scripted(
    *answers: bytes | None, heard: list[str] | None = None, greeting: bytes = b"220 scripted\r\n"
) -> AsyncIterator[int]:
    """A server that answers each line in turn from a script; None hangs up, an empty answer stays silent."""
    script, said = [*answers], [] if heard is None else heard

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError), contextlib.closing(writer):
            await converse(reader, writer)

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        in_data = False
        writer.write(greeting)
        while line := await reader.readline():
            if in_data and line != b".\r\n":
                continue
            said.append(line.decode().rstrip())
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
        ((OK, OK, b"550 no such user\r\n"), Attempted.REFUSED),
        ((OK, OK, OK, b"554 no\r\n"), Attempted.REFUSED),
        ((OK, OK, OK, GO, b"554 spam\r\n"), Attempted.REFUSED),
        ((b"554 5.7.1 no\r\n",) * 3, Attempted.SESSION),
        ((OK, b"501 mail from address must be same as authorization user\r\n"), Attempted.SENDER),
        ((OK, b"530 5.7.0 Must issue a STARTTLS command first\r\n"), Attempted.SESSION),
        ((OK, b"550 5.7.1 no\r\n"), Attempted.SENDER),
        ((OK, b"552 5.3.4 Message size exceeds fixed limit\r\n"), Attempted.REFUSED),
        ((OK, OK, b"553 5.7.1 <e@x>: Sender address rejected: not owned by user e\r\n"), Attempted.SENDER),
        ((OK, OK, b"554 5.7.1 <e@x>: Relay access denied\r\n"), Attempted.RELAY),
        ((OK, OK, b"530 5.7.1 Authentication required\r\n"), Attempted.SESSION),
        ((OK, OK, OK, GO, b"550 5.7.60 Client does not have permissions\r\n"), Attempted.SENDER),
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
    assert attempt.outcome is Attempted.AWAY


async def test_a_connection_that_was_lost_is_opened_again() -> None:
    with running_sink() as (sink, port):
        out = sender(port)
        sink.refuse.append("421 going down")
        assert (await out.send(delivery())).outcome is Attempted.TEMPORARY
        assert (await out.send(delivery())).outcome is Attempted.SENT
        await out.close()
    assert isinstance(sink, Sink)


async def test_a_connection_that_was_left_alone_for_a_while_is_tried_before_it_is_used() -> None:
    with running_sink() as (sink, port):
        out = sender(port)
        for pause in (0.0, 1.1):
            await asyncio.sleep(pause)
            assert (await out.send(delivery())).outcome is Attempted.SENT
        await out.close()
    assert len(sink.mails) == 2


async def test_as_many_connections_as_callers_and_each_is_used_again() -> None:
    with running_sink() as (sink, port):
        out = sender(port)
        for _ in range(3):
            await asyncio.gather(*(out.send(delivery()) for _ in range(4)))
        kept = len(out._idle)
        await out.close()
    assert (kept, len(sink.mails), out._idle) == (4, 12, [])


async def test_a_server_that_knows_only_helo_gets_its_mail() -> None:
    async with scripted(b"502 what\r\n", b"502 what\r\n", OK, OK, OK, GO, OK) as port:
        out = sender(port)
        assert (await out.send(delivery())).outcome is Attempted.SENT
        await out.close()


GREETINGS = {
    "554 no service": (b"554 5.7.1 no mail from you\r\n", Attempted.SESSION),
    "421 too many": (b"421 4.7.0 too many connections\r\n", Attempted.AWAY),
}


@pytest.mark.parametrize(("greeting", "outcome"), GREETINGS.values(), ids=GREETINGS.keys())
async def test_a_refusal_in_the_greeting_is_about_the_session(greeting: bytes, outcome: Attempted) -> None:
    async with scripted(greeting=greeting) as port:
        attempt = await sender(port).send(delivery())
    assert (attempt.outcome, attempt.reply) == (outcome, greeting.decode().strip())


LOGINS = {
    "wrong password": ((b"535 5.7.8 wrong password\r\n",), Attempted.SESSION),
    "stronger mechanism": ((b"534 5.7.9 use an application password\r\n",), Attempted.SESSION),
    "encryption first": ((b"538 5.7.11 encryption required\r\n",), Attempted.SESSION),
    "for now": ((b"454 4.7.0 temporary failure\r\n",), Attempted.AWAY),
}


@pytest.mark.parametrize(("answers", "outcome"), LOGINS.values(), ids=LOGINS.keys())
async def test_a_refused_login_is_about_the_session_and_is_not_tried_for_each_mail(
    answers: tuple[bytes, ...], outcome: Attempted
) -> None:
    heard: list[str] = []
    async with scripted(b"250-mx\r\n250 AUTH PLAIN\r\n", *answers, heard=heard) as port:
        out = SmarthostSender(replace(smarthost(port), username="ecert", password="secret"))
        attempts = [await out.send(delivery()) for _ in range(3)]
    assert attempts[0].outcome is outcome
    if outcome is Attempted.SESSION:
        assert {attempt.outcome for attempt in attempts} == {outcome}
        assert len([line for line in heard if line.startswith("AUTH")]) == 1


@pytest.mark.parametrize(("starttls", "login"), [("required", ""), ("never", "ecert")])
async def test_a_server_that_does_not_offer_what_is_configured_is_told_at_once(starttls: str, login: str) -> None:
    async with scripted(b"250 mx\r\n") as port:
        host = replace(smarthost(port), starttls=starttls, username=login, password=login)
        attempt = await SmarthostSender(host).send(delivery())
    assert attempt.outcome is Attempted.SESSION
    assert "not supported by" in attempt.reply


async def test_a_refused_starttls_is_about_the_session() -> None:
    async with scripted(b"250-mx\r\n250 STARTTLS\r\n", b"502 5.5.1 no TLS today\r\n") as port:
        attempt = await SmarthostSender(replace(smarthost(port), starttls="when-offered")).send(delivery())
    assert (attempt.outcome, attempt.reply) == (Attempted.SESSION, "502 5.5.1 no TLS today")


async def test_a_node_recognises_its_own_listener_and_only_that() -> None:
    heard: list[str] = []
    ours = b"250-mx\r\n250-XECERTMAIL 0123456789abcdef\r\n250 HELP\r\n"
    async with scripted(ours, b"221 bye\r\n", heard=heard) as port:
        attempt = await SmarthostSender(replace(smarthost(port), process="0123456789abcdef")).send(delivery())
    assert attempt.outcome is Attempted.SESSION
    assert "listener of this node itself" in attempt.reply
    assert [line.split()[0] for line in heard] == ["EHLO", "QUIT"]
    async with scripted(ours, OK, OK, GO, OK) as port:
        attempt = await SmarthostSender(replace(smarthost(port), process="fedcba9876543210")).send(delivery())
    assert attempt.outcome is Attempted.SENT


SECRET = b"sixteen octets.."
US = "ecert@customs.example"


@pytest.mark.parametrize(("kind", "traced"), [("receipt", False), ("report", False), ("push", True), ("notice", True)])
async def test_reports_are_asked_for_where_they_are_offered_and_name_the_delivery(kind: str, traced: bool) -> None:
    heard: list[str] = []
    async with scripted(b"250-postfix\r\n250 DSN\r\n", OK, OK, GO, OK, heard=heard) as port:
        out = SmarthostSender(replace(smarthost(port), reverse_path=partial(reverse_path, US, SECRET)))
        assert (await out.send(delivery("o+1=x@mpi.example", kind))).outcome is Attempted.SENT
        await out.close()
    mail, rcpt = heard[1:3]
    path = mail.removeprefix("MAIL FROM:<").partition(">")[0]
    assert mail.endswith("> RET=HDRS ENVID=<1@x>")
    assert (delivery_of(path, US, SECRET) == 1, path == "") == (traced, not traced)
    asked = " NOTIFY=FAILURE,DELAY ORCPT=rfc822;o+2B1+3Dx@mpi.example" if traced else ""
    assert rcpt == f"RCPT TO:<o+1=x@mpi.example>{asked}"


async def test_nothing_is_asked_of_a_server_that_offers_nothing() -> None:
    with running_sink() as (sink, port):
        out = SmarthostSender(replace(smarthost(port), reverse_path=partial(reverse_path, US, SECRET)))
        assert (await out.send(delivery(kind="push"))).outcome is Attempted.SENT
        await out.close()
    assert delivery_of(sink.senders[0], US, SECRET) == 1


@contextmanager
def postfix_sink(*options: str) -> Iterator[int]:
    """Run Postfix's smtp-sink."""
    program = shutil.which("smtp-sink", path="/usr/sbin:/usr/bin")
    if program is None:
        if os.environ.get("ECERTMAIL_CI"):
            pytest.fail("smtp-sink is missing; .ci/run installs postfix")
        pytest.skip("smtp-sink is not installed")
    user, port = ["-u", "nobody"] if os.geteuid() == 0 else [], free_port()
    process = subprocess.Popen([program, *user, *options, f"127.0.0.1:{port}", "10"])
    try:
        until(lambda: listens(port))
        yield port
    finally:
        process.terminate()
        process.wait()


@pytest.mark.parametrize(
    ("options", "outcome"),
    [
        ((), Attempted.SENT),
        (("-q", "connect"), Attempted.AWAY),
        (("-q", "mail"), Attempted.UNKNOWN),
        (("-q", "."), Attempted.UNKNOWN),
        (("-r", "rcpt"), Attempted.TEMPORARY),
        (("-r", "."), Attempted.TEMPORARY),
        (("-f", "rcpt"), Attempted.REFUSED),
        (("-f", "data"), Attempted.REFUSED),
        (("-f", "."), Attempted.REFUSED),
        (("-W", "data:5"), Attempted.UNKNOWN),
    ],
)
async def test_a_real_postfix_that_hangs_up_puts_off_refuses_or_is_slow(
    options: tuple[str, ...], outcome: Attempted
) -> None:
    with postfix_sink(*options) as port:
        out = sender(port, timeout=1)
        attempt = await out.send(delivery())
        await out.close()
    assert attempt.outcome is outcome, attempt.reply
