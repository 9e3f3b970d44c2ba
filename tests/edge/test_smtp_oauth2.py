"""Submission with an OAuth2 token instead of a password."""

import base64
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from ecertmail.delivery import Attempted
from ecertmail.edge.smtp_out import SmarthostSender
from ecertmail.errors import MailboxLoginError
from tests.edge.test_smtp_out import delivery, smarthost
from tests.installation import Sink, free_port


class TokenSink(Sink):
    """A submission server that takes mail from whoever has the token."""

    async def auth_XOAUTH2(self, _server: object, arguments: list[str]) -> AuthResult:  # noqa: N802 - aiosmtpd's name
        good = base64.b64decode(arguments[1]) == b"user=ecert\x01auth=Bearer good\x01\x01"
        return AuthResult(success=good, handled=False)


@pytest.fixture
def provider() -> Iterator[tuple[TokenSink, int]]:
    sink = TokenSink()
    controller = Controller(sink, hostname="127.0.0.1", port=free_port(), auth_require_tls=False)
    controller.start()
    yield sink, controller.port
    controller.stop()


def sender(port: int, token: Callable[[], str]) -> SmarthostSender:
    return SmarthostSender(replace(smarthost(port), username="ecert", token=token))


async def test_a_mail_goes_out_with_a_token(provider: tuple[TokenSink, int]) -> None:
    out = sender(provider[1], lambda: "good")
    assert (await out.send(delivery())).outcome is Attempted.SENT
    await out.close()
    assert len(provider[0].mails) == 1


async def test_a_token_is_got_anew_for_each_connection(provider: tuple[TokenSink, int]) -> None:
    tokens = iter(["good", "good"])
    out = sender(provider[1], lambda: next(tokens))
    for _ in range(2):
        assert (await out.try_out()).outcome is Attempted.SENT
    assert list(tokens) == []
    assert provider[0].mails == [], "trying out sends nothing"


async def test_an_expired_token_is_tried_again_later(provider: tuple[TokenSink, int]) -> None:
    attempt = await sender(provider[1], lambda: "expired").send(delivery())
    assert attempt.outcome is Attempted.SESSION
    assert provider[0].mails == []


async def test_a_command_that_gives_no_token_is_tried_again_later(provider: tuple[TokenSink, int]) -> None:
    def broken() -> str:
        raise MailboxLoginError("mail-token ended with 1")

    attempt = await sender(provider[1], broken).send(delivery())
    assert (attempt.outcome, attempt.reply) == (Attempted.SESSION, "mail-token ended with 1")
