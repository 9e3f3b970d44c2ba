"""The mail system between the demo's nodes: passes mail on by domain, and keeps what is for people in a maildir."""

import smtplib
from mailbox import Maildir
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller


class Relay:
    """A server on loopback that both nodes give their outgoing mail to."""

    def __init__(self, port: int, nodes: dict[str, int], people: Path) -> None:
        """Take our port, the ports of nodes by mail domain, and the folder of everybody else's mail."""
        self._nodes = nodes
        self._people = people
        self._controller = Controller(self, hostname="127.0.0.1", port=port)

    def start(self) -> None:
        """Take connections."""
        Maildir(self._people, create=True)
        self._controller.start()

    def stop(self) -> None:
        """Take no more."""
        self._controller.stop()

    def mails(self) -> list[bytes]:
        """Return what people got, the oldest first."""
        files = sorted((self._people / "new").iterdir(), key=lambda file: file.stat().st_mtime_ns)
        return [file.read_bytes() for file in files]

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Pass the mail on unchanged, with its envelope."""
        for recipient in envelope.rcpt_tos:
            port = self._nodes.get(recipient.rpartition("@")[2])
            if port is None:
                Maildir(self._people).add(envelope.original_content)
                continue
            with smtplib.SMTP("127.0.0.1", port, timeout=30) as smtp:
                smtp.sendmail(envelope.mail_from or "", [recipient], envelope.original_content)
        return "250 2.0.0 passed on"
