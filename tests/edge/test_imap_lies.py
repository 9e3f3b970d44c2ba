"""Servers that lie, stammer or refuse: what is still good is told apart from what is not."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from threading import Event
from typing import Any

import pytest

from ecertmail.core.mailbox import After, Deed, Found, Step
from ecertmail.edge.imap import check
from ecertmail.edge.imap.account import Account
from ecertmail.edge.imap.folder import ImapFolder
from ecertmail.errors import MailboxAwayError, MailboxLoginError, MailboxRefusedError, MailboxUnavailableError
from tests.desk import PLAN, Desk
from tests.imap_liar import DONE, MAIL, UIDS, Answer, Liar, lying, needs_id, offering

FOUND = [Found(uid="0000000001", size=5)]


@pytest.fixture
def server() -> Iterator[Callable[..., Account]]:
    liars: list[Liar] = []

    def start(**answers: Answer) -> Account:
        liars.append(Liar(**answers))
        return liars[-1].account

    yield start
    for liar in liars:
        liar.close()


def inbox(desk: Desk, account: Account) -> ImapFolder:
    return desk.open(account, piece=10).folder("INBOX")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"TAG NO [AUTHENTICATIONFAILED] no\r\n", MailboxLoginError),
        (b"TAG NO wrong password\r\n", MailboxLoginError),
        (b"TAG NO LOGIN failed.\r\n", MailboxUnavailableError),
        (b"TAG NO [UNAVAILABLE] the directory is away\r\n", MailboxUnavailableError),
        (b"TAG NO [ALERT] Too many simultaneous connections. (Failure)\r\n", MailboxUnavailableError),
        (None, MailboxAwayError),
    ],
)
def test_only_a_refused_password_is_a_refused_login(
    desk: Desk, server: Callable[..., Account], answer: bytes | None, error: type[Exception]
) -> None:
    with pytest.raises(error):
        desk.open(server(LOGIN=answer))


def test_a_line_without_end_makes_the_connection_useless(desk: Desk, server: Callable[..., Account]) -> None:
    """imaplib stops reading in the middle of it: what comes next would be taken for something else."""
    with pytest.raises(MailboxAwayError, match="more than"):
        inbox(desk, server(UIDS=b"* 1 FETCH (UID 1" + b" 1" * 600_000 + b")\r\nTAG OK done\r\n"))


def test_a_folder_without_uidvalidity_is_not_read(desk: Desk, server: Callable[..., Account]) -> None:
    with pytest.raises(MailboxAwayError, match="UIDVALIDITY"):
        inbox(desk, server(SELECT=b"* 2 EXISTS\r\nTAG OK done\r\n"))


@pytest.mark.parametrize(
    "answer",
    [
        b"TAG NO internal error\r\n",
        b"TAG BAD I do not know partial fetches\r\n",
        b"TAG OK nothing for you\r\n",
        b"* 1 FETCH (UID 1 BODY[]<0> NIL)\r\nTAG OK done\r\n",
        b"* 1 FETCH (UID 1 BODY[]<0> {20}\r\n" + b"x" * 20 + b")\r\nTAG OK done\r\n",
        b"* 1 FETCH (UID 1 BODY[]<0>)\r\nTAG OK done\r\n",
        b"* 1 FETCH (UID one BODY[]<0> x)\r\nTAG OK done\r\n",
    ],
)
def test_a_mail_that_is_there_and_is_not_given_is_refused_and_not_taken_for_gone(
    desk: Desk, server: Callable[..., Account], answer: bytes
) -> None:
    folder = inbox(desk, server(UID_FETCH=answer))
    with pytest.raises(MailboxRefusedError):
        folder.read(FOUND, 100)
    assert folder.client.noop(), "the connection is still good"


def test_a_mail_whose_size_is_not_told_is_read_all_the_same(desk: Desk, server: Callable[..., Account]) -> None:
    folder = inbox(desk, server(UID_FETCH=b"TAG OK done\r\n"))
    assert folder.sizes(["0000000001"]) == [Found(uid="0000000001", size=0)]


def test_a_mail_without_end_is_read_up_to_the_limit(desk: Desk, server: Callable[..., Account]) -> None:
    folder = inbox(desk, server(UID_FETCH=b"* 1 FETCH (UID 1 BODY[]<0> {10}\r\n0123456789)\r\nTAG OK done\r\n"))
    assert len(folder.read(FOUND, 100)["0000000001"]) == 110


# What stands between a login and reading, at some providers

ONE = b"* 2 FETCH (UID 2 RFC822.SIZE 14 BODY[]<0> {14}\r\n" + MAIL + b")\r\nTAG OK done\r\n"
BAD, NO = b"TAG BAD User is authenticated but not connected.\r\n", b"TAG NO I will not\r\n"


def trial(desk: Desk, account: Account, **changes: Any) -> dict[str, Step]:
    plan = replace(PLAN, **changes)
    return {step.name: step for step in check.steps(account, plan, idle=True, log=desk.log)}


def test_a_server_that_reads_only_for_who_says_its_name_is_read(desk: Desk) -> None:
    """163.com and 126.com."""
    with lying(CAPABILITY=offering("ID"), ID=b"* ID NIL\r\nTAG OK done\r\n", SELECT=needs_id) as liar:
        assert desk.open(liar.account).folder("INBOX").exists == 2
        said = next(line for line in liar.heard if line.startswith(b"ID "))
    assert said.startswith(b'ID ("name" "ecertmail" "version" "')


def test_a_server_that_wants_our_name_and_does_not_ask_for_it_is_named(desk: Desk) -> None:
    with lying(SELECT=needs_id) as liar:
        step = trial(desk, liar.account)["folder INBOX"]
    assert (step.good, "Unsafe Login" in step.text, "name of the client (ID)" in step.advice) == (False, True, True)


def test_a_login_that_opens_no_mailbox_is_named(desk: Desk) -> None:
    """Exchange Online, where the token is of another user or IMAP is switched off."""
    with lying(CAPABILITY=offering("ID", "NAMESPACE"), ID=BAD, NAMESPACE=BAD, SELECT=BAD, LIST=BAD) as liar:
        steps = trial(desk, liar.account)
    assert (steps["login"].good, "opens no mailbox" in steps["folder INBOX"].advice) == (True, True)


@pytest.mark.parametrize("refused", ["ID", "NAMESPACE"])
def test_what_is_refused_and_not_needed_stops_nothing(desk: Desk, refused: str) -> None:
    answers: dict[str, Answer] = {refused: NO, "CAPABILITY": offering(refused)}
    with lying(**answers) as liar:
        assert desk.open(liar.account).folder("INBOX").exists == 2


@pytest.mark.parametrize(
    ("uids", "says"),
    [
        (DONE, "2 messages, but the server tells no UID"),
        (b"* 1 FETCH (FLAGS ())\r\n* 2 FETCH (UID NIL)\r\nTAG OK done\r\n", "tells no UID"),
        (lambda heard: DONE if b":" in heard[-1] else UIDS, "UID 2 is there, but the server does not list it"),
    ],
)
def test_messages_that_the_server_does_not_list_are_trouble_and_never_good(desk: Desk, uids: Answer, says: str) -> None:
    with lying(UIDS=uids) as liar:
        with pytest.raises(MailboxRefusedError, match=says):
            desk.round(liar.account)
        step = trial(desk, liar.account)["folder INBOX"]
    assert (step.good, says in step.text) == (False, True)


def test_flags_that_are_told_unasked_are_no_messages(desk: Desk) -> None:
    noisy = b"* 2 FETCH (FLAGS (\\Seen))\r\n* 9 EXISTS\r\n* OK by the way\r\n" + UIDS
    with lying(UIDS=noisy) as liar:
        assert list(desk.open(liar.account).folder("INBOX").uids("")) == [["0000000001", "0000000002"]]


def test_a_message_without_a_uid_hides_no_other(desk: Desk) -> None:
    """0 is no UID (RFC 9051 section 2.3.1.1); asking for it is an error at most servers."""
    ends = b"* 1 FETCH (UID 0)\r\n* 2 FETCH (UID 7)\r\nTAG OK done\r\n"
    more = b"* 1 FETCH (UID 0)\r\n* 2 FETCH (UID 5)\r\n* 3 FETCH (UID 7)\r\nTAG OK done\r\n"
    with lying(UIDS=lambda heard: more if b":" in heard[-1] else ends) as liar:
        assert list(desk.open(liar.account).folder("INBOX").uids("")) == [["0000000005", "0000000007"]]
        assert liar.heard[-1] == b"UID FETCH 1:1000 (UID)"


def test_a_folder_that_may_not_be_changed_is_named(desk: Desk) -> None:
    with lying(SELECT=b"* 0 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\nTAG OK [READ-ONLY] done\r\n") as liar:
        step = trial(desk, liar.account)["folder INBOX"]
    assert (step.good, "read-only" in step.text, "ask for the right" in step.advice) == (False, True, True)


def test_no_password_is_said_where_the_server_forbids_it(desk: Desk) -> None:
    with lying(CAPABILITY=offering("LOGINDISABLED", "STARTTLS")) as liar:
        step = trial(desk, liar.account)["login"]
        assert not any(b"secret" in line for line in liar.heard)
    assert (step.good, 'tls = "starttls"' in step.advice) == (False, True)


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ("[ALERT] Too many simultaneous connections. (Failure)", "tries again by itself"),
        ("LOGIN failed.", "app password"),
        ("[AUTHENTICATIONFAILED] no", "app password"),
    ],
)
def test_a_refused_login_is_told_in_the_words_of_the_server(desk: Desk, words: str, advice: str) -> None:
    with lying(LOGIN=f"TAG NO {words}\r\n".encode()) as liar:
        step = trial(desk, liar.account)["login"]
    assert (step.good, words in step.text, advice in step.advice) == (False, True, True)


def test_idle_that_is_offered_and_refused_is_replaced_by_polling(desk: Desk) -> None:
    with lying(CAPABILITY=offering("IDLE"), IDLE=NO, UID_FETCH=ONE) as liar:
        mailbox = desk.open(liar.account)
        mailbox.folder("INBOX")
        for _ in range(2):
            mailbox.wait(Event(), 0.1)
        assert liar.heard.count(b"IDLE") == 1, "it is not asked again in this session"
        mailbox.close()
        assert "refuses it" in trial(desk, liar.account)["idle"].text


def test_what_is_said_before_idling_begins_is_no_refusal(desk: Desk) -> None:
    with lying(CAPABILITY=offering("IDLE"), IDLE=b"* OK still here\r\n+ idling\r\n", DONE=DONE) as liar:
        mailbox = desk.open(liar.account)
        mailbox.folder("INBOX")
        start = time.monotonic()
        mailbox.wait(Event(), 0.5)
        assert (mailbox.idles, time.monotonic() - start >= 0.4) == (True, True)
        mailbox.close()


@pytest.mark.parametrize("idle", [True, False])
def test_news_that_came_with_another_answer_is_not_slept_over(desk: Desk, idle: bool) -> None:
    """Any answer may carry EXISTS; a server that told it once does not repeat it for IDLE."""
    with lying(CAPABILITY=offering("IDLE"), UIDS=b"* 3 EXISTS\r\n" + UIDS, IDLE=b"+ idling\r\n", DONE=DONE) as liar:
        mailbox = desk.open(liar.account, idle=idle)
        mailbox.folder("INBOX")
        start = time.monotonic()
        mailbox.wait(Event(), 5)
        assert time.monotonic() - start < 4
        mailbox.close()


@pytest.mark.parametrize("uids", [UIDS, b"* 2 EXISTS\r\n" + UIDS])
def test_the_same_number_again_is_no_news(desk: Desk, uids: bytes) -> None:
    with lying(UIDS=uids) as liar:
        mailbox = desk.open(liar.account)
        mailbox.folder("INBOX")
        start = time.monotonic()
        mailbox.wait(Event(), 0.5)
        assert time.monotonic() - start >= 0.4
        mailbox.close()


SPACE = b'* NAMESPACE (("INBOX." ".")) NIL NIL\r\nTAG OK done\r\n'


def test_a_folder_of_the_namespace_is_made_there(desk: Desk) -> None:
    with lying(CAPABILITY=offering("NAMESPACE"), NAMESPACE=SPACE, CREATE=DONE, UID_FETCH=ONE) as liar:
        step = trial(desk, liar.account, deed=Deed(after=After.MOVE, folder="Done"))["folder Done"]
        assert b"CREATE INBOX.Done" in [line.replace(b'"', b"") for line in liar.heard]
    assert (step.good, step.text) == (True, "created as INBOX.Done")


@pytest.mark.parametrize(
    ("space", "made"),
    [
        (b'(("" NIL)) NIL NIL', b"CREATE a/b"),
        (b'(("" ".")) NIL NIL', b"CREATE a.b"),
        (b'(("INBOX/" "/")) (("~" "/")) (("" "/"))', b"CREATE INBOX/a/b"),
        (b"NIL NIL NIL", b"CREATE a/b"),
        (b'(("" "/" "X-PARAM" ("FLAG"))) NIL NIL', b"CREATE a/b"),
        (b"what", b"CREATE a/b"),
    ],
)
def test_a_namespace_of_any_form_is_understood_or_left(desk: Desk, space: bytes, made: bytes) -> None:
    answer = b"* NAMESPACE " + space + b"\r\nTAG OK done\r\n"
    with lying(CAPABILITY=offering("NAMESPACE"), NAMESPACE=answer, CREATE=DONE) as liar:
        desk.open(liar.account).make("a/b")
        assert liar.heard[-1].replace(b'"', b"") == made


def test_a_folder_that_is_there_as_it_is_written_is_taken(desk: Desk) -> None:
    there = b"* LIST (\\HasNoChildren) NIL Done\r\nTAG OK done\r\n"
    with lying(CAPABILITY=offering("NAMESPACE"), NAMESPACE=SPACE, LIST=there, UID_FETCH=ONE) as liar:
        step = trial(desk, liar.account, deed=Deed(after=After.MOVE, folder="Done"))["folder Done"]
    assert (step.good, step.text) == (True, "there")


def test_a_folder_that_cannot_be_made_is_named_with_those_that_are_there(desk: Desk) -> None:
    folders = b'* LIST (\\Noselect) NIL "Done"\r\n* LIST () NIL INBOX\r\nTAG OK done\r\n'

    def listing(heard: list[bytes]) -> bytes:
        return folders if b"*" in heard[-1] else DONE

    with lying(LIST=listing, CREATE=b"TAG NO Invalid mailbox name\r\n", UID_FETCH=ONE) as liar:
        step = trial(desk, liar.account, deed=Deed(after=After.MOVE, folder="Done"))["folder Done"]
    assert (step.good, "Invalid mailbox name" in step.text) == (False, True)
    assert "there are: Done, INBOX" in step.advice
