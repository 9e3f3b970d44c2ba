"""Sending what is due: never fewer than once, always the same octets, and not for ever."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ecertmail.delivery import Attempted
from ecertmail.errors import StoreBusyError
from ecertmail.flow.deliver import Deliverer
from ecertmail.flow.hand import OCTETS, Hand
from ecertmail.ports import Sender
from ecertmail.store.ledger import SqliteLedger
from ecertmail.store.reader import LedgerReader
from tests.builders import staged
from tests.flow.fakes import BrittleOutbox, Log, Smarthost, Trouble, at_once

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SENT, TEMPORARY, REFUSED, UNKNOWN = Attempted.SENT, Attempted.TEMPORARY, Attempted.REFUSED, Attempted.UNKNOWN


class PostRoom:
    """A ledger with deliveries in it, a clock that is set by hand, and a smarthost that answers as told."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "ledger.db"
        self.ledger = SqliteLedger(self.path)
        self.outbox = BrittleOutbox(self.ledger)
        self.now, self.log = START, Log()

    def stage(self, *names: str) -> None:
        with self.ledger.transaction() as tx:
            for name in names:
                staged(tx, f"{name}@nz.example", f"<{name}@cn.example>", name.encode(), self.now)

    def deliverer(self, sender: Sender, connections: int = 4, per_domain: int = 2, octets: int = OCTETS) -> Deliverer:
        return Deliverer(
            outbox=self.outbox, sender=sender, run=at_once, clock=lambda: self.now, backoff=(MINUTE, 5 * MINUTE),
            give_up=timedelta(hours=1), hand=Hand(connections, per_domain, octets), news=asyncio.Event(), log=self.log,
            look=0.1, grace=0.05,
        )  # fmt: skip

    async def deliver(self, sender: Sender) -> int:
        return await self.deliverer(sender).deliver_due()

    async def deliver_for(self, sender: Smarthost, span: timedelta) -> list[int]:
        """Let time pass in minutes; return the minutes at which something was tried."""
        tried = []
        for minute in range(int(span / MINUTE) + 1):
            self.now = START + minute * MINUTE
            if await self.deliver(sender):
                tried.append(minute)
        return tried

    def states(self) -> dict[str, int]:
        reader = LedgerReader(self.path)
        counts = reader.counts("delivery")
        reader.close()
        return counts

    def attempts(self) -> list[str]:
        with self.ledger.db.writing() as cursor:
            return [outcome for (outcome,) in cursor.execute("SELECT outcome FROM attempt ORDER BY rowid")]


@pytest.fixture
def room(tmp_path: Path) -> Iterator[PostRoom]:
    made = PostRoom(tmp_path)
    yield made
    made.ledger.close()


async def test_nothing_due_is_nothing_done(room: PostRoom) -> None:
    assert await room.deliver(Smarthost(SENT)) == 0


async def test_what_is_due_is_sent_once(room: PostRoom) -> None:
    room.stage("a", "b")
    host = Smarthost(SENT)
    assert await room.deliver(host) == 2
    assert await room.deliver(host) == 0
    assert [mail.octets for mail in host.taken] == [b"a", b"b"]
    assert (room.states(), room.attempts()) == ({"delivered": 2}, ["sent", "sent"])
    assert room.log.events == [("info", "delivery.delivered")] * 2


async def test_a_mail_that_arrived_and_was_called_lost_is_sent_again_with_the_same_octets(room: PostRoom) -> None:
    """The line went dead after the final dot: only the receiver can know, so it gets the same Message-ID twice."""
    room.stage("a")
    host = Smarthost(UNKNOWN, SENT)
    assert await room.deliver_for(host, 10 * MINUTE) == [0, 1]
    first, second = host.taken
    assert (first.octets, first.message_id, first.id) == (second.octets, second.message_id, second.id)
    assert (room.states(), room.attempts()) == ({"delivered": 1}, ["unknown", "sent"])


