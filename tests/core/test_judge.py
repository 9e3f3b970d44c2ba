"""The judgement: who is believed, who is answered, and what becomes of each certificate (DOMAIN.md section 4)."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecertmail.core.judge import judge
from ecertmail.findings import Finding, FindingCode, Severity
from ecertmail.message import SignatureStatus
from ecertmail.model import (
    Batch,
    Certificate,
    CertificateStatus,
    Examination,
    Item,
    Known,
    Outcome,
    Result,
    ResultCode,
    Verdict,
)
from tests.builders import (
    AU_ADDRESS,
    NOW,
    POLICY,
    certificate,
    examination,
    new_zealand,
    signature_check,
    signed_message,
)

ISSUED, APPROVED, PENDING = CertificateStatus.ISSUED, CertificateStatus.APPROVED, CertificateStatus.PENDING
WITHDRAWN, REPLACED, CANCELLED = CertificateStatus.WITHDRAWN, CertificateStatus.REPLACED, CertificateStatus.CANCELLED
REJECTED, DRAFT = CertificateStatus.REJECTED, CertificateStatus.DRAFT


def batch_of(*certificates: Certificate | Item, **changes: object) -> Examination:
    items = tuple(c if isinstance(c, Item) else Item(number=c.number, certificate=c) for c in certificates)
    return examination(batch=Batch(items=items), **changes)


def unreadable(number: str = "", code: FindingCode = FindingCode.SCHEMA_INVALID) -> Item:
    return Item(number=number, certificate=None, findings=(Finding(code=code),))


def known(status: CertificateStatus, *versions: Certificate) -> Known:
    return Known(status=status, versions=tuple((version.status, version.sha256) for version in versions))


def codes(findings: tuple[Finding, ...]) -> list[FindingCode]:
    return [finding.code for finding in findings]


def one(verdict: Verdict) -> Result:
    [result] = verdict.results
    return result


# Whose word it is

SILENT = {
    SignatureStatus.BAD: FindingCode.SIGNATURE_BAD,
    SignatureStatus.UNKNOWN_KEY: FindingCode.SIGNATURE_UNKNOWN_KEY,
    SignatureStatus.MULTIPLE: FindingCode.SIGNATURE_MULTIPLE,
    SignatureStatus.UNREADABLE: FindingCode.SIGNATURE_UNREADABLE,
    SignatureStatus.DISPUTED: FindingCode.SIGNATURE_DISPUTED,
}
ANSWERED = {
    SignatureStatus.WEAK: FindingCode.SIGNATURE_WEAK,
    SignatureStatus.EXPIRED: FindingCode.SIGNATURE_STALE,
    SignatureStatus.KEY_EXPIRED: FindingCode.KEY_EXPIRED,
    SignatureStatus.KEY_REVOKED: FindingCode.KEY_REVOKED,
}


def test_every_signature_status_is_judged() -> None:
    assert {*SILENT, *ANSWERED, SignatureStatus.GOOD} == set(SignatureStatus)


@pytest.mark.parametrize(("status", "code"), SILENT.items())
def test_a_signature_that_proves_nobody_is_quarantined_without_an_answer(
    status: SignatureStatus, code: FindingCode
) -> None:
    verdict = judge(batch_of(certificate(), signature=signature_check(status)), {}, POLICY, NOW)
    assert (verdict.outcome, codes(verdict.findings), verdict.results) == (Outcome.QUARANTINED, [code], ())


@pytest.mark.parametrize(("status", "code"), ANSWERED.items())
def test_a_partners_signature_that_may_not_be_relied_on_is_refused_with_an_answer(
    status: SignatureStatus, code: FindingCode
) -> None:
    verdict = judge(batch_of(certificate(), signature=signature_check(status)), {}, POLICY, NOW)
    assert (verdict.outcome, codes(verdict.findings), verdict.results) == (Outcome.REFUSED, [code], ())


@pytest.mark.parametrize("status", SignatureStatus)
def test_a_key_of_no_partner_is_never_answered(status: SignatureStatus) -> None:
    verdict = judge(batch_of(certificate(), partner=None, signature=signature_check(status)), {}, POLICY, NOW)
    assert (verdict.outcome, verdict.results) == (Outcome.QUARANTINED, ())
    assert verdict.findings


@pytest.mark.parametrize("status", SignatureStatus)
@pytest.mark.parametrize(
    ("sender", "code"), [(AU_ADDRESS, FindingCode.FROM_NOT_PARTNER), (None, FindingCode.FROM_MALFORMED)]
)
def test_a_partners_key_under_another_address_is_quarantined(
    status: SignatureStatus, sender: str | None, code: FindingCode
) -> None:
    message = signed_message(from_address=sender)
    verdict = judge(batch_of(certificate(), message=message, signature=signature_check(status)), {}, POLICY, NOW)
    assert verdict.outcome is Outcome.QUARANTINED
    assert codes(verdict.findings) == [SILENT.get(status, code)]


def test_an_unsigned_mail_is_quarantined_with_its_reason() -> None:
    finding = Finding(code=FindingCode.NOT_SIGNED)
    verdict = judge(examination(message=None, signature=None, partner=None, findings=(finding,)), {}, POLICY, NOW)
    assert verdict == Verdict(outcome=Outcome.QUARANTINED, findings=(finding,))


CLOCKS = {
    "an expired key": ({"key_expires_at": NOW}, [FindingCode.KEY_EXPIRED]),
    "a signature of tomorrow": ({"signed_at": NOW + timedelta(days=1)}, [FindingCode.SIGNATURE_FUTURE]),
    "both": (
        {"key_expires_at": NOW, "signed_at": NOW + timedelta(days=1)},
        [FindingCode.KEY_EXPIRED, FindingCode.SIGNATURE_FUTURE],
    ),
}


@pytest.mark.parametrize(("facts", "expected"), CLOCKS.values(), ids=CLOCKS.keys())
def test_a_good_signature_at_a_wrong_time_is_refused_with_an_answer(
    facts: dict[str, object], expected: list[FindingCode]
) -> None:
    signature = signature_check(SignatureStatus.GOOD, **facts)
    verdict = judge(batch_of(certificate(), signature=signature), {}, POLICY, NOW)
    assert (verdict.outcome, codes(verdict.findings), verdict.results) == (Outcome.REFUSED, expected, ())


def test_a_partners_mail_without_certificates_is_refused_with_its_reason() -> None:
    finding = Finding(code=FindingCode.NO_BATCH)
    assert judge(examination(findings=(finding,)), {}, POLICY, NOW) == Verdict(
        outcome=Outcome.REFUSED, findings=(finding,)
    )


def test_a_partners_receipt_is_taken_and_not_answered() -> None:
    assert judge(examination(is_receipt=True), {}, POLICY, NOW) == Verdict(outcome=Outcome.RECEIPT)


@pytest.mark.parametrize("status", ANSWERED)
def test_a_receipt_is_never_answered_not_even_with_a_refusal(status: SignatureStatus) -> None:
    """MAIL.md section 4: a receipt never answers a receipt; two nodes with old keys would write for ever."""
    verdict = judge(examination(is_receipt=True, signature=signature_check(status)), {}, POLICY, NOW)
    assert verdict.outcome not in {Outcome.REFUSED, Outcome.ACCEPTED, Outcome.PARTIAL}


# What becomes of one certificate

SENT = certificate("NZ-1")
OTHER = replace(SENT, sha256="0" * 64)
OLD = certificate("NZ-0")
SUCCESSOR = certificate("NZ-1", replaces=("NZ-0",))

LIFE: dict[str, tuple[Certificate, dict[str, Known], ResultCode, list[FindingCode]]] = {
    "new": (SENT, {}, ResultCode.RECORDED, []),
    "new and withdrawn at once": (replace(SENT, status=WITHDRAWN), {}, ResultCode.RECORDED, []),
    "the same again": (SENT, {"NZ-1": known(ISSUED, SENT)}, ResultCode.DUPLICATE, [FindingCode.DUPLICATE]),
    "the same again after it was withdrawn": (
        SENT,
        {"NZ-1": known(WITHDRAWN, SENT, replace(SENT, status=WITHDRAWN))},
        ResultCode.DUPLICATE,
        [FindingCode.DUPLICATE],
    ),
    "the same again after it was replaced": (
        SENT,
        {"NZ-1": known(REPLACED, SENT)},
        ResultCode.DUPLICATE,
        [FindingCode.DUPLICATE],
    ),
    "the withdrawal again": (
        replace(SENT, status=WITHDRAWN),
        {"NZ-1": known(WITHDRAWN, SENT, replace(SENT, status=WITHDRAWN))},
        ResultCode.DUPLICATE,
        [FindingCode.DUPLICATE],
    ),
    "other content": (SENT, {"NZ-1": known(ISSUED, OTHER)}, ResultCode.CONFLICT, [FindingCode.CONFLICT]),
    "other content after it was withdrawn": (
        SENT,
        {"NZ-1": known(WITHDRAWN, OTHER, replace(OTHER, status=WITHDRAWN))},
        ResultCode.CONFLICT,
        [FindingCode.CONFLICT],
    ),
    "another withdrawal": (
        replace(SENT, status=WITHDRAWN),
        {"NZ-1": known(WITHDRAWN, OTHER, replace(OTHER, status=WITHDRAWN))},
        ResultCode.CONFLICT,
        [FindingCode.CONFLICT],
    ),
    "issued, then withdrawn": (
        replace(SENT, status=WITHDRAWN),
        {"NZ-1": known(ISSUED, SENT)},
        ResultCode.RECORDED,
        [],
    ),
    "pending, then issued": (SENT, {"NZ-1": known(PENDING, replace(SENT, status=PENDING))}, ResultCode.RECORDED, []),
    "replaced, then withdrawn": (
        replace(SENT, status=WITHDRAWN),
        {"NZ-1": known(REPLACED, SENT)},
        ResultCode.RECORDED,
        [],
    ),
    "withdrawn, then issued": (
        SENT,
        {"NZ-1": known(WITHDRAWN, replace(SENT, status=WITHDRAWN))},
        ResultCode.REFUSED,
        [FindingCode.WITHDRAWN_IS_FINAL],
    ),
    "withdrawn, then replaced": (
        replace(SENT, status=REPLACED),
        {"NZ-1": known(WITHDRAWN, replace(SENT, status=WITHDRAWN))},
        ResultCode.REFUSED,
        [FindingCode.WITHDRAWN_IS_FINAL],
    ),
    "cancelled, then issued": (
        SENT,
        {"NZ-1": known(CANCELLED, replace(SENT, status=CANCELLED))},
        ResultCode.REFUSED,
        [FindingCode.WITHDRAWN_IS_FINAL],
    ),
    "issued, then pending": (
        replace(SENT, status=PENDING),
        {"NZ-1": known(ISSUED, SENT)},
        ResultCode.REFUSED,
        [FindingCode.TRANSITION_NOT_ALLOWED],
    ),
    "rejected, then issued": (
        SENT,
        {"NZ-1": known(REJECTED, replace(SENT, status=REJECTED))},
        ResultCode.REFUSED,
        [FindingCode.TRANSITION_NOT_ALLOWED],
    ),
    "a replacement": (SUCCESSOR, {"NZ-0": known(ISSUED, OLD)}, ResultCode.RECORDED, [FindingCode.REPLACES]),
    "a replacement of what is approved": (
        SUCCESSOR,
        {"NZ-0": known(APPROVED, replace(OLD, status=APPROVED))},
        ResultCode.RECORDED,
        [FindingCode.REPLACES],
    ),
    "a replacement of what is not recorded": (
        SUCCESSOR,
        {},
        ResultCode.RECORDED,
        [FindingCode.REPLACED_UNKNOWN],
    ),
    "another country": (
        replace(SENT, exporting_country="AU"),
        {},
        ResultCode.REFUSED,
        [FindingCode.COUNTRY_NOT_ALLOWED],
    ),
    "another country, known": (
        replace(SENT, exporting_country="AU"),
        {"NZ-1": known(ISSUED, SENT)},
        ResultCode.REFUSED,
        [FindingCode.COUNTRY_NOT_ALLOWED],
    ),
    "no country": (replace(SENT, exporting_country=""), {}, ResultCode.REFUSED, [FindingCode.COUNTRY_MISSING]),
}


@pytest.mark.parametrize(("sent", "before", "code", "findings"), LIFE.values(), ids=LIFE.keys())
def test_the_life_of_a_certificate(
    sent: Certificate, before: dict[str, Known], code: ResultCode, findings: list[FindingCode]
) -> None:
    verdict = judge(batch_of(sent), before, POLICY, NOW)
    result = one(verdict)
    assert (result.code, codes(result.findings)) == (code, findings)
    good = code in {ResultCode.RECORDED, ResultCode.DUPLICATE}
    assert verdict.outcome is (Outcome.ACCEPTED if good else Outcome.REFUSED)
    assert all((finding.severity is Severity.WARNING) is good for finding in result.findings)
    assert result.certificate == sent


@given(st.sampled_from(list(CertificateStatus)), st.sampled_from(list(CertificateStatus)), st.booleans())
def test_nothing_recorded_is_ever_recorded_again_or_comes_back_from_a_withdrawal(
    before: CertificateStatus, sent: CertificateStatus, same: bool
) -> None:
    old = replace(SENT, status=before)
    new = replace(SENT if same else OTHER, status=sent)
    result = one(judge(batch_of(new), {"NZ-1": known(before, old)}, POLICY, NOW))
    assert (result.code is ResultCode.DUPLICATE) is (before is sent and same)
    assert (result.code is ResultCode.CONFLICT) is (before is sent and not same)
    assert result.code is not ResultCode.RECORDED or before not in {WITHDRAWN, CANCELLED}


def test_a_replacement_names_what_becomes_replaced() -> None:
    result = one(judge(batch_of(SUCCESSOR), {"NZ-0": known(ISSUED, OLD)}, POLICY, NOW))
    assert result.replaced == ("NZ-0",)
    assert result.findings[0].detail == "NZ-0"


def test_what_is_named_twice_is_replaced_once() -> None:
    sent = certificate("NZ-1", replaces=("NZ-0", "NZ-0"))
    assert one(judge(batch_of(sent), {"NZ-0": known(ISSUED, OLD)}, POLICY, NOW)).replaced == ("NZ-0",)


@pytest.mark.parametrize("status", [PENDING, WITHDRAWN, APPROVED, DRAFT])
def test_only_an_issued_certificate_replaces(status: CertificateStatus) -> None:
    result = one(judge(batch_of(replace(SUCCESSOR, status=status)), {"NZ-0": known(ISSUED, OLD)}, POLICY, NOW))
    assert (result.replaced, result.findings) == ((), ())


@pytest.mark.parametrize("status", [WITHDRAWN, CANCELLED, REJECTED, REPLACED])
def test_what_has_ended_is_not_replaced(status: CertificateStatus) -> None:
    before = {"NZ-0": known(status, OLD)}
    assert one(judge(batch_of(SUCCESSOR), before, POLICY, NOW)).replaced == ()


def test_a_refused_certificate_replaces_nothing() -> None:
    sent = replace(SUCCESSOR, exporting_country="AU")
    assert one(judge(batch_of(sent), {"NZ-0": known(ISSUED, OLD)}, POLICY, NOW)).replaced == ()


def test_no_certificate_replaces_itself() -> None:
    sent = certificate("NZ-1", replaces=("NZ-1",))
    for before in ({}, {"NZ-1": known(PENDING, replace(sent, status=PENDING))}):
        assert one(judge(batch_of(sent), before, POLICY, NOW)).replaced == ()


# What becomes of a batch


def test_a_certificate_and_its_replacement_in_one_message_are_both_recorded() -> None:
    verdict = judge(batch_of(OLD, SUCCESSOR), {}, POLICY, NOW)
    assert [result.code for result in verdict.results] == [ResultCode.RECORDED, ResultCode.RECORDED]
    assert [result.replaced for result in verdict.results] == [(), ("NZ-0",)]


def test_of_two_replacements_in_one_message_the_first_counts() -> None:
    second = certificate("NZ-2", replaces=("NZ-0",))
    verdict = judge(batch_of(SUCCESSOR, second), {"NZ-0": known(ISSUED, OLD)}, POLICY, NOW)
    assert [result.replaced for result in verdict.results] == [("NZ-0",), ()]


def test_what_one_message_replaces_it_may_withdraw_afterwards() -> None:
    verdict = judge(batch_of(SUCCESSOR, replace(OLD, status=WITHDRAWN)), {"NZ-0": known(ISSUED, OLD)}, POLICY, NOW)
    assert [result.code for result in verdict.results] == [ResultCode.RECORDED, ResultCode.RECORDED]


def test_what_one_message_withdraws_it_cannot_replace_afterwards() -> None:
    verdict = judge(batch_of(replace(OLD, status=WITHDRAWN), SUCCESSOR), {"NZ-0": known(ISSUED, OLD)}, POLICY, NOW)
    assert [result.replaced for result in verdict.results] == [(), ()]


@pytest.mark.parametrize(
    "second", [SENT, OTHER, replace(SENT, status=WITHDRAWN), unreadable("NZ-1")], ids=["same", "other", "status", "bad"]
)
def test_a_number_that_stands_twice_is_refused_twice(second: Certificate | Item) -> None:
    verdict = judge(batch_of(SENT, certificate("NZ-2"), second), {}, POLICY, NOW)
    assert [result.code for result in verdict.results] == [
        ResultCode.REFUSED,
        ResultCode.RECORDED,
        ResultCode.REFUSED,
    ]
    for result in (verdict.results[0], verdict.results[2]):
        assert result.findings[0].code is FindingCode.NUMBER_TWICE


def test_two_unreadable_certificates_without_a_number_are_not_the_same_one() -> None:
    verdict = judge(batch_of(unreadable(), unreadable()), {}, POLICY, NOW)
    assert [codes(result.findings) for result in verdict.results] == [[FindingCode.SCHEMA_INVALID]] * 2


GOOD, DUPLICATE = certificate("NZ-1"), certificate("NZ-2")
CONFLICT, BAD = certificate("NZ-3"), unreadable("NZ-4")
BEFORE = {"NZ-2": known(ISSUED, DUPLICATE), "NZ-3": known(ISSUED, replace(CONFLICT, sha256="1" * 64))}
OUTCOMES = {
    "one good": ((GOOD,), Outcome.ACCEPTED),
    "good and duplicate": ((GOOD, DUPLICATE), Outcome.ACCEPTED),
    "duplicates only": ((DUPLICATE,), Outcome.ACCEPTED),
    "good and unreadable": ((GOOD, BAD), Outcome.PARTIAL),
    "good and conflict": ((GOOD, CONFLICT), Outcome.PARTIAL),
    "duplicate and unreadable": ((DUPLICATE, BAD), Outcome.PARTIAL),
    "conflict only": ((CONFLICT,), Outcome.REFUSED),
    "unreadable only": ((BAD,), Outcome.REFUSED),
    "conflict and unreadable": ((CONFLICT, BAD), Outcome.REFUSED),
    "nothing": ((), Outcome.REFUSED),
}


@pytest.mark.parametrize(("items", "outcome"), OUTCOMES.values(), ids=OUTCOMES.keys())
def test_a_message_is_accepted_in_full_in_part_or_refused(
    items: tuple[Certificate | Item, ...], outcome: Outcome
) -> None:
    verdict = judge(batch_of(*items), BEFORE, POLICY, NOW)
    assert (verdict.outcome, len(verdict.results)) == (outcome, len(items))


def test_results_stand_in_the_order_of_the_message() -> None:
    numbers = [f"NZ-{number}" for number in (5, 3, 9, 1)]
    verdict = judge(batch_of(*map(certificate, numbers)), {}, POLICY, NOW)
    assert [result.number for result in verdict.results] == numbers


def test_judging_changes_nothing_it_was_given() -> None:
    before = {"NZ-0": known(ISSUED, OLD)}
    judge(batch_of(SUCCESSOR), before, POLICY, NOW)
    assert before == {"NZ-0": known(ISSUED, OLD)}


def test_another_partner_is_judged_by_its_own_countries() -> None:
    partner = new_zealand(issues_for=("CK",))
    result = one(judge(batch_of(SENT, partner=partner), {}, POLICY, NOW))
    assert codes(result.findings) == [FindingCode.COUNTRY_NOT_ALLOWED]
