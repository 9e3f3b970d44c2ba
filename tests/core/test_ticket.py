"""The token of a ticket: it comes back through addresses and subjects, and nobody else can make one."""

# ruff: noqa: RUF001 - people write in their own scripts

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parseaddr
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecertmail.core import ticket
from ecertmail.core.address import normal
from ecertmail.core.verp import verp
from ecertmail.official import Decision, Purpose, Ticket

SECRET = b"sixteen octets!!"
MAILBOX = "ecert@customs.example"
OTHER = "zheng.shu@customs.example"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
GIVEN = Ticket(id=17, purpose=Purpose.DECIDE, official="wang", subjects=(), expires_at=NOW)
TOKEN = ticket.token(SECRET, GIVEN)

TICKETS = st.builds(
    Ticket,
    id=st.integers(1, 2**63 - 1),
    purpose=st.sampled_from(list(Purpose)),
    official=st.text("abcxyz-019", min_size=1, max_size=40),
    subjects=st.just(()),
    expires_at=st.datetimes(NOW.replace(tzinfo=None), NOW.replace(year=2040, tzinfo=None), timezones=st.just(UTC)),
)


def facts(one: Ticket) -> tuple[object, ...]:
    return one.id, one.purpose, one.official, one.expires_at.replace(microsecond=0)


# Whose token it is


@given(TICKETS, TICKETS)
def test_only_the_token_made_for_the_same_facts_is_good(one: Ticket, other: Ticket) -> None:
    assert ticket.is_good(SECRET, one, ticket.token(SECRET, one))
    assert ticket.is_good(SECRET, one, ticket.token(SECRET, other)) == (facts(one) == facts(other))


@given(TICKETS, st.data())
def test_a_token_with_another_character_is_not_good(one: Ticket, data: st.DataObject) -> None:
    token = ticket.token(SECRET, one)
    place = data.draw(st.integers(0, len(token) - 1))
    char = data.draw(st.characters(codec="utf-8").filter(lambda char: char != token[place]))
    assert not ticket.is_good(SECRET, one, token[:place] + char + token[place + 1 :])


CHANGED: dict[str, Callable[[], str]] = {
    "another number": lambda: ticket.token(SECRET, replace(GIVEN, id=18)),
    "another number by hand": lambda: TOKEN.replace("d17", "d18"),
    "another purpose": lambda: ticket.token(SECRET, replace(GIVEN, purpose=Purpose.ANSWER)),
    "another purpose by hand": lambda: TOKEN.replace("d17", "a17"),
    "another official": lambda: ticket.token(SECRET, replace(GIVEN, official="li")),
    "a later end": lambda: ticket.token(SECRET, replace(GIVEN, expires_at=NOW + timedelta(seconds=1))),
    "another secret": lambda: ticket.token(b"another secret!!", GIVEN),
    "nothing": lambda: "",
    "half": lambda: TOKEN[:-1],
    "more": lambda: f"{TOKEN}a",
    "of a bounce": lambda: verp(MAILBOX, 17, SECRET).partition("+")[2].partition("@")[0],
}


@pytest.mark.parametrize("token", CHANGED.values(), ids=CHANGED.keys())
def test_no_other_token_is_good(token: Callable[[], str]) -> None:
    assert not ticket.is_good(SECRET, GIVEN, token())


def test_the_end_is_a_moment_wherever_it_is_told() -> None:
    shanghai = replace(GIVEN, expires_at=NOW.astimezone(timezone(timedelta(hours=8))))
    assert ticket.token(SECRET, shanghai) == TOKEN


@given(TICKETS)
def test_a_token_names_its_ticket(one: Ticket) -> None:
    assert ticket.named(ticket.token(SECRET, one)) == (one.purpose, one.id)


@pytest.mark.parametrize("text", ["", "d17", "b17.aaaaaaaaaaaa", "d017.aaaaaaaaaaaa", "d17.aaaaaaaaaaa1", "x", "d17."])
def test_what_is_no_token_names_nothing(text: str) -> None:
    assert ticket.named(text) is None


