"""What a deliverer has in hand: deliveries that wait for a place, those on their way, and those that landed.

Fairness is decided here and nowhere else: places go round by domain, and none has more than its share of them. A domain
whose last attempt failed, though not for good, is in trouble until one succeeds: it has a single place, and all such
domains together have half of the places. Nothing is added to what is in hand for them, so they cannot fill it.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from itertools import chain

from ecertmail.delivery import BLOCKED, Attempt, Attempted, Delivery, Room

DELIVERIES = 200
OCTETS = 32_000_000  # and as much again for what aiosmtplib copies while it sends
_TROUBLED = BLOCKED | {Attempted.TEMPORARY, Attempted.UNKNOWN}


class Hand:
    """Deliveries in state `sending`, each in one of three places."""

    def __init__(self, connections: int, per_domain: int, octets: int = OCTETS) -> None:
        """Take how many may be on their way at once, in all and to one domain, and how many octets may be held."""
        self.landed: list[tuple[Delivery, Attempt]] = []
        self._connections = connections
        self._per_domain = per_domain
        self._octets = octets
        self._waiting: dict[str, deque[Delivery]] = {}
        self._flying: dict[int, Delivery] = {}
        self._places: Counter[str] = Counter()
        self._troubled: set[str] = set()

    @property
    def empty(self) -> bool:
        """Whether there is nothing in hand."""
        return not (self._waiting or self._flying or self.landed)

    @property
    def numbers(self) -> set[int]:
        """What is in hand, by its numbers."""
        return {delivery.id for delivery in chain(self._unsent(), (one for one, _ in self.landed))}

    def room(self) -> Room:
        """Say how much more may be taken once what landed is written down, so that no domain fills the hand."""
        held = list(self._unsent())
        sound = sum(one.domain not in self._troubled for one in held)
        of_each = 8 * self._per_domain
        counts = Counter(delivery.domain for delivery in held)
        return Room(
            deliveries=DELIVERIES - sound if sound <= DELIVERIES // 2 else 0,
            octets=self._octets - sum({id(one.octets): len(one.octets) for one in held}.values()),
            of_each=of_each,
            full={one for one, count in counts.items() if count >= of_each or one in self._troubled},
        )

    def add(self, deliveries: Iterable[Delivery]) -> None:
        """Take deliveries in hand."""
        for delivery in deliveries:
            self._waiting.setdefault(delivery.domain, deque()).append(delivery)

    def start(self) -> Iterator[Delivery]:
        """Yield what may be sent now, one domain after the other; it is on its way then."""
        while len(self._flying) < self._connections:
            domain = next(filter(self._has_place, self._waiting), None)
            if domain is None:
                return
            waiting = self._waiting.pop(domain)
            delivery = waiting.popleft()
            if waiting:
                self._waiting[domain] = waiting  # behind the others
            self._flying[delivery.id] = delivery
            self._places[domain] += 1
            yield delivery

    def land(self, delivery: Delivery, attempt: Attempt) -> None:
        """Note how an attempt ended."""
        del self._flying[delivery.id]
        self._places[delivery.domain] -= 1
        self.landed.append((delivery, attempt))
        (self._troubled.add if attempt.outcome in _TROUBLED else self._troubled.discard)(delivery.domain)

    def _unsent(self) -> Iterator[Delivery]:
        return chain(self._flying.values(), *self._waiting.values())

    def close(self) -> None:
        """Start nothing more."""
        self._connections = 0

    def _has_place(self, domain: str) -> bool:
        if domain not in self._troubled:
            return self._places[domain] < self._per_domain
        taken = sum(self._places[one] for one in self._troubled)
        return not self._places[domain] and taken < max(1, self._connections // 2)
