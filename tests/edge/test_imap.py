"""A mailbox at a real server: what is read, what is done with it, and what others do to it meanwhile."""

import ssl
import time
from dataclasses import replace
from threading import Event
from typing import Any

import pytest

from ecertmail.core.mailbox import After, Deed, Tls
from ecertmail.edge.imap import account as accounts
from ecertmail.edge.imap.folder import ImapFolder
from ecertmail.edge.imap.mailbox import ImapMailbox
from ecertmail.errors import MailboxAwayError, MailboxLoginError, MailboxRefusedError
from ecertmail.model import Outcome
from tests.builders import batch_mail, certificates_xml
from tests.desk import Desk, imap_account
from tests.dovecot import TOKEN, Account, Dovecot
from tests.installation import until

MOVE, DELETE = Deed(after=After.MOVE, folder="Done"), Deed(after=After.DELETE)
SEEN, DELETED = (b"\\Seen",), (b"\\Deleted",)


def mails(count: int, start: int = 0) -> list[bytes]:
    return [b"Subject: %d\r\n\r\nmail number %d\r\n" % (n, n) for n in range(start, start + count)]


def test_octets_arrive_as_they_were_sent_and_the_message_is_flagged(desk: Desk, account: Account) -> None:
    signed = batch_mail(certificates_xml("NZ/1"))
    account.append(signed)
    desk.round(imap_account(account))
    assert (desk.octets(), account.flags()) == ([signed], [SEEN])


def test_reading_changes_nothing_over_there(desk: Desk, account: Account) -> None:
    """Only BODY.PEEK[] is used: with a folder for refused mail nothing is touched before the decision."""
    account.append(*mails(3))
    desk.round(imap_account(account), refused_to="Refused")
    assert (len(desk.rows()), account.flags()) == (3, [(), (), ()])


@pytest.mark.parametrize(("deed", "inbox", "done"), [(MOVE, [], [(), (), ()]), (DELETE, [], None)])
def test_what_is_durable_is_moved_or_deleted(
    desk: Desk, account: Account, deed: Deed, inbox: list[Any], done: list[Any] | None
) -> None:
    account.append(*mails(3))
    desk.round(imap_account(account), deed=deed)
    assert (len(desk.rows()), account.flags()) == (3, inbox)
    if done is not None:
        assert account.flags("Done") == done


def test_deleting_takes_no_message_that_somebody_else_marked(desk: Desk, account: Account) -> None:
    account.append(*mails(3))
    with account.client() as other:
        other.select_folder("INBOX")
        other.delete_messages([2])
    desk.round(imap_account(account), deed=DELETE, refused_to="Refused")  # nothing is decided: nothing is deleted
    assert len(account.flags()) == 3
    desk.outcomes.update({row.id: Outcome.ACCEPTED for row in desk.rows() if row.id != "m2"})
    desk.round(imap_account(account), deed=DELETE, refused_to="Refused")
    assert account.flags() == [DELETED]


@pytest.mark.parametrize(("deed", "moved"), [(MOVE, 3), (DELETE, 0)])
def test_a_server_without_idle_move_and_uidplus_gets_copies_and_marks(
    desk: Desk, poor_dovecot: Dovecot, request: pytest.FixtureRequest, deed: Deed, moved: int
) -> None:
    """Plain EXPUNGE would take other people's messages too, so what is marked stays, and that is told."""
    account = poor_dovecot.account(f"poor-{moved}")
    account.append(*mails(3))
    desk.round(imap_account(account), deed=deed)
    desk.round(imap_account(account), deed=deed)
    assert (len(desk.rows()), [flags[-1:] for flags in account.flags()]) == (3, [DELETED] * 3)
    assert len(desk.events("mailbox.not-expunged")) == 1
    if moved:
        assert len(account.flags("Done")) == moved


def test_new_mail_is_seen_at_once_by_idle(desk: Desk, account: Account) -> None:
    account.append(*mails(1))
    with desk.polling(lambda: desk.open(imap_account(account)), interval=300):
        desk.wait_for(1)
        for number in range(1, 4):
            account.append(*mails(1, start=number))
            desk.wait_for(number + 1, 5)


