"""Outgoing mail by aiosmtplib to one smarthost: stored octets go out as they are, over connections that are kept.

Every end of an attempt is a value; what a refusal is about says `core/smtp_reply.py`. A connection lost after the final
dot is ambiguous, so it is `unknown` and the same octets go out again with the same Message-ID.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter

import aiosmtplib

from ecertmail.core import smtp_reply
from ecertmail.core.entity import printable
from ecertmail.core.smtp_reply import Stage
from ecertmail.delivery import Attempt, Attempted, Delivery
from ecertmail.errors import EcertmailError, PermanentError

FRESH_SECONDS = 1.0
REFUSED_SECONDS = 30.0
_MAX_ENVELOPE_ID = 100  # RFC 3461 section 4.4
_OURSELVES = "[send] host and port lead to the listener of this node itself; name the server that sends mail for it"
_ENDS = (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError, EcertmailError)
_STAGES = {aiosmtplib.SMTPSenderRefused: Stage.MAIL, aiosmtplib.SMTPDataError: Stage.DATA}


@dataclass(frozen=True, slots=True, kw_only=True)
class Smarthost:
    """Where outgoing mail goes, and how.

    `starttls` is `never`, `when-offered` or `required`; `token` is for XOAUTH2; `reverse_path` names who hears of a
    failure, and `signature` makes header lines that go before the stored octets. `process` is what this node's own
    listener announces (`core/smtp_reply.OWN`), so that the node never sends to itself.
    """

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
    reverse_path: Callable[[Delivery], str] = attrgetter("reverse_path")
    signature: Callable[[Delivery], bytes] | None = None
    process: str = ""


class SmarthostSender:
    """Sends over as many connections as there are callers at once, each opened when needed and kept for the next."""

    def __init__(self, smarthost: Smarthost) -> None:
        self._smarthost = smarthost
        self._idle: list[tuple[aiosmtplib.SMTP, float]] = []
        self._refused: tuple[Attempt, float] | None = None

    async def send(self, delivery: Delivery) -> Attempt:
        """Try once to hand over a mail.

        A server that refused the session is not asked again for half a minute: a wrong password, tried for each of a
        thousand mails, would lock the account.
        """
        if self._refused is not None and _now() - self._refused[1] < REFUSED_SECONDS:
            return self._refused[0]
        try:
            client = await self._connected()
        except _ENDS as error:
            attempt = _unconnected(error)
            self._refused = (attempt, _now()) if attempt.outcome is Attempted.SESSION else None
            return attempt
        self._refused = None
        try:
            attempt = Attempt(outcome=Attempted.SENT, reply=_one_line(await self._send(client, delivery)))
        except _ENDS as error:
            attempt = _attempt(error)
        except BaseException:
            client.close()
            raise
        await self._keep(client, attempt)
        return attempt

    async def _send(self, client: aiosmtplib.SMTP, delivery: Delivery) -> str:
        """Hand over a mail and ask, where it is offered, for reports that name the delivery (RFC 3461)."""
        sign, octets = self._smarthost.signature, delivery.octets
        if sign is not None:
            octets = await asyncio.to_thread(sign, delivery) + octets
        reverse_path = self._smarthost.reverse_path(delivery)
        asked, how = [], []
        if client.supports_extension("dsn"):
            asked = ["RET=HDRS"]
            if len(envelope_id := _xtext(delivery.message_id)) <= _MAX_ENVELOPE_ID:
                asked.append(f"ENVID={envelope_id}")
            if reverse_path:  # without one nobody can be told
                how = ["NOTIFY=FAILURE,DELAY", f"ORCPT=rfc822;{_xtext(delivery.recipient)}"]
        _, reply = await client.sendmail(
            reverse_path, [delivery.recipient], octets, mail_options=asked, rcpt_options=how
        )
        return reply

    async def try_out(self) -> Attempt:
        """Connect and log in, and send nothing."""
        try:
            await _quit(await self._connected())
        except _ENDS as error:
            return _unconnected(error)
        return Attempt(outcome=Attempted.SENT, reply="")

    async def rehearse(self, *reverse_paths: str) -> None:
        """Do all that sending does up to MAIL FROM and take it back; the caller hears aiosmtplib's own errors."""
        client = await self._connected()
        try:
            for reverse_path in reverse_paths:
                await client.mail(reverse_path)
                await client.rset()
        finally:
            await _quit(client)

    async def close(self) -> None:
        """Say QUIT wherever there is a connection."""
        while self._idle:
            await _quit(self._idle.pop()[0])

    async def _keep(self, client: aiosmtplib.SMTP, attempt: Attempt) -> None:
        """Keep a connection that is good for another mail."""
        if attempt.outcome in {Attempted.SENT, Attempted.REFUSED} and client.is_connected:
            self._idle.append((client, _now()))
        else:
            await _quit(client)

    async def _connected(self) -> aiosmtplib.SMTP:
        while self._idle:
            client, since = self._idle.pop()
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                if not client.is_connected or _now() - since > FRESH_SECONDS:
                    await client.rset()
                return client
            client.close()
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
        if client.is_ehlo_or_helo_needed:
            with contextlib.suppress(aiosmtplib.SMTPHeloError):  # who knows only HELO is greeted so with the first mail
                await client.ehlo()
        own = self._smarthost.process
        if own and client.esmtp_extensions.get(smtp_reply.OWN.lower()) == own:
            await _quit(client)
            raise PermanentError(_OURSELVES)
        return client

    async def _token(self) -> str:
        """Get a token anew for each login, without making others wait for it."""
        assert self._smarthost.token is not None  # noqa: S101 - it is only asked where there is one
        return await asyncio.to_thread(self._smarthost.token)


async def _quit(client: aiosmtplib.SMTP) -> None:
    if client.is_connected:
        with contextlib.suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
            await client.quit(timeout=2)
    client.close()


def _unconnected(error: Exception) -> Attempt:
    """Judge why there is no session: a refusal, a mistake of ours that no waiting mends, or a server that is away."""
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return _refusal(Stage.SESSION, error)
    passing = isinstance(error, OSError) and not isinstance(error.__cause__ or error, ssl.SSLCertVerificationError)
    return Attempt(outcome=Attempted.AWAY if passing else Attempted.SESSION, reply=_one_line(str(error)))


def _attempt(error: Exception) -> Attempt:
    """Judge why a mail was not taken."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return _refusal(Stage.RCPT, error.recipients[0])
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return _refusal(_STAGES.get(type(error), Stage.SESSION), error)
    lost = isinstance(error, aiosmtplib.SMTPServerDisconnected | aiosmtplib.SMTPReadTimeoutError)
    return Attempt(outcome=Attempted.UNKNOWN if lost else Attempted.TEMPORARY, reply=_one_line(str(error)))


def _refusal(stage: Stage, error: aiosmtplib.SMTPResponseException) -> Attempt:
    outcome = smtp_reply.refusal(stage, error.code, error.message)
    return Attempt(outcome=outcome, reply=_one_line(f"{error.code} {error.message}"))


def _now() -> float:
    return asyncio.get_running_loop().time()


def _xtext(address: str) -> str:
    """Return an address for ORCPT (RFC 3461 section 4: `+` and `=` are written as `+` and two digits)."""
    return address.replace("+", "+2B").replace("=", "+3D")


def _one_line(text: str) -> str:
    return printable(" ".join(text.split()))[:300]
