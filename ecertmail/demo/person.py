"""A person with nothing but a mail client: reads what came, and answers it as such programs do."""

import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import make_msgid

from ecertmail.demo.node import DemoNode, wait_for
from ecertmail.demo.relay import Relay


class Person:
    """Somebody in the demo; mails that were read before are not waited for again."""

    def __init__(self, address: str, node: DemoNode, relay: Relay) -> None:
        self.address = address
        self._node = node
        self._relay = relay
        self._read: set[str] = set()

    def next_mail(self, about: str, what: str) -> EmailMessage:
        """Wait for a mail that is new, for this person and about something; return it."""

        def look() -> EmailMessage | None:
            return next((mail for mail in self._mails() if about in text_of(mail)), None)

        mail: EmailMessage = wait_for(f"{what} for {self.address}", look)
        self._read.add(str(mail["Message-ID"]))
        return mail

    def reply(self, mail: EmailMessage, text: str) -> None:
        """Answer a mail: above a quotation, unsigned, to where its Reply-To says."""
        quoted = "".join(f"> {line}\n" for line in text_of(mail).splitlines())
        answer = self._new(str(mail["Reply-To"] or mail["From"]), f"Re: {mail['Subject']}")
        answer["In-Reply-To"] = str(mail["Message-ID"])
        answer.set_content(f"{text}\n\nOn {mail['Date']}, {mail['From']} wrote:\n{quoted}")
        self._send(answer)

    def write(self, subject: str, text: str = "") -> None:
        """Write to the node."""
        mail = self._new(self._node.address, subject)
        mail.set_content(text + "\n")
        self._send(mail)

    def _new(self, recipient: str, subject: str) -> EmailMessage:
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = self.address, recipient, subject
        mail["Message-ID"] = make_msgid(domain=self.address.partition("@")[2])
        return mail

    def _send(self, mail: EmailMessage) -> None:
        match = re.search(r"[^\s<>]+@[^\s<>]+", str(mail["To"]))
        self._node.send(mail.as_bytes(policy=policy.SMTP), self.address, match[0] if match else "")

    def _mails(self) -> list[EmailMessage]:
        mails = [message_from_bytes(octets, policy=policy.default) for octets in self._relay.mails()]
        return [
            mail
            for mail in mails
            if isinstance(mail, EmailMessage) and mail["To"] == self.address and mail["Message-ID"] not in self._read
        ]


def text_of(mail: EmailMessage) -> str:
    """Return what a person sees: the subject and the plain text."""
    body = mail.get_body(("plain",))
    if body is None:  # inside multipart/signed
        body = next(part for part in mail.walk() if part.get_content_type() == "text/plain")
    return f"{mail['Subject']}\n{body.get_content()}"
