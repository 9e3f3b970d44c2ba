"""Business rules, one by one: the facts that bring a finding, and those that do not."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from ecertmail.core import rules
from ecertmail.core.states import CERTIFICATE
from ecertmail.findings import Finding, FindingCode
from ecertmail.message import SignatureCheck, SignatureStatus
from ecertmail.model import CertificateStatus, Known
from tests.builders import NOW, NZ_ADDRESS, POLICY, certificate, new_zealand, signed_message

SECOND = timedelta(seconds=1)


def code(finding: Finding | None) -> FindingCode | None:
    return finding.code if finding else None


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (NZ_ADDRESS, None),
        ("second@mpi.example", None),
        ("other@mpi.example", FindingCode.FROM_NOT_PARTNER),
        (f"x{NZ_ADDRESS}", FindingCode.FROM_NOT_PARTNER),
        (None, FindingCode.FROM_MALFORMED),
    ],
)
def test_the_sender_is_one_of_the_partners_addresses(address: str | None, expected: FindingCode | None) -> None:
    partner = new_zealand(addresses=(NZ_ADDRESS, "Second@MPI.example"))
    assert code(rules.from_is_partner(signed_message(from_address=address), partner)) is expected


def check(**facts: datetime) -> SignatureCheck:
    return replace(SignatureCheck(status=SignatureStatus.GOOD), **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("expires_at", "expected"),
    [(NOW - SECOND, FindingCode.KEY_EXPIRED), (NOW, FindingCode.KEY_EXPIRED), (NOW + SECOND, None)],
)
def test_a_key_is_valid_until_its_last_second(expires_at: datetime, expected: FindingCode | None) -> None:
    assert code(rules.key_still_valid(check(key_expires_at=expires_at), NOW)) is expected


def test_a_key_without_an_end_is_valid() -> None:
    assert rules.key_still_valid(check(), NOW) is None


@pytest.mark.parametrize(
    ("signed_at", "expected"),
    [
        (NOW - timedelta(days=1), None),
        (NOW - timedelta(days=7), None),
        (NOW - timedelta(days=7) - SECOND, FindingCode.SIGNATURE_STALE),
        (NOW + timedelta(minutes=10), None),
        (NOW + timedelta(minutes=10) + SECOND, FindingCode.SIGNATURE_FUTURE),
        (NOW + timedelta(days=365), FindingCode.SIGNATURE_FUTURE),
    ],
)
def test_a_signature_is_at_most_seven_days_old_and_a_clock_at_most_ten_minutes_fast(
    signed_at: datetime, expected: FindingCode | None
) -> None:
    assert code(rules.signed_lately(check(signed_at=signed_at), NOW, POLICY)) is expected


@pytest.mark.parametrize(
    ("country", "expected"),
    [
        ("NZ", None),
        ("CK", None),
        ("AU", FindingCode.COUNTRY_NOT_ALLOWED),
        ("nz", FindingCode.COUNTRY_NOT_ALLOWED),
        ("NZ ", FindingCode.COUNTRY_NOT_ALLOWED),
        ("", FindingCode.COUNTRY_MISSING),
    ],
)
def test_an_authority_issues_for_the_countries_it_is_registered_for(country: str, expected: FindingCode | None) -> None:
    partner = new_zealand(issues_for=("NZ", "CK"))
    assert code(rules.country_allowed(certificate(exporting_country=country), partner.issues_for)) is expected


@pytest.mark.parametrize("before", CertificateStatus)
@pytest.mark.parametrize("after", CertificateStatus)
def test_a_status_changes_along_the_table_only(before: CertificateStatus, after: CertificateStatus) -> None:
    finding = rules.transition_allowed(certificate(status=after), Known(status=before))
    confirmed = before is after is CertificateStatus.REPLACED
    assert (finding is None) is (confirmed or after in CERTIFICATE[before])
    if before in {CertificateStatus.WITHDRAWN, CertificateStatus.CANCELLED}:
        assert code(finding) is FindingCode.WITHDRAWN_IS_FINAL