def test_news_in_one_packet_with_the_answer_to_idle_is_not_slept_over(desk: Desk, account: Account) -> None:
    """The mail comes between the look and IDLE: the server says EXISTS right behind `+ idling`."""
    account.append(*mails(1))
    for number in range(1, 6):
        mailbox = desk.open(imap_account(account))
        mailbox.folder("INBOX")
        account.append(*mails(1, start=number))
        start = time.monotonic()
        mailbox.wait(Event(), 5)
        assert time.monotonic() - start < 4
        mailbox.close()


def test_a_server_without_idle_is_polled(desk: Desk, poor_dovecot: Dovecot) -> None:
    account = poor_dovecot.account("polled")
    account.append(*mails(1))
    with desk.polling(lambda: desk.open(imap_account(account)), interval=0.2):
        desk.wait_for(1)
        account.append(*mails(1, start=1))
        desk.wait_for(2, 5)


def test_new_uids_for_old_mails_are_read_again_and_stored_once(desk: Desk, account: Account) -> None:
    account.append(*mails(10))
    desk.round(imap_account(account))
    account.renumber(4242)
    account.append(*mails(2, start=10))
    desk.round(imap_account(account))
    assert desk.octets() == mails(12)
    assert [facts["uidvalidity"] for facts in desk.events("mailbox.renumbered")] == [4242]
    assert account.flags() == [SEEN] * 12


def test_what_others_expunge_meanwhile_stops_nothing(desk: Desk, account: Account) -> None:
    account.append(*mails(20))
    mailbox = desk.open(imap_account(account))
    folder = mailbox.folder("INBOX")
    uids = next(folder.uids(""))
    account.expunge(1, 7, 20)
    found = folder.sizes(uids)
    account.expunge(2, 8)
    read = folder.read(found, 1000)
    assert list(read.values()) == [octets for n, octets in enumerate(mails(20), 1) if n not in {1, 2, 7, 8, 20}]
    mailbox.close()
    desk.round(imap_account(account))
    assert set(mails(20)) - set(desk.octets()) == {mails(20)[n - 1] for n in (1, 2, 7, 8, 20)}
    assert desk.events("mailbox.left-out") == []


def test_a_large_mail_comes_in_pieces_and_whole(desk: Desk, account: Account) -> None:
    sizes = (2999, 3000, 3001, 50_000, 20, 6000)
    large = [b"Subject: x\r\n\r\n".ljust(size, b"x") for size in sizes]
    account.append(*large)
    mailbox = desk.open(imap_account(account), piece=1000)
    desk.collector().round(mailbox)
    mailbox.close()
    assert [len(octets) for octets in desk.octets()] == list(sizes)
    assert set(desk.octets()) == set(large)


def test_a_mail_that_is_expunged_between_two_pieces_is_gone_and_not_cut_short(desk: Desk, account: Account) -> None:
    """Dovecot sends NIL for the next piece, which must not pass for the end."""
    account.append(b"Subject: x\r\n\r\n".ljust(5000, b"x"), b"Subject: y\r\n\r\n".ljust(2000, b"y"))
    mailbox = desk.open(imap_account(account), piece=1000)
    folder = mailbox.folder("INBOX")
    found = folder.sizes(["0000000001", "0000000002"])
    pieces, calls = type(folder)._pieces, []

    def expunging(self: ImapFolder, uids: list[str], offset: int) -> dict[str, bytes]:
        calls.append(offset)
        if len(calls) == 3:
            account.expunge(1)
        return pieces(self, uids, offset)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ImapFolder, "_pieces", expunging)
        read = folder.read(found, 10_000)
    assert {uid: len(octets) for uid, octets in read.items()} == {"0000000002": 2000}
    assert calls[:3] == [0, 1000, 2000]
    mailbox.close()


def test_an_oversize_mail_is_left_in_place_and_told(desk: Desk, account: Account) -> None:
    account.append(*mails(1), b"Subject: big\r\n\r\n" + b"x" * 5000, *mails(1, start=1))
    for _ in range(2):
        desk.round(imap_account(account), message_size=1000)
    assert (desk.octets(), account.flags()) == (mails(2), [SEEN, (), SEEN])
    assert [facts["why"] for facts in desk.events("mailbox.left-out")] == ["oversize"]


def test_folders_that_are_named_are_read_and_no_other(desk: Desk, account: Account) -> None:
    account.append(*mails(1))
    account.append(*mails(2, start=1), folder="Post & Zoll Übersee")
    account.append(*mails(1, start=9), folder="Private")
    desk.round(imap_account(account), folders=("INBOX", "Post & Zoll Übersee"))
    assert sorted(desk.octets()) == mails(3)


