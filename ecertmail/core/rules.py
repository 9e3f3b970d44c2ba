"""Business rules, one small function each: facts in, a finding or None out. They never decide; `judge` does.

The rules with numbers are those of MAIL.md section 2.
"""

from collections.abc import Collection
from datetime import datetime

from ecertmail.core.address import belongs
from ecertmail.core.states import CERTIFICATE, ENDED
from ecertmail.findings import Finding, FindingCode
from ecertmail.message import SignatureCheck, SignedMessage
from ecertmail.model import Certificate, CertificateStatus, Known
from ecertmail.parties import OWN, Assurance, Partner, Policy


def from_is_partner(message: SignedMessage, partner: Partner) -> Finding | None:
    """The one From address, and the protected one, is registered for the partner whose key signed (rules 5 and 6)."""
    senders = [message.from_address, *([message.protected.from_address] if message.protected else [])]
    for sender in senders:
        if sender is None:
            return Finding(code=FindingCode.FROM_MALFORMED)
        if not belongs(sender, partner.addresses):
            return Finding(code=FindingCode.FROM_NOT_PARTNER, detail=sender)
    return None


def sure_enough(assurance: Assurance, partner: Partner) -> Finding | None:
    """The mail is as certain as this partner's entry demands (MAIL.md section 2, levels of assurance)."""
    return None if assurance.meets(partner.assurance) else Finding(code=FindingCode.HEADERS_NOT_PROTECTED)


def addressed_to_us(message: SignedMessage, policy: Policy) -> Finding | None:
    """A protected To or Cc, where there is one, names a mailbox of this node (rule 9)."""
    inside = message.protected
    if inside is None or not inside.addressed or inside.recipients & policy.mailboxes:
        return None
    detail = ", ".join(sorted(inside.recipients))[:200]
    return Finding(code=FindingCode.NOT_FOR_US, where="To", detail=detail)


def bare_for_us(message: SignedMessage, policy: Policy) -> Finding | None:
    """An offer, a command or a response names nobody but in a protected To, so it needs one that names us (rule 9)."""
    if message.protected is None or not message.protected.addressed:
        return Finding(code=FindingCode.HEADERS_NOT_PROTECTED)
    return addressed_to_us(message, policy)


def may_respond(partner: Partner) -> Finding | None:
    """Who issues does not decide: the key of the local issuing system speaks for no importing authority."""
    return Finding(code=FindingCode.RESPONSE_OF_OURS) if partner.id == OWN else None


def certificate_for_us(certificate: Certificate, message: SignedMessage, policy: Policy) -> Finding | None:
    """Where no protected To names us, the certificate itself must: our country imports (rule 9)."""
    named = message.protected is not None and message.protected.recipients & policy.mailboxes
    if named or certificate.importing_country == policy.country:
        return None
    return Finding(code=FindingCode.NOT_FOR_US, where="importing country", detail=certificate.importing_country)


def key_still_valid(check: SignatureCheck, now: datetime) -> Finding | None:
    """The key is valid now, not only when it signed (rule 4)."""
    if check.key_expires_at is not None and check.key_expires_at <= now:
        return Finding(code=FindingCode.KEY_EXPIRED, detail=f"it expired on {check.key_expires_at:%Y-%m-%d}")
    return None


def key_in_force(check: SignatureCheck, partner: Partner, now: datetime) -> Finding | None:
    """The partner's entry agrees to this key for the day of the signature and for today."""
    key = partner.key(check.fingerprint)
    if key is None or all(key.in_force(moment) for moment in (check.signed_at or now, now)):
        return None
    return Finding(code=FindingCode.KEY_NOT_IN_FORCE, detail=f"from {key.not_before} to {key.not_after}")


def signed_lately(check: SignatureCheck, received_at: datetime, policy: Policy) -> Finding | None:
    """The signature was fresh when the mail came in, and not dated ahead of our clock (rule 7)."""
    if check.signed_at is None:
        return Finding(code=FindingCode.SIGNATURE_STALE, detail="it has no date")
    dated = f"it is dated {check.signed_at:%Y-%m-%d %H:%M} UTC"
    if check.signed_at > received_at + policy.clock_ahead:
        return Finding(code=FindingCode.SIGNATURE_FUTURE, detail=dated)
    if check.signed_at < received_at - policy.signature_age:
        return Finding(code=FindingCode.SIGNATURE_STALE, detail=dated)
    return None


def country_allowed(certificate: Certificate, countries: Collection[str]) -> Finding | None:
    """An authority may issue only for the countries that its partner entry names, and we only for our own."""
    country = certificate.exporting_country
    if not country:
        return Finding(code=FindingCode.COUNTRY_MISSING)
    if country not in countries:
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
