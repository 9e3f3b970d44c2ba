"""The mails of the soak: partners' batches, clear and encrypted, again and forged, strangers, officials, bounces.

Everything is dated by the clock that this process sees, which is the daemon's.
"""

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial
from itertools import count
from typing import Any

import pysequoia

from ecertmail.core import outgoing
from tests.builders import AU_ADDRESS, CHINA, NZ_ADDRESS, certificates_xml, key_of, sps_xml

WANG = "wang@customs.example"
KEPT = 200
MIX = {
    "batch": 9,
    "encrypted batch": 3,
    "batch again": 1,
    "forged batch": 1,
    "stranger": 2,
    "look-up": 1,
    "decision": 2,
    "bounce": 1,
}
"""How many of 20 mails are of a kind."""

_TOKEN = re.compile(r"\[\s*([a-z]\d+\.[a-z2-7]{12})\s*\]")


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail with its envelope; `numbers` are those of the certificates that it brings."""

    sender: str
    recipient: str
    octets: bytes
    numbers: tuple[str, ...] = ()


@dataclass
class Sink:
    """Takes all that the daemon sends, and keeps only what the traffic needs to answer."""

    count: int = 0
    letters: list[tuple[str, str]] = field(default_factory=list)
    pushes: list[tuple[str, str, str]] = field(default_factory=list)

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Any
    ) -> str:
        """Count a mail; keep the newest letters to the official, and the newest pushes."""
        self.count += 1
        head = message_from_bytes(envelope.original_content.partition(b"\r\n\r\n")[0], policy=policy.default)
        if envelope.rcpt_tos == [WANG]:
            self.letters = [*self.letters[-KEPT:], (str(head["Reply-To"]), str(head["Subject"]))]
        elif "+b" in envelope.mail_from:
            push = envelope.mail_from, envelope.rcpt_tos[0], str(head["Message-ID"])
            self.pushes = [*self.pushes[-KEPT:], push]
        return "250 OK"


class Traffic:
    """Makes one mail after the other; `node_key` is the daemon's public key, to encrypt to."""

    def __init__(self, sink: Sink, node_key: bytes) -> None:
        self._sink = sink
        self._node = pysequoia.Cert.from_bytes(node_key)
        self._serial = count(1)
        self._random = random.Random(1)  # noqa: S311 - the same traffic in each run
        self._batches: list[Mail] = []
        self._numbers: list[str] = []
        self._makers: dict[str, Callable[[], Mail]] = {
            "batch": partial(self._batch, NZ_ADDRESS, "NZ"),
            "encrypted batch": partial(self._batch, AU_ADDRESS, "AU", encrypt=self._encrypt),
            "batch again": lambda: self._random.choice(self._batches),
            "forged batch": self._forged,
            "stranger": self._stranger,
            "look-up": self._look_up,
            "decision": self._decision,
            "bounce": self._bounce,
        }

    def mails(self) -> Iterator[tuple[str, Mail]]:
        """Yield (kind, mail) without an end."""
        yield "batch", self._makers["batch"]()
        while True:
            kinds = [kind for kind, times in MIX.items() for _ in range(times)]
            self._random.shuffle(kinds)
            for kind in kinds:
                yield kind, self._makers[kind]()

    def _batch(self, sender: str, country: str, encrypt: Callable[[bytes], bytes] | None = None) -> Mail:
        numbers, mail = self._made(sender, country, key_of(sender).sign, encrypt)
        made = Mail(sender, CHINA.address, mail, numbers)
        self._batches = [*self._batches[-KEPT:], made]
        self._numbers = [*self._numbers[-KEPT:], *numbers]
        return made

    def _forged(self) -> Mail:
        """Make a batch whose signature is of other octets."""
        sign = key_of(NZ_ADDRESS).sign
        _, mail = self._made(NZ_ADDRESS, "NZ", lambda octets: sign(octets + b"\r\n"), None)
        return Mail(NZ_ADDRESS, CHINA.address, mail)

    def _made(
        self, sender: str, country: str, sign: outgoing.Sign, encrypt: Callable[[bytes], bytes] | None
    ) -> tuple[tuple[str, ...], bytes]:
        serial = next(self._serial)
        numbers = tuple(f"{country}-{serial}-{place}" for place in range(self._random.randint(1, 3)))
        documents = [certificates_xml(number, country=country) for number in numbers]
        if country == "NZ":
            documents[0] = sps_xml(numbers[0])
        files = [(f"{place}.xml", octets) for place, octets in enumerate(documents)]
        letter = outgoing.Letter(
            sender=sender, recipient=CHINA.address, now=datetime.now(UTC), message_id=self._id(sender), encrypt=encrypt
        )
        return numbers, outgoing.batch_mail(files, letter, sign)

    def _encrypt(self, octets: bytes) -> bytes:
        return bytes(pysequoia.encrypt(octets, recipients=[self._node]))

    def _stranger(self) -> Mail:
        sender = f"someone-{next(self._serial)}@elsewhere.example"
        return self._plain(sender, CHINA.address, "An offer", "Buy certificates here.\n" * self._random.randint(1, 200))

    def _look_up(self) -> Mail:
        return self._plain(WANG, CHINA.address, f"VERIFY {self._random.choice(self._numbers)}", "")

    def _decision(self) -> Mail:
        if not self._sink.letters:
            return self._look_up()
        reply_to, subject = self._sink.letters.pop()
        words = self._random.choice(("PASS", "REFUSE the seal is broken", "REQUEST which seal?"))
        return self._plain(WANG, reply_to, f"Re: {subject}", words)

    def _bounce(self) -> Mail:
        if not self._sink.pushes:
            return self._stranger()
        reverse_path, recipient, message_id = self._sink.pushes.pop(0)
        lines = (
            "From: MAILER-DAEMON@mx.example", f"To: {reverse_path}", "Subject: Undelivered", "MIME-Version: 1.0",
            'Content-Type: multipart/report; report-type=delivery-status; boundary="b"', "",
            "--b", "Content-Type: message/delivery-status", "", "Reporting-MTA: dns; mx.example", "",
            f"Final-Recipient: rfc822; {recipient}", "Action: failed", "Status: 4.2.2", "",
            "--b", "Content-Type: text/rfc822-headers", "", f"Message-ID: {message_id}", "", "--b--", "",
        )  # fmt: skip
        return Mail("", reverse_path, "\r\n".join(lines).encode())

    def _plain(self, sender: str, recipient: str, subject: str, text: str) -> Mail:
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"], mail["Message-ID"] = sender, recipient, subject, self._id(sender)
        mail.set_content(text)
        return Mail(sender, recipient, mail.as_bytes(policy=policy.SMTP))

    def _id(self, sender: str) -> str:
        return f"<soak-{next(self._serial)}@{sender.partition('@')[2]}>"
