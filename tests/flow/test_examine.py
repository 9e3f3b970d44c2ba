"""The facts about one message: read from what a partner signed, and from nothing else."""

import base64
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecertmail.core import mime
from ecertmail.findings import FindingCode
from ecertmail.message import SignatureStatus, SignedMessage
from ecertmail.model import Examination
from tests.builders import (
    AU_ADDRESS,
    NZ_ADDRESS,
    batch_mail,
    certificates_xml,
    envelope,
    examiner,
    key_of,
    make_key,
    new_zealand,
)

MAIL = batch_mail(certificates_xml("NZ-1", "NZ-2"))


def examine(octets: bytes) -> Examination:
    return examiner().examine(envelope(), octets)


def test_a_good_mail_gives_partner_batch_and_mic() -> None:
    examination = examine(MAIL)
    message = mime.read(MAIL)
    assert isinstance(message, SignedMessage)
    assert examination.partner == new_zealand()
    assert examination.signature is not None
    assert examination.signature.status is SignatureStatus.GOOD
    assert examination.batch is not None
    assert [item.number for item in examination.batch.items] == ["NZ-1", "NZ-2"]
    assert examination.mic == base64.b64encode(sha256(message.signed_octets).digest()).decode()
    assert examination.octets_sha256 == sha256(MAIL).hexdigest()
    assert (examination.findings, examination.is_receipt) == ((), False)


def test_the_mic_is_of_the_signed_part_and_not_of_what_a_relay_adds() -> None:
    relayed = examine(b"Received: from relay\r\n" + MAIL)
    assert relayed.mic == examine(MAIL).mic
    assert relayed.octets_sha256 != examine(MAIL).octets_sha256


UNTRUSTED = {
    "changed": MAIL.replace(b"Electronic export", b"Electronic import"),
    "by a key that nobody has": batch_mail(certificates_xml("NZ-1"), sign=make_key(NZ_ADDRESS).sign),
    "without a readable signature": batch_mail(certificates_xml("NZ-1"), sign=lambda _: b"garbage"),
}


@pytest.mark.parametrize("octets", UNTRUSTED.values(), ids=UNTRUSTED.keys())
def test_content_is_not_even_read_unless_a_partner_signed_it(octets: bytes) -> None:
    examination = examine(octets)
    assert examination.message is not None
    assert (examination.batch, examination.findings) == (None, ())


def test_what_stands_outside_the_signed_part_is_never_content() -> None:
    extra = b"Content-Type: application/xml\r\n\r\n" + certificates_xml("FORGED")
    boundary = MAIL.partition(b'boundary="')[2].partition(b'"')[0]
    before = MAIL.replace(b"\r\n\r\n--" + boundary, b"\r\n\r\n" + extra + b"\r\n--" + boundary, 1)
    for octets in (before, MAIL + extra):
        batch = examine(octets).batch
        assert batch is not None
        assert [item.number for item in batch.items] == ["NZ-1", "NZ-2"]


def test_a_key_of_another_partner_makes_that_partner_the_sender() -> None:
    """That the From address is another's is for `judge` to see."""
    partner = examine(batch_mail(certificates_xml("NZ-1"), sign=key_of(AU_ADDRESS).sign)).partner
    assert partner is not None
    assert partner.id == "au"


def test_an_unsigned_mail_has_one_finding_and_nothing_else() -> None:
    examination = examine(b"From: a@b.example\r\n\r\nHello")
    assert [finding.code for finding in examination.findings] == [FindingCode.NOT_SIGNED]
    assert (examination.message, examination.signature, examination.partner, examination.mic) == (None, None, None, "")


@given(st.integers(0, len(MAIL) - 1), st.binary(min_size=1, max_size=3))
def test_no_damage_makes_examining_raise_or_another_batch_good(place: int, junk: bytes) -> None:
    examination = examine(MAIL[:place] + junk + MAIL[place + len(junk) :])
    if examination.batch is not None:
        assert examination.mic == examine(MAIL).mic


@given(st.binary(max_size=300))
def test_no_octets_make_examining_raise(octets: bytes) -> None:
    assert examine(octets).batch is None
