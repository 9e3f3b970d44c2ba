"""What an official asks for, in six languages, on paper and through mail programs; and who may see and decide."""

# ruff: noqa: RUF001 - people write in their own scripts

import re
from dataclasses import replace
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecertmail.core.look_up import LONGEST, MOST, asked, may_decide, may_see
from ecertmail.core.near import MOST as MOST_NEAR
from ecertmail.core.near import near
from ecertmail.core.printed import qr_text
from ecertmail.looked_up import Asked
from ecertmail.official import Language, Official, Role
from tests.builders import NOW

NUMBER = "NZL2009/0001/26"
HASH = "0123456789abcdef" * 4
TOKEN = "[d17.abcdefghijkl]"


def numbers(subject: str = "", text: str = "") -> list[str]:
    return [one.number for one in asked(subject, text)]


# The verb


@pytest.mark.parametrize(
    "line",
    [
        "VERIFY NZL2009/0001/26",
        "verify: NZL2009/0001/26",
        "Verify – NZL2009/0001/26.",
        "Please check certificate no. NZL2009/0001/26",
        "VERIFY   NZL2009/0001/26   please",
        "VERIFY “NZL2009/0001/26”",
        "VERIFY (NZL2009/0001/26)",
        "- VERIFY NZL2009/0001/26",
        "核查 NZL2009/0001/26",
        "核实NZL2009/0001/26",
        "核實：NZL2009/0001/26",
        "查验 ＮＺＬ２００９／０００１／２６",
        "请验证证书编号 NZL2009/0001/26，谢谢",
        "核查 NZL2009/0001/26 的真实性",
        "请核实一下证书NZL2009/0001/26",
        "VERIFICAR NZL2009/0001/26",
        "Verificar certificado n.º NZL2009/0001/26",
        "VERIFY # NZL2009/0001/26",
        "Por favor verifique certificado nº NZL2009/0001/26, gracias",
        "VÉRIFIER NZL2009/0001/26",
        "VERIFIER NZL2009/0001/26",
        "Veuillez vérifier : « NZL2009/0001/26 »",
        "Merci de vérifier certificat n° NZL2009/0001/26",
        "ПРОВЕРИТЬ NZL2009/0001/26",
        "Пожалуйста, проверьте сертификат № NZL2009/0001/26",
        "تحقق NZL2009/0001/26",
        "تحقّق من الشهادة رقم NZL2009/0001/26",
        "يرجى التحقق من صحة الشهادة: \u200eNZL2009/0001/26\u200f",
        "تحقق NZL٢٠٠٩/٠٠٠١/٢٦",
    ],
)
def test_a_verb_of_any_language_asks_for_the_number_after_it_in_the_subject_and_in_the_text(line: str) -> None:
    assert numbers(line) == [NUMBER]
    assert numbers(text=line) == [NUMBER]
    assert numbers(text=f"Dear colleagues,\r\n\r\n{line}\r\n\r\nLi Wei\r\n") == [NUMBER]


@pytest.mark.parametrize(
    "subject",
    [
        "Re: VERIFY NZL2009/0001/26",
        "RE: AW: Fwd[2]: VERIFY NZL2009/0001/26",
        "回复：核查 NZL2009/0001/26",
        "رد: تحقق NZL2009/0001/26",
        "[EXTERNAL] Re: VERIFY NZL2009/0001/26",
        f"Re: {TOKEN} VERIFY NZL2009/0001/26",
        f"VERIFY NZL2009/0001/26 {TOKEN}",
        "VERIFY NZL2009/0001/26 【d17.abcdefghijkl】",
        "VERIFY NZL2009/0001/26 ［ d17.ABCDEFGHIJKL ］",
    ],
)
def test_what_mail_programs_put_into_a_subject_is_no_part_of_it(subject: str) -> None:
    assert numbers(subject) == [NUMBER]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("VERIFY NZ 2026 004711", ["NZ 2026 004711"]),
        ("VERIFY NO 2026 004711", ["NO 2026 004711"]),
        ("VERIFY  NZ\u00a02026\t004711", ["NZ 2026 004711"]),
        ("VERIFY A1, B 2; C-3", ["A1", "B 2", "C-3"]),
        ("核查 A1、B2，C3；D4和E5", ["A1", "B2", "C3", "D4", "E5"]),
        ("تحقق A1، B2؛ C3", ["A1", "B2", "C3"]),
        ("VERIFY A1 and B2", ["A1", "B2"]),
        ("VERIFY 12(B)/2026", ["12(B)/2026"]),
        ("VERIFY nz/1", ["nz/1"]),
        ("VERIFY A1, A1", ["A1"]),
    ],
)
def test_only_commas_semicolons_and_line_breaks_separate_numbers(line: str, expected: list[str]) -> None:
    assert numbers(line) == expected
    assert numbers(text=line) == expected


