"""Which mails speak of certificates instead of bringing them, and what must not stand together in one."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecertmail.core import acknowledgement, inquiry_document, node_said
from ecertmail.core.mime import Attachment
from ecertmail.core.node_said import Said
from ecertmail.findings import Finding, FindingCode
from ecertmail.official import File
from tests.builders import DATA, certificates_xml, compiled_schemas, sps_xml
from tests.core.test_acknowledgement import DECIDED
from tests.core.test_inquiry_document import MESSAGE, SAID, SEAL

ACK = acknowledgement.document(DECIDED, "851", "", "zh")
INQUIRY = inquiry_document.document(MESSAGE, "zh")
SEAL_LEAF = Attachment(type="image/jpeg", filename="seal.jpg", data=SEAL.octets)


def leaf(octets: bytes, name: str = "a.xml") -> Attachment:
    return Attachment(type="application/xml", filename=name, data=octets)


def read(*leaves: Attachment) -> Said | Finding:
    return node_said.read(leaves, compiled_schemas())


SPEAKS = {
    "ours": ACK,
    "a default namespace": (DATA / "sps-ack-39.xml").read_bytes(),
    "an inquiry": INQUIRY,
    "a byte order mark": b"\xef\xbb\xbf" + ACK,
    "comments first": b"<!-- a --> \n<!-- <certificates> -->" + ACK.partition(b"?>")[2],
    "no declaration": b"<SPSAcknowledgement/>",
}
SPEAKS_NOT = {
    "certificates": certificates_xml("NZ-1"),
    "an SPSCertificate": sps_xml(),
    "a name inside": b"<certificates><SPSAcknowledgement/></certificates>",
    "a name in a comment": b"<!-- <SPSAcknowledgement/> --><certificates/>",
    "a longer name": b"<inquiry-x/>",
    "another encoding": ACK.decode().encode("utf-16"),
    "nothing": b"",
}


@pytest.mark.parametrize("name", SPEAKS | SPEAKS_NOT)
def test_the_first_octets_tell(name: str) -> None:
    assert node_said.is_said([leaf((SPEAKS | SPEAKS_NOT)[name])]) is (name in SPEAKS)


def test_only_xml_is_looked_at() -> None:
    assert not node_said.is_said([Attachment(type="text/plain", filename="a.txt", data=ACK)])


PIECES = st.sampled_from([b"<!--", b"-->", b"<?", b"?>", b" ", b"<", b"a:", b"inquiry"])


@given(st.binary(max_size=60) | st.lists(PIECES).map(b"".join))
def test_looking_never_fails(octets: bytes) -> None:
    node_said.is_said([leaf(octets)])


@pytest.mark.parametrize("piece", [b"<!-- -->", b"<!---->", b"<!--", b"<??>", b" ", b"a:", b"<!-- --"])
def test_looking_takes_no_time(piece: bytes) -> None:
    node_said.is_said([leaf(piece * 2000), leaf(b"<" + piece * 2000)] * 20)


def test_everything_in_a_mail_is_read() -> None:
    other = acknowledgement.document(replace(DECIDED, number="NZ-2"), "", "", "en")
    found = read(leaf(ACK), leaf(other, "b.xml"), leaf(INQUIRY, "q.xml"), SEAL_LEAF)
    assert isinstance(found, Said)
    assert [one.number for one in found.responses] == ["NZ-1", "NZ-2"]
    assert found.messages == (MESSAGE,)


REFUSED: dict[str, tuple[tuple[Attachment, ...], FindingCode]] = {
    "with certificates": ((leaf(ACK), leaf(certificates_xml("NZ-1"), "c.xml")), FindingCode.RESPONSE_MIXED),
    "with other XML": ((leaf(INQUIRY), SEAL_LEAF, leaf(b"<x/>", "c.xml")), FindingCode.RESPONSE_MIXED),
    "a bad status": ((leaf(ACK.replace(b">41<", b">1<")),), FindingCode.RESPONSE_STATUS),
    "no such element": ((leaf(ACK.replace(b"StatusCode", b"StatuzCode")),), FindingCode.SCHEMA_INVALID),
    "another namespace": ((leaf(INQUIRY.replace(b"inquiry:1", b"inquiry:2")),), FindingCode.PROFILE_UNKNOWN),
    "no file": ((leaf(INQUIRY),), FindingCode.INQUIRY_FILE_MISSING),
    "a DOCTYPE": ((leaf(ACK.replace(b"?>", b"?><!-- --><!DOCTYPE a>")), leaf(ACK)), FindingCode.RESPONSE_MIXED),
    "broken": ((leaf(ACK[:-9]),), FindingCode.XML_MALFORMED),
}


@pytest.mark.parametrize("name", REFUSED)
def test_one_wrong_document_refuses_the_mail(name: str) -> None:
    leaves, code = REFUSED[name]
    found = read(*leaves)
    assert isinstance(found, Finding)
    assert found.code is code


@pytest.mark.parametrize("octets", [certificates_xml("NZ-1"), acknowledgement.document(DECIDED, "", "", "en")])
def test_xml_that_somebody_attached_to_a_question_is_a_file_and_nothing_else(octets: bytes) -> None:
    """Else an official of a partner could attach a decision to a question, and it would count as the partner's."""
    evidence = File(name="evidence.xml", type="application/xml", octets=octets)
    message = replace(MESSAGE, utterance=replace(SAID, files=(evidence,)))
    found = read(leaf(inquiry_document.document(message, "")), leaf(octets, "evidence.xml"))
    assert found == Said(messages=(message,))


def test_a_mail_names_a_thousand_certificates_at_most() -> None:
    text = ACK.decode()
    start, end = text.index("<ram:ReferenceSPS"), text.index("</rsm:SPSAck")
    many: Any = "".join(text[start:end].replace("NZ-1", f"NZ-{n}") for n in range(1001))
    found = read(leaf((text[:start] + many + text[end:]).encode()))
    assert isinstance(found, Finding)
    assert (found.code, found.detail) == (FindingCode.RESPONSE_UNREADABLE, "more than 1000 certificates")
