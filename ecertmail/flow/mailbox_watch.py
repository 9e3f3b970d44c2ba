"""Mailboxes as alarms: raised when trouble repeats, cleared when a mailbox is read again or is no longer configured."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ecertmail.core import mailbox as core
from ecertmail.ports import EventLog, Fetched, Ledger

_PREFIX = "mailbox:"


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxWatch:
    """Looks at how reading the mailboxes goes; `names` are those that are configured."""

    names: Sequence[str]
    fetched: Fetched
    ledger: Ledger
    log: EventLog

    def look(self, now: datetime) -> None:
        """Raise and clear alarms; one that is open stays as it is."""
        states = {name: core.alarm(name, self.fetched.health(name), now) for name in self.names}
        troubles = {_PREFIX + name: text for name, text in states.items() if text}
        with self.ledger.transaction() as tx:
            already = {alarm.what for alarm in tx.alarms() if alarm.what.startswith(_PREFIX)}
            for what in sorted(troubles.keys() - already):
                tx.raise_alarm(what, troubles[what], now)
                self.log.error("alarm.raised", alarm=what, text=troubles[what])
            for what in sorted(already - troubles.keys()):
                tx.clear_alarm(what, now)
                self.log.info("alarm.cleared", alarm=what)
