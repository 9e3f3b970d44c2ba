"""Certificates of our own authority: read from a file, and what became of them in words for the issuing system."""

from collections.abc import Mapping

from ecertmail.core import batch
from ecertmail.core.batch import Schema
from ecertmail.core.mime import Attachment
from ecertmail.core.profiles import PROFILES
from ecertmail.findings import Finding
from ecertmail.model import Batch, Issued, Result

_PROFILES = tuple(profile.name for profile in PROFILES)


def read(name: str, octets: bytes, schemas: Mapping[str, Schema]) -> Batch:
    """Read the certificates of a file; one that cannot be read is an item without a certificate."""
    file = Attachment(type="application/xml", filename=name, data=octets)
    found = batch.read((file,), _PROFILES, schemas)
    assert isinstance(found, Batch)  # noqa: S101 - there is an XML attachment
    return found


def statement(issued: Issued) -> dict[str, object]:
    """Say what became of a file and of each certificate in it, for the result file and for scripts."""
    return {
        "file": issued.file,
        "sha256": issued.sha256,
        "outcome": issued.verdict.outcome.value,
        "entry": issued.entry,
        "certificates": [_line(result) for result in issued.verdict.results],
    }


def _line(result: Result) -> dict[str, object]:
    return {
        "number": result.number,
        "result": result.code.value,
        "status": result.certificate.status.value if result.certificate else None,
        "sha256": result.certificate.sha256 if result.certificate else None,
        "entry": result.entry,
        "findings": [_finding(finding) for finding in result.findings],
    }


def _finding(finding: Finding) -> dict[str, str]:
    return {
        "code": finding.code.code,
        "severity": finding.severity.value,
        "says": finding.code.value,
        "where": finding.where,
        "detail": finding.detail,
    }
