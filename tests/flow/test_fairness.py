"""Many mails at once: never more than allowed, no domain at another's cost, and nothing in two hands."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest

from ecertmail.delivery import Attempt, Attempted, Delivery, DeliveryState
from ecertmail.flow.hand import Hand
from tests.flow.fakes import Smarthost
from tests.flow.test_deliver import START, PostRoom, room

__all__ = ["room"]

OK = Attempt(outcome=Attempted.SENT, reply="250 OK")
GONE = Attempt(outcome=Attempted.TEMPORARY, reply="no answer")


class Crowd:
    """Takes its time, counts who is there at once, and never answers for domains that hang."""

    def __init__(self, *hanging: str, patience: float = 3600) -> None:
        self._hanging, self.patience = hanging, patience
        self.sent: list[Delivery] = []
        self.there: Counter[str] = Counter()
        self.most: Counter[str] = Counter()

    async def send(self, delivery: Delivery) -> Attempt:
        for where in (delivery.domain, "all"):
            self.there[where] += 1
            self.most[where] = max(self.most[where], self.there[where])
        try:
            await asyncio.sleep(self.patience if delivery.domain in self._hanging else 0.001)
        finally:
            self.there.subtract((delivery.domain, "all"))
        self.sent.append(delivery)
        return GONE if delivery.domain in self._hanging else OK


def delivery(number: int, domain: str) -> Delivery:
    return Delivery(
        id=number, kind="push", recipient=f"post@{domain}", reverse_path="", message_id=f"<{number}@x>", octets=b"x",
        state=DeliveryState.SENDING, attempts=0, created_at=START,
    )  # fmt: skip


def stage(room: PostRoom, domain: str, count: int, size: int = 10) -> None:
    with room.ledger.transaction() as tx:
        for number in range(count):
            mail = tx.put_mail(f"<{number}@{domain}>", b"x" * size)
            tx.stage(mail, "push", f"post-{number}@{domain}", "", room.now)


async def until_sent(room: PostRoom, crowd: Crowd, count: int) -> None:
    async with asyncio.timeout(10):
        while room.states().get("delivered", 0) < count:  # noqa: ASYNC110 - a ledger has no event
            await asyncio.sleep(0.01)
    assert len(crowd.sent) == count


async def test_never_more_at_once_than_allowed_in_all_and_to_one_domain(room: PostRoom) -> None:
    for domain in ("a.example", "b.example", "c.example"):
        stage(room, domain, 100)
    crowd = Crowd()
    assert await room.deliverer(crowd, connections=4, per_domain=2).deliver_due() == 300
    assert crowd.most == {"all": 4, "a.example": 2, "b.example": 2, "c.example": 2}
    assert len({delivery.id for delivery in crowd.sent}) == 300


async def test_a_domain_that_hangs_holds_up_nobody_else(room: PostRoom) -> None:
    stage(room, "dead.example", 500)
    stage(room, "alive.example", 50)
    stage(room, "well.example", 50)
    crowd = Crowd("dead.example")
    deliverer = room.deliverer(crowd)
    loop = asyncio.create_task(deliverer.deliver_due())
    await until_sent(room, crowd, 100)
    stage(room, "late.example", 5)
    await until_sent(room, crowd, 105)
    assert crowd.there["dead.example"] == 2
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)
    await asyncio.wait_for(deliverer.stop(), 10)
    assert room.states() == {"delivered": 105, "due": 500}, "what was in hand is given back"


async def test_a_domain_in_trouble_has_a_single_place_until_an_attempt_succeeds() -> None:
    hands = Hand(connections=4, per_domain=3)
    crowd = [delivery(number, "slow.example") for number in range(9)]
    hands.add(crowd)
    first = list(hands.start())
    assert len(first) == 3
    for one in first:
        hands.land(one, GONE)
    [probe] = hands.start()
    hands.land(probe, OK)
    assert len(list(hands.start())) == 3


async def test_any_number_of_domains_that_hang_leaves_half_of_the_places_to_others(room: PostRoom) -> None:
    dead = [f"dead-{number}.example" for number in range(12)]
    for domain in dead:
        stage(room, domain, 40)
    stage(room, "well.example", 200)
    deliverer = room.deliverer(crowd := Crowd(*dead, patience=0.3))
    loop = asyncio.create_task(deliverer.deliver_due())
    async with asyncio.timeout(4):  # the dead would take 36 seconds
        while room.states().get("delivered", 0) < 200:  # noqa: ASYNC110 - a ledger has no event
            await asyncio.sleep(0.01)
    assert crowd.most["all"] == 4
    loop.cancel()
    await deliverer.stop()


async def test_domains_take_turns_however_much_waits_for_one(room: PostRoom) -> None:
    stage(room, "large.example", 100)
    stage(room, "small.example", 3)
    crowd = Crowd()
    await room.deliverer(crowd, connections=1, per_domain=1).deliver_due()
    assert "small.example" not in {delivery.domain for delivery in crowd.sent[8:]}


async def test_memory_holds_no_more_octets_than_allowed_and_octets_for_many_once(room: PostRoom) -> None:
    for domain in ("a.example", "b.example", "c.example", "d.example"):
        stage(room, domain, 5, size=1000)
    stage(room, "huge.example", 1, size=9000)
    held = Watched(room)
    assert await room.deliverer(held, octets=2500).deliver_due() == 21
    assert held.most_octets <= 9000 + 2500


class Watched(Crowd):
    """Looks, at each attempt, how many octets the ledger says are in hand."""

    def __init__(self, room: PostRoom) -> None:
        super().__init__()
        self._room, self.most_octets = room, 0

    async def send(self, delivery: Delivery) -> Attempt:
        query = "SELECT sum(m.size) FROM mail m JOIN delivery d ON d.mail=m.id WHERE state='sending'"
        [octets] = self._room.ledger.db.rows(query)[0]
        self.most_octets = max(self.most_octets, int(str(octets)))
        return await super().send(delivery)


async def test_what_is_in_hand_is_not_taken_again_while_it_is_on_its_way(room: PostRoom) -> None:
    stage(room, "dead.example", 3)
    crowd = Crowd("dead.example")
    deliverer = room.deliverer(crowd)
    loop = asyncio.create_task(deliverer.deliver_due())
    await asyncio.sleep(0.05)
    room.now += timedelta(days=1)
    assert (room.outbox.next_due(), room.states()) == (None, {"sending": 3})
    loop.cancel()
    await deliverer.stop()
    assert room.states() == {"due": 3}


async def test_a_process_that_dies_with_mails_in_flight_sends_them_again_with_the_same_message_id(
    room: PostRoom,
) -> None:
    stage(room, "a.example", 3)
    crowd = Crowd("a.example")
    dying = asyncio.create_task(room.deliverer(crowd).deliver_due())
    await asyncio.sleep(0.05)
    dying.cancel()  # and nobody gives anything back
    assert (room.states(), room.outbox.recover(START)) == ({"sending": 3}, 3)
    host = Smarthost(Attempted.SENT)
    assert await room.deliver(host) == 3
    assert [mail.message_id for mail in host.taken] == [f"<{number}@a.example>" for number in range(3)]


async def test_a_bug_in_the_sender_ends_the_loop(room: PostRoom) -> None:
    class Broken:
        async def send(self, delivery: Delivery) -> Attempt:
            raise KeyError(delivery.id)

    stage(room, "a.example", 1)
    with pytest.raises(KeyError):
        await room.deliver(Broken())
