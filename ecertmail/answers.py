"""What the ledger's transaction knows of deliveries, answers to them, and alarms: a part of `ports.Transaction`."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from ecertmail.delivery import Alarm, DeliveryState, Sent


class Answers(Protocol):
    """Deliveries of one address, deliveries after they were sent, and what a person has to look at."""

    def sent(self, message_id: str) -> Sequence[Sent]:
        """Return every delivery of the mail with this Message-ID."""

    def delivery(self, delivery_id: int) -> Sent | None:
        """Return one delivery."""

    def move(self, sent: Sent, state: DeliveryState, now: datetime) -> None:
        """Put a delivery into another state; one that is due again goes out now, with the same octets."""

    def note(self, delivery_id: int, what: str, text: str, now: datetime) -> None:
        """Write among its attempts what else became of a delivery."""

    def silent(self, now: datetime, wait: timedelta) -> Sequence[Sent]:
        """Return what was first delivered so long ago, expects an answer and has none."""

    def reminded(self) -> Sequence[Sent]:
        """Return what was delivered a second time and is not in the state for it yet."""

    def unanswered(self, now: datetime, wait: timedelta, after_reminder: timedelta) -> Sequence[Sent]:
        """Return what was first delivered and then reminded of so long ago, and has no answer."""

    def bounced_days(self, recipient: str, since: datetime) -> int:
        """Count the days after a moment on which mail to an address bounced for good since it last gave an answer."""

    def replies(self, recipient: str, since: datetime, until: datetime) -> int:
        """Count the deliveries that were staged for this address between two times."""

    def turn(self, recipient: str, limit: int, window: timedelta) -> datetime:
        """Return from when on another receipt for this address makes no more than `limit` within any window."""

    def raise_alarm(self, what: str, text: str, now: datetime) -> bool:
        """Open an alarm, or change the words of an open one; say whether there is anything new in it."""

    def clear_alarm(self, what: str, now: datetime) -> bool:
        """Close an alarm; say whether it was open."""

    def alarms(self) -> Sequence[Alarm]:
        """Return the open alarms, oldest first."""
