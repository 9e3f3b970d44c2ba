"""Collecting: durable here before anything is done over there; nothing lost, nothing twice, nothing in the way."""

from datetime import timedelta

import pytest

from ecertmail.core.mailbox import After, Deed
from ecertmail.errors import MailboxAwayError, MailboxRefusedError, StoreBusyError
from ecertmail.flow.collect import GIVE_UP, SUSPECT, Collector
from ecertmail.model import Outcome
from tests.builders import NOW
from tests.desk import Desk
from tests.flow.fakes import Trouble
from tests.flow.mailboxes import FakeFolder, FakeMailbox

FLAG = Deed(after=After.FLAG)


@pytest.fixture
def inbox() -> FakeFolder:
    return FakeFolder()


@pytest.fixture
def mailbox(inbox: FakeFolder) -> FakeMailbox:
    return FakeMailbox(INBOX=inbox)


def mails(count: int, start: int = 0) -> list[bytes]:
    return [b"Subject: %d\r\n\r\n%d\r\n" % (number, number) for number in range(start, start + count)]


def test_everything_is_stored_in_order_and_then_flagged(desk: Desk, inbox: FakeFolder, mailbox: FakeMailbox) -> None:
    uids = inbox.put(*mails(20))
    desk.collector().round(mailbox)
    assert desk.octets() == mails(20)
    assert inbox.done == [(uid, FLAG) for uid in uids]


def test_a_second_round_and_a_restart_change_nothing(desk: Desk, inbox: FakeFolder, mailbox: FakeMailbox) -> None:
    inbox.put(*mails(20))
    collector = desk.collector()
    for again in (collector, collector, desk.collector()):
        again.round(mailbox)
    assert (len(desk.rows()), len(inbox.done), sum(map(len, inbox.reads))) == (20, 20, 20)


def test_a_second_round_takes_what_is_new_and_asks_for_nothing_else(
    desk: Desk, inbox: FakeFolder, mailbox: FakeMailbox
) -> None:
    inbox.put(*mails(20))
    collector = desk.collector()
    collector.round(mailbox)
    new = inbox.put(*mails(3, start=20))
    inbox.reads.clear()
    collector.round(mailbox)
    assert (desk.octets(), inbox.reads) == (mails(23), [new])


def test_nothing_is_done_over_there_before_it_is_durable_here(
    desk: Desk, inbox: FakeFolder, mailbox: FakeMailbox
) -> None:
    inbox.put(*mails(20))
    seen: list[int] = []
    inbox.doing = lambda: seen.append(len(desk.rows()))
    desk.collector().round(mailbox)
    assert all(stored >= place * 7 for place, stored in enumerate(seen, 1) if place < 3)
    assert seen[-1] == 20


def test_a_full_disk_leaves_all_in_the_mailbox_and_the_next_round_takes_it(
    desk: Desk, inbox: FakeFolder, mailbox: FakeMailbox
) -> None:
    inbox.put(*mails(3))
    desk.spool.adding = Trouble(1)
    collector = desk.collector()
    with pytest.raises(StoreBusyError):
        collector.round(mailbox)
    assert inbox.done == []
    collector.round(mailbox)
    assert (sorted(desk.octets()), len(inbox.done)) == (mails(3), 3)


def test_a_crash_after_the_commit_is_healed_by_doing_what_was_to_do(
    desk: Desk, inbox: FakeFolder, mailbox: FakeMailbox
) -> None:
    inbox.put(*mails(5))
    inbox.doing = Trouble(1, error=MailboxAwayError("the line went dead"))
    with pytest.raises(MailboxAwayError):
        desk.collector().round(mailbox)
    assert (len(desk.rows()), inbox.done) == (5, [])
    desk.collector().round(mailbox)
    assert (len(desk.rows()), len(inbox.done)) == (5, 5)


