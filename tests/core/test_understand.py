"""What officials write is understood in six languages and from every client, or they are asked back; never wrongly."""

# ruff: noqa: RUF001 - people write in many languages

import re
import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecertmail.core.reply.quote import ABOVE
from ecertmail.core.reply.understand import understand
from ecertmail.core.reply.written import read
from ecertmail.official import Decision, Language, Understood
from tests.core.official_mails import (
    CLIENTS,
    LETTER,
    MARKED,
    NUMBER,
    NUMBERS,
    PASS,
    REFUSE,
    REQUEST,
    WORDS,
    Meant,
    decisions,
    mail,
    nothing,
    written,
)

SECOND, THIRD = NUMBERS[1:]
ASKED = "asked back"


def said(text: str, *numbers: str, subject: str = "Re: x") -> list[tuple[Decision, tuple[str, ...], str]] | None:
    """What is certain of a text, or None for a question back."""
    understood = understand(written(text, subject), numbers or (NUMBER,))
    return [(each.decision, each.numbers, each.remark) for each in understood.said] if understood.certain else None


def test_every_decision_has_a_word_in_every_language() -> None:
    assert set(WORDS) == {(language, decision) for language in Language for decision in Decision}


def name(understood: Understood) -> str:
    """A row or column of the matrix."""
    (one,) = understood.said if understood.certain else (None,)
    return one.decision.name if one else ASKED


def test_nothing_that_people_send_is_taken_for_another_decision(capsys: pytest.CaptureFixture[str]) -> None:
    """Every client with every text: what was meant is understood, or the person is asked back."""
    matrix: Counter[tuple[str, str]] = Counter()
    remarks: list[tuple[str, str, str]] = []
    asked = []
    cases = [*decisions(), *nothing()]
    for client, send in CLIENTS.items():
        for letter in (LETTER, MARKED):
            for case in cases:
                understood = _understood(send(case.text, letter, case.language))
                meant = case.decision.name if case.decision else ASKED
                matrix[meant, name(understood)] += 1
                if case.decision and name(understood) == ASKED:
                    asked.append((client, case.text))
                if case.decision and understood.certain and understood.said[0].remark != case.remark:
                    remarks.append((client, case.remark, understood.said[0].remark))
    _show(matrix, capsys)
    assert not [cell for cell in matrix if cell[0] != cell[1] and cell[1] != ASKED]
    assert not asked
    assert not remarks


def _understood(octets: bytes) -> Understood:
    mail_read = read(octets)
    assert mail_read is not None
    return understand(mail_read, (NUMBER,))


def _show(matrix: Counter[tuple[str, str]], capsys: pytest.CaptureFixture[str]) -> None:
    names = [*(decision.name for decision in Decision), ASKED]
    with capsys.disabled():
        print(f"\n{'meant v  understood >':22}" + "".join(f"{each:>12}" for each in names))
        for row in names:
            print(f"{row:22}" + "".join(f"{matrix[row, column]:12}" for column in names))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PASS ALL", [(PASS, (), "")]),
        ("通过 全部", [(PASS, (), "")]),
        ("ПРИНЯТЬ ВСЕ", [(PASS, (), "")]),
        (f"PASS {NUMBER}, {SECOND}", [(PASS, (NUMBER, SECOND), "")]),
        (
            f"PASS {NUMBER}\nREFUSE {SECOND} wrong seal\nphoto follows\n{THIRD}: REQUEST which date?",
            [
                (PASS, (NUMBER,), ""),
                (REFUSE, (SECOND,), "wrong seal\nphoto follows"),
                (REQUEST, (THIRD,), "which date?"),
            ],
        ),
        ("PASS", None),
        ("PASS all good", None),
        ("PASS\nREFUSE", None),
        (f"{NUMBER}\nPASS\n{SECOND}\nREFUSE", None),
        (f"PASS {NUMBER}\nREFUSE", None),
        (f"PASS {NUMBER}\nREFUSE {NUMBER}", None),
        (f"PASS ALL\nREFUSE {SECOND}", None),
        (f"PASS ALL\nexcept {SECOND}", None),
        (f"{NUMBER}: PASS, {SECOND}: REFUSE", None),
        (f"REFUSE {NUMBER}, {SECOND} PASS", None),
        (f"PASS {NUMBER}, {SECOND} will follow", None),
        (f"PASS {NUMBER}, but not {SECOND}", None),
        (f"PASS {NUMBER} REFUSE {SECOND}", None),
        ("PASS NZL2009/0099/26", None),
    ],
)
def test_of_several_certificates_each_needs_its_number(text: str, expected: object) -> None:
    assert said(text, *NUMBERS) == expected


