"""The canonical bytes of ledger entries: what is hashed, stored and, one day, proven to somebody.

A record is a JSON object in the canonical form of RFC 8785 as far as strings and integers need it: keys sorted, no
white space, UTF-8, no floats. It names hashes, never content, so that a proof reveals nothing but itself.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime

from ecertmail.model import CertificateStatus, Examination, Outcome, Result, Verdict
from ecertmail.parties import OWN

VERSION = 1

_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def canonical(record: Mapping[str, object]) -> bytes:
    """Serialise a record to the bytes that are hashed."""
    return _encode(record).encode("utf-8")


def timestamp(moment: datetime) -> str:
    """Return the one form of time in records: UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def of_message(spool_id: str, examination: Examination, verdict: Verdict, now: datetime) -> dict[str, object]:
    """Describe a judged message: whose it was, its MIC, and how it was judged."""
    assert examination.signature is not None  # noqa: S101 - only messages of partners are recorded
    assert examination.partner is not None  # noqa: S101
    return {
        "v": VERSION,
        "kind": "receipt" if examination.is_receipt else "message",
        "at": timestamp(now),
        "spool": spool_id,
        "partner": examination.partner.id,
        "key": examination.signature.fingerprint,
        "assurance": examination.assurance.value,
        "encrypted": examination.message is not None and examination.message.encrypted,
        "mic": examination.mic,
        "octets": examination.octets_sha256,
        "outcome": verdict.outcome.value,
        **_offer(examination, verdict),
        "findings": [finding.code.code for finding in verdict.findings],
        "refused": _refused(verdict),
    }


def of_issue(octets_sha256: str, way: str, verdict: Verdict, now: datetime) -> dict[str, object]:
    """Describe a file with certificates of our own, by which way it came, and how it was judged."""
    return {
        "v": VERSION,
        "kind": "issue",
        "at": timestamp(now),
        "issuer": OWN,
        "way": way,
        "octets": octets_sha256,
        "outcome": verdict.outcome.value,
        "findings": [finding.code.code for finding in verdict.findings],
        "refused": _refused(verdict),
    }


def _refused(verdict: Verdict) -> list[dict[str, object]]:
    return [
        {"number": result.number[:100], "codes": [finding.code.code for finding in result.findings]}
        for result in verdict.results
        if result.code.value == "refused"
    ]


def _offer(examination: Examination, verdict: Verdict) -> dict[str, str]:
    taken = examination.offer if verdict.outcome is Outcome.KEY_OFFERED else None
    return {"offered_key": taken.fingerprint} if taken else {}


def of_certificate(issuer: str, result: Result, message_entry: int, at: str) -> dict[str, object]:
    """Describe a certificate version, or a conflict with one."""
    certificate = result.certificate
    assert certificate is not None  # noqa: S101 - a result without certificate is never recorded
    return {
        "v": VERSION,
        "kind": "conflict" if result.code.value == "conflict" else "certificate",
        "at": at,
        "issuer": issuer,
        "number": certificate.number,
        "status": certificate.status.value,
        "type": certificate.type,
        "profile": certificate.profile,
        "sha256": certificate.sha256,
        "message": message_entry,
    }


def of_subscription(subscription_id: str, state: str, spool_id: str, now: datetime) -> dict[str, object]:
    """Describe that a mail changed the state of a subscription."""
    return {
        "v": VERSION,
        "kind": "subscription",
        "at": timestamp(now),
        "spool": spool_id,
        "subscription": subscription_id,
        "state": str(state),
    }


def of_replacement(issuer: str, number: str, by: str, message_entry: int, at: str) -> dict[str, object]:
    """Describe that a certificate became replaced because the one numbered `by` says so."""
    return {
        "v": VERSION,
        "kind": "replaced",
        "at": at,
        "issuer": issuer,
        "number": number,
        "status": CertificateStatus.REPLACED.value,
        "by": by,
        "message": message_entry,
    }
