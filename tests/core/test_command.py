"""What is a command, what is a wrong one, and what is none at all."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecertmail.core import command
from ecertmail.core.mime import Attachment
from ecertmail.subscription import Bundle, Command, Filter, Verb


def text(content: str | bytes, filename: str = "", kind: str = "text/plain") -> Attachment:
    return Attachment(type=kind, filename=filename, data=content if isinstance(content, bytes) else content.encode())


def read(content: str | bytes) -> tuple[Command, ...]:
    return command.read((text(content),))


def lines(content: str) -> list[str]:
    return [found.line for found in read(content)]


GOOD = {
    "STATUS": {"verb": Verb.STATUS},
    "status": {"verb": Verb.STATUS},
    "HELP": {"verb": Verb.HELP},
    "UNSUBSCRIBE harbour": {"verb": Verb.UNSUBSCRIBE, "subscription": "harbour"},
    "RESEND harbour SINCE 2026-01-31": {"verb": Verb.RESEND, "subscription": "harbour", "since": date(2026, 1, 31)},
    "resend harbour since 2024-02-29": {"verb": Verb.RESEND, "subscription": "harbour", "since": date(2024, 2, 29)},
    "SUBSCRIBE harbour": {"verb": Verb.SUBSCRIBE, "subscription": "harbour"},
    "SUBSCRIBE  cn-1\tPost@Customs.example": {"subscription": "cn-1", "address": "post@customs.example"},
    "SUBSCRIBE x importing=cn,JP": {"filter": Filter(importing=("CN", "JP"))},
    "SUBSCRIBE x exporting=NZ type=851 status=70,40": {
        "filter": Filter(exporting=("NZ",), types=("851",), statuses=("70", "40"))
    },
    'SUBSCRIBE x port="Port of L\'Aquila",Shanghai product=0204': {
        "filter": Filter(ports=("Port of L'Aquila", "Shanghai"), products=("0204",))
    },
    "SUBSCRIBE x port=上海 profile=sps-d17a": {"filter": Filter(ports=("上海",), profiles=("sps-d17a",))},
    'SUBSCRIBE x digest schedule="0 6 * * *" zone=Asia/Shanghai': {
        "bundle": Bundle.DIGEST, "schedule": "0 6 * * *", "time_zone": "Asia/Shanghai",
    },
    "SUBSCRIBE x schedule=\u201c0 6 * * *\u201d": {"schedule": "0 6 * * *"},
}  # fmt: skip


@pytest.mark.parametrize(("line", "expected"), GOOD.items())
def test_a_good_line_is_understood(line: str, expected: dict[str, object]) -> None:
    [found] = read(f"{line}\r\n")
    assert found.wrong == ""
    assert {name: getattr(found, name) for name in expected} == expected


WRONG = {
    "STATUS please": "stands alone",
    "HELP me": "stands alone",
    "UNSUBSCRIBE": "An ID is",
    "UNSUBSCRIBE a b": "nothing else",
    "UNSUBSCRIBE ../etc": "An ID is",
    "SUBSCRIBE": "SUBSCRIBE ID [ADDRESS]",
    "SUBSCRIBE Harbour": "lower-case",
    f"SUBSCRIBE {'x' * 32}": "up to 31",
    "SUBSCRIBE x'; DROP TABLE subscription": "An ID is",
    "SUBSCRIBE x me@home.example you@home.example": "address stands there twice",
    "SUBSCRIBE x nonsense": "neither a plain mail address nor an option",
    "SUBSCRIBE x a@b.example,c@d.example": "neither a plain mail address",
    "SUBSCRIBE x importing=China": "importing cannot be CHINA",
    "SUBSCRIBE x importing=": "importing cannot be (nothing)",
    "SUBSCRIBE x importing=CN importing=JP": "importing stands there twice",
    "SUBSCRIBE x colour=red": "colour=red is not understood",
    "SUBSCRIBE x status=71": "status cannot be 71",
    "SUBSCRIBE x product=lamb": "product cannot be lamb",
    "SUBSCRIBE x profile=pdf": "profile cannot be pdf",
    "SUBSCRIBE x zone=../../etc/passwd": "is not understood",
    f"SUBSCRIBE x schedule={'9' * 101}": "is not understood",
    f"SUBSCRIBE x type={','.join(map(str, range(60)))}": "more than 50 values",
    'SUBSCRIBE x schedule="0 6 * *': "quotation mark",
    f"SUBSCRIBE x port={'y' * 2000}": "at most 1000 characters",
    "RESEND x": "It needs an ID and a day",
    "RESEND x SINCE yesterday": "yesterday is no day",
    "RESEND x SINCE 2026-02-30": "2026-02-30 is no day",
    "RESEND x SINCE 20260101": "20260101 is no day",
    "RESEND x SINCE \uff12026-01-01": "is no day",
    "SUBSCRIB harbour": "SUBSCRIB is no command. Right is: SUBSCRIBE",
    "UNSUSCRIBE harbour": "Right is: UNSUBSCRIBE",
}


@pytest.mark.parametrize(("line", "words"), WRONG.items())
def test_a_wrong_line_is_told_what_would_be_right(line: str, words: str) -> None:
    [found] = read(line)
    assert words in found.wrong
    assert "Right is: " in found.wrong


@pytest.mark.parametrize(
    "content",
    [
        "", "\r\n \r\n", "Dear colleagues,\nSTATUS", "> STATUS", ">STATUS", "| STATUS",
        "On Monday you wrote:\n> STATUS\n",
        "-------- Forwarded Message --------\nSTATUS", "I am out of office until Monday.\n\nSUBSCRIBE x", "-- \nHELP",
        "STATUS: fine", "SUBSCRIPTION", "subscrib x", "\x00STATUS", b"\xff\xfe\x00S", "HELPLESS",
    ],
)  # fmt: skip
def test_other_text_is_no_command(content: str | bytes) -> None:
    assert read(content) == ()


def test_nothing_counts_after_the_first_line_that_is_no_command() -> None:
    assert lines("\n\nSTATUS\n\nUNSUBSCRIBE x\n-- \nHELP\n") == ["STATUS", "UNSUBSCRIBE x"]
    assert lines("STATUS\n> UNSUBSCRIBE x\nHELP\n") == ["STATUS"]


def test_a_line_that_a_mail_program_broke_before_an_option_is_one_line() -> None:
    [found] = read("SUBSCRIBE x importing=CN\nproduct=0204\n  port=Shanghai\n")
    assert found.filter == Filter(importing=("CN",), products=("0204",), ports=("Shanghai",))


def test_a_line_is_carried_out_once_and_no_more_than_ten_are() -> None:
    assert lines("STATUS\n" * 100) == ["STATUS"]
    assert len(read("".join(f"UNSUBSCRIBE x{number}\n" for number in range(100)))) == command.MOST


@pytest.mark.parametrize(
    "leaves",
    [
        (),
        (text("STATUS", kind="text/html"),),
        (text("STATUS", filename="notes.txt"),),
        (text("Good day"), text("STATUS")),
        (text("STATUS", kind="message/rfc822"),),
    ],
)
def test_only_the_first_text_of_a_mail_is_read(leaves: tuple[Attachment, ...]) -> None:
    assert command.read(leaves) == ()


@given(st.one_of(st.binary(), st.text().map(lambda tail: f"SUBSCRIBE x {tail}".encode())))
def test_no_octets_are_too_odd_to_be_read(octets: bytes) -> None:
    for found in read(octets):
        assert found.line.isprintable()
        assert found.wrong.isprintable()


def test_a_huge_text_is_not_read_to_its_end() -> None:
    assert len(read(b"HELP" + b" x" * 10_000_000)) == 1