def test_numbers_are_found_whatever_their_case_and_spaces() -> None:
    assert said("pass ab 12 / 7\nrefuse AB 12  / 77: wet", "AB 12 / 7", "AB 12 / 77") == [
        (PASS, ("AB 12 / 7",), ""),
        (REFUSE, ("AB 12 / 77",), "wet"),
    ]


@pytest.mark.parametrize(
    ("text", "remark"),
    [
        ("REFUSE. PASS was stamped by mistake", "PASS was stamped by mistake"),
        ("REFUSE\nPASS was stamped by mistake", "PASS was stamped by mistake"),
        ("REFUSE the seal is broken", "the seal is broken"),
        ("不通过", ""),
        ("ОТКАЗАТЬ: принято по ошибке", "принято по ошибке"),
        ("\u200fرفض\u200f", ""),
        ("ＲＥＦＵＳＥ：ｗｅｔ", "ｗｅｔ"),
    ],
)
def test_a_refusal_stays_one_whatever_its_remark_says(text: str, remark: str) -> None:
    assert said(text) == [(REFUSE, (), remark)]


@pytest.mark.parametrize(
    ("subject", "text", "expected"),
    [
        (f"PASS {NUMBER} [d17.abcdefghijkl]", "seal intact", [(PASS, (NUMBER,), "seal intact")]),
        (f"[EXTERNAL] 拒绝 {NUMBER} [d17.abcdefghijkl]", "", [(REFUSE, (NUMBER,), "")]),
        (f"PASS {NUMBER}", "PASS ok", [(PASS, (), "ok")]),
        (f"PASS {NUMBER}", "REFUSE", None),
        (f"PASS {NUMBER}", "REFUSE?", None),
        (f"PASS {NUMBER}", "It is not to be accepted, we refuse it", None),
        (f"Re: PASS {NUMBER}", "thanks", None),
        (f"回复: PASS {NUMBER}", "thanks", None),
        (f"رد: PASS {NUMBER}", "thanks", None),
        (f"PASS {SECOND}", "", None),
    ],
)
def test_a_subject_decides_where_a_link_of_ours_made_it(subject: str, text: str, expected: object) -> None:
    assert said(text, subject=subject) == expected


def test_programs_and_those_who_pass_a_mail_on_say_nothing() -> None:
    assert understand(written("PASS", automatic=True), (NUMBER,)) == Understood()
    assert understand(written("PASS", forwarded=True), (NUMBER,)) == Understood()


def test_a_remark_of_a_megabyte_is_no_trouble() -> None:
    octets = mail("text/plain; charset=utf-8", b"REFUSE\n" + b"The seal is not PASS.\n" * 50_000)
    began = time.process_time()
    understood = _understood(octets)
    assert time.process_time() - began < 1
    assert name(understood) == "REFUSE"
    assert 90_000 < len(understood.said[0].remark) <= 100_000


def test_a_typical_reply_takes_no_time() -> None:
    octets = CLIENTS["gmail"](f"Dear colleagues,\n\nPASS {NUMBER}\nseal intact", MARKED, Language.EN)
    began = time.process_time()
    for _ in range(50):
        _understood(octets)
    assert (time.process_time() - began) / 50 < 0.01


@given(st.text(), st.text(), st.lists(st.text(max_size=20), max_size=4))
def test_whatever_is_written_something_is_understood(text: str, subject: str, numbers: list[str]) -> None:
    understood = understand(written(text, subject), numbers)
    assert not understood.certain or understood.said


_PIECES = [
    "PASS",
    "REFUSE",
    "通过",
    "رفض",
    NUMBER,
    SECOND,
    "ALL",
    "not",
    "?",
    " ",
    "\n",
    ",",
    ".",
    "/",
    "or",
    "x" * 50,
    ">",
    "Re:",
]


@given(st.lists(st.sampled_from(_PIECES), max_size=12).map(" ".join))
def test_what_is_certain_names_only_what_was_asked(text: str) -> None:
    understood = understand(written(text), NUMBERS)
    if understood.certain:
        assert {number for each in understood.said for number in each.numbers} <= set(NUMBERS)
        assert "?" not in text.split("\n")[0] or understood.said[0].decision is not PASS or re.search(r"[.\n]", text)


@given(st.lists(st.sampled_from(_PIECES), max_size=8).map(" ".join), st.text(), st.sampled_from(_PIECES))
def test_what_stands_below_our_line_changes_nothing(text: str, below: str, word: str) -> None:
    results = {
        repr(_understood(mail("text/plain; charset=utf-8", f"{text}\n{ABOVE}\n{rest}".encode())))
        for rest in ("", below, f"{word}\n{below}")
    }
    assert len(results) == 1


def test_a_case_says_what_is_meant() -> None:
    assert Meant(text="").decision is None
