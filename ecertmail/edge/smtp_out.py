"""Outgoing mail by aiosmtplib to one smarthost: stored octets go out as they are, over a connection that is kept.

Every end of an attempt is a value. A connection lost after the final dot is ambiguous, so it is `unknown` and the same
octets go out again with the same Message-ID.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass

import aiosmtplib

from ecertmail.delivery import Attempt, Attempted, Delivery
from ecertmail.errors import EcertmailError


@dataclass(frozen=True, slots=True, kw_only=True)
class Smarthost:
    """Where outgoing mail goes; `starttls` is `never`, `when-offered` or `required`; `token` is for XOAUTH2."""

    host: str
    port: int
    hostname: str
    starttls: str
    implicit_tls: bool
    tls_context: ssl.SSLContext | None
    username: str
    password: str
    timeout: float
    token: Callable[[], str] | None = None


class SmarthostSender:
    """Sends one mail at a time over one connection, opened when needed and kept while there is more to send."""

    def __init__(self, smarthost: Smarthost) -> None:
        self._smarthost = smarthost
        self._client: aiosmtplib.SMTP | None = None
        self._lock = asyncio.Lock()

    async def send(self, delivery: Delivery) -> Attempt:
        """Try once to hand over a mail."""
        async with self._lock:
            try:
                client = await self._connected()
                _, reply = await client.sendmail(delivery.reverse_path, [delivery.recipient], delivery.octets)
            except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError, EcertmailError) as error:
                attempt = _attempt(error)
                if attempt.outcome is not Attempted.PERMANENT:
                    await self._drop()
                return attempt
            return Attempt(outcome=Attempted.SENT, reply=_one_line(reply))

    async def try_out(self) -> Attempt:
        """Connect and log in, and send nothing."""
        async with self._lock:
            try:
                await self._connected()
            except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError, EcertmailError) as error:
                return _attempt(error)
            finally:
                await self._drop()
            return Attempt(outcome=Attempted.SENT, reply="")

    async def close(self) -> None:
        """Say QUIT, if there is a connection."""
        async with self._lock:
            await self._drop()

    async def _connected(self) -> aiosmtplib.SMTP:
        if self._client is not None and self._client.is_connected:
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                await self._client.rset()
                return self._client
        await self._drop()
        host = self._smarthost
        client = aiosmtplib.SMTP(
            hostname=host.host,
            port=host.port,
            local_hostname=host.hostname,
            username=host.username or None,
            password=host.password or None,
            oauth_token_generator=self._token if host.token else None,
            timeout=host.timeout,
            use_tls=host.implicit_tls,
            start_tls={"never": False, "required": True}.get(host.starttls),
            tls_context=host.tls_context,
        )
        await client.connect()
        self._client = client
        return client

    async def _token(self) -> str:
        """Get a token anew for each login, without making others wait for it."""
        assert self._smarthost.token is not None  # noqa: S101 - it is only asked where there is one
        return await asyncio.to_thread(self._smarthost.token)

    async def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None and client.is_connected:
            with contextlib.suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
                await client.quit(timeout=2)
            client.close()


def _attempt(error: Exception) -> Attempt:
    """Sort what aiosmtplib raises by one question: will trying again help?"""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return _attempt(error.recipients[0])
    if isinstance(error, aiosmtplib.SMTPResponseException):
        code = error.code
        permanent = 500 <= code < 600 and not isinstance(error, aiosmtplib.SMTPAuthenticationError)
        outcome = Attempted.PERMANENT if permanent else Attempted.TEMPORARY
        return Attempt(outcome=outcome, reply=_one_line(f"{code} {error.message}"))
    lost = isinstance(error, aiosmtplib.SMTPServerDisconnected | aiosmtplib.SMTPReadTimeoutError)
    return Attempt(outcome=Attempted.UNKNOWN if lost else Attempted.TEMPORARY, reply=_one_line(str(error)))


def _one_line(text: str) -> str:
    return " ".join(text.split())[:300]