def test_a_gap_of_a_million_uids_is_crossed(desk: Desk, account: Account) -> None:
    account.append(*mails(2))
    account.server.doveadm("mailbox", "update", "-u", account.user, "--min-next-uid", "1000000", "INBOX")
    account.append(*mails(2, start=2))
    desk.round(imap_account(account))
    assert desk.octets() == mails(4)


# How it is opened


def context(server: Dovecot) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(server.ca_file))


@pytest.mark.parametrize("tls", [Tls.IMPLICIT, Tls.STARTTLS])
def test_a_certificate_of_an_authority_of_our_own_is_good(desk: Desk, account: Account, tls: Tls) -> None:
    account.append(*mails(1))
    port = account.server.tls_port if tls is Tls.IMPLICIT else account.server.port
    desk.round(imap_account(account, port, tls=tls, context=context(account.server)))
    assert len(desk.rows()) == 1


@pytest.mark.parametrize("tls", [Tls.IMPLICIT, Tls.STARTTLS])
def test_a_certificate_that_nobody_vouches_for_is_refused_before_the_password_is_said(
    desk: Desk, account: Account, tls: Tls
) -> None:
    port = account.server.tls_port if tls is Tls.IMPLICIT else account.server.port
    with pytest.raises(MailboxAwayError, match="CERTIFICATE_VERIFY_FAILED"):
        desk.open(imap_account(account, port, tls=tls, password=_never))


def _never() -> str:
    raise AssertionError("the password must not be asked for")


def test_idle_works_under_tls_too(desk: Desk, account: Account) -> None:
    way = imap_account(account, account.server.tls_port, tls=Tls.IMPLICIT, context=context(account.server))
    with desk.polling(lambda: desk.open(way), interval=300):
        until(lambda: desk.spool.fetched.health("main").polled_at)
        account.append(*mails(1))
        desk.wait_for(1, 5)


def test_a_password_of_any_letters_is_said_as_it_is(desk: Desk, account: Account) -> None:
    with pytest.raises(MailboxLoginError, match="AUTHENTICATIONFAILED"):
        desk.open(imap_account(account, password=lambda: "pässword"))


def test_a_wrong_password_is_told_without_it(desk: Desk, account: Account) -> None:
    with pytest.raises(MailboxLoginError) as error:
        desk.open(imap_account(account, password=lambda: "wrong-secret"))
    assert "wrong-secret" not in str(error.value)
    assert account.user in str(error.value)


def test_a_token_opens_it_and_is_asked_for_at_each_login(desk: Desk, account: Account) -> None:
    asked: list[str] = []

    def token() -> str:
        asked.append("x")
        return f"{account.user}:{TOKEN}"

    way = imap_account(account, password=None, token=token)
    account.append(*mails(1))
    desk.round(way)
    desk.round(way)
    assert (len(desk.rows()), len(asked)) == (1, 2)


def test_an_expired_token_is_a_refused_login(desk: Desk, account: Account) -> None:
    with pytest.raises(MailboxLoginError):
        desk.open(imap_account(account, password=None, token=lambda: "expired"))


def test_nobody_there_is_told_with_host_and_port(desk: Desk, account: Account) -> None:
    with pytest.raises(MailboxAwayError, match=r"127\.0\.0\.1:1: "):
        desk.open(replace(imap_account(account), port=1))


def test_a_folder_that_is_not_there_is_refused_and_the_connection_stays_good(desk: Desk, account: Account) -> None:
    mailbox = desk.open(imap_account(account))
    with pytest.raises(MailboxRefusedError, match="Nowhere"):
        mailbox.folder("Nowhere")
    assert mailbox.folder("INBOX").exists == 0
    mailbox.close()


def test_capabilities_are_asked_again_after_the_login(account: Account) -> None:
    """Dovecot says MOVE only to who is logged in."""
    client = accounts.connect(imap_account(account))
    assert not client.has_capability("MOVE")
    accounts.login(client, imap_account(account))
    assert client.has_capability("MOVE")
    accounts.leave(client)


def test_leaving_is_quiet_also_when_the_server_is_gone(desk: Desk, account: Account) -> None:
    mailbox: ImapMailbox = desk.open(imap_account(account))
    mailbox.interrupt()
    mailbox.close()
    mailbox.close()
