"""Keeping a mailbox read: how long is waited after which trouble, what is told, and how it ends."""

import pytest

from ecertmail.core.mailbox import Health, Trouble
from ecertmail.errors import (
    MailboxAwayError,
    MailboxLoginError,
    MailboxRefusedError,
    MailboxUnavailableError,
    StoreBusyError,
)
from ecertmail.flow.poll import DECISION_SECONDS
from ecertmail.ports import OpenMailbox
from tests.desk import Desk
from tests.flow.mailboxes import FakeFolder, FakeMailbox
from tests.installation import until


class Server:
    """Opens a mailbox, after some failures."""

    def __init__(self, mailbox: FakeMailbox, *failures: Exception) -> None:
        self._mailbox, self._failures = mailbox, list(failures)
        self.opened = 0

    def __call__(self) -> OpenMailbox:
        self.opened += 1
        if self._failures:
            raise self._failures.pop(0)
        return self._mailbox


@pytest.fixture
def mailbox() -> FakeMailbox:
    inbox = FakeFolder()
    inbox.put(b"Subject: 1\r\n\r\n")
    return FakeMailbox(INBOX=inbox)


def seconds(desk: Desk, event: str) -> list[object]:
    return [facts["seconds"] for facts in desk.events(event)]


def test_it_reads_then_waits_for_news_and_closes_what_it_opened(desk: Desk, mailbox: FakeMailbox) -> None:
    with desk.polling(Server(mailbox), interval=300):
        desk.wait_for(1)
        assert mailbox.waiting.wait(5)
    assert (mailbox.waited[0], mailbox.closed) == (300, 1)
    assert desk.spool.fetched.health("main").trouble is Trouble.NONE


def test_lost_connections_are_tried_again_ever_later_and_told(desk: Desk, mailbox: FakeMailbox) -> None:
    server = Server(mailbox, *[MailboxAwayError("no route")] * 3)
    with desk.polling(server, lost_waits=(0.01, 0.02)):
        desk.wait_for(1)
        until(lambda: desk.spool.fetched.health("main").trouble is Trouble.NONE)
    assert (seconds(desk, "mailbox.lost"), server.opened) == ([0.01, 0.02, 0.02], 4)


def test_progress_makes_the_next_wait_short_again(desk: Desk, mailbox: FakeMailbox) -> None:
    away = MailboxAwayError("no route")
    server = Server(mailbox, away, away)
    with desk.polling(server, lost_waits=(0.01, 0.02)) as poller:
        assert mailbox.waiting.wait(5)
        mailbox.folders["INBOX"].put(b"Subject: 2\r\n\r\n")
        mailbox.losing = True
        poller.ring()
        until(lambda: len(desk.events("mailbox.lost")) > 2)
    assert seconds(desk, "mailbox.lost")[:3] == [0.01, 0.02, 0.01]


def test_a_refused_login_is_an_error_and_not_tried_again_soon(desk: Desk, mailbox: FakeMailbox) -> None:
    server = Server(mailbox, MailboxLoginError("wrong password"))
    with desk.polling(server, login_waits=(60.0,)):
        until(lambda: desk.events("mailbox.login-refused"))
        health = desk.spool.fetched.health("main")
    assert ("error", "mailbox.login-refused") in desk.log.events
    assert (health.trouble, health.failures, health.error, server.opened) == (Trouble.LOGIN, 1, "wrong password", 1)


def test_a_restart_keeps_the_wait_after_a_refused_login_and_a_bell_ends_it(desk: Desk, mailbox: FakeMailbox) -> None:
    with desk.polling(Server(mailbox, MailboxLoginError("wrong password")), login_waits=(60.0,)):
        until(lambda: desk.events("mailbox.login-refused"))
    server = Server(mailbox)
    with desk.polling(server, login_waits=(60.0,)) as poller:
        until(lambda: desk.events("mailbox.login-waits"))
        assert server.opened == 0
        poller.ring()
        desk.wait_for(1)


def test_a_refused_login_counts_on_over_a_restart(desk: Desk, mailbox: FakeMailbox) -> None:
    desk.spool.fetched.told("main", Health(trouble=Trouble.LOGIN, error="wrong password", failures=2))
    with desk.polling(Server(mailbox, MailboxLoginError("wrong password")), login_waits=(60.0, 300.0, 900.0)):
        until(lambda: desk.events("mailbox.login-refused"))
    assert seconds(desk, "mailbox.login-refused") == [900.0]


BUSY = MailboxUnavailableError("[ALERT] Too many simultaneous connections", explained=True)
SILENT = MailboxUnavailableError("LOGIN failed.", explained=False)


def test_a_busy_server_is_never_a_refused_login(desk: Desk, mailbox: FakeMailbox) -> None:
    with desk.polling(Server(mailbox, *[BUSY] * 6), unavailable_waits=(0.01, 0.02)):
        desk.wait_for(1)
    assert seconds(desk, "mailbox.unavailable") == [0.01, *[0.02] * 5]
    assert desk.events("mailbox.login-refused") == []


def test_a_refusal_without_a_reason_is_a_refused_login_when_it_repeats(desk: Desk, mailbox: FakeMailbox) -> None:
    with desk.polling(Server(mailbox, *[SILENT] * 4), unavailable_waits=(0.01,), login_waits=(5.0, 5.0, 0.03, 0.04)):
        desk.wait_for(1)
    assert (seconds(desk, "mailbox.unavailable"), seconds(desk, "mailbox.login-refused")) == ([0.01] * 2, [0.03, 0.04])


def test_what_cannot_be_flagged_is_trouble_that_is_logged_once(desk: Desk, mailbox: FakeMailbox) -> None:
    def refuse() -> None:
        raise MailboxRefusedError("NO read-only")

    mailbox.folders["INBOX"].doing = refuse
    with desk.polling(Server(mailbox), interval=300) as poller:
        for rounds in (1, 2, 3):
            until(lambda so_many=rounds: desk.spool.fetched.health("main").failures == so_many)  # type: ignore[misc]
            poller.ring()
        health = desk.spool.fetched.health("main")
        assert (health.trouble, health.error) == (Trouble.NOT_DONE, "INBOX: flag: NO read-only")
        assert len(desk.events("mailbox.not-done")) == 1
        mailbox.folders["INBOX"].doing = lambda: None
        poller.ring()
        until(lambda: desk.spool.fetched.health("main").trouble is Trouble.NONE)


@pytest.mark.parametrize("error", [StoreBusyError("the disk is full"), RecursionError("a bug")])
def test_trouble_of_our_own_is_told_and_does_not_end_the_reading(
    desk: Desk, mailbox: FakeMailbox, error: Exception
) -> None:
    with desk.polling(Server(mailbox, error), lost_waits=(0.01,)):
        desk.wait_for(1)
    assert ("error", "mailbox.failed") in desk.log.events


def test_undecided_mail_is_looked_at_again_soon(desk: Desk, mailbox: FakeMailbox) -> None:
    with desk.polling(Server(mailbox), plan={"refused_to": "Refused"}, interval=300):
        desk.wait_for(1)
        until(lambda: desk.spool.fetched.health("main").polled_at)
    assert mailbox.waited == [], f"it waits {DECISION_SECONDS} s and not 300"


def test_a_bell_makes_it_look_now(desk: Desk, mailbox: FakeMailbox) -> None:
    with desk.polling(Server(mailbox), interval=300) as poller:
        assert mailbox.waiting.wait(5)
        mailbox.folders["INBOX"].put(b"Subject: 2\r\n\r\n")
        poller.ring()
        desk.wait_for(2)
