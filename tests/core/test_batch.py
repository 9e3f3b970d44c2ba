"""From attachments to certificates: the good ones of a batch are found, and each bad one is told where it is wrong."""

import time

import pytest

from ecertmail.core import batch
from ecertmail.core.mime import Attachment
from ecertmail.findings import Finding, FindingCode
from ecertmail.model import Batch, CertificateStatus, Item
from tests.builders import DATA, certificates_xml, compiled_schemas, sps_xml

ALL = ("certificates", "sps-d17a")


def attachment(data: bytes, kind: str = "application/xml", name: str = "batch.xml") -> Attachment:
    return Attachment(type=kind, filename=name, data=data)


def read(*documents: bytes | Attachment, allowed: tuple[str, ...] = ALL) -> tuple[Item, ...]:
    attachments = tuple(d if isinstance(d, Attachment) else attachment(d) for d in documents)
    found = batch.read(attachments, allowed, compiled_schemas())
    assert isinstance(found, Batch)
    return found.items


def reasons(items: tuple[Item, ...]) -> list[tuple[str, list[FindingCode]]]:
    return [(item.number, [finding.code for finding in item.findings]) for item in items]


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("application/xml", "", True),
        ("text/xml", "", True),
        ("application/sps+xml", "", True),
        ("application/octet-stream", "Batch.XML", True),
        ("text/plain", "batch.txt", False),
        ("text/html", "", False),
        ("application/xml-dtd", "", False),
        ("application/zip", "batch.xml.zip", False),
    ],
)
def test_xml_is_known_by_its_type_or_its_name(kind: str, name: str, expected: bool) -> None:
    assert batch.is_xml(attachment(b"", kind, name)) is expected


@pytest.mark.parametrize("attachments", [(), (attachment(b"Dear colleague", "text/plain", "letter.txt"),)])
def test_a_mail_without_xml_is_no_batch(attachments: tuple[Attachment, ...]) -> None:
    assert batch.read(attachments, ALL, compiled_schemas()) == Finding(code=FindingCode.NO_BATCH)


def test_certificates_of_all_documents_come_in_order() -> None:
    items = read(
        certificates_xml("NZ-1", "NZ-2"),
        attachment(b"Hello", "text/plain", ""),
        sps_xml("NZ-3"),
        certificates_xml("NZ-4"),
    )
    assert reasons(items) == [(f"NZ-{number}", []) for number in (1, 2, 3, 4)]


def test_a_certificate_is_indexed_and_hashed() -> None:
    [item] = read(sps_xml("NZ-1", status="40"))
    assert item.certificate is not None
    assert (item.certificate.profile, item.certificate.status) == ("sps-d17a", CertificateStatus.WITHDRAWN)
    [same] = read(sps_xml("NZ-1", status="40").replace(b"\n", b"\r\n\r\n"))
    assert same.certificate == item.certificate


def test_a_certificate_has_the_same_hash_alone_and_among_others() -> None:
    """Also when the others are wrong, which takes another way through the schema."""
    [alone] = read(certificates_xml("NZ-1"))
    among = read(certificates_xml("NZ-0", "NZ-1", "NZ-2"))[1]
    document = certificates_xml("NZ-0", "NZ-1").replace(b'"NZ-0" status="Approved"', b'"NZ-0" status="?"')
    bad, beside_bad = read(document)
    assert bad.certificate is None
    assert alone.certificate == among.certificate == beside_bad.certificate


def test_a_bad_certificate_costs_the_others_nothing() -> None:
    document = certificates_xml("NZ-1", "NZ-2", "NZ-3").replace(b'"NZ-2" status="Approved"', b'"NZ-2" status="?"')
    items = read(document, b"<a>", sps_xml("NZ-4").replace(b">851<", b">nothing<"), certificates_xml("NZ-5"))
    assert [number for number, _ in reasons(items)] == ["NZ-1", "NZ-2", "NZ-3", "", "NZ-4", "NZ-5"]
    assert [item.number for item in items if item.certificate] == ["NZ-1", "NZ-3", "NZ-5"]
    assert {finding.code for finding in items[1].findings} == {FindingCode.SCHEMA_INVALID}
    assert items[3].findings[0] == Finding(
        code=FindingCode.XML_MALFORMED, where="batch.xml", detail=items[3].findings[0].detail
    )


