"""What one peer of the SMTP listener may use, and the counting of it."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one peer may use; sizes in octets, times in seconds."""

    message_size: int
    recipients: int
    connections: int
    connections_per_address: int
    messages_per_minute: int
    octets_at_once: int
    commands: int
    idle_timeout: float
    slowest_rate: int
    rate_window: float = 15.0


class Door:
    """Counts connections, in all and by peer address, and messages by peer address and minute."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._open: Counter[str] = Counter()
        self._held = 0
        self._minute = 0
        self._messages: Counter[str] = Counter()

    def enter(self, peer: str) -> bool:
        """Admit one more connection from this address, if there is room."""
        full = self._open.total() >= self._limits.connections
        if full or self._open[peer] >= self._limits.connections_per_address:
            return False
        self._open[peer] += 1
        return True

    def leave(self, peer: str) -> None:
        """Forget a connection that was admitted."""
        self._open[peer] -= 1
        if self._open[peer] <= 0:
            del self._open[peer]

    def hold(self, octets: int) -> bool:
        """Count octets of an unfinished message; say whether all such messages together are within the limit."""
        self._held += octets
        return self._held <= self._limits.octets_at_once

    def forget(self, octets: int) -> None:
        """Give back what a message held, once it is stored or refused."""
        self._held -= octets

    def admit_message(self, peer: str, now: datetime) -> bool:
        """Admit one more message from this address, if there are not too many in this minute."""
        minute = int(now.timestamp()) // 60
        if minute != self._minute:
            self._minute, self._messages = minute, Counter()
        self._messages[peer] += 1
        return self._messages[peer] <= self._limits.messages_per_minute
