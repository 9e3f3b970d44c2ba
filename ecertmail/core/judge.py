"""The only place that accepts or refuses: an examination, what the ledger knew and the time in, a verdict out.

Three ways out for a message. *Quarantined*: nobody we know said this, so nobody is answered and nothing enters the
ledger. *Refused*: a partner said it and is told why. *Accepted* (or partly): each certificate has its own result.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from ecertmail.core import rules
from ecertmail.core.states import CERTIFICATE
from ecertmail.findings import Finding, FindingCode, Severity
from ecertmail.message import SignatureCheck, SignatureStatus, SignedMessage
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
from ecertmail.parties import Partner, Policy

CLOCK_SKEW = timedelta(minutes=30)
"""What Sequoia forgives a clock."""

_SILENT = {
    SignatureStatus.BAD: FindingCode.SIGNATURE_BAD,
    SignatureStatus.UNKNOWN_KEY: FindingCode.SIGNATURE_UNKNOWN_KEY,
    SignatureStatus.MULTIPLE: FindingCode.SIGNATURE_MULTIPLE,
    SignatureStatus.UNREADABLE: FindingCode.SIGNATURE_UNREADABLE,
    SignatureStatus.DISPUTED: FindingCode.SIGNATURE_DISPUTED,
}
"""Nobody is identified by these, so nobody is answered."""

_ANSWERED = {
    SignatureStatus.WEAK: FindingCode.SIGNATURE_WEAK,
    SignatureStatus.EXPIRED: FindingCode.SIGNATURE_STALE,
    SignatureStatus.KEY_EXPIRED: FindingCode.KEY_EXPIRED,
    SignatureStatus.KEY_REVOKED: FindingCode.KEY_REVOKED,
}
"""The partner's key made the signature, but may not be relied on; the partner needs to know."""


def judge(examination: Examination, known: Mapping[str, Known], policy: Policy, now: datetime) -> Verdict:
    """Judge one message.

    Args:
        examination: what octets, keys and schemas say.
        known: what the ledger holds of the numbers in the batch and of those they replace, for this partner.
        policy: what this node demands.
        now: the current time, aware.
    """
    stranger = _nobody_we_know(examination)
    if stranger:
        return Verdict(outcome=Outcome.QUARANTINED, findings=stranger)
    objections = _objections(examination, policy, now) or examination.findings
    if objections and examination.is_receipt:  # a refusal of a receipt would answer it, and could go on for ever
        return Verdict(outcome=Outcome.QUARANTINED, findings=objections)
    if objections:
        return Verdict(outcome=Outcome.REFUSED, findings=objections)
    if examination.is_receipt:
        return Verdict(outcome=Outcome.RECEIPT)
    if examination.offer:
        note = Finding(code=FindingCode.KEY_OFFERED, detail=examination.offer.fingerprint, severity=Severity.WARNING)
        return Verdict(outcome=Outcome.KEY_OFFERED, findings=(note,))
    if examination.commands:
        return Verdict(outcome=Outcome.COMMANDED)
    if examination.responses or examination.messages:
        return Verdict(outcome=Outcome.RESPONSE)
    batch = examination.batch or Batch(items=())
    return _judge_batch(batch, known, partial(_certificate_objection, examination, policy))


def judge_issue(batch: Batch, known: Mapping[str, Known], country: str) -> Verdict:
    """Judge certificates of our own authority, which came without a mail: only the country and the life cycle count.

    Args:
        batch: what the file holds.
        known: what the ledger holds of the numbers in the batch and of those they replace, issued by us.
        country: our own.
    """
    return _judge_batch(batch, known, lambda certificate: rules.country_allowed(certificate, {country}))


def _nobody_we_know(examination: Examination) -> tuple[Finding, ...]:
    """The findings that leave a message without a sender; empty when a partner's key and address stand behind it."""
    if examination.message is None or examination.signature is None:
        return examination.findings
    silent = _SILENT.get(examination.signature.status)
    if silent and not _ahead_of_us(examination):
        return (Finding(code=silent, detail=examination.signature.fingerprint),)
    if examination.partner is None:
        return (Finding(code=FindingCode.SIGNATURE_UNKNOWN_KEY, detail=examination.signature.fingerprint),)
    mismatch = rules.from_is_partner(examination.message, examination.partner)
    return (mismatch,) if mismatch else ()


def _objections(examination: Examination, policy: Policy, now: datetime) -> tuple[Finding, ...]:
    """What a known partner is told of a mail of its own that may not be relied on."""
    check, message, partner = _identified(examination)
    if _ahead_of_us(examination):
        return (Finding(code=FindingCode.SIGNATURE_FUTURE, detail=f"it is dated {check.signed_at:%Y-%m-%d %H:%M} UTC"),)
    if check.status is not SignatureStatus.GOOD:
        return (Finding(code=_ANSWERED[check.status], detail=check.algorithm),)
    found = (
        rules.key_still_valid(check, now),
        rules.key_in_force(check, partner, now),
        rules.signed_lately(check, examination.envelope.received_at, policy),
        _for_us(examination, message, policy),
        rules.sure_enough(examination.assurance, partner),
        rules.may_respond(partner) if examination.responses or examination.messages else None,
    )
    return tuple(finding for finding in found if finding)


def _for_us(examination: Examination, message: SignedMessage, policy: Policy) -> Finding | None:
    """What names nobody itself, an offer, a command or a response, must come with a protected To that does."""
    bare = examination.offer or examination.commands or examination.responses or examination.messages
    return rules.bare_for_us(message, policy) if bare else rules.addressed_to_us(message, policy)


