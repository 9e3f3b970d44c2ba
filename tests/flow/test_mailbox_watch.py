"""Mailboxes as alarms: refused credentials at once, other trouble when it repeats or lasts."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ecertmail.core.mailbox import Health, Trouble
from ecertmail.flow.mailbox_watch import MailboxWatch
from ecertmail.store.ledger import SqliteLedger
from ecertmail.store.spool import SqliteSpool
from tests.flow.fakes import Log

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


class Scene:
    def __init__(self, folder: Path) -> None:
        self.spool = SqliteSpool(folder / "spool.db")
        self.ledger = SqliteLedger(folder / "ledger.db")
        self.log = Log()

    def alarms(self, *names: str) -> dict[str, str]:
        """Look, and return the open alarms."""
        MailboxWatch(names=names, fetched=self.spool.fetched, ledger=self.ledger, log=self.log).look(NOW)
        with self.ledger.transaction() as tx:
            return {alarm.what: alarm.text for alarm in tx.alarms()}

    def goes(self, trouble: Trouble, failures: int = 1, minutes: int = 1, error: str = "NO") -> None:
        """Write down how reading the mailbox `main` goes; it was last read some minutes ago."""
        polled_at = NOW - timedelta(minutes=minutes)
        self.spool.fetched.told("main", Health(trouble=trouble, error=error, failures=failures, polled_at=polled_at))


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    made.spool.close()
    made.ledger.close()


@pytest.mark.parametrize(
    ("trouble", "failures", "minutes", "text"),
    [
        (Trouble.NONE, 0, 600, ""),
        (Trouble.LOGIN, 1, 1, "mailbox main is not read: NO"),
        (Trouble.LOST, 4, 10, ""),
        (Trouble.LOST, 5, 10, "mailbox main is not read: NO"),
        (Trouble.LOST, 1, 61, "mailbox main is not read: NO"),
        (Trouble.UNAVAILABLE, 5, 20, "mailbox main is not read: NO"),
        (Trouble.FAILED, 5, 5, "mailbox main is not read: NO"),
        (Trouble.NOT_DONE, 4, 0, ""),
        (Trouble.NOT_DONE, 5, 0, "mailbox main: messages cannot be flagged, moved or deleted: NO"),
    ],
)
def test_trouble_is_an_alarm_when_it_repeats_or_lasts(
    scene: Scene, trouble: Trouble, failures: int, minutes: int, text: str
) -> None:
    scene.goes(trouble, failures, minutes)
    assert scene.alarms("main") == ({"mailbox:main": text} if text else {})


def test_an_alarm_is_raised_once_and_cleared_when_the_mailbox_is_read(scene: Scene) -> None:
    scene.goes(Trouble.LOST, 5)
    scene.alarms("main")
    scene.goes(Trouble.LOST, 6, error="NO, for another reason")
    scene.alarms("main")
    scene.goes(Trouble.NONE)
    assert scene.alarms("main") == {}
    assert [event for _, event, _ in scene.log.lines] == ["alarm.raised", "alarm.cleared"]


def test_the_alarm_of_a_mailbox_that_is_no_longer_configured_is_cleared(scene: Scene) -> None:
    scene.goes(Trouble.LOGIN)
    assert scene.alarms("main")
    assert scene.alarms("other") == {}


def test_a_mailbox_that_was_never_read_is_no_alarm_before_it_failed(scene: Scene) -> None:
    assert scene.alarms("main") == {}
