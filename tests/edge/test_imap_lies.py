"""Servers that lie, stammer or refuse: what is still good is told apart from what is not."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator

import pytest

from ecertmail.core.mailbox import Found, Tls
from ecertmail.edge.imap.account import Account
from ecertmail.edge.imap.folder import ImapFolder
from ecertmail.errors import MailboxAwayError, MailboxLoginError, MailboxRefusedError, MailboxUnavailableError
from tests.desk import Desk

SELECTED = b"* 2 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 3] x\r\nTAG OK [READ-WRITE] done\r\n"
UIDS = b"* 1 FETCH (UID 1)\r\n* 2 FETCH (UID 2)\r\nTAG OK done\r\n"
GOOD = {
    b"CAPABILITY": b"* CAPABILITY IMAP4rev1\r\nTAG OK done\r\n",
    b"LOGIN": b"TAG OK done\r\n",
    b"SELECT": SELECTED,
    b"NOOP": b"TAG OK done\r\n",
    b"UIDS": UIDS,
}
FOUND = [Found(uid="0000000001", size=5)]


class Liar:
    """Answers each command from a table; None hangs up."""

    def __init__(self, **answers: bytes | None) -> None:
        self._answers = {**GOOD, **{name.replace("_", " ").encode(): answer for name, answer in answers.items()}}
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            connection, _ = self._listener.accept()
            with connection, connection.makefile("rb") as lines:
                connection.sendall(b"* OK hello\r\n")
                for line in lines:
                    tag, _, rest = line.strip().partition(b" ")
                    name = b"UIDS" if rest.endswith(b"(UID)") else b""
                    name = name or next(name for name in self._answers if rest.upper().startswith(name))
                    answer = self._answers[name]
                    if answer is None:
                        return
                    connection.sendall(answer.replace(b"TAG", tag))

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def server() -> Iterator[Callable[..., Account]]:
    liars: list[Liar] = []

    def start(**answers: bytes | None) -> Account:
        liars.append(Liar(**answers))
        return Account(
            host="127.0.0.1", port=liars[-1].port, tls=Tls.NEVER, context=ssl.create_default_context(),
            username="ecert", password=lambda: "secret", connect_seconds=5, answer_seconds=5,
        )  # fmt: skip

    yield start
    for liar in liars:
        liar.close()


def inbox(desk: Desk, account: Account) -> ImapFolder:
    return desk.open(account, piece=10).folder("INBOX")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"TAG NO [AUTHENTICATIONFAILED] no\r\n", MailboxLoginError),
        (b"TAG NO wrong password\r\n", MailboxLoginError),
        (b"TAG NO LOGIN failed.\r\n", MailboxUnavailableError),
        (b"TAG NO [UNAVAILABLE] the directory is away\r\n", MailboxUnavailableError),
        (b"TAG NO [ALERT] Too many simultaneous connections. (Failure)\r\n", MailboxUnavailableError),
        (None, MailboxAwayError),
    ],
)
def test_only_a_refused_password_is_a_refused_login(
    desk: Desk, server: Callable[..., Account], answer: bytes | None, error: type[Exception]
) -> None:
    with pytest.raises(error):
        desk.open(server(LOGIN=answer))


def test_a_line_without_end_makes_the_connection_useless(desk: Desk, server: Callable[..., Account]) -> None:
    """imaplib stops reading in the middle of it: what comes next would be taken for something else."""
    with pytest.raises(MailboxAwayError, match="more than"):
        inbox(desk, server(UIDS=b"* 1 FETCH (UID 1" + b" 1" * 600_000 + b")\r\nTAG OK done\r\n"))


def test_a_folder_without_uidvalidity_is_not_read(desk: Desk, server: Callable[..., Account]) -> None:
    with pytest.raises(MailboxAwayError, match="UIDVALIDITY"):
        inbox(desk, server(SELECT=b"* 2 EXISTS\r\nTAG OK done\r\n"))


@pytest.mark.parametrize(
    "answer",
    [
        b"TAG NO internal error\r\n",
        b"TAG BAD I do not know partial fetches\r\n",
        b"TAG OK nothing for you\r\n",
        b"* 1 FETCH (UID 1 BODY[]<0> NIL)\r\nTAG OK done\r\n",
        b"* 1 FETCH (UID 1 BODY[]<0> {20}\r\n" + b"x" * 20 + b")\r\nTAG OK done\r\n",
        b"* 1 FETCH (UID 1 BODY[]<0>)\r\nTAG OK done\r\n",
        b"* 1 FETCH (UID one BODY[]<0> x)\r\nTAG OK done\r\n",
    ],
)
def test_a_mail_that_is_there_and_is_not_given_is_refused_and_not_taken_for_gone(
    desk: Desk, server: Callable[..., Account], answer: bytes
) -> None:
    folder = inbox(desk, server(UID_FETCH=answer))
    with pytest.raises(MailboxRefusedError):
        folder.read(FOUND, 100)
    assert folder.client.noop(), "the connection is still good"


def test_a_mail_whose_size_is_not_told_is_read_all_the_same(desk: Desk, server: Callable[..., Account]) -> None:
    folder = inbox(desk, server(UID_FETCH=b"TAG OK done\r\n"))
    assert folder.sizes(["0000000001"]) == [Found(uid="0000000001", size=0)]


def test_a_mail_without_end_is_read_up_to_the_limit(desk: Desk, server: Callable[..., Account]) -> None:
    folder = inbox(desk, server(UID_FETCH=b"* 1 FETCH (UID 1 BODY[]<0> {10}\r\n0123456789)\r\nTAG OK done\r\n"))
    assert len(folder.read(FOUND, 100)["0000000001"]) == 110
