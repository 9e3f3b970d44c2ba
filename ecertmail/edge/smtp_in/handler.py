"""What is answered to MAIL, RCPT and DATA."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar

from aiosmtpd.smtp import SMTP, Session
from aiosmtpd.smtp import Envelope as SmtpEnvelope

from ecertmail.core import transparency
from ecertmail.core.address import normal
from ecertmail.core.admission import Admission, Limits
from ecertmail.core.smtp_reply import OWN
from ecertmail.errors import TemporaryError
from ecertmail.message import Envelope
from ecertmail.ports import EventLog

_NULL = "<>"  # aiosmtpd takes an empty string for "no MAIL yet"
_LARGE = 256 * 1024

Octets = TypeVar("Octets", bytes, bytearray)
Result = TypeVar("Result")
Accept = Callable[[Envelope, bytes], Awaitable[str]]


class Handler:
    """Answers MAIL, RCPT and DATA."""

    def __init__(
        self,
        ours: Callable[[str], bool],
        limits: Limits,
        admission: Admission,
        accept: Accept,
        clock: Callable[[], datetime],
        log: EventLog,
        process: str = "",
    ) -> None:
        """Answer for this node; `process` is announced after EHLO, so that the node recognises itself."""
        self._process = process
        self._ours = ours
        self._admission = admission
        self._limits = limits
        self._accept = accept
        self._clock = clock
        self._log = log

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, session: Session, _envelope: SmtpEnvelope, hostname: str, responses: list[str]
    ) -> list[str]:
        """Offer no AUTH: nobody logs in here."""
        session.host_name = hostname
        *offered, last = (line for line in responses if not line.startswith("250-AUTH"))
        own = [f"250-{OWN} {self._process}"] if self._process else []
        # aiosmtpd writes each line of the list by itself; a scanner that reads only the first takes us for a relay.
        return ["\r\n".join([*offered, *own, last])]

    async def handle_MAIL(  # noqa: N802
        self, _server: SMTP, session: Session, envelope: SmtpEnvelope, address: str | None, options: list[str]
    ) -> str:
        """Take the null return path or a plain address, and not too many a minute."""
        if not self._admission.admit_message(_peer(session), self._clock()):
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
        """Take our own addresses, compared as a whole, and nothing else."""
        if not self._ours(address):
            self._log.warning("smtp.relay-refused", peer=_peer(session), recipient=address[:100])
            return "550 5.1.1 No such mailbox here"
        if len(envelope.rcpt_tos) >= self._limits.recipients:
            return "452 4.5.3 Too many recipients"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: SmtpEnvelope) -> str:  # noqa: N802
        """Store the message and only then say 250; a failure of ours is 451 and shows nothing."""
        octets = envelope.original_content or b""
        if await in_thread(transparency.has_bare_line_ends, octets):
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


def _peer(session: Session) -> str:
    return str(session.peer[0]) if session.peer else "local"


async def in_thread(work: Callable[[Octets], Result], octets: Octets) -> Result:
    """Do what takes long with a large message beside the event loop."""
    return await asyncio.to_thread(work, octets) if len(octets) > _LARGE else work(octets)
