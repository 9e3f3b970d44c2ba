"""Compiled schemas: fast to decide, exact to explain, and a folder that is wrong is named."""

import shutil
import socket
from pathlib import Path

import pytest
from lxml import etree

from ecertmail.config import packaged
from ecertmail.core import xml
from ecertmail.core.batch import MAX_FINDINGS
from ecertmail.core.profiles import PROFILES
from ecertmail.errors import ConfigError
from ecertmail.findings import Finding, FindingCode
from ecertmail.store import schemas
from tests.builders import DATA, certificates_xml, compiled_schemas, sps_xml


def parsed(octets: bytes) -> etree._Element:
    root = xml.parse(octets, "test.xml")
    assert not isinstance(root, Finding)
    return root


def test_every_profile_has_its_schema_and_so_have_inquiries() -> None:
    assert set(compiled_schemas()) == {profile.name for profile in PROFILES} | {"inquiry"}


VALID = {
    "certificates": certificates_xml("NZ-1"),
    "certificates, nested": (DATA / "certificates-au-nested.xml").read_bytes(),
    "sps-d17a": sps_xml(),
}


@pytest.mark.parametrize("name", VALID)
def test_valid_documents_are_valid(name: str) -> None:
    assert compiled_schemas()[name.partition(",")[0]].valid(parsed(VALID[name]))


def explained(octets: bytes, profile: str) -> list[Finding]:
    schema, root = compiled_schemas()[profile], parsed(octets)
    assert not schema.valid(root)
    return schema.explain(root)


def test_a_refusal_says_where_and_why() -> None:
    [finding] = explained(
        certificates_xml("NZ-1", "NZ-2").replace(b'id="NZ-2"', b'id="NZ-2" colour="red"'), "certificates"
    )
    assert finding.code is FindingCode.SCHEMA_INVALID
    assert "certificate[2]" in finding.where
    assert "colour" in finding.detail


def test_a_wrong_code_is_named_with_its_list_and_not_with_the_whole_pattern() -> None:
    findings = explained(sps_xml().replace(b">851<", b">99999<"), "sps-d17a")
    assert any("'99999'" in finding.detail for finding in findings)
    assert all(len(finding.detail) <= 300 for finding in findings)


def test_at_most_twenty_findings_are_listed_and_that_there_are_more_is_said() -> None:
    document = certificates_xml(*[f"NZ-{number}" for number in range(50)]).replace(b'status="Approved"', b'status="?"')
    findings = explained(document, "certificates")
    assert len(findings) == MAX_FINDINGS + 1
    assert findings[-1].code is FindingCode.TOO_MANY_FINDINGS


def test_what_a_partner_wrote_is_quoted_in_one_short_line() -> None:
    long = b"x" * 10_000 + b"&#10;&#9;y"
    for finding in explained(certificates_xml("NZ-1").replace(b'year="2026"', b'year="' + long + b'"'), "certificates"):
        assert len(finding.detail) <= 300
        assert finding.detail.isprintable()


def test_deep_documents_are_explained_too() -> None:
    deep = b"<a>" * 200 + b"</a>" * 200
    assert explained(certificates_xml("NZ-1").replace(b"</certificate>", deep + b"</certificate>"), "certificates")


def test_a_schema_location_is_never_followed() -> None:
    """The canary listens on loopback and must see nobody."""
    with socket.create_server(("127.0.0.1", 0)) as canary:
        url = f"http://127.0.0.1:{canary.getsockname()[1]}/evil.xsd".encode()
        hint = b'<certificates xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="%b"'
        hint += b' xsi:schemaLocation="urn:x %b" '
        document = certificates_xml("NZ-1").replace(b"<certificates", hint % (url, url))
        broken = document.replace(b'status="Approved"', b'status="?"')
        for octets in (document, broken):
            schema, root = compiled_schemas()["certificates"], parsed(octets)
            schema.valid(root)
            schema.explain(root)
        canary.settimeout(0.05)
        with pytest.raises(TimeoutError):
            canary.accept()


def test_a_missing_schema_is_named_with_the_key_to_mend(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"certificates\.xsd: this schema file is missing; set \[paths\] schemas"):
        schemas.load(tmp_path)


@pytest.mark.parametrize("octets", [b"", b"garbage", b"<a/>"], ids=["empty", "not XML", "another root"])
def test_a_file_that_is_no_schema_is_named(tmp_path: Path, octets: bytes) -> None:
    folder = tmp_path / "schemas"
    shutil.copytree(packaged("schemas"), folder)
    (folder / "sps-d17a/sps.xsd").write_bytes(octets)
    with pytest.raises(ConfigError, match=r"sps\.xsd"):
        schemas.load(folder)
