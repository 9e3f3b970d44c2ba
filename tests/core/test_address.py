"""Addresses: what is not plainly one address is none."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ecertmail.core.address import ADDR_SPEC, belongs, normal, single_mailbox

PLAIN = ["a@b.example", "a.b+c@d-e.example", "o'hara@x.example", "a@localhost", "UPPER@CASE.example"]


@pytest.mark.parametrize("address", PLAIN)
def test_a_plain_address_is_compared_in_lower_case(address: str) -> None:
    assert normal(address) == address.lower()
    for header in (address, f"<{address}>", f"Name <{address}>", f'"Name, of <x@y>" <{address}>', f"  {address} "):
        assert single_mailbox(header) == address.lower()


NONE = {
    "nothing": "",
    "no domain": "a",
    "no local part": "@b.example",
    "two at signs": "a@b@c.example",
    "two addresses": "a@b.example, c@d.example",
    "two angles": "<a@b.example><c@d.example>",
    "CVE-2023-27043": "alice@gov.example <evil@x.example>",
    "an address in a comment": "(a@b.example) c@d.example",
    "a comment": "a@b.example (c)",
    "a group": "group: a@b.example;",
    "a route": "<@x.example:a@b.example>",
    "a quoted local part": '"a b"@c.example',
    "white space inside": "a @b.example",
    "a line break": "a@b.example\r\nBcc: c@d.example",
    "NUL": "a@b.example\x00",
    "a trailing dot": "a@b.example.",
    "an empty label": "a@b..example",
    "an address literal": "a@[127.0.0.1]",
    "a Cyrillic look-alike": "\N{CYRILLIC SMALL LETTER A}@b.example",
    "a full-width at sign": "a\N{FULLWIDTH COMMERCIAL AT}b.example",
    "a Kelvin sign": "\N{KELVIN SIGN}@b.example",
    "an unclosed angle": "Name <a@b.example",
    "an unclosed quote": '"Name <a@b.example>',
    "too long": "a" * 64 + "@" + "b" * 190 + ".example",
    "a local part too long": "a" * 65 + "@b.example",
}


@pytest.mark.parametrize("header", NONE.values(), ids=NONE.keys())
def test_anything_else_is_no_address(header: str) -> None:
    assert single_mailbox(header) is None
    assert normal(header) is None


@given(st.text(max_size=80))
@example("<" * 80)
@example('"' * 79)
@example("\\" * 80)
def test_a_mailbox_is_a_plain_address_that_stands_in_the_header_or_nothing(header: str) -> None:
    found = single_mailbox(header)
    if found is not None:
        assert ADDR_SPEC.fullmatch(found)
        assert found in header.lower()


@given(st.text('a"\\<>@ ,;:()', max_size=3000))
def test_no_header_takes_long(header: str) -> None:
    """Hypothesis watches the time of each."""
    single_mailbox(header)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("a@b.example", True),
        ("A@B.example", False),
        ("a@b.example.evil.example", False),
        ("xa@b.example", False),
        (None, False),
    ],
)
def test_an_address_belongs_when_it_is_exactly_one_of_the_registered(address: str | None, expected: bool) -> None:
    """What is asked for has been through `normal`; what is registered may be written in any case."""
    assert belongs(address, ("A@b.example", "c@d.example")) is expected
