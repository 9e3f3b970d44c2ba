"""Packed mail: whatever goes in comes out, and a certificate that the ledger holds is not stored again."""

import base64
import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecertmail.core import compose, packing
from ecertmail.core.packing import Held
from tests.builders import batch_mail, certificates_xml, sps_xml

LINES = st.integers(1, 80)
BASE64 = st.builds(
    lambda data, line, end: b"".join(data[place : place + line] + end for place in range(0, len(data), line)),
    st.binary(max_size=700).map(base64.b64encode),
    st.sampled_from([64, 76]) | LINES,
    st.sampled_from([b"\r\n", b"\n", b"\r"]),
)
PIECES = st.lists(
    st.binary(max_size=100) | BASE64 | st.sampled_from([b"\r\n", b"--=_x\r\n", b"A" * 76 + b"\r\n", b"="])
)


@given(st.binary(max_size=2000))
def test_any_octets_come_back(octets: bytes) -> None:
    assert packing.unpack(packing.pack(octets)) == octets


@given(PIECES)
def test_any_mail_comes_back(pieces: list[bytes]) -> None:
    octets = b"".join(pieces)
    assert packing.unpack(packing.pack(octets)) == octets


@given(
    st.lists(st.binary(min_size=1, max_size=300), max_size=5), st.lists(st.binary(max_size=200), max_size=4), st.data()
)
def test_a_mail_with_certificates_comes_back(
    certificates: list[bytes], others: list[bytes], data: st.DataObject
) -> None:
    """Also if some are not in it, or in another order."""
    inside = data.draw(st.permutations([*certificates[::2], *others]))
    octets = b"head\r\n\r\n" + compose.attachment(b"".join(inside), "application/xml", "a.xml") + b"\r\n--x--\r\n"
    held = [Held(entry, one) for entry, one in enumerate(certificates)]
    assert packing.unpack(packing.pack(octets, held), dict(enumerate(certificates)).__getitem__) == octets


def test_a_mail_names_its_certificates_instead_of_storing_them() -> None:
    certificate = sps_xml("NZ-1")
    octets = compose.attachment(b"<?xml?>\n" + certificate + os.urandom(200), "application/xml", "a.xml")
    packed = packing.pack(octets, [Held(7, certificate)])
    assert packing.unpack(packed, {7: certificate}.__getitem__) == octets
    assert len(packed) < 500 < len(packing.pack(octets))


def test_a_batch_mail_takes_much_less_space() -> None:
    octets = batch_mail(sps_xml("NZ-1"), certificates_xml("NZ-2"))
    assert len(packing.pack(octets)) < len(octets) * 0.4


@pytest.mark.parametrize("packed", [b"", b"x", packing.pack(b"abc")[:-6], b"\x78\x9c\x03\x00\x00\x00\x00\x01"])
def test_what_is_no_packed_mail_is_an_error_of_one_kind(packed: bytes) -> None:
    with pytest.raises(ValueError):
        packing.unpack(packed)


@pytest.mark.parametrize(
    "unit", [b"A" * 76, b"A" * 76 + b"\n", b"A" * 76 + b"\r\n=\r\n", b"A" * 75 + b"=\r\n", b"\r\n"]
)
def test_the_time_grows_with_the_size(unit: bytes) -> None:
    """What strangers send is packed too."""
    octets = unit * (5_000_000 // len(unit))
    start = time.process_time()
    assert packing.unpack(packing.pack(octets)) == octets
    assert time.process_time() - start < 2