def test_what_was_done_though_we_were_told_otherwise_is_done_again_and_read_once(
    desk: Desk, inbox: FakeFolder, mailbox: FakeMailbox
) -> None:
    uids = inbox.put(*mails(2))
    inbox.did = Trouble(1, error=MailboxAwayError("the line went dead"))
    with pytest.raises(MailboxAwayError):
        desk.collector().round(mailbox)
    desk.collector().round(mailbox)
    assert (len(desk.rows()), inbox.done) == (2, [(uid, FLAG) for uid in uids] * 2)


def test_a_server_that_refuses_to_flag_is_told_and_what_comes_next_is_still_stored(
    desk: Desk, inbox: FakeFolder, mailbox: FakeMailbox
) -> None:
    inbox.put(*mails(20))
    inbox.doing = Trouble(1, error=MailboxRefusedError("NO read-only"))
    collector = desk.collector()
    assert collector.round(mailbox) is False, "it is tried again at the next round and not sooner"
    assert (len(desk.rows()), collector.not_done) == (20, "INBOX: flag: NO read-only")
    collector.round(mailbox)
    assert (len(inbox.done), collector.not_done) == (20, "")


def test_the_same_mail_in_two_folders_is_stored_once_and_flagged_twice(desk: Desk) -> None:
    one, two = FakeFolder(), FakeFolder()
    one.put(*mails(10))
    two.put(*mails(10), *mails(1, start=10))
    desk.collector(folders=("INBOX", "Other")).round(FakeMailbox(INBOX=one, Other=two))
    assert sorted(desk.octets()) == sorted(mails(11))
    assert (len(one.done), len(two.done), len(desk.events("mail.known"))) == (10, 11, 10)


def test_new_uids_for_old_mails_are_told_and_nothing_is_stored_again(
    desk: Desk, inbox: FakeFolder, mailbox: FakeMailbox
) -> None:
    inbox.put(*mails(10))
    collector = desk.collector()
    collector.round(mailbox)
    inbox.validity = 2
    inbox.put(*mails(1, start=10))
    collector.round(mailbox)
    assert (len(desk.rows()), len(desk.events("mailbox.renumbered"))) == (11, 1)
    collector.round(mailbox)
    assert len(desk.events("mailbox.renumbered")) == 1


def test_an_oversize_mail_is_left_in_place_and_told_once(desk: Desk, inbox: FakeFolder, mailbox: FakeMailbox) -> None:
    small, large, last = inbox.put(b"small", b"x" * 101, b"last")
    for collector in (desk.collector(message_size=100), desk.collector(message_size=100)):
        collector.round(mailbox)
        collector.round(mailbox)
    assert desk.octets() == [b"small", b"last"]
    assert [uid for uid, _ in inbox.done] == [small, last]
    assert [(facts["uid"], facts["why"]) for facts in desk.events("mailbox.left-out")] == [(large, "oversize")]


def test_a_limit_that_was_raised_lets_in_what_was_too_large(
    desk: Desk, inbox: FakeFolder, mailbox: FakeMailbox
) -> None:
    inbox.put(b"x" * 101, b"small")
    desk.collector(message_size=100).round(mailbox)
    assert desk.octets() == [b"small"]
    desk.collector(message_size=1000).round(mailbox)
    assert desk.octets() == [b"small", b"x" * 101]


def test_a_server_that_understates_a_size_does_not_get_it_past_the_limit(
    desk: Desk, inbox: FakeFolder, mailbox: FakeMailbox
) -> None:
    [uid] = inbox.put(b"x" * 1000)
    inbox.sizes_lie[uid] = 10
    desk.collector(message_size=100).round(mailbox)
    assert (desk.rows(), len(desk.events("mailbox.left-out")), inbox.done) == ([], 1, [])


