"""An IMAP server that answers from a table: it lies, stammers, or refuses as some providers do."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ecertmail.core.mailbox import Tls
from ecertmail.edge.imap.account import Account

SELECTED = b"* 2 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 3] x\r\nTAG OK [READ-WRITE] done\r\n"
UIDS = b"* 1 FETCH (UID 1)\r\n* 2 FETCH (UID 2)\r\nTAG OK done\r\n"
DONE, MAIL = b"TAG OK done\r\n", b"Subject: x\r\n\r\n"
GOOD = {
    b"CAPABILITY": b"* CAPABILITY IMAP4rev1\r\nTAG OK done\r\n",
    b"LOGIN": DONE,
    b"SELECT": SELECTED,
    b"LIST": DONE,
    b"NOOP": DONE,
    b"UIDS": UIDS,
}

Answer = bytes | None | Callable[[list[bytes]], bytes]


class Liar:
    """Answers each command from a table; None hangs up. `UIDS` answers whatever asks for UIDs alone."""

    def __init__(self, **answers: Answer) -> None:
        changes = {name.replace("_", " ").encode(): answer for name, answer in answers.items()}
        self._answers: dict[bytes, Answer] = {**GOOD, **changes}
        self.heard: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with connection:
                    self._serve(connection)

    def _serve(self, connection: socket.socket) -> None:
        tag = b""
        with connection.makefile("rb") as lines, contextlib.suppress(OSError):
            connection.sendall(b"* OK hello\r\n")
            for line in lines:
                tag, _, rest = line.strip().partition(b" ") if line != b"DONE\r\n" else (tag, b"", b"DONE")
                self.heard.append(rest)
                answer = self._answers[self._name(rest)]
                if callable(answer):
                    answer = answer(self.heard)
                if answer is None:
                    return
                connection.sendall(answer.replace(b"TAG", tag))

    def _name(self, command: bytes) -> bytes:
        if command.endswith(b"(UID)"):
            return b"UIDS"
        return next(name for name in self._answers if command.upper().startswith(name))

    @property
    def account(self) -> Account:
        return Account(
            host="127.0.0.1", port=self.port, tls=Tls.NEVER, context=ssl.create_default_context(),
            username="ecert", password=lambda: "secret", connect_seconds=5, answer_seconds=5,
        )  # fmt: skip

    def close(self) -> None:
        self._listener.close()


def offering(*capabilities: str) -> bytes:
    """The answer to CAPABILITY of a server that has these beyond IMAP4rev1."""
    return f"* CAPABILITY IMAP4rev1 {' '.join(capabilities)}\r\nTAG OK done\r\n".encode()


def needs_id(heard: list[bytes]) -> bytes:
    """The answer to SELECT of 163.com and 126.com."""
    if any(command.startswith(b"ID (") for command in heard):
        return SELECTED
    return b"TAG NO SELECT Unsafe Login. Please contact kefu@188.com for help\r\n"


@contextmanager
def lying(**answers: Answer) -> Iterator[Liar]:
    """Run such a server."""
    liar = Liar(**answers)
    yield liar
    liar.close()
