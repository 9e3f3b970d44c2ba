"""An open mailbox: one connection, on which folders are read one after the other, and IDLE in between (RFC 2177).

IDLE hangs silently when a NAT forgets the connection (imapclient issues 349, 403, 449), so it is left every nine
minutes at most, under the timeout that every answer has: a server that does not answer DONE is away.

A folder is looked for under the name that is configured. If it is not there, the name is put into the user's namespace
(`Done` becomes `INBOX.Done`, RFC 2342).
"""

import contextlib
import select
import socket
import time
from threading import Event
from typing import Self

from ecertmail.core import imap as core
from ecertmail.core.imap import Namespace
from ecertmail.edge.imap import account as accounts
from ecertmail.edge.imap.account import Account, Client, speaking
from ecertmail.edge.imap.folder import PIECE, ImapFolder
from ecertmail.errors import MailboxAwayError, MailboxRefusedError
from ecertmail.ports import EventLog

IDLE_SECONDS = 540.0
_SLICE = 0.5  # how soon a bell is heard while the line is watched
_NO_FOLDER = frozenset({b"\\nonexistent", b"\\noselect"})


class ImapMailbox:
    """A mailbox that somebody is logged in to."""

    def __init__(self, client: Client, account: Account, *, idle: bool, log: EventLog, piece: int = PIECE) -> None:
        """Take a connection that is logged in."""
        self._client, self._account, self._log, self._piece = client, account, log, piece
        self._names: dict[str, str] = {}
        with speaking(account):
            self.idles = idle and client.has_capability("IDLE")
        self._space = _namespace(client, account)

    @classmethod
    def open(cls, account: Account, *, idle: bool, log: EventLog, piece: int = PIECE) -> Self:
        """Connect and log in.

        Raises:
            MailboxAwayError: there is no good connection.
            MailboxLoginError: the login was refused.
        """
        client = accounts.connect(account)
        try:
            accounts.login(client, account)
            return cls(client, account, idle=idle, log=log, piece=piece)
        except BaseException:
            accounts.leave(client)
            raise

    def folder(self, name: str) -> ImapFolder:
        """Select a folder; selecting it again shows what is new in it."""
        with speaking(f"{self._account} {name}"):
            answer = self._client.select_folder(self._name(name))
        try:
            validity, exists = int(answer[b"UIDVALIDITY"]), int(answer[b"EXISTS"])
        except (KeyError, TypeError, ValueError) as error:
            raise MailboxAwayError(f"{self._account} {name}: SELECT told no UIDVALIDITY") from error
        oldest, newest = self._ends(name, exists)
        return ImapFolder(
            client=self._client, name=name, validity=validity, exists=exists, oldest=oldest, newest=newest,
            target=self.make, log=self._log, piece=self._piece,
        )  # fmt: skip

    def _ends(self, name: str, exists: int) -> tuple[int, int]:
        """Return the UIDs of the oldest and of the newest message; message numbers are exact right after SELECT."""
        if not exists:
            return 0, 0
        with speaking(f"{self._account} {name}"):
            found = self._client.fetch_uids(f"1,{exists}" if exists > 1 else "1", by_uid=False)
        if not found:
            raise MailboxRefusedError(f"{self._account} {name}: {exists} messages, but the server tells no UID")
        return (found[0] if exists == 1 or len(found) > 1 else 1), found[-1]

    def make(self, name: str) -> tuple[str, bool]:
        """Create a folder unless it is there; return its name on the server, and whether it was created."""
        with speaking(f"{self._account} {name}"):
            there = self._name(name)
            if made := not self._exists(there):
                self._client.create_folder(there)
        return there, made

    def wait(self, bell: Event, seconds: float) -> None:
        """Return when the folder read last has news, when the bell rang, or after some seconds."""
        if self._client.tells_news():
            return
        if self.idles and self.begin_idle():
            with speaking(f"{self._account} IDLE"):
                if not self._client.idle_check(timeout=0):
                    self._watch(bell, min(seconds, IDLE_SECONDS))
                self._client.idle_done()
        else:
            bell.wait(seconds)

    def begin_idle(self) -> bool:
        """Begin to IDLE; say whether the server does it. One that offers IDLE and refuses it is polled."""
        with speaking(f"{self._account} IDLE"):
            self.idles = self._client.try_idle()
        if not self.idles:
            self._log.warning("mailbox.no-idle", mailbox=str(self._account))
        return self.idles

    def interrupt(self) -> None:
        """End, from another thread, whatever call is waiting for the server.

        Only TCP is shut: ssl's own shutdown would pull the TLS state from under a read that is going on.
        """
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._client.socket(), socket.SHUT_RDWR)

    def close(self) -> None:
        """Leave without LOGOUT: there is nothing that it would make better, and the server may be away."""
        accounts.leave(self._client)

    def _name(self, name: str) -> str:
        """Return a folder's name on the server: as it is written, if such a folder is there, or in the namespace."""
        if name not in self._names:
            inside = core.on_server(name, self._space)
            self._names[name] = name if inside == name or self._exists(name) else inside
        return self._names[name]

    def _exists(self, name: str) -> bool:
        found = self._client.list_folders("", name)
        return any(_NO_FOLDER.isdisjoint(flag.lower() for flag in flags) for flags, _, _ in found)

    def _watch(self, bell: Event, seconds: float) -> None:
        end = time.monotonic() + seconds
        poll = select.poll()
        poll.register(self._client.socket(), select.POLLIN)
        while not bell.is_set() and (left := end - time.monotonic()) > 0:
            if poll.poll(min(left, _SLICE) * 1000):
                return


def _namespace(client: Client, account: Account) -> Namespace:
    """Ask for the namespaces; a server that has none, or refuses to tell, has folders at the top."""
    with contextlib.suppress(MailboxRefusedError), speaking(account):
        if client.has_capability("NAMESPACE"):
            personal, *others = client.namespace()
            return core.namespace(personal or (), [one for part in others for one in part or ()])
    return Namespace()