BAD = {
    "not XML": (b"Dear colleague", FindingCode.XML_MALFORMED),
    "a DOCTYPE": (b"<!DOCTYPE a>" + certificates_xml("NZ-1"), FindingCode.XML_DOCTYPE),
    "UTF-16": ("<certificates/>".encode("utf-16"), FindingCode.XML_ENCODING),
    "an unknown root": (b"<receipt/>", FindingCode.PROFILE_UNKNOWN),
    "an answer": ((DATA / "sps-ack-39.xml").read_bytes(), FindingCode.PROFILE_UNKNOWN),
    "no certificates in it": (b"<certificates/>", FindingCode.SCHEMA_INVALID),
    "something else in it": (b"<certificates><invoice/></certificates>", FindingCode.SCHEMA_INVALID),
}


@pytest.mark.parametrize(("document", "code"), BAD.values(), ids=BAD.keys())
def test_a_document_that_cannot_be_used_is_one_item_with_its_reason(document: bytes, code: FindingCode) -> None:
    assert reasons(read(document)) == [("", [code])]


def test_a_format_that_was_not_agreed_is_refused_by_its_name() -> None:
    [item] = read(sps_xml(), allowed=("certificates",))
    assert item.findings == (Finding(code=FindingCode.PROFILE_NOT_AGREED, where="batch.xml", detail="sps-d17a"),)


def test_a_document_without_a_name_is_named_by_its_place() -> None:
    items = read(attachment(b"<a>", name=""), attachment(b"<a>", name=""))
    assert [item.findings[0].where for item in items] == ["part 1", "part 2"]


STRAY = {
    "an element beside certificates": (b"</certificate></certificates>", b"</certificate><evil/></certificates>"),
    "text beside certificates": (b"</certificate></certificates>", b"</certificate>evil</certificates>"),
    "an attribute of the root": (b"<certificates>", b'<certificates evil="1">'),
}


@pytest.mark.parametrize(("old", "new"), STRAY.values(), ids=STRAY.keys())
def test_what_stands_beside_good_certificates_is_not_passed_over_in_silence(old: bytes, new: bytes) -> None:
    """The document is invalid: its certificates may be good, but the partner must hear of the rest."""
    items = read(certificates_xml("NZ-1").replace(old, new))
    assert FindingCode.SCHEMA_INVALID in [finding.code for item in items for finding in item.findings]


@pytest.mark.parametrize("namespace", [b"relative", b"../x"])
def test_a_namespace_without_a_canonical_form_is_a_finding_and_not_an_exception(namespace: bytes) -> None:
    document = certificates_xml("NZ-1").replace(b"<certificates>", b'<certificates xmlns:x="' + namespace + b'">')
    [item] = read(document)
    assert item.certificate is None or item.certificate.octets
    assert item.certificate or item.findings


def test_a_thousand_certificates_take_a_second_at_most() -> None:
    document = certificates_xml(*[f"NZ-{number}" for number in range(1000)])
    start = time.process_time()
    assert len(read(document)) == 1000
    assert time.process_time() - start < 1


@pytest.mark.parametrize("bad", ["one", "all"])
def test_wrong_certificates_among_a_thousand_do_not_take_minutes(bad: str) -> None:
    numbers = [f"NZ-{number}" for number in range(1000)]
    count = 1 if bad == "one" else 1000
    document = certificates_xml(*numbers).replace(b'status="Approved"', b'status="?"', count)
    start = time.process_time()
    items = read(document)
    assert sum(item.certificate is None for item in items) == count
    assert time.process_time() - start < 5


def test_namespaces_without_use_do_not_multiply_the_work() -> None:
    """Each certificate is canonicalised by itself, below a root that declares thousands of names."""
    names = b" ".join(b'xmlns:n%d="urn:n"' % number for number in range(5000))
    document = certificates_xml(*[f"NZ-{number}" for number in range(50)])
    start = time.process_time()
    read(document.replace(b"<certificates>", b"<certificates " + names + b">"))
    assert time.process_time() - start < 1
