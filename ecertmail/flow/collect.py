"""Mail out of a mailbox: found, measured, read, durable here, and only then flagged, moved or deleted there.

| a crash after          | leaves                                  | and the next round                               |
|------------------------|-----------------------------------------|--------------------------------------------------|
| reading                | nothing                                 | reads again                                      |
| the commit             | the message here, untouched over there  | sees that it is known, and does what is to do    |
| flag, move or delete   | done over there, not noted here         | does it again; a UID that is gone is passed over |
"""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import datetime, timedelta

from ecertmail.core import mailbox as core
from ecertmail.core.mailbox import Deed, Found, LeftOut, Plan
from ecertmail.errors import MailboxAwayError, MailboxRefusedError
from ecertmail.message import Envelope, Origin, Place
from ecertmail.model import Outcome
from ecertmail.ports import EventLog, Fetched, MailFolder, OpenMailbox

Accept = Callable[[Envelope, bytes], Future[str]]
Decided = Callable[[str], Outcome | None]

AT_ONCE = 500
SUSPECT, GIVE_UP = 3, 6
CHANCES = timedelta(days=1)


class Collector:
    """Goes through the folders of one mailbox, round by round."""

    def __init__(
        self,
        plan: Plan,
        fetched: Fetched,
        accept: Accept,
        decided: Decided,
        clock: Callable[[], datetime],
        log: EventLog,
    ) -> None:
        """Take the plan, the memory, the door that every mail goes through, and who knows what was decided."""
        self._plan = plan
        self._fetched = fetched
        self._accept = accept
        self._decided = decided
        self._clock = clock
        self._log = log
        self._marks: dict[Place, str] = {}
        self._tries: Counter[Origin] = Counter()
        self._since = clock()
        self._refused: dict[tuple[Place, Deed], str] = {}
        self.taken = 0

    @property
    def not_done(self) -> str:
        """What could not be flagged, moved or deleted in the last round, and why; empty if everything could."""
        return "; ".join(self._refused.values())

    def round(self, mailbox: OpenMailbox) -> bool:
        """Go through every folder once; say whether something is still to be done when decisions have fallen.

        Raises:
            MailboxRefusedError: a folder cannot be read; the others were.
        """
        undecided, refusals = 0, []
        self._refused.clear()
        for name in reversed(self._plan.folders):  # IDLE watches the one opened last
            try:
                undecided += self._folder(mailbox, name)
            except MailboxRefusedError as error:
                refusals.append(error)
        if refusals:
            raise refusals[0]
        return undecided > 0

    def _folder(self, mailbox: OpenMailbox, name: str) -> int:
        folder = mailbox.folder(name)
        place = Place(mailbox=self._plan.mailbox, folder=name, validity=folder.validity)
        if self._fetched.enter(place):
            self._log.warning("mailbox.renumbered", mailbox=place.mailbox, folder=name, uidvalidity=place.validity)
        again = [] if place in self._marks else self._fetched.left_out(place, LeftOut.OVERSIZE)
        self._settle(folder, place)
        for uids in folder.uids(self._marks.get(place, "")):
            for start in range(0, len(uids), AT_ONCE):
                self._take(folder, place, self._fetched.unknown(place, uids[start : start + AT_ONCE]))
            self._marks[place] = uids[-1]
        self._take(folder, place, [*again, *self._unreadable(place)])
        return self._settle(folder, place)

    def _unreadable(self, place: Place) -> list[str]:
        """Choose what could not be read before and gets another chance: a few times after each start, and each day.

        What was too large is looked at after a start only, for then the limit may be another one.
        """
        if abs(self._clock() - self._since) > CHANCES:
            self._tries.clear()
            self._since = self._clock()
        left = self._fetched.left_out(place, LeftOut.UNREADABLE)
        return [uid for uid in left if self._tries[Origin(place=place, uid=uid)] < GIVE_UP]

    def _take(self, folder: MailFolder, place: Place, uids: Sequence[str]) -> None:
        """Read messages and make them durable; what cannot be had is left out, and stops no other."""
        if not uids:
            return
        fitting = [found for found in folder.sizes(uids) if self._fits(place, found)]
        alone = frozenset(found.uid for found in fitting if self._tries[Origin(place=place, uid=found.uid)])
        for group in core.groups(fitting, alone):
            self._accept_all(place, self._read(folder, place, group))
        self._settle(folder, place)

    def _fits(self, place: Place, found: Found) -> bool:
        origin = Origin(place=place, uid=found.uid)
        if found.size > self._plan.message_size:
            self._leave_out(origin, LeftOut.OVERSIZE, f"{found.size} octets; the limit is message_size")
            return False
        if self._tries[origin] == SUSPECT:  # it stands in the way of what comes after it
            self._tries[origin] += 1
            self._leave_out(origin, LeftOut.UNREADABLE, f"could not be read {SUSPECT} times")
            return False
        return True

    def _read(self, folder: MailFolder, place: Place, group: Sequence[Found]) -> dict[str, bytes]:
        origins = [Origin(place=place, uid=found.uid) for found in group]
        try:
            read = folder.read(group, self._plan.message_size)
        except MailboxAwayError:
            self._tries.update(origins)  # one of them may be why: next time each is read alone, after all others
            raise
        except MailboxRefusedError as error:
            if len(group) > 1:
                return {uid: octets for found in group for uid, octets in self._read(folder, place, [found]).items()}
            self._tries.update(origins)
            self._leave_out(origins[0], LeftOut.UNREADABLE, str(error))
            return {}
        for origin in origins:
            self._tries.pop(origin, None)
        return read

    def _accept_all(self, place: Place, read: dict[str, bytes]) -> None:
        """Hand messages to the spool and wait until each is durable; what arrives together shares a commit."""
        waiting = []
        for uid, octets in read.items():
            if len(octets) > self._plan.message_size:
                origin = Origin(place=place, uid=uid)
                self._leave_out(origin, LeftOut.OVERSIZE, "larger than its server said, and than message_size")
            else:
                waiting.append(self._accept(self._envelope(place, uid, octets), octets))
        failures = [error for stored in waiting if (error := stored.exception()) is not None]
        if failures:
            raise failures[0]
        self.taken += len(waiting)

    def _envelope(self, place: Place, uid: str, octets: bytes) -> Envelope:
        return Envelope(
            reverse_path=core.reverse_path(octets),
            recipients=(self._plan.address,),
            source=self._plan.source,
            peer=self._plan.mailbox,
            received_at=self._clock(),
            origin=Origin(place=place, uid=uid),
        )

    def _settle(self, folder: MailFolder, place: Place) -> int:
        """Flag, move or delete what is durable here; return how many wait for their decision.

        Where refused mail has a folder of its own, nothing is done before it is known what is refused.
        """
        undecided = 0
        deeds: dict[Deed, list[str]] = {}
        for uid, spool_id in self._fetched.to_do(place):
            outcome = self._decided(spool_id) if self._plan.refused_to else Outcome.ACCEPTED
            if outcome is None:
                undecided += 1
            else:
                deeds.setdefault(self._plan.deed_for(outcome), []).append(uid)
        for deed, uids in deeds.items():
            for start in range(0, len(uids), core.GROUP_MESSAGES):
                self._do(folder, place, uids[start : start + core.GROUP_MESSAGES], deed)
        return undecided

    def _do(self, folder: MailFolder, place: Place, uids: Sequence[str], deed: Deed) -> None:
        """Do it, and remember a refusal; what was refused is not tried again in the same round."""
        if (place, deed) in self._refused:
            return
        try:
            folder.do(uids, deed)
        except MailboxRefusedError as error:
            what = f"{deed.after} {deed.folder}".strip()
            self._refused[place, deed] = f"{place.folder}: {what}: {error}"
        else:
            self._fetched.done(place, uids)

    def _leave_out(self, origin: Origin, why: LeftOut, detail: str) -> None:
        """Remember that a message stays where it is, and tell it once."""
        place = origin.place
        if self._fetched.unknown(place, [origin.uid]):
            self._log.warning("mailbox.left-out", mailbox=place.mailbox, folder=place.folder, uid=origin.uid,
                              why=why.value, detail=detail)  # fmt: skip
        self._fetched.leave_out(origin, why, self._clock())
