"""The same steps at every IMAP server that we can have: what `docs/tested-with.md` names was tried by these."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from ecertmail.core.mailbox import After, Deed, uid_text
from ecertmail.edge.imap import check
from ecertmail.errors import MailboxAwayError, MailboxLoginError, MailboxRefusedError, MailboxUnavailableError
from tests import courier, cyrus
from tests import dovecot as dovecot_server
from tests.builders import batch_mail, certificates_xml
from tests.desk import PLAN, Desk, imap_account
from tests.imap_proxy import bad_line

SERVERS: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "dovecot": dovecot_server.running,
    "cyrus": cyrus.running,
    "courier": courier.running,
}
VERSIONS: dict[str, Callable[[], str]] = {"cyrus": cyrus.version, "courier": courier.version}
MOVE, DELETE = Deed(after=After.MOVE, folder="Done"), Deed(after=After.DELETE)
SEEN = (b"\\Seen",)


@pytest.fixture(scope="session", params=list(SERVERS))
def server(request: pytest.FixtureRequest) -> Iterator[Any]:
    with SERVERS[request.param]() as running:
        yield running


@pytest.fixture
def account(server: Any, request: pytest.FixtureRequest) -> Any:
    """An empty mailbox of its own for each test, whose record names the server."""
    name = request.node.callspec.params["server"]
    if name in VERSIONS:
        request.node.user_properties.append(("server", f"{name.title()} {VERSIONS[name]()}"))
    return server.account(f"u{sha256(request.node.nodeid.encode()).hexdigest()[:12]}")


def mails(count: int, start: int = 0) -> list[bytes]:
    return [b"Subject: %d\r\n\r\nmail number %d\r\n" % (n, n) for n in range(start, start + count)]


def test_everything_that_mailbox_test_tries_is_good(desk: Desk, account: Any) -> None:
    """LOGIN, ID, NAMESPACE, LIST, CREATE, SELECT, FETCH, IDLE, QUOTA."""
    account.append(*mails(2))
    plan = replace(PLAN, deed=MOVE, refused_to="Refused/By us")
    for made in ("created", "there"):
        steps = {step.name: step for step in check.steps(imap_account(account), plan, idle=True, log=desk.log)}
        assert [(step.name, step.text) for step in steps.values() if not step.good] == []
        assert steps["folder INBOX"].text == "2 messages, one was read"
        assert {steps[f"folder {name}"].text.split()[0] for name in ("Done", "Refused/By us")} == {made}


def test_a_wrong_password_is_not_said_to_be_a_lost_connection(desk: Desk, account: Any) -> None:
    """Courier says `Login failed.` for whatever reason: it counts as refused credentials when it repeats."""
    with pytest.raises((MailboxLoginError, MailboxUnavailableError)) as refused:
        desk.open(imap_account(account, password=lambda: "wrong", answer_seconds=20))
    assert not getattr(refused.value, "explained", False)


def test_octets_arrive_as_they_were_sent_and_messages_are_flagged(desk: Desk, account: Any) -> None:
    sent = [batch_mail(certificates_xml("NZ/1")), *mails(60)]
    account.append(*sent)
    desk.round(imap_account(account))
    assert (desk.octets(), account.flags()) == (sent, [SEEN] * 61)


def test_a_large_mail_comes_in_pieces_and_whole(desk: Desk, account: Any) -> None:
    lines = b"x" * 70 + b"\r\n"
    large = [b"Subject: x\r\n\r\n" + lines * count for count in (10, 700, 41)]
    account.append(*large)
    mailbox = desk.open(imap_account(account), piece=1000)
    desk.collector().round(mailbox)
    mailbox.close()
    assert set(desk.octets()) == set(large)


def test_messages_are_moved_to_a_folder_that_is_made(desk: Desk, account: Any) -> None:
    account.append(*mails(3))
    for _ in range(2):
        desk.round(imap_account(account), deed=MOVE)
    account.append(*mails(1, start=3))
    desk.round(imap_account(account), deed=MOVE)
    assert (len(desk.rows()), account.flags(), len(account.flags("Done"))) == (4, [], 4)
    assert [line for line in desk.log.lines if line[0] != "info"] == []


def test_messages_are_deleted_and_those_that_others_marked_stay(desk: Desk, account: Any) -> None:
    account.append(*mails(3))
    desk.round(imap_account(account))
    with account.client() as other:
        other.select_folder("INBOX")
        other.delete_messages([2])
    account.append(*mails(2, start=3))
    desk.round(imap_account(account), deed=DELETE)
    assert [set(flags) for flags in account.flags()] == [{b"\\Seen"}, {b"\\Seen", b"\\Deleted"}, {b"\\Seen"}]
    assert len(desk.rows()) == 5


def test_what_others_expunge_meanwhile_stops_nothing(desk: Desk, account: Any) -> None:
    """Courier sends a mail of its own, "message unavailable", for one that was expunged while the folder is open."""
    account.append(*mails(10))
    mailbox = desk.open(imap_account(account))
    folder = mailbox.folder("INBOX")
    account.expunge(1, 5, 10)
    found = folder.sizes([uid_text(uid) for uid in range(1, 11)])
    read = set(folder.read(found, 1000).values())
    there = {mail for n, mail in enumerate(mails(10), 1) if n not in {1, 5, 10}}
    assert there <= read
    assert all(b"message unavailable" in mail for mail in read - there)
    mailbox.close()
    desk.round(imap_account(account))
    assert set(desk.octets()) == there


def test_mail_that_comes_while_it_is_watched_is_read(desk: Desk, account: Any) -> None:
    """By IDLE, and by polling where the server tells late: Courier looks once a minute."""
    account.append(*mails(1))
    with desk.polling(lambda: desk.open(imap_account(account)), interval=3):
        desk.wait_for(1)
        account.append(*mails(1, start=1))
        desk.wait_for(2, 10)


def test_folders_of_any_name_are_read_and_no_other(desk: Desk, account: Any) -> None:
    account.append(*mails(1))
    account.append(*mails(2, start=1), folder="Post & Zoll Übersee")
    account.append(*mails(1, start=9), folder="Private")
    desk.round(imap_account(account), folders=("INBOX", "Post & Zoll Übersee"))
    assert sorted(desk.octets()) == mails(3)


def test_a_folder_that_is_not_there_is_named_and_the_connection_stays_good(desk: Desk, account: Any) -> None:
    account.append(*mails(1))
    mailbox = desk.open(imap_account(account))
    with pytest.raises(MailboxRefusedError, match="Nowhere"):
        mailbox.folder("Nowhere")
    assert mailbox.folder("INBOX").exists == 1
    mailbox.close()


def test_new_uids_for_old_mails_are_read_again_and_stored_once(desk: Desk, account: Any) -> None:
    """The folder is deleted and made anew, which gives it another UIDVALIDITY."""
    account.append(*mails(5), folder="Certificates")
    desk.round(imap_account(account), folders=("Certificates",))
    with account.client() as other:
        name = next(name for _, _, name in other.list_folders() if str(name).endswith("Certificates"))
        other.delete_folder(name)
    account.append(*mails(7), folder="Certificates")
    desk.round(imap_account(account), folders=("Certificates",))
    assert (desk.octets(), len(desk.events("mailbox.renumbered"))) == (mails(7), 1)


def test_nothing_is_missed_and_nothing_read_twice_over_a_bad_line(desk: Desk, account: Any) -> None:
    account.append(*mails(60))
    with bad_line(account.server.port) as line:
        way = imap_account(account, line.port)
        for cut_after in (500, 2000, 4000, 8000, None):
            line.cut_after = cut_after
            try:
                desk.round(way)
            except MailboxAwayError:
                continue
    assert (desk.octets(), account.flags()) == (mails(60), [SEEN] * 60)