def _ahead_of_us(examination: Examination) -> bool:
    """Sequoia refuses a signature of tomorrow and gpg takes it: neither is wrong, and the partner's clock is."""
    check = examination.signature
    refused = check is not None and check.status in {SignatureStatus.WEAK, SignatureStatus.DISPUTED}
    signed_at = check.signed_at if check and refused else None
    return signed_at is not None and signed_at > examination.envelope.received_at + CLOCK_SKEW


def _identified(examination: Examination) -> tuple[SignatureCheck, SignedMessage, Partner]:
    """Whose mail it is; `_nobody_we_know` saw to it that all three are there."""
    assert examination.signature is not None  # noqa: S101
    assert examination.message is not None  # noqa: S101
    assert examination.partner is not None  # noqa: S101
    return examination.signature, examination.message, examination.partner


def _judge_batch(
    batch: Batch, known: Mapping[str, Known], objection: Callable[[Certificate], Finding | None]
) -> Verdict:
    """Judge each certificate; `objection` says what speaks against one that no other rule looks at."""
    current = dict(known)
    times = Counter(item.number for item in batch.items if item.number)
    results = []
    for item in batch.items:
        against = objection(item.certificate) if item.certificate else None
        if times[item.number] > 1:
            against = Finding(code=FindingCode.NUMBER_TWICE)
        result = _judge_item(item, against, current)
        _remember(result, current)
        results.append(result)
    return Verdict(outcome=_outcome(results), results=tuple(results))


def _certificate_objection(examination: Examination, policy: Policy, certificate: Certificate) -> Finding | None:
    _, message, partner = _identified(examination)
    return rules.country_allowed(certificate, partner.issues_for) or rules.certificate_for_us(
        certificate, message, policy
    )


def _judge_item(item: Item, objection: Finding | None, known: Mapping[str, Known]) -> Result:
    if objection:
        return _refused(item, objection)
    if item.certificate is None:
        return Result(number=item.number, code=ResultCode.REFUSED, certificate=None, findings=item.findings)
    return _against_ledger(item.certificate, known)


def _refused(item: Item, finding: Finding) -> Result:
    return Result(
        number=item.number, code=ResultCode.REFUSED, certificate=item.certificate, findings=(finding, *item.findings)
    )


def _against_ledger(certificate: Certificate, known: Mapping[str, Known]) -> Result:
    """Apply the life-cycle rules of DOMAIN.md section 4."""
    recorded = Result(number=certificate.number, code=ResultCode.RECORDED, certificate=certificate)
    before = known.get(certificate.number)
    if before is None or before.status is None:
        return _with_successor(_with_replacements(recorded, certificate, known), before)
    if (certificate.status, certificate.sha256) in before.versions:
        note = Finding(code=FindingCode.DUPLICATE, severity=Severity.WARNING)
        return replace(recorded, code=ResultCode.DUPLICATE, findings=(note,))
    if certificate.status in {status for status, _ in before.versions}:
        return replace(recorded, code=ResultCode.CONFLICT, findings=(Finding(code=FindingCode.CONFLICT),))
    objection = rules.transition_allowed(certificate, before)
    if objection:
        return replace(recorded, code=ResultCode.REFUSED, findings=(objection,))
    return _with_replacements(recorded, certificate, known)


def _with_replacements(recorded: Result, certificate: Certificate, known: Mapping[str, Known]) -> Result:
    if not certificate.replaces or certificate.status is not CertificateStatus.ISSUED:
        return recorded
    findings, replaced, awaited = [], [], []
    for number in dict.fromkeys(certificate.replaces):
        old = known.get(number)
        if old is None or old.status is None:
            awaited.append(number)
            findings.append(Finding(code=FindingCode.REPLACED_UNKNOWN, detail=number, severity=Severity.WARNING))
        elif CertificateStatus.REPLACED in CERTIFICATE[old.status]:
            replaced.append(number)
            findings.append(Finding(code=FindingCode.REPLACES, detail=number, severity=Severity.WARNING))
    return replace(recorded, findings=tuple(findings), replaced=tuple(replaced), awaited=tuple(awaited))


def _with_successor(recorded: Result, before: Known | None) -> Result:
    """A replacement can overtake what it replaces; then that is replaced as soon as it is recorded."""
    certificate = recorded.certificate
    if before is None or certificate is None or CertificateStatus.REPLACED not in CERTIFICATE[certificate.status]:
        return recorded
    note = Finding(code=FindingCode.REPLACED_ALREADY, detail=before.successor, severity=Severity.WARNING)
    return replace(recorded, findings=(*recorded.findings, note), successor=before.successor)


def _remember(result: Result, known: dict[str, Known]) -> None:
    """Let later certificates of the same message see what earlier ones changed."""
    certificate = result.certificate
    if certificate is None or result.code is not ResultCode.RECORDED:
        return
    version = (certificate.status, certificate.sha256)
    before = known.get(certificate.number)
    status = CertificateStatus.REPLACED if result.successor else certificate.status
    known[certificate.number] = Known(status=status, versions=(*(before.versions if before else ()), version))
    for number in result.replaced:
        known[number] = replace(known[number], status=CertificateStatus.REPLACED)
    for number in result.awaited:
        known.setdefault(number, Known(status=None, successor=certificate.number))


def _outcome(results: list[Result]) -> Outcome:
    good = sum(result.code in {ResultCode.RECORDED, ResultCode.DUPLICATE} for result in results)
    if good == 0:
        return Outcome.REFUSED
    return Outcome.ACCEPTED if good == len(results) else Outcome.PARTIAL
