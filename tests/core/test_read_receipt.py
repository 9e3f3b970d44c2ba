"""A receipt read back says what was written into it; anything else says nothing, and never raises."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecertmail.core import compose, read_receipt, receipt
from ecertmail.core.read_receipt import Line, Statement
from ecertmail.model import Verdict
from tests.builders import CHINA, NOW, batch_mail, certificates_xml, examination
from tests.core.test_receipt import MESSAGE_ID, VERDICTS


def part(verdict: Verdict) -> bytes:
    return receipt.draft(CHINA, examination(), verdict, 7, NOW, MESSAGE_ID).part


@pytest.mark.parametrize("verdict", VERDICTS.values(), ids=VERDICTS.keys())
def test_what_was_written_is_read(verdict: Verdict) -> None:
    said = read_receipt.statement(part(verdict))
    assert said is not None
    assert (said.authority, said.outcome, said.message_id) == (
        "China Customs",
        verdict.outcome.value,
        "<1@mpi.example>",
    )
    assert (said.mic, said.entry, said.at) == (examination().mic, "7", NOW.strftime("%Y-%m-%dT%H:%M:%SZ"))
    assert [line.number for line in said.certificates] == [result.number for result in verdict.results]
    for line, result in zip(said.certificates, verdict.results, strict=True):
        assert line.result == result.code.value
        assert line.sha256 == (result.certificate.sha256 if result.certificate else "")
        assert line.entry == ("" if result.entry is None else str(result.entry))
        assert len(line.findings) == len(result.findings)


def test_a_finding_is_read_with_its_code() -> None:
    said = read_receipt.statement(part(VERDICTS["refused as a whole"]))
    assert said is not None
    assert said.findings[0].startswith("key-expired: The signing key has expired")


def with_document(*documents: bytes) -> bytes:
    parts = [compose.attachment(document, "application/xml", "receipt.xml") for document in documents]
    return compose.multipart("multipart/report", parts, "seed")


EMPTY = Statement(
    authority="", outcome="", message_id="", mic="", entry="", at="", findings=(), certificates=()
)  # fmt: skip
ROOT = f'<receipt xmlns="{receipt.NAMESPACE}"'.encode()


def test_what_is_missing_is_empty() -> None:
    assert read_receipt.statement(with_document(ROOT + b"/>")) == EMPTY
    said = read_receipt.statement(with_document(ROOT + b"><certificate/></receipt>"))
    assert said is not None
    assert said.certificates == (Line(number="", result="", status="", sha256="", entry="", findings=()),)


NOTHING = {
    "empty": b"",
    "a batch": batch_mail(certificates_xml("NZ-1")),
    "a text": compose.text("Accepted"),
    "another namespace": with_document(b'<receipt xmlns="urn:ecertmail:receipt:2"/>'),
    "no namespace": with_document(b"<receipt/>"),
    "broken XML": with_document(ROOT),
    "a DOCTYPE": with_document(b"<!DOCTYPE receipt>" + ROOT + b"/>"),
    "not as XML": compose.multipart("multipart/report", [compose.attachment(ROOT + b"/>", "text/plain", "a")], "seed"),
    "no closing boundary": with_document(ROOT + b"/>")[:-10],
}


@pytest.mark.parametrize("octets", NOTHING.values(), ids=NOTHING.keys())
def test_what_is_no_receipt_says_nothing(octets: bytes) -> None:
    assert read_receipt.statement(octets) is None


def test_other_xml_beside_the_receipt_is_passed_over() -> None:
    assert read_receipt.statement(with_document(certificates_xml("NZ-1"), b"<a", ROOT + b"/>")) == EMPTY


@given(st.binary(max_size=200))
def test_no_octets_raise(octets: bytes) -> None:
    assert read_receipt.statement(octets) is None
    read_receipt.statement(with_document(octets))
    read_receipt.statement(with_document(ROOT + b">" + octets + b"</receipt>"))
