"""A mailbox in memory that can lie: it goes away, refuses, does what it says it did not do."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from threading import Event

from ecertmail.core.mailbox import Deed, Found, uid_text
from ecertmail.errors import MailboxAwayError, MailboxRefusedError


@dataclass
class FakeFolder:
    """Messages by UID, and what was done with them."""

    mails: dict[str, bytes] = field(default_factory=dict)
    validity: int = 1
    done: list[tuple[str, Deed]] = field(default_factory=list)
    poison: set[str] = field(default_factory=set)
    deadly: set[str] = field(default_factory=set)
    vanishing: set[str] = field(default_factory=set)
    sizes_lie: dict[str, int] = field(default_factory=dict)
    reads: list[list[str]] = field(default_factory=list)
    doing: Callable[[], None] = lambda: None
    did: Callable[[], None] = lambda: None

    def put(self, *mails: bytes) -> list[str]:
        first = len(self.mails) + 1
        uids = [uid_text(number) for number in range(first, first + len(mails))]
        self.mails |= dict(zip(uids, mails, strict=True))
        return uids

    def uids(self, mark: str) -> Iterator[list[str]]:
        found = sorted(uid for uid in self.mails if uid > mark)
        for start in range(0, len(found), 7):
            yield found[start : start + 7]

    def sizes(self, uids: Sequence[str]) -> list[Found]:
        return [Found(uid=uid, size=self.sizes_lie.get(uid, len(self.mails[uid]))) for uid in uids if uid in self.mails]

    def read(self, found: Sequence[Found], limit: int) -> dict[str, bytes]:
        uids = [message.uid for message in found]
        self.reads.append(uids)
        if self.deadly & set(uids):
            raise MailboxAwayError("the line went dead")
        if self.poison & set(uids):
            raise MailboxRefusedError("NO I cannot give you that")
        return {uid: self.mails[uid][: limit + 10] for uid in uids if uid not in self.vanishing}

    def do(self, uids: Sequence[str], deed: Deed) -> None:
        self.doing()
        self.done += [(uid, deed) for uid in uids]
        self.did()


class FakeMailbox:
    """Folders by name; one that is not there is refused."""

    def __init__(self, **folders: FakeFolder) -> None:
        self.folders = folders
        self.closed = 0
        self.waited: list[float] = []
        self.waiting = Event()
        self.losing = False

    def folder(self, name: str) -> FakeFolder:
        if name not in self.folders:
            raise MailboxRefusedError(f"NO there is no {name}")
        return self.folders[name]

    def wait(self, bell: Event, seconds: float) -> None:
        self.waited.append(seconds)
        if self.losing:
            raise MailboxAwayError("the line went dead")
        self.waiting.set()
        bell.wait(5)

    def interrupt(self) -> None:
        self.waiting.set()

    def close(self) -> None:
        self.closed += 1
