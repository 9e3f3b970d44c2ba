"""What the schema of the `certificates` format accepts and refuses, said by both validators alike."""

import re
from pathlib import Path

import pytest
import xmlschema
from lxml import etree

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = ROOT / "schemas/certificates/certificates.xsd"
FLAT = (ROOT / "tests/data/certificates-nz.xml").read_text("utf-8")
NESTED = (ROOT / "tests/data/certificates-au-nested.xml").read_text("utf-8")
PUBLISHED = sorted((ROOT / "../shared/data/samples").glob("certificates-*.xml"))

FAST = etree.XMLSchema(etree.parse(SCHEMA))
EXPLAINING = xmlschema.XMLSchema(SCHEMA)

FLAT_ONE = FLAT[FLAT.index("  <certificate ") : FLAT.index("</certificates>")]
EXPORTING = '<exporting_country country_code="NZ"/>'
SECOND_PAIR = FLAT[FLAT.index("</competent_authority>") : FLAT.index("    <importing_country")]
DATE = FLAT[FLAT.index("<issue_date") : FLAT.index("    <exporting_country")]
NUMBER = "NZL2009/0001/26"

ACCEPTED = {
    "flat, as published": (FLAT, "", ""),
    "nested, as published": (NESTED, "", ""),
    "flat, numbered with no": (FLAT, f'id="{NUMBER}"', 'no="1"'),
    "nested, numbered with id": (NESTED, 'no="2051193"', 'id="1"'),
    "flat, exporting country once": (FLAT, SECOND_PAIR, "</competent_authority>"),
    "no date": (FLAT, DATE, ""),
    "no time of day": (FLAT, ' hour="09" min="41" sec="05"', ""),
    "no exporter": (NESTED, NESTED[NESTED.index("<exporter ") : NESTED.index("</certificate>")], ""),
    "an exporter in the flat shape": (FLAT, "</title>", '</title><exporter id="7"><name>A</name></exporter>'),
    "one language": (NESTED, '<text language="zh">鲜食葡萄植物检疫证书</text>', ""),
    "an importing authority": (
        NESTED,
        "<country_name>China</country_name>",
        "<country_name>China</country_name><competent_authority>GACC</competent_authority>",
    ),
    "a country that ISO lacks": (FLAT, 'country_code="CN"', 'country_code="XI"'),
    "many certificates": (FLAT, "</certificates>", FLAT_ONE * 50 + "</certificates>"),
    "a comment": (FLAT, "<certificates>", "<certificates><!-- checked -->"),
}
REFUSED = {
    "no certificate": (FLAT, FLAT_ONE, ""),
    "another root": (FLAT, "certificates>", "documents>"),
    "a namespace": (FLAT, "<certificates>", '<certificates xmlns="urn:x">'),
    "an unknown element": (FLAT, "<title>", "<remark/><title>"),
    "an unknown attribute": (FLAT, 'status="', 'colour="red" status="'),
    "no number": (FLAT, f'id="{NUMBER}" ', ""),
    "two numbers": (FLAT, f'id="{NUMBER}"', f'id="{NUMBER}" no="1"'),
    "no status": (FLAT, ' status="Approved"', ""),
    "no exporting country": (FLAT, EXPORTING, ""),
    "the exporting country three times": (
        FLAT,
        SECOND_PAIR,
        f"{SECOND_PAIR}{EXPORTING}<country_name>NZ</country_name>",
    ),
    "half of the second pair": (FLAT, SECOND_PAIR, f"</competent_authority>{EXPORTING}"),
    "no importing country": (NESTED, NESTED[NESTED.index("<importing") : NESTED.index("    <title>")], ""),
    "flat, no authority": (FLAT, "<competent_authority>Ministry for Primary Industries</competent_authority>", ""),
    "nested, no authority": (NESTED, "<competent_authority>Department of Agriculture</competent_authority>", ""),
    "nested first, then flat": (
        NESTED,
        "<importing_country",
        "<country_name>Australia</country_name><importing_country",
    ),
    "no title": (FLAT, "<title>Health certificate for chilled lamb</title>", ""),
    "a title without its language": (NESTED, ' language="en"', ""),
    "an empty title text": (NESTED, "Phytosanitary certificate for table grapes", " "),
    "an empty name": (FLAT, "<country_name>China</country_name>", "<country_name> </country_name>"),
    "a name too long": (FLAT, "Ministry for Primary Industries", "M" * 201),
    "a title text too long": (NESTED, "Phytosanitary certificate for table grapes", "P" * 1001),
    "no country code": (FLAT, ' country_code="CN"', ""),
    "an exporter without a number": (NESTED, ' id="31007"', ""),
    "two dates": (FLAT, DATE, DATE * 2),
}
VALUES = {  # attribute: what it may be, what not
    "id": (
        ["1", "NZ 1", "NZ  1", "A/B-c.d", "中国-17", "x" * 100],
        [
            *["", " 1", "1 ", "x" * 101, "A&#9;B", "A&#10;B", "A\N{NO-BREAK SPACE}B", "A\N{NEXT LINE}B"],
            *["A\N{ZERO WIDTH SPACE}B", "A\N{RIGHT-TO-LEFT OVERRIDE}B"],
        ],
    ),
    "status": (
        ["Approved", "Issued", "Pending", "Rejected", "Replaced", "Revoked", "Withdrawn", "Cancelled"],
        ["", "approved", "APPROVED", " Approved", "70", "Draft", "Valid"],
    ),
    "year": (["1999", "2026"], ["", "26", "1899", "2100", "02026", "+2026"]),
    "month": (["01", "1", "12"], ["", "0", "00", "13", "001", "March"]),
    "day": (["01", "1", "31"], ["", "0", "32", "-1"]),
    "hour": (["00", "0", "23"], ["", "24", "9.5"]),
    "min": (["00", "5", "59"], ["", "60"]),
    "sec": (["00", "5", "59"], ["", "60", "5.0"]),
    "country_code": (["CN", "EU"], ["", "C", "cn", "CHN", "C1", " CN"]),
}
LANGUAGES = (["EN", "en", "zh-Hans-CN"], ["", "e", "english", "en_GB"])


