"""What one peer of the SMTP listener may use: connections, octets of unfinished messages, messages a minute.

1. A peer is an IPv4 address, or the /64 network of an IPv6 address: a host can choose any address of its network.
2. A peer has at most `connections_per_address` connections.
3. Of all connections, `connections_kept`, half of all at most, are for known peers: addresses that verified mail of
   partners came from.
4. Where no place is free, the peer with the most connections loses its oldest one to a peer that has at least two
   fewer. A known peer never loses a place to an unknown one.
5. Only octets that are kept in memory count. Over `octets_at_once`, the peer that holds the most loses its largest
   message; unknown peers lose theirs first.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv6Address, ip_address, ip_network


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one peer may use; sizes in octets, times in seconds."""

    message_size: int
    recipients: int
    connections: int
    connections_per_address: int
    connections_kept: int
    messages_per_minute: int
    octets_at_once: int
    commands: int
    idle_timeout: float
    slowest_rate: int
    rate_window: float = 15.0


TOO_MANY = "421 4.7.0 Too many connections, try again later"
TOO_MUCH = "421 4.3.1 Too much mail at once, try again later"


@dataclass(slots=True, eq=False)
class Place:
    """One admitted connection; `cut` ends it with a reply, and `octets` of its unfinished message are in memory."""

    peer: str
    known: bool
    cut: Callable[[str], None]
    octets: int = 0


class Admission:
    """Counts connections and octets by peer, and messages by peer and minute."""

    def __init__(self, limits: Limits, known: Callable[[str], bool] = lambda _: False) -> None:
        """Take the limits, and how to find out whether a peer, as `peer_of` names it, is a known one."""
        self._limits = limits
        self._known = known
        self._places: list[Place] = []
        self._octets = 0  # of all places together: it is asked for with every piece of a message
        self._minute = 0
        self._messages: Counter[str] = Counter()

    def enter(self, address: str, cut: Callable[[str], None]) -> Place | None:
        """Admit one more connection from this address, or return None.

        Args:
            address: the IP address of the peer as text.
            cut: ends the connection with this reply; it may be called at any later time.
        """
        peer = peer_of(address)
        place = Place(peer, self._known(peer), cut)
        if _counted(self._places)[peer] >= self._limits.connections_per_address or not self._make_room(place):
            return None
        self._places.append(place)
        return place

    def leave(self, place: Place) -> None:
        """Forget a connection; one that is forgotten already is no mistake."""
        if place in self._places:
            self._places.remove(place)
            self._octets -= place.octets

    def hold(self, place: Place, octets: int) -> None:
        """Note how many octets of its unfinished message a connection keeps in memory; somebody may lose theirs."""
        if place not in self._places:
            return
        self._octets += octets - place.octets
        place.octets = octets
        while self._octets > self._limits.octets_at_once:
            self._cut(self._largest_holder(), TOO_MUCH)

    def admit_message(self, address: str, now: datetime) -> bool:
        """Admit one more message from this address, if there are not too many in this minute."""
        minute = int(now.timestamp()) // 60
        if minute != self._minute:
            self._minute, self._messages = minute, Counter()
        peer = peer_of(address)
        self._messages[peer] += 1
        return self._messages[peer] <= self._limits.messages_per_minute

    def _make_room(self, newcomer: Place) -> bool:
        unknown = [one for one in self._places if not one.known]
        room = len(self._places) < self._limits.connections
        kept = min(self._limits.connections_kept, self._limits.connections // 2)
        if room and (newcomer.known or len(unknown) < self._limits.connections - kept):
            return True
        losers = unknown if unknown or not newcomer.known else self._places
        peer, count = next(iter(_counted(losers).most_common(1)), ("", 0))
        if count < _counted(self._places)[newcomer.peer] + 2:
            return False
        self._cut(next(one for one in losers if one.peer == peer), TOO_MANY)
        return True

    def _largest_holder(self) -> Place:
        holders = [one for one in self._places if one.octets]
        holders = [one for one in holders if not one.known] or holders
        held = Counter[str]()
        for one in holders:
            held[one.peer] += one.octets
        largest = max(held, key=held.__getitem__)
        return max((one for one in holders if one.peer == largest), key=lambda one: one.octets)

    def _cut(self, place: Place, reply: str) -> None:
        self.leave(place)
        place.cut(reply)


def peer_of(address: str) -> str:
    """Return the name under which everything from an IP address is counted; what is no IP address stays as it is."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(ip, IPv6Address):
        return str(ip)
    return str(ip.ipv4_mapped or ip_network((ip, 64), strict=False))


def _counted(places: Iterable[Place]) -> "Counter[str]":
    return Counter(one.peer for one in places)