@pytest.mark.parametrize(
    ("subject", "text", "expected"),
    [
        ("", "VERIFY\nA1\nB 2\nC3", ["A1", "B 2", "C3"]),
        ("", "VERIFY:\r\n\r\n1. A1\r\n\r\n2) B2\r\n\r\n• C3\r\n", ["A1", "B2", "C3"]),
        ("", "VERIFY A1\nB2", ["A1", "B2"]),
        ("", "VERIFY A1\nLi Wei\nTel. 5\nB2", ["A1"]),
        ("", "VERIFY A1\n+86 21 5550\n", ["A1"]),
        ("", "VERIFY A1\nVERIFY B2", ["A1", "B2"]),
        ("VERIFY", "A1\nB2", ["A1", "B2"]),
        ("VERIFY A1", "20 boxes arrived today", ["A1"]),
        ("VERIFY A1", "B2", ["A1"]),
        ("Certificates", "VERIFY A1", ["A1"]),
    ],
)
def test_more_numbers_may_follow_one_a_line(subject: str, text: str, expected: list[str]) -> None:
    assert numbers(subject, text) == expected


@pytest.mark.parametrize(
    "line",
    [
        "NZL2009/0001/26",
        "PASS NZL2009/0001/26",
        "VERIFY",
        "VERIFYING 1",
        "We verify NZL2009/0001/26",
        "查验结果：已知 1 份，此处查无 1 份",
        "Please check with your colleagues at 5",
        "check 20 boxes",
        "VERIFY the certificate",
        "Por favor, verificar el certificado",
        "verify li.wei2@customs.example",
        f"VERIFY {'1' * (LONGEST + 1)}",
    ],
)
def test_without_a_verb_or_a_number_nothing_is_asked(line: str) -> None:
    assert asked(line, line) == ()


def test_a_mail_asks_for_fifty_at_most_and_for_what_can_be_printed() -> None:
    assert numbers(text="VERIFY\n" + "\n".join(f"A{n}" for n in range(60))) == [f"A{n}" for n in range(MOST)]
    assert numbers("VERIFY A\x001\x1b[2J") == ["A\ufffd1\ufffd[2J"]


# The printed copy


@pytest.mark.parametrize("number", [NUMBER, "NZ 2026 004711", "NZ:2026:1", "沪2026/5", "100% 1", "A, B; 1", "x" * 100])
def test_the_text_of_a_printed_copy_is_found_anywhere(number: str) -> None:
    text, expected = qr_text("NZ", number, HASH), (Asked(number=number, issuer="NZ", sha256=HASH),)
    for line in (text, f"VERIFY {text}", f"see <{text}>, please", text.upper(), f"（{text}）"):
        found = asked(line, "")
        assert [one.number.upper() for one in found] == [number.upper()]
        assert (found[0].issuer, found[0].sha256) == ("NZ", HASH)
    assert asked("Scan", f"Hello\n{text}\nLi Wei 7") == expected


@pytest.mark.parametrize(
    "text",
    [
        quote(qr_text("NZ", "NZ 2026/4711", HASH), safe=""),
        "http://a.example/?q=" + quote(qr_text("NZ", "NZ 2026/4711", HASH), safe="").lower(),
        f"ECERT:NZ:NZ\r\n2026/4711:{HASH}",
        f"ECERT:NZ:NZ 2026/\r\n4711:{HASH[:20]}\r\n{HASH[20:]}",
        f"> ECERT:NZ:NZ 2026/4711:\n> {HASH[:30]}\n> {HASH[30:]}",
        f"ecert : nz :NZ 2026/4711: {HASH.upper()}",
    ],
)
def test_it_is_found_encoded_and_broken_over_lines(text: str) -> None:
    assert [(one.number.upper(), one.issuer, one.sha256) for one in asked("", f"VERIFY\n{text}\n")] == [
        ("NZ 2026/4711", "NZ", HASH)
    ]


def test_a_number_with_a_hash_is_not_asked_for_without_one_as_well() -> None:
    text = f"VERIFY {NUMBER}, A1\n{qr_text('NZ', NUMBER, HASH)}\n{qr_text('AU', NUMBER, HASH)}"
    assert [(one.number, one.issuer) for one in asked("", text)] == [(NUMBER, "NZ"), (NUMBER, "AU"), ("A1", "")]