def verdict(text: str) -> bool:
    """The one verdict of both validators."""
    root = etree.fromstring(text.encode())
    valid = bool(FAST.validate(root))
    assert EXPLAINING.is_valid(root) is valid
    return valid


def with_value(text: str, name: str, value: str) -> str:
    """The document with another value in the first attribute of that name."""
    assert f' {name}="' in text
    return re.sub(f' {name}="[^"]*"', f' {name}="{value}"', text, count=1)


@pytest.mark.parametrize(("text", "old", "new"), ACCEPTED.values(), ids=ACCEPTED)
def test_accepted(text: str, old: str, new: str) -> None:
    """Both published shapes, and what senders may reasonably vary."""
    assert old in text
    assert verdict(text.replace(old, new, 1))


@pytest.mark.parametrize(("text", "old", "new"), REFUSED.values(), ids=REFUSED)
def test_refused(text: str, old: str, new: str) -> None:
    """Whatever makes a certificate incomplete or ambiguous."""
    assert old in text
    assert not verdict(text.replace(old, new))


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, (good, _) in VALUES.items() for v in good])
def test_accepted_values(name: str, value: str) -> None:
    """Numbers with slashes and inner spaces, every status, one digit or two in a date."""
    assert verdict(with_value(FLAT, name, value))


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, (_, bad) in VALUES.items() for v in bad])
def test_refused_values(name: str, value: str) -> None:
    """What is out of range, unknown, or not to be seen."""
    assert not verdict(with_value(FLAT, name, value))


@pytest.mark.parametrize("value", LANGUAGES[0])
def test_accepted_languages(value: str) -> None:
    """Language tags as in BCP 47."""
    assert verdict(with_value(NESTED, "language", value))


@pytest.mark.parametrize("value", LANGUAGES[1])
def test_refused_languages(value: str) -> None:
    """Names of languages, and other notations."""
    assert not verdict(with_value(NESTED, "language", value))


@pytest.mark.skipif(not PUBLISHED, reason="the published examples are not committed, and ../shared/data is not here")
def test_the_published_examples_are_accepted() -> None:
    """The definition includes what was published as examples."""
    assert all(verdict(path.read_text("utf-8")) for path in PUBLISHED)
