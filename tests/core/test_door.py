"""What one peer may use: connections, and messages a minute."""

from dataclasses import replace
from datetime import timedelta

from ecertmail.core.door import Door, Limits
from tests.builders import NOW

LIMITS = Limits(
    message_size=1,
    recipients=1,
    connections=3,
    connections_per_address=2,
    messages_per_minute=2,
    octets_at_once=100,
    commands=1,
    idle_timeout=1,
    slowest_rate=1,
)
START = NOW.replace(second=0)


def test_an_address_has_so_many_connections_and_gets_one_back_when_it_leaves() -> None:
    door = Door(LIMITS)
    assert [door.enter("a") for _ in range(3)] == [True, True, False]
    door.leave("a")
    assert door.enter("a")


def test_all_addresses_together_have_so_many() -> None:
    door = Door(LIMITS)
    assert [door.enter(peer) for peer in "abcd"] == [True, True, True, False]


def test_an_address_sends_so_many_messages_a_minute_and_more_in_the_next() -> None:
    door = Door(replace(LIMITS, messages_per_minute=2))
    assert [door.admit_message("a", START) for _ in range(3)] == [True, True, False]
    assert door.admit_message("b", START + timedelta(seconds=59))
    assert door.admit_message("a", START + timedelta(seconds=60))


def test_all_unfinished_messages_together_hold_so_many_octets() -> None:
    door = Door(LIMITS)
    assert [door.hold(60), door.hold(40), door.hold(1)] == [True, True, False]
    door.forget(60)
    assert door.hold(50)
