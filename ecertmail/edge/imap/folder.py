"""One folder of an open mailbox: what is in it, how large it is, its octets in pieces, and what is done with them.

Only BODY.PEEK[] is fetched, so that reading changes nothing over there; nothing is ever asked for as a whole folder.
"""

from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from typing import Any

from ecertmail.core.mailbox import FIRST_WIDTH, After, Deed, Found, next_width, uid_text
from ecertmail.edge.imap.account import Client, speaking
from ecertmail.errors import MailboxRefusedError
from ecertmail.ports import EventLog

PIECE = 1_000_000
LAST_UID = 2**32 - 1
_DELETED, _SEEN = b"\\Deleted", b"\\Seen"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImapFolder:
    """The selected folder; it is good until another one is selected.

    `oldest` and `newest` are UIDs, 0 in an empty folder; `target` makes the folder that mail is moved to.
    """

    client: Client
    name: str
    validity: int
    exists: int
    oldest: int
    newest: int
    target: Callable[[str], tuple[str, bool]]
    log: EventLog
    piece: int = PIECE

    def uids(self, mark: str) -> Iterator[list[str]]:
        """Yield the UIDs after `mark` in rising order, a window of numbers at a time.

        Raises:
            MailboxRefusedError: the server does not list what is there.
        """
        if not self.newest:
            return
        first = int(mark) + 1 if mark else self.oldest
        low, width, listed = first, FIRST_WIDTH, 0
        while low <= self.newest:
            found = [uid for uid in self._uids(f"{low}:{min(low + width - 1, LAST_UID)}") if uid >= low]
            if found:
                listed = found[-1]
                yield [uid_text(uid) for uid in found]
            low, width = low + width, next_width(width, len(found))
        if first <= self.newest and listed < self.newest and self._still_there({uid_text(self.newest)}):
            raise MailboxRefusedError(f"{self.name}: UID {self.newest} is there, but the server does not list it")

    def sizes(self, uids: Sequence[str]) -> list[Found]:
        """Ask how large messages are (RFC822.SIZE); what is gone is left out, and what is not told counts as small."""
        answer = self._fetch(uids, "RFC822.SIZE")
        told = {
            uid: int(answer[int(uid)][b"RFC822.SIZE"]) for uid in uids if b"RFC822.SIZE" in answer.get(int(uid), {})
        }
        told |= dict.fromkeys(self._still_there(set(uids) - told.keys()), 0)
        return [Found(uid=uid, size=told[uid]) for uid in uids if uid in told]

    def read(self, found: Sequence[Found], limit: int) -> dict[str, bytes]:
        """Return the octets of messages, of none more than `limit` and one piece; what is gone is left out.

        Raises:
            MailboxRefusedError: a message is still there, but its octets are not sent.
        """
        sizes = {message.uid: message.size for message in found}
        read = {}
        for uid, piece in self._pieces(list(sizes), 0).items():
            if (whole := self._rest(uid, piece, sizes[uid], limit)) is not None:
                read[uid] = whole
        if withheld := self._still_there(sizes.keys() - read.keys()):
            raise MailboxRefusedError(f"{self.name}: UID {', '.join(withheld)}: nothing was sent")
        return read

    def do(self, uids: Sequence[str], deed: Deed) -> None:
        """Flag, move or delete messages; those that are gone are passed over."""
        numbers = [int(uid) for uid in uids]
        with speaking(self.name):
            if deed.after is After.FLAG:
                self.client.add_flags(numbers, [_SEEN], silent=True)
            elif deed.after is After.MOVE:
                self._move(numbers, deed.folder)
            else:
                self._delete(numbers)

    def _move(self, numbers: list[int], target: str) -> None:
        """MOVE (RFC 6851) or, without it, COPY and delete; a crash between the two leaves a second copy over there."""
        target, _ = self.target(target)
        if self.client.has_capability("MOVE"):
            self.client.move(numbers, target)
        else:
            self.client.copy(numbers, target)
            self._delete(numbers)

    def _delete(self, numbers: list[int]) -> None:
        """Delete by UID EXPUNGE (RFC 4315); plain EXPUNGE would also take what other people marked."""
        self.client.add_flags(numbers, [_DELETED], silent=True)
        if self.client.has_capability("UIDPLUS"):
            self.client.uid_expunge(numbers)
        else:
            self.log.warning("mailbox.not-expunged", folder=self.name, messages=len(numbers))

    def _rest(self, uid: str, piece: bytes, size: int, limit: int) -> bytes | None:
        """Fetch what follows a first piece; None when the message went away meanwhile.

        A message ends with a piece that is shorter than what was asked for. Its size is not believed, for Exchange
        counts otherwise than it sends; only where nothing follows does it say whether that is the end.
        """
        whole = bytearray(piece)
        while len(piece) == self.piece and len(whole) <= limit:
            answer = self._pieces([uid], len(whole))
            if uid not in answer:
                return bytes(whole) if len(whole) == size else None
            piece = answer[uid]
            whole += piece
        return bytes(whole)

    def _pieces(self, uids: Sequence[str], offset: int) -> dict[str, bytes]:
        """Fetch one piece of each message; Dovecot sends NIL for one that somebody else expunged meanwhile."""
        answer = self._fetch(uids, f"BODY.PEEK[]<{offset}.{self.piece}>")
        pieces = {}
        for uid in uids:
            items = answer.get(int(uid), {})
            octets = next((items[key] for key in items if key.startswith(b"BODY[]")), None)
            if octets is None:
                continue
            if not isinstance(octets, bytes) or len(octets) > self.piece:
                raise MailboxRefusedError(f"{self.name}: UID {uid}: more was sent than was asked for")
            pieces[uid] = octets
        return pieces

    def _still_there(self, uids: Set[str]) -> list[str]:
        """Say which of the messages are there; NOOP lets the server tell what others expunged."""
        if not uids:
            return []
        with speaking(self.name):
            self.client.noop()
        return [uid_text(uid) for uid in self._uids(",".join(sorted(str(int(uid)) for uid in uids)))]

    def _fetch(self, uids: Sequence[str], what: str) -> dict[int, dict[bytes, Any]]:
        with speaking(self.name):
            return dict(self.client.fetch([int(uid) for uid in uids], [what]))

    def _uids(self, messages: str) -> list[int]:
        with speaking(self.name):
            return self.client.fetch_uids(messages)
