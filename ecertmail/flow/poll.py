"""Keeps one mailbox read, in a thread of its own: opens it, goes through it, waits, and comes back after any trouble.

Trouble is never hidden: it is logged, and written down for `ecertmail status` until a round goes well. A refused login
is tried again after a long time only, also after a restart; `reload` is how an operator says that it was mended.
"""

import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import Event

from ecertmail.core import mailbox as core
from ecertmail.core.mailbox import Health, Trouble
from ecertmail.errors import EcertmailError, MailboxAwayError, MailboxLoginError, MailboxUnavailableError
from ecertmail.flow.collect import Collector
from ecertmail.ports import EventLog, Fetched, OpenMailbox

DECISION_SECONDS = 2.0


@dataclass(slots=True, kw_only=True)
class Poller:
    """Reads one mailbox until it is stopped; `interval` and waiting times in seconds."""

    name: str
    open: Callable[[], OpenMailbox]
    collector: Collector
    fetched: Fetched
    interval: float
    clock: Callable[[], datetime]
    log: EventLog
    lost_waits: Sequence[float] = core.LOST_WAITS
    login_waits: Sequence[float] = core.LOGIN_WAITS
    unavailable_waits: Sequence[float] = core.UNAVAILABLE_WAITS
    _bell: Event = field(default_factory=Event)
    _stopping: bool = False
    _open: OpenMailbox | None = None
    _health: Health = field(default_factory=Health)
    _taken: int = 0

    def run(self) -> None:
        """Read until `stop` is called."""
        self._health = self.fetched.health(self.name)
        self._pause(self._left_of_wait())
        while not self._stopping:
            self._pause(self._session())

    def ring(self) -> None:
        """Look now, whatever was being waited for."""
        self._bell.set()

    def stop(self) -> None:
        """End soon, also in the middle of an answer; what is not durable stays in the mailbox."""
        self._stopping = True
        self._bell.set()
        if (mailbox := self._open) is not None:
            mailbox.interrupt()

    def _left_of_wait(self) -> float:
        """Return what is left of the wait after a refused login before a restart."""
        until = self._health.next_at
        if self._health.trouble not in {Trouble.LOGIN, Trouble.UNAVAILABLE} or until is None:
            return 0
        self.log.warning("mailbox.login-waits", mailbox=self.name, until=until, error=self._health.error)
        return min((until - self.clock()).total_seconds(), self.login_waits[-1])  # the clock can have gone back

    def _pause(self, seconds: float) -> None:
        if seconds > 0:
            self._bell.wait(seconds)
        if not self._stopping:
            self._bell.clear()

    def _session(self) -> float:
        """Open the mailbox and read it until something goes wrong; return how long to wait then."""
        try:
            self._serve()
        except MailboxLoginError as error:
            return self._failed(Trouble.LOGIN, str(error), self.login_waits)
        except MailboxUnavailableError as error:
            trouble = core.refused_login(self._health, explained=error.explained)
            waits = self.login_waits if trouble is Trouble.LOGIN else self.unavailable_waits
            return self._failed(trouble, str(error), waits)
        except MailboxAwayError as error:
            return self._failed(Trouble.LOST, str(error), self.lost_waits)
        except EcertmailError as error:
            return self._failed(Trouble.FAILED, str(error), self.lost_waits)
        except CancelledError:
            return self._failed(Trouble.FAILED, "the daemon stops", self.lost_waits)
        except Exception as error:  # noqa: BLE001 - no mail and no server may end the reading of a mailbox
            return self._failed(Trouble.FAILED, repr(error), self.lost_waits)
        return 0

    def _serve(self) -> None:
        mailbox = self._open = self.open()
        with contextlib.closing(mailbox):
            self.log.info("mailbox.opened", mailbox=self.name)
            while not self._stopping:
                undecided = self.collector.round(mailbox)
                self._went_well()
                if undecided:
                    self._bell.wait(DECISION_SECONDS)
                else:
                    mailbox.wait(self._bell, self.interval)
                self._pause(0)

    def _went_well(self) -> None:
        """Write down that everything was read, and what could not be done with it; that is logged when it changes."""
        error, health = self.collector.not_done, Health(polled_at=self.clock())
        if error:
            if error != self._health.error:
                self.log.warning("mailbox.not-done", mailbox=self.name, error=error)
            failures = core.failures_with(self._health, Trouble.NOT_DONE)
            health = replace(health, trouble=Trouble.NOT_DONE, error=error, failures=failures)
        self._health = health
        self.fetched.told(self.name, health)

    def _failed(self, trouble: Trouble, error: str, waits: Sequence[float]) -> float:
        """Tell what went wrong, write it down, and return how long to wait."""
        if self._stopping:
            return 0
        moved_on, self._taken = self.collector.taken > self._taken, self.collector.taken
        failures = 1 if moved_on else core.failures_with(self._health, trouble)
        seconds = core.wait_after(waits, failures)
        next_at = self.clock() + timedelta(seconds=seconds)
        self._health = replace(self._health, trouble=trouble, error=error, failures=failures, next_at=next_at)
        self._tell(trouble, {"mailbox": self.name, "error": error, "failures": failures, "seconds": seconds})
        with contextlib.suppress(EcertmailError):  # where the trouble is the disk, the log has to do
            self.fetched.told(self.name, self._health)
        return seconds

    def _tell(self, trouble: Trouble, facts: dict[str, object]) -> None:
        if trouble is Trouble.LOGIN:
            self.log.error("mailbox.login-refused", **facts)
        elif trouble is Trouble.UNAVAILABLE:
            self.log.warning("mailbox.unavailable", **facts)
        elif trouble is Trouble.LOST:
            self.log.warning("mailbox.lost", **facts)
        else:
            self.log.error("mailbox.failed", **facts)
