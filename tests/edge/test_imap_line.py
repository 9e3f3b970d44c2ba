"""A bad line to a real server: wherever it breaks, nothing is missed and nothing comes twice."""

import ssl
import time
from collections import Counter
from collections.abc import Iterator
from random import Random

import pytest

from ecertmail.core.mailbox import Tls
from ecertmail.errors import MailboxAwayError
from tests.desk import Desk, imap_account
from tests.dovecot import Account
from tests.imap_proxy import Line, bad_line
from tests.installation import until


@pytest.fixture
def line(account: Account) -> Iterator[Line]:
    with bad_line(account.server.port) as made:
        yield made


def mails(count: int, size: int = 60) -> list[bytes]:
    return [(b"Subject: mail %d\r\n\r\n" % n).ljust(size, b"x") + b"\r\n" for n in range(count)]


@pytest.mark.slow
def test_cut_at_every_octet_of_an_exchange_nothing_is_lost_and_nothing_comes_twice(
    desk: Desk, account: Account, line: Line
) -> None:
    """Three mails; the line is cut after 1, 18, 35, … octets of what the server says, each time from the beginning."""
    account.fill(mails(3, 200))
    way = imap_account(account, line.port)
    for cut in range(1, 2500, 17):
        line.cut_after = cut
        try:
            desk.round(way)
        except MailboxAwayError:
            continue
        break
    else:
        raise AssertionError("it never got through")
    assert sorted(desk.octets()) == sorted(mails(3, 200))
    assert account.flags() == [(b"\\Seen",)] * 3


@pytest.mark.slow
def test_a_thousand_mails_over_a_line_that_breaks_all_the_time_and_a_poller_that_is_restarted(
    desk: Desk, account: Account, line: Line
) -> None:
    sent = mails(1000, 2000)
    account.fill(sent)
    chance = Random(26)  # noqa: S311 - not a secret
    way = imap_account(account, line.port)
    for _ in range(6):  # six lives of a poller
        line.cut_after = chance.randrange(60_000, 400_000)
        before = len(desk.rows())
        with desk.polling(lambda: desk.open(way), interval=0.05):
            until(lambda enough=before + 100: len(desk.rows()) > enough, 60)  # type: ignore[misc]
            line.cut_after = chance.randrange(60_000, 400_000)
            time.sleep(chance.random() / 10)
    line.cut_after = 300_000
    with desk.polling(lambda: desk.open(way), interval=0.05):
        desk.wait_for(1000, 60)
        until(lambda: account.flags().count((b"\\Seen",)) == 1000, 30)
    assert Counter(desk.octets()) == Counter(sent)
    assert line.connections > 10


def test_a_server_that_falls_silent_in_the_middle_of_a_mail_is_left_after_the_timeout(
    desk: Desk, account: Account, line: Line
) -> None:
    account.append(*mails(1, 50_000))
    line.stall_after = 10_000
    way = imap_account(account, line.port, answer_seconds=0.5)
    with desk.polling(lambda: desk.open(way)):
        until(lambda: desk.events("mailbox.lost"), 5)
        line.stall_after = None
        assert desk.wait_for(1) == mails(1, 50_000)


def test_a_line_that_goes_dead_during_idle_is_noticed_when_idle_is_left(
    desk: Desk, account: Account, line: Line
) -> None:
    """This is imapclient#449: without a timeout DONE would wait for ever."""
    way = imap_account(account, line.port, answer_seconds=0.5)
    with desk.polling(lambda: desk.open(way), interval=1.0):
        until(lambda: desk.spool.fetched.health("main").polled_at)
        line.stall_after = 0
        account.append(*mails(1))
        until(lambda: desk.events("mailbox.lost"), 5)
        line.stall_after = None
        desk.wait_for(1)


def test_a_server_that_hangs_up_during_idle_is_no_endless_loop(desk: Desk, account: Account, line: Line) -> None:
    way = imap_account(account, line.port)
    with desk.polling(lambda: desk.open(way), interval=300, lost_waits=(0.2,)):
        until(lambda: desk.spool.fetched.health("main").polled_at)
        line.cut()
        until(lambda: desk.events("mailbox.lost"), 5)
        account.append(*mails(1))
        desk.wait_for(1)
        assert len(desk.events("mailbox.lost")) <= 2


def test_a_line_that_dribbles_brings_everything(desk: Desk, account: Account, line: Line) -> None:
    account.append(*mails(3, 300))
    line.chunk, line.pause = 3, 0.0005
    desk.round(imap_account(account, line.port))
    assert desk.octets() == mails(3, 300)


@pytest.mark.parametrize("tls", [Tls.NEVER, Tls.IMPLICIT])
def test_stopping_ends_it_in_the_middle_of_an_answer_and_blames_no_mail(desk: Desk, account: Account, tls: Tls) -> None:
    account.append(*mails(1, 50_000))
    server = account.server
    context = ssl.create_default_context(cafile=str(server.ca_file))
    with bad_line(server.port if tls is Tls.NEVER else server.tls_port) as line:
        line.stall_after = 10_000
        way = imap_account(account, line.port, answer_seconds=60, tls=tls, context=context)
        with desk.polling(lambda: desk.open(way)):
            until(lambda: desk.events("mailbox.opened"))
            time.sleep(0.5)
            start = time.monotonic()
        assert time.monotonic() - start < 5
    assert desk.events("mailbox.left-out") == []
    assert desk.rows() == []