@pytest.mark.parametrize("short", [f"ECERT:NZ:{NUMBER}:{HASH[:63]}", f"ECERT:NZ:{NUMBER}:{HASH}0", f"ECERT:N:1:{HASH}"])
def test_a_text_that_is_cut_or_too_long_is_no_printed_copy(short: str) -> None:
    assert all(not one.sha256 for one in asked("", short))


printed_numbers = (
    st.text("ABCXYZabc0123456789/-. :%_#&()", min_size=1, max_size=LONGEST)
    .map(lambda text: " ".join(text.split()))
    .filter(bool)
)


countries, hashes = st.from_regex("[A-Z]{2}", fullmatch=True), st.from_regex("[0-9a-f]{64}", fullmatch=True)


@given(country=countries, number=printed_numbers, sha256=hashes)
def test_whatever_is_printed_is_read_again(country: str, number: str, sha256: str) -> None:
    expected = (Asked(number=number, issuer=country, sha256=sha256),)
    assert asked("", qr_text(country, number, sha256)) == expected
    assert asked(quote(qr_text(country, number, sha256), safe=""), "") == expected


@given(subject=st.text(), text=st.text() | st.text("VERIFY核查ECERT:NZ/ 1,;\n\rfa0%3A"))
def test_any_text_can_be_read(subject: str, text: str) -> None:
    for one in asked(subject, text):
        assert 0 < len(one.number) <= LONGEST
        assert one.number.isprintable()
        assert one.number == " ".join(one.number.split())


def test_a_text_made_to_be_slow_is_not() -> None:
    """Each of these takes milliseconds; the test would not end in time if one were quadratic."""
    for piece in ("ECERT:NZ:", "ECERT:NZ::::::", "VERIFY ", "Re: ", "ECERT%3A", f"ECERT:NZ:1:{HASH[:60]}", "1,", "[a]"):
        asked(piece * 100_000, piece * 100_000)


# Numbers nearby


@pytest.mark.parametrize(
    "meant",
    [
        "NZL2009/0001/27",
        "NZL2019/0001/26",
        "NZL2009/0010/26",
        "NZL2009/001/26",
        "NZL2009/00011/26",
        "NZL20O9/0001/26",
        "NZL2009/000I/26",
        "nzl2009/0001/26",
        "NZL2009 0001 26",
        "NZL2009-0001-26",
        "NZL2009000126",
        "NZL 2009/0001/26",
        "NZL2009/0001-26",
    ],
)
def test_a_slip_in_one_place_is_near(meant: str) -> None:
    assert meant in set(near(NUMBER))


@given(number=st.text("AZ019OI/- ", min_size=1, max_size=LONGEST))
def test_near_numbers_are_few_different_and_each_given_once(number: str) -> None:
    found = list(near(number))
    assert number not in found
    assert len(found) == len(set(found)) <= MOST_NEAR
    assert all(re.sub(r"\W", "", one) or not re.sub(r"\W", "", number)[1:] for one in found)


# Who may see and decide


def official(partner: str) -> Official:
    return Official(
        id="li", address="li@x.example", name="Li", post="", language=Language.EN, partner=partner, created_at=NOW
    )


@pytest.mark.parametrize(
    ("partner", "countries", "exporting", "importing", "sees"),
    [
        ("self", (), "NZ", "CN", True),
        ("self", (), "AU", "JP", True),
        ("nz", ("NZ",), "NZ", "CN", True),
        ("nz", ("NZ",), "CN", "NZ", True),
        ("nz", ("NZ", "CK"), "CN", "CK", True),
        ("nz", ("NZ",), "AU", "CN", False),
        ("nz", ("NZ",), "", "", False),
        ("gone", (), "NZ", "CN", False),
    ],
)
def test_an_official_sees_what_its_countries_export_or_import(
    partner: str, countries: tuple[str, ...], exporting: str, importing: str, *, sees: bool
) -> None:
    assert may_see(official(partner), countries, exporting, importing) is sees


@pytest.mark.parametrize(
    ("partner", "issuer", "importing", "decides"),
    [
        ("self", "nz", "CN", True),
        ("self", "self", "NZ", False),
        ("nz", "self", "NZ", True),
        ("nz", "self", "AU", False),
        ("nz", "nz", "NZ", False),
        ("nz", "au", "NZ", True),
    ],
)
def test_the_importing_side_decides_and_never_the_issuer(
    partner: str, issuer: str, importing: str, *, decides: bool
) -> None:
    countries = ("NZ",) if partner == "nz" else ()
    assert may_decide(official(partner), issuer, countries, importing) is decides


def test_who_answers_inquiries_does_not_decide() -> None:
    checks = official("self")
    assert may_decide(checks, "nz", {"CN"}, "CN")
    assert not may_decide(replace(checks, role=Role.ANSWERS), "nz", {"CN"}, "CN")