async def test_a_server_that_is_away_is_tried_again_later_and_later(room: PostRoom) -> None:
    room.stage("a")
    host = Smarthost(TEMPORARY, TEMPORARY, TEMPORARY, SENT)
    assert await room.deliver_for(host, 30 * MINUTE) == [0, 1, 6, 11]
    assert (room.states(), len(host.taken)) == ({"delivered": 1}, 1)


@pytest.mark.parametrize("answer", [TEMPORARY, UNKNOWN])
async def test_after_the_configured_time_it_is_given_up_and_the_operator_is_told(
    room: PostRoom, answer: Attempted
) -> None:
    room.stage("a")
    tried = await room.deliver_for(Smarthost(answer), timedelta(hours=3))
    assert tried == [0, 1, *range(6, 62, 5)]
    assert room.states() == {"expired": 1}
    assert room.log.events[-2:] == [("error", "delivery.expired"), ("error", "alarm.raised")]


async def test_a_mail_that_is_refused_is_not_tried_again_and_the_operator_is_told(room: PostRoom) -> None:
    room.stage("a")
    host = Smarthost(REFUSED)
    assert await room.deliver_for(host, timedelta(hours=2)) == [0]
    assert (room.states(), host.taken) == ({"failed": 1}, [])
    assert room.log.events == [("error", "delivery.failed"), ("error", "alarm.raised")]


async def test_one_refused_mail_does_not_hold_up_the_others(room: PostRoom) -> None:
    room.stage("a", "b", "c")
    host = Smarthost(SENT, REFUSED, SENT)
    assert await room.deliver(host) == 3
    assert (room.states(), [mail.octets for mail in host.taken]) == ({"delivered": 2, "failed": 1}, [b"a", b"c"])


@pytest.mark.parametrize("call", [1, 2, 3])
async def test_a_ledger_that_is_busy_for_a_moment_strands_no_delivery_until_the_next_restart(
    room: PostRoom, call: int
) -> None:
    """The daemon goes on after a temporary failure; what was in hand then must become due again by itself."""
    room.stage("a", "b", "c")
    room.outbox.settling = Trouble(call)
    host = Smarthost(SENT)
    deliverer = room.deliverer(host)
    with pytest.raises(StoreBusyError):
        await deliverer.deliver_due()
    await deliverer.deliver_due()
    assert [mail.octets for mail in host.taken] == [b"a", b"b", b"c"], "each once: what had landed was remembered"
    assert (room.states(), len(room.attempts())) == ({"delivered": 3}, 3)


@pytest.mark.parametrize("call", [1, 2])
async def test_what_was_taken_while_we_were_told_that_it_failed_is_found_again(room: PostRoom, call: int) -> None:
    """Call 2 writes down what was sent and then fails: that is not sent again."""
    room.stage("a", "b", "c")
    room.outbox.taken = Trouble(call)
    host = Smarthost(SENT)
    deliverer = room.deliverer(host)
    with pytest.raises(StoreBusyError):
        await deliverer.deliver_due()
    await deliverer.deliver_due()
    assert [mail.octets for mail in host.taken] == [b"a", b"b", b"c"]
    assert (room.states(), room.attempts()) == ({"delivered": 3}, ["sent"] * 3)


async def test_a_crash_between_sending_and_writing_it_down_sends_again_after_the_restart(room: PostRoom) -> None:
    room.stage("a")
    room.outbox.settling = Trouble(1, error=SystemExit())
    host = Smarthost(SENT)
    with pytest.raises(SystemExit):
        await room.deliver(host)
    assert room.states() == {"sending": 1}
    room.outbox.settling = Trouble()
    assert room.outbox.recover(room.now) == 1
    await room.deliver(host)
    assert [mail.message_id for mail in host.taken] == ["<a@cn.example>"] * 2
    assert room.states() == {"delivered": 1}
