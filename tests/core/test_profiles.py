"""Certificate formats: recognised by their root, cut into certificates, and read for what is indexed."""

import pytest
from lxml import etree

from ecertmail.core import profiles, xml
from ecertmail.core.profiles import CERTIFICATES, SPS, SPS_D17A, Fields
from ecertmail.findings import Finding
from ecertmail.model import CertificateStatus
from tests.builders import DATA, SHARED, certificates_xml, sps_replacement, sps_xml

SAMPLES = SHARED / "samples"


def parsed(octets: bytes) -> etree._Element:
    root = xml.parse(octets, "batch.xml")
    assert not isinstance(root, Finding)
    return root


def fields(octets: bytes) -> list[Fields]:
    root = parsed(octets)
    profile = profiles.recognise(root)
    assert profile is not None
    return [profile.read(element) for element in profile.cut(root)]


@pytest.mark.parametrize(
    ("root", "name"),
    [
        ("<certificates/>", "certificates"),
        (f'<x:SPSCertificate xmlns:x="{SPS}"/>', "sps-d17a"),
        (f'<SPSCertificate xmlns="{SPS}"/>', "sps-d17a"),
    ],
)
def test_a_format_is_known_by_its_root(root: str, name: str) -> None:
    profile = profiles.recognise(parsed(root.encode()))
    assert profile is not None
    assert profile.name == name


@pytest.mark.parametrize(
    "root",
    [
        "<certificate/>",
        "<Certificates/>",
        '<certificates xmlns="urn:x"/>',
        "<SPSCertificate/>",
        f'<SPSCertificate xmlns="{SPS}x"/>',
        f'<SPSCertificate xmlns="{SPS[:-1]}8"/>',
        '<SPSAcknowledgement xmlns="urn:un:unece:uncefact:data:standard:SPSAcknowledgement:17"/>',
    ],
)
def test_one_letter_off_is_another_format(root: str) -> None:
    assert profiles.recognise(parsed(root.encode())) is None


def test_the_flat_format_is_read() -> None:
    assert fields(certificates_xml("NZL2009/0001/26")) == [
        Fields(
            number="NZL2009/0001/26", status=CertificateStatus.ISSUED, type="", issued_at="2026-01-15T12:00:00",
            exporting_country="NZ", importing_country="CN", title="Lamb",
        )
    ]  # fmt: skip


def test_the_nested_format_is_read() -> None:
    [found] = fields((DATA / "certificates-au-nested.xml").read_bytes())
    assert (found.exporting_country, found.status) == ("AU", CertificateStatus.ISSUED)
    assert found.number
    assert found.title


def test_an_sps_certificate_is_read() -> None:
    [found] = fields(sps_xml("NZ-1"))
    assert (found.number, found.status, found.type) == ("NZ-1", CertificateStatus.ISSUED, "851")
    assert (found.exporting_country, found.importing_country, found.replaces) == ("NZ", "CN", ())
    assert found.issued_at.startswith("2026-")


def test_a_replacement_names_the_old_number() -> None:
    assert fields(sps_replacement("NZ-2", " NZ-1\n"))[0].replaces == ("NZ-1",)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("Approved", CertificateStatus.ISSUED),
        (" REVOKED ", CertificateStatus.WITHDRAWN),
        ("replaced", CertificateStatus.REPLACED),
        ("Pending", CertificateStatus.PENDING),
        ("Unheard", None),
        ("", None),
    ],
)
def test_status_words_stand_for_codes(word: str, status: CertificateStatus | None) -> None:
    assert fields(certificates_xml("NZ-1", status=word))[0].status is status


@pytest.mark.parametrize("code", ["70", "40", "39", "44"])
def test_status_codes_are_read(code: str) -> None:
    assert fields(sps_xml(status=code))[0].status == CertificateStatus(code)


@pytest.mark.parametrize("code", ["46", "1", "", "seventy"])
def test_other_codes_are_no_status_of_a_certificate(code: str) -> None:
    assert fields(sps_xml(status=code))[0].status is None


@pytest.mark.parametrize("number", ["A/1 2", "../../etc/passwd", "证-1", "'; DROP TABLE entry", "a&amp;b"])
def test_a_number_is_only_a_word(number: str) -> None:
    expected = number.replace("&amp;", "&")
    assert fields(certificates_xml(number))[0].number == expected
    assert fields(sps_xml(number))[0].number == expected


@pytest.mark.parametrize("number", [" NZ-1 ", "\nNZ-1\t", "NZ-1<!-- x -->", "NZ<!-- x -->-1", "NZ<![CDATA[-]]>1"])
def test_a_number_has_one_reading(number: str) -> None:
    """What looks the same must not be recorded twice under two numbers, or hide behind a comment."""
    assert fields(sps_xml(number))[0].number == "NZ-1"


def test_reading_needs_nothing_to_be_there() -> None:
    """Strictness is the schema's task."""
    nothing = Fields(
        number="", status=None, type="", issued_at="", exporting_country="", importing_country="", title=""
    )
    assert fields(b"<certificates><certificate/></certificates>") == [nothing]
    assert fields(f'<SPSCertificate xmlns="{SPS}"/>'.encode()) == [nothing]
    assert CERTIFICATES.cut(parsed(b"<certificates/>")) == []
    assert len(SPS_D17A.cut(parsed(f'<SPSCertificate xmlns="{SPS}"/>'.encode()))) == 1


def test_reading_knows_no_prefix_and_no_order() -> None:
    octets = f"""<x:SPSCertificate xmlns:x="{SPS}" xmlns:y="urn:whatever">
      <y:SPSConsignment><y:ImportSPSCountry><y:ID>CN</y:ID></y:ImportSPSCountry>
        <y:ExportSPSCountry><y:ID> NZ </y:ID></y:ExportSPSCountry></y:SPSConsignment>
      <y:SPSExchangedDocument><y:StatusCode>70</y:StatusCode><y:ID>NZ-1</y:ID></y:SPSExchangedDocument>
    </x:SPSCertificate>"""
    [found] = fields(octets.encode())
    assert (found.number, found.status, found.exporting_country) == ("NZ-1", CertificateStatus.ISSUED, "NZ")
    assert found.importing_country == "CN"


READABLE = sorted(path for path in SAMPLES.glob("*.xml") if "ack" not in path.name)


@pytest.mark.skipif(not READABLE, reason="the samples (../shared/data/samples) are not here")
def test_every_real_sample_is_found_by_its_number() -> None:
    for path in READABLE:
        root = parsed(path.read_bytes())
        profile = profiles.recognise(root) or SPS_D17A  # other versions of SPS are read alike
        for element in profile.cut(root):
            found = profile.read(element)
            assert found.number, path
            assert found.exporting_country or path.name in {"hub-norway.xml", "traces-cheda.xml"}, path