def test_a_mail_that_its_server_does_not_give_stops_no_other(
    desk: Desk, inbox: FakeFolder, mailbox: FakeMailbox
) -> None:
    uids = inbox.put(*mails(10))
    inbox.poison = {uids[3]}
    collector = desk.collector()
    for _ in range(10):
        collector.round(mailbox)
    assert len(desk.rows()) == 9
    assert [(facts["uid"], facts["why"]) for facts in desk.events("mailbox.left-out")] == [(uids[3], "unreadable")]
    assert sum(reading == [uids[3]] for reading in inbox.reads) <= GIVE_UP
    inbox.poison = set()
    desk.collector().round(mailbox)
    assert len(desk.rows()) == 10, "after a restart it gets another chance"


def test_a_mail_that_could_not_be_read_gets_another_chance_each_day(
    desk: Desk, inbox: FakeFolder, mailbox: FakeMailbox
) -> None:
    inbox.poison = set(inbox.put(*mails(1)))
    days = 0
    collector = desk.collector(clock=lambda: NOW + timedelta(days=days))
    for _ in range(10):
        collector.round(mailbox)
    inbox.poison = set()
    collector.round(mailbox)
    assert desk.rows() == []
    days = 2
    collector.round(mailbox)
    assert len(desk.rows()) == 1


def test_a_mail_that_kills_the_connection_comes_last_and_is_then_left_out(
    desk: Desk, inbox: FakeFolder, mailbox: FakeMailbox
) -> None:
    uids = inbox.put(*mails(30))
    inbox.deadly = {uids[3]}
    collector = desk.collector()
    lost = rounds_until_quiet(collector, mailbox)
    assert len(desk.rows()) == 29
    assert SUSPECT <= lost <= GIVE_UP
    assert [facts["uid"] for facts in desk.events("mailbox.left-out")] == [uids[3]]


def rounds_until_quiet(collector: Collector, mailbox: FakeMailbox) -> int:
    for lost in range(100):
        try:
            collector.round(mailbox)
        except MailboxAwayError:
            continue
        return lost
    raise AssertionError("it never gave up")


def test_a_mail_that_goes_away_while_it_is_read_is_passed_over(
    desk: Desk, inbox: FakeFolder, mailbox: FakeMailbox
) -> None:
    uids = inbox.put(*mails(3))
    inbox.vanishing = {uids[1]}
    desk.collector().round(mailbox)
    assert desk.octets() == [mails(3)[0], mails(3)[2]]
    assert desk.events("mailbox.left-out") == []


def test_a_folder_that_is_not_there_is_told_and_the_others_are_read(
    desk: Desk, inbox: FakeFolder, mailbox: FakeMailbox
) -> None:
    inbox.put(*mails(3))
    with pytest.raises(MailboxRefusedError, match="there is no Missing"):
        desk.collector(folders=("Missing", "INBOX")).round(mailbox)
    assert len(desk.rows()) == 3


def test_with_a_folder_for_refused_mail_nothing_is_done_before_the_decision(
    desk: Desk, inbox: FakeFolder, mailbox: FakeMailbox
) -> None:
    good, bad, stranger = inbox.put(*mails(3))
    collector = desk.collector(refused_to="Refused")
    assert collector.round(mailbox) is True
    assert inbox.done == []
    ids = [row.id for row in reversed(desk.rows())]
    desk.outcomes |= dict(zip(ids, (Outcome.ACCEPTED, Outcome.REFUSED, Outcome.QUARANTINED), strict=True))
    assert collector.round(mailbox) is False
    refused = Deed(after=After.MOVE, folder="Refused")
    assert sorted(inbox.done, key=lambda done: done[0]) == [(good, FLAG), (bad, refused), (stranger, refused)]


def test_the_envelope_says_where_a_mail_came_from(desk: Desk, inbox: FakeFolder, mailbox: FakeMailbox) -> None:
    inbox.put(b"Return-Path: <ecert@mpi.example>\r\n\r\nx")
    desk.collector(mailbox="office").round(mailbox)
    envelope = desk.rows()[0].envelope
    assert (envelope.source, envelope.peer, envelope.reverse_path) == ("imap", "office", "ecert@mpi.example")
    assert envelope.recipients == ("ecert@customs.example",)
