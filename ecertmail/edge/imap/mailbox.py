"""An open mailbox: one connection, on which folders are read one after the other, and IDLE in between (RFC 2177).

IDLE hangs silently when a NAT forgets the connection (imapclient issues 349, 403, 449), so it is left every nine
minutes at most, under the timeout that every answer has: a server that does not answer DONE is away.
"""

import contextlib
import select
import socket
import time
from threading import Event

from ecertmail.edge.imap import account as accounts
from ecertmail.edge.imap.account import Account, Client, speaking
from ecertmail.edge.imap.folder import PIECE, ImapFolder
from ecertmail.errors import MailboxAwayError
from ecertmail.ports import EventLog

IDLE_SECONDS = 540.0
_SLICE = 0.5  # how soon a bell is heard while the line is watched


class ImapMailbox:
    """A mailbox that somebody is logged in to."""

    def __init__(self, account: Account, *, idle: bool, log: EventLog, piece: int = PIECE) -> None:
        """Connect and log in.

        Raises:
            MailboxAwayError: there is no good connection.
            MailboxLoginError: the login was refused.
        """
        self._account, self._log, self._piece = account, log, piece
        self._made: set[str] = set()
        self._client: Client = accounts.connect(account)
        try:
            accounts.login(self._client, account)
            with speaking(account):
                self.idles = idle and self._client.has_capability("IDLE")
        except BaseException:
            self.close()
            raise

    def folder(self, name: str) -> ImapFolder:
        """Select a folder; selecting it again shows what is new in it."""
        with speaking(f"{self._account} {name}"):
            answer = self._client.select_folder(name)
        try:
            validity, exists = int(answer[b"UIDVALIDITY"]), int(answer[b"EXISTS"])
        except (KeyError, TypeError, ValueError) as error:
            raise MailboxAwayError(f"{self._account} {name}: SELECT told no UIDVALIDITY") from error
        return ImapFolder(
            client=self._client, name=name, validity=validity, exists=exists, log=self._log, made=self._made,
            piece=self._piece,
        )  # fmt: skip

    def wait(self, bell: Event, seconds: float) -> None:
        """Return when the folder read last has news, when the bell rang, or after some seconds."""
        if not self.idles:
            bell.wait(seconds)
            return
        with speaking(f"{self._account} IDLE"):
            self._client.idle()
            if not self._client.idle_check(timeout=0):
                self._watch(bell, min(seconds, IDLE_SECONDS))
            self._client.idle_done()

    def interrupt(self) -> None:
        """End, from another thread, whatever call is waiting for the server.

        Only TCP is shut: ssl's own shutdown would pull the TLS state from under a read that is going on.
        """
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._client.socket(), socket.SHUT_RDWR)

    def close(self) -> None:
        """Leave without LOGOUT: there is nothing that it would make better, and the server may be away."""
        accounts.leave(self._client)

    def _watch(self, bell: Event, seconds: float) -> None:
        end = time.monotonic() + seconds
        poll = select.poll()
        poll.register(self._client.socket(), select.POLLIN)
        while not bell.is_set() and (left := end - time.monotonic()) > 0:
            if poll.poll(min(left, _SLICE) * 1000):
                return
