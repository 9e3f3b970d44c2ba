"""Business rules, one small function each: facts in, a finding or None out. They never decide; `judge` does."""

from datetime import datetime, timedelta

from ecertmail.core.address import belongs
from ecertmail.core.states import CERTIFICATE, ENDED
from ecertmail.findings import Finding, FindingCode
from ecertmail.model import Certificate, CertificateStatus, Known, Partner, SignatureCheck, SignedMessage

CLOCK_TOLERANCE = timedelta(minutes=10)


def from_is_partner(message: SignedMessage, partner: Partner) -> Finding | None:
    """The one From address is registered for the partner whose key signed (MAIL.md section 2, rule 5)."""
    if message.from_address is None:
        return Finding(code=FindingCode.FROM_MALFORMED)
    if not belongs(message.from_address, partner.addresses):
        return Finding(code=FindingCode.FROM_NOT_PARTNER, detail=message.from_address)
    return None


def key_still_valid(check: SignatureCheck, now: datetime) -> Finding | None:
    """The key is valid now, not only when it signed (rule 4)."""
    if check.key_expires_at is not None and check.key_expires_at <= now:
        return Finding(code=FindingCode.KEY_EXPIRED, detail=f"it expired on {check.key_expires_at:%Y-%m-%d}")
    return None


def signed_in_the_past(check: SignatureCheck, now: datetime) -> Finding | None:
    """The signature is not dated ahead of our clock by more than ten minutes."""
    if check.signed_at is not None and check.signed_at > now + CLOCK_TOLERANCE:
        return Finding(code=FindingCode.SIGNATURE_FUTURE, detail=f"it is dated {check.signed_at:%Y-%m-%d %H:%M} UTC")
    return None


def country_allowed(certificate: Certificate, partner: Partner) -> Finding | None:
    """An authority may issue only for the countries that its partner entry names."""
    country = certificate.exporting_country
    if not country:
        return Finding(code=FindingCode.COUNTRY_MISSING)
    if country not in partner.issues_for:
        return Finding(code=FindingCode.COUNTRY_NOT_ALLOWED, detail=country)
    return None


def transition_allowed(certificate: Certificate, known: Known) -> Finding | None:
    """The recorded status may change to the one sent; what its successor replaced may also say so itself."""
    if known.status is None:
        return None
    confirmed = certificate.status is known.status is CertificateStatus.REPLACED
    if confirmed or certificate.status in CERTIFICATE[known.status]:
        return None
    detail = f"{known.status.name.lower()} to {certificate.status.name.lower()}"
    if known.status in ENDED:
        return Finding(code=FindingCode.WITHDRAWN_IS_FINAL, detail=detail)
    return Finding(code=FindingCode.TRANSITION_NOT_ALLOWED, detail=detail)