# In addresses


@given(TICKETS, st.text("abcdefghijklmnopqrstuvwxyz0123456789._-+", min_size=1, max_size=30))
def test_a_token_comes_back_from_its_address(one: Ticket, local: str) -> None:
    token, mailbox = ticket.token(SECRET, one), f"{local}@customs.example"
    made = ticket.address(mailbox, token)
    assert normal(made) == made
    assert ticket.in_address(made, ["other@customs.example", mailbox]) == token
    assert ticket.in_address(made.upper(), [mailbox.upper()]) == token
    assert ticket.ours([mailbox], made)


NOT_OURS = {
    "the mailbox itself": MAILBOX,
    "a bounce": verp(MAILBOX, 17, SECRET),
    "no tag": "ecert+d17@customs.example",
    "another mailbox": f"push+{TOKEN}@customs.example",
    "another domain": f"ecert+{TOKEN}@customs.example.net",
    "no mailbox": f"{TOKEN}@customs.example",
    "two tokens": f"ecert+{TOKEN}+{TOKEN}@customs.example",
    "a line end": f"ecert+{TOKEN}@customs.example\n",
    "angle brackets": f"<ecert+{TOKEN}@customs.example>",
    "nothing": "",
}


@pytest.mark.parametrize("address", NOT_OURS.values(), ids=NOT_OURS.keys())
def test_no_other_address_is_that_of_a_ticket(address: str) -> None:
    assert ticket.in_address(address, [MAILBOX, OTHER]) is None
    assert not ticket.ours([MAILBOX, OTHER], address)


@pytest.mark.parametrize("mailbox", ["customs.example", "e" * 60 + "@customs.example", "Us <ecert@customs.example>"])
def test_what_can_be_no_address_is_said_at_once(mailbox: str) -> None:
    with pytest.raises(ValueError, match="no address can be made"):
        ticket.address(mailbox, TOKEN)


# In subjects

WRITTEN = {
    "as it was": "Export certificate NZ-1 [{}]",
    "replied to": "Re: Export certificate NZ-1 [{}]",
    "replied to in German": "AW: AW: Export certificate NZ-1 [{}]",
    "replied to in Chinese": "回复：出口证书 NZ-1 [{}]",
    "replied to in Chinese, with wide brackets": "回复: 出口证书 NZ-1 【{}】",
    "with full-width brackets": "答复：NZ-1 ［{}］",
    "forwarded": "Fwd: TR: [{}] Export certificate",
    "with blanks": "RE: x [ {} ]",
    "in capitals": "RE: x [{UPPER}]",
    "in full-width letters": "RE: x [{WIDE}]",
    "with marks of direction": "رد: شهادة \u2067[\u2066{}\u2069]\u2069",
    "with an invisible mark inside": "Re: [\u200e{}\u200f]",
    "folded": "Re: Export certificate\r\n [{}]",
    "with a mailing list's name": "[list] Re: [EXTERNAL] x [{}]",
    "twice": "Re: [{}] Re: [{}]",
}


def wide(text: str) -> str:
    return "".join(chr(ord(char) + 0xFEE0) for char in text)


@pytest.mark.parametrize("subject", WRITTEN.values(), ids=WRITTEN.keys())
def test_a_token_comes_back_from_a_subject(subject: str) -> None:
    written = subject.replace("{UPPER}", TOKEN.upper()).replace("{WIDE}", wide(TOKEN)).replace("{}", TOKEN)
    assert ticket.in_subject(written) == TOKEN


def test_blanks_that_a_client_adds_inside_do_no_harm() -> None:
    assert ticket.in_subject(f"Re: [{TOKEN.replace('.', ' . ').replace('d', 'd ', 1)}]") == TOKEN


@given(TICKETS, st.sampled_from(["Re: ", "AW: ", "回复：", "Fwd: Re: ", "RV: ", "TR : ", "رد: "]), st.text(max_size=30))
def test_whatever_stands_before_it(one: Ticket, prefix: str, title: str) -> None:
    token = ticket.token(SECRET, one)
    assert token in {ticket.in_subject(f"{prefix}{title} [{token}]"), ticket.in_subject(f"{title} x[{token}]")}


