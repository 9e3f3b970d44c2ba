"""OpenPGP packets by their lengths, and what is let through to the engines."""

import bz2
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecertmail.core.openpgp import MAX_SESSION_KEYS, is_encrypted, uncompressed
from ecertmail.core.packets import Packet, first

LITERAL = b"\xcb\x07b\x00\x00\x00\x00\x00x"


def raw_deflate(data: bytes) -> bytes:
    deflate = zlib.compressobj(wbits=-15)
    return deflate.compress(data) + deflate.flush()


def compressed(algorithm: int, data: bytes) -> bytes:
    return b"\xa3" + bytes([algorithm]) + data


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (b"\xc2\x03abcd", Packet(tag=2, body=b"abc", size=5)),
        (b"\xc2\xc0\x08" + b"a" * 200, Packet(tag=2, body=b"a" * 200, size=203)),
        (b"\xc2\xff\x00\x00\x00\x03abcd", Packet(tag=2, body=b"abc", size=9)),
        (b"\x88\x03abcd", Packet(tag=2, body=b"abc", size=5)),
        (b"\x89\x00\x03abcd", Packet(tag=2, body=b"abc", size=6)),
        (b"\x8a\x00\x00\x00\x03abcd", Packet(tag=2, body=b"abc", size=8)),
        (b"\xa3abcd", Packet(tag=8, body=b"abcd", size=5, definite=False)),
        (b"\xd2\xe1ab\xe0c\x01de", Packet(tag=18, body=b"abcd", size=8, definite=False)),
        (b"\xc2\x05abcd", None),
        (b"\xd2\xe1ab\xe0c", None),
        (b"\xc2", None),
        (b"", None),
        (b"text", None),
    ],
)
def test_a_packet_is_as_long_as_it_says(octets: bytes, expected: Packet | None) -> None:
    assert first(octets) == expected


@given(st.binary(max_size=100))
def test_no_octets_make_it_raise(octets: bytes) -> None:
    packet = first(octets)
    assert packet is None or 0 < packet.size <= len(octets)
    assert uncompressed(octets, 1000) is None or isinstance(uncompressed(octets, 1000), bytes)
    assert is_encrypted(octets) in {True, False}


@pytest.mark.parametrize(
    "message",
    [
        LITERAL,
        compressed(1, raw_deflate(LITERAL)),
        compressed(2, zlib.compress(LITERAL)),
        compressed(3, bz2.compress(LITERAL)),
    ],
    ids=["plain", "ZIP", "ZLIB", "BZip2"],
)
def test_a_message_is_unpacked_once(message: bytes) -> None:
    assert uncompressed(message, 1000) == LITERAL


@pytest.mark.parametrize(
    "message",
    [
        compressed(2, zlib.compress(LITERAL + bytes(1000))),
        compressed(2, zlib.compress(compressed(2, zlib.compress(LITERAL)))),
        compressed(2, b"nonsense"),
        compressed(9, LITERAL),
    ],
    ids=["too long", "twice", "damaged", "unknown algorithm"],
)
def test_what_is_too_long_or_packed_twice_is_not_unpacked(message: bytes) -> None:
    assert uncompressed(message, 1000) is None


@pytest.mark.parametrize(
    ("keys", "then", "expected"),
    [
        (1, b"\xd2\x01x", True),
        (MAX_SESSION_KEYS, b"\xd2\x01x", True),
        (MAX_SESSION_KEYS + 1, b"\xd2\x01x", False),
        (0, b"\xd2\x01x", True),
        (1, b"\xc9\x01x", False),
        (1, LITERAL, False),
        (1, b"", False),
    ],
)
def test_a_message_has_a_few_session_keys_and_integrity_protection(keys: int, then: bytes, expected: bool) -> None:
    assert is_encrypted(b"\xc1\x01k" * keys + then) is expected
