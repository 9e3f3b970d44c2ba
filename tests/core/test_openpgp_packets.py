"""The look at an armoured block before any engine sees it: signature packets, or nothing."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecertmail.core.openpgp import MAX_SIGNATURE, signature_packets
from tests.builders import armored


def packet(body: bytes, form: str = "new", tag: int = 2) -> bytes:
    """One packet with each way to write its length (RFC 9580 section 4.2)."""
    size = len(body)
    if form == "new":
        head = bytes([0xC0 | tag])
        if size < 192:
            return head + bytes([size]) + body
        if size < 8384:
            return head + bytes([((size - 192) >> 8) + 192, (size - 192) & 0xFF]) + body
    if form == "new, five octets":
        return bytes([0xC0 | tag, 255]) + size.to_bytes(4, "big") + body
    octets = {"old, one octet": 1, "old, two octets": 2, "old, four octets": 4}[form]
    return bytes([0x80 | tag << 2 | {1: 0, 2: 1, 4: 2}[octets]]) + size.to_bytes(octets, "big") + body


FORMS = ("new", "new, five octets", "old, one octet", "old, two octets", "old, four octets")


@given(st.lists(st.tuples(st.binary(max_size=250), st.sampled_from(FORMS)), min_size=1, max_size=5))
def test_signature_packets_are_split_whatever_their_length_is_written_in(parts: list[tuple[bytes, str]]) -> None:
    packets = [packet(body, form) for body, form in parts]
    assert signature_packets(armored(b"".join(packets))) == packets


@pytest.mark.parametrize("size", [0, 191, 192, 193, 255, 256, 4000])
def test_lengths_at_the_edges_are_right(size: int) -> None:
    one = packet(bytes(size))
    assert signature_packets(armored(one)) == [one]


@pytest.mark.parametrize("tag", [tag for tag in range(1, 16) if tag != 2])
@pytest.mark.parametrize("form", FORMS)
def test_any_other_packet_makes_it_nothing(tag: int, form: str) -> None:
    for data in (
        packet(b"x", form, tag),
        packet(b"x") + packet(b"x", form, tag),
        packet(b"x", form, tag) + packet(b"x"),
    ):
        assert signature_packets(armored(data)) is None


@given(st.binary(max_size=100))
def test_any_octets_give_packets_that_are_those_octets_or_nothing(data: bytes) -> None:
    packets = signature_packets(armored(data))
    assert packets is None or b"".join(packets) == data


@given(st.binary(max_size=300))
def test_what_is_no_armour_is_nothing(data: bytes) -> None:
    assert signature_packets(data) is None


ONE = packet(b"signature")
LAYOUTS = {
    "LF": armored(ONE),
    "CRLF": armored(ONE).replace(b"\n", b"\r\n"),
    "with a checksum": armored(ONE).replace(b"\n-----END", b"\n=AbC1\n-----END"),
    "with headers": armored(ONE).replace(b"\n\n", b"\nVersion: GnuPG v2 (Darwin)\nComment: https://x.example\n\n", 1),
    "with an 8-bit header": armored(ONE).replace(b"\n\n", b"\nComment: \xc3\xa9\n\n", 1),
    "with blanks in the blank line": armored(ONE).replace(b"\n\n", b"\n \t\n", 1),
    "with blank lines around": b"\r\n\r\n" + armored(ONE) + b"\r\n \r\n",
}


@pytest.mark.parametrize("armor", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_armour_is_read_in_every_layout_that_tools_write(armor: bytes) -> None:
    assert signature_packets(armor) == [ONE]


@pytest.mark.parametrize("size", [MAX_SIGNATURE - 3, MAX_SIGNATURE - 2])
def test_up_to_4_kb_are_looked_at(size: int) -> None:
    one = packet(bytes(size))
    assert (signature_packets(armored(one)) is not None) is (len(one) <= MAX_SIGNATURE)


SLOW = {
    "blanks": b"-----BEGIN PGP SIGNATURE-----\n\nA" + b" " * 16_000,
    "line breaks": b"\n" * 16_000,
    "headers": b"-----BEGIN PGP SIGNATURE-----\n" + b"a: \n" * 4000,
    "checksums": b"-----BEGIN PGP SIGNATURE-----\n\nA" + b"\n=AAAA" * 2600,
    "a megabyte": b"A" * 1_000_000,
}


@pytest.mark.parametrize("armor", SLOW.values(), ids=SLOW.keys())
def test_nothing_is_slow(armor: bytes) -> None:
    start = time.process_time()
    assert signature_packets(armor) is None
    assert time.process_time() - start < 1