@pytest.mark.parametrize(
    "subject",
    ["", "PASS NZ-1", TOKEN, f"({TOKEN})", f"[{TOKEN[:-1]}]", f"[{TOKEN}a]", f"[b{TOKEN[1:]}]", "[d17]", "[]"],
)
def test_no_other_subject_has_a_token(subject: str) -> None:
    assert ticket.in_subject(subject) is None


@given(st.text(max_size=200))
def test_no_text_makes_it_raise(text: str) -> None:
    ticket.in_subject(text)
    ticket.named(text)
    ticket.in_address(text, [MAILBOX, text])
    assert not ticket.is_good(SECRET, GIVEN, text)


def test_a_huge_subject_is_read_in_no_time() -> None:
    assert ticket.in_subject("[ d" * 300_000) is None
    assert ticket.in_subject("[" + " " * 300_000) is None


# What a mail comes with

HERE = f"ecert+{TOKEN}@customs.example"
LATER = ticket.token(SECRET, replace(GIVEN, id=18))
THERE = f"ecert+{LATER}@customs.example"

PRESENTED = {
    "in the address": ({HERE}, "PASS", TOKEN),
    "in the subject": ({MAILBOX}, f"Re: x [{TOKEN}]", TOKEN),
    "in both": ({HERE, MAILBOX, "me@home.example"}, f"Re: x [{TOKEN}]", TOKEN),
    "nowhere": ({MAILBOX}, "PASS NZ-1", ""),
    "two tickets in the addresses": ({HERE, THERE}, "PASS", ""),
    "two tickets in the subject": ({MAILBOX}, f"[{TOKEN}] [{LATER}]", ""),
    "one ticket in the address, another in the subject": ({THERE}, f"Re: x [{TOKEN}]", ""),
}


@pytest.mark.parametrize(("recipients", "subject", "expected"), PRESENTED.values(), ids=PRESENTED.keys())
def test_a_mail_comes_with_one_ticket_or_with_none(recipients: set[str], subject: str, expected: str) -> None:
    assert ticket.presented(recipients, subject, {MAILBOX, OTHER}) == expected


# Links

NUMBERS = ["NZL2009/0001/26", "NZ 2026 4711", "证书-1", "a&b=c?d#e%20", "x+y", "[1]", "شهادة/7"]


@pytest.mark.parametrize("number", NUMBERS)
def test_a_link_opens_the_reply_ready_made(number: str) -> None:
    words = {Decision.PASS: "PASS", Decision.REFUSE: "拒绝", Decision.REQUEST: "طلب"}
    made = ticket.choices(words, number, TOKEN, MAILBOX)
    assert [choice.decision for choice in made] == list(words)
    for choice in made:
        link = urlsplit(choice.link)
        fields = parse_qs(link.query, strict_parsing=True)
        assert choice.link.isascii()
        assert (link.scheme, link.fragment, set(fields)) == ("mailto", "", {"subject", "body"})
        assert parseaddr(unquote(link.path))[1] == HERE
        assert fields["subject"] == [f"{words[choice.decision]} {number} [{TOKEN}]"]
        assert fields["body"] == [f"{words[choice.decision]} {number}\r\n"]
        assert ticket.in_subject(fields["subject"][0]) == TOKEN


def test_a_link_as_it_stands_in_a_letter() -> None:
    [choice] = ticket.choices({Decision.PASS: "PASS"}, "NZL2009/0001/26", TOKEN, MAILBOX)
    name, _, tag = TOKEN.partition(".")
    assert choice.link == (
        f"mailto:ecert%2B{name}.{tag}@customs.example?subject=PASS%20NZL2009%2F0001%2F26%20%5B{TOKEN}%5D"
        "&body=PASS%20NZL2009%2F0001%2F26%0D%0A"
    )
