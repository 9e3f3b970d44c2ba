"""What one peer may use: connections, octets of unfinished messages, and messages a minute."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from ecertmail.core.admission import TOO_MANY, TOO_MUCH, Admission, Limits, Place, peer_of
from tests.builders import NOW

LIMITS = Limits(
    message_size=1,
    recipients=1,
    connections=4,
    connections_per_address=3,
    connections_kept=0,
    messages_per_minute=2,
    octets_at_once=100,
    commands=1,
    idle_timeout=1,
    slowest_rate=1,
)
START = NOW.replace(second=0)
PARTNER = "192.0.2.1"


class Listener:
    """An admission with clients that remember who was cut, and with which reply."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.admission = Admission(limits, {PARTNER}.__contains__)
        self.lost: list[tuple[str, str]] = []

    def enter(self, address: str, count: int = 1) -> list[Place | None]:
        return [self.admission.enter(address, self._cut(address)) for _ in range(count)]

    def place(self, address: str) -> Place:
        place = self.enter(address)[0]
        assert place is not None
        return place

    def _cut(self, address: str) -> Callable[[str], None]:
        return lambda reply: self.lost.append((address, reply))


def test_a_peer_has_so_many_connections_and_gets_one_back_when_it_leaves() -> None:
    listener = Listener()
    first, *_, fourth = listener.enter("198.51.100.1", 4)
    assert first is not None
    assert fourth is None
    listener.admission.leave(first)
    assert listener.enter("198.51.100.1") != [None]
    assert listener.lost == []


def test_a_network_of_version_6_is_one_peer() -> None:
    listener = Listener()
    places = [listener.enter(f"2001:db8::{host:x}")[0] for host in range(1, 5)]
    assert places[3] is None
    assert listener.enter("2001:db8:0:1::1") != [None]


@pytest.mark.parametrize(
    ("address", "peer"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("local", "local"),
    ],
)
def test_peers_by_their_addresses(address: str, peer: str) -> None:
    assert peer_of(address) == peer


def test_where_no_place_is_free_the_peer_with_the_most_loses_its_oldest_one() -> None:
    listener = Listener()
    listener.enter("198.51.100.1", 3)
    listener.enter("198.51.100.2")
    assert listener.enter("198.51.100.3") != [None]
    assert listener.lost == [("198.51.100.1", TOO_MANY)]


def test_a_newcomer_takes_no_place_of_one_that_has_hardly_more() -> None:
    listener = Listener()
    for host in range(1, 5):
        listener.enter(f"198.51.100.{host}")
    assert listener.enter("198.51.100.9") == [None]
    assert listener.lost == []


def test_some_places_are_kept_for_known_peers() -> None:
    listener = Listener(replace(LIMITS, connections_kept=2))
    listener.enter("198.51.100.1")
    listener.enter("198.51.100.2")
    assert listener.enter("198.51.100.3") == [None]
    assert None not in listener.enter(PARTNER, 2)


def test_a_known_peer_takes_the_place_of_an_unknown_one_and_never_loses_one_to_it() -> None:
    listener = Listener()
    listener.enter(PARTNER, 2)
    listener.enter("198.51.100.1")
    listener.enter("198.51.100.2")
    assert listener.enter("198.51.100.3") == [None]
    assert listener.lost == []


def test_of_unfinished_messages_the_peer_that_holds_the_most_loses_its_largest() -> None:
    listener = Listener()
    large, larger, small = (listener.place(f"198.51.100.{host}") for host in (1, 1, 2))
    for place, octets in ((large, 40), (larger, 50), (small, 20)):
        listener.admission.hold(place, octets)
    assert listener.lost == [("198.51.100.1", TOO_MUCH)]
    listener.admission.hold(small, 60)
    assert len(listener.lost) == 1


def test_what_is_given_back_no_longer_counts() -> None:
    listener = Listener()
    place = listener.place("198.51.100.1")
    for octets in (90, 0, 90):
        listener.admission.hold(place, octets)
    listener.admission.leave(place)
    listener.admission.hold(listener.place("198.51.100.2"), 90)
    assert listener.lost == []


def test_unknown_peers_lose_theirs_before_a_known_one() -> None:
    listener = Listener()
    partner, stranger = listener.place(PARTNER), listener.place("198.51.100.1")
    listener.admission.hold(stranger, 10)
    listener.admission.hold(partner, 95)
    assert listener.lost == [("198.51.100.1", TOO_MUCH)]


def test_messages_are_counted_by_peer_and_minute() -> None:
    admission = Admission(LIMITS)
    assert [admission.admit_message("a", START) for _ in range(3)] == [True, True, False]
    assert admission.admit_message("b", START + timedelta(seconds=59))
    assert admission.admit_message("a", START + timedelta(seconds=60))
