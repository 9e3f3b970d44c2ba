"""What may be recorded of an official's word: how sure it is, and what speaks against it (DOMAIN.md section 5)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256

from ecertmail.core import mime
from ecertmail.core.authentication import aligned
from ecertmail.core.fold import folded
from ecertmail.core.ticket import in_subject
from ecertmail.findings import Finding
from ecertmail.letter import Reason, Refused, Shown
from ecertmail.message import SignatureCheck, SignatureStatus, SignedMessage
from ecertmail.model import CertificateStatus
from ecertmail.official import Decided, Decision, Official, Said, Subject, Written, demanded
from ecertmail.parties import Assurance, Demands, Policy

_ENDED = {
    CertificateStatus.WITHDRAWN.value: Reason.WITHDRAWN,
    CertificateStatus.CANCELLED.value: Reason.WITHDRAWN,
    CertificateStatus.REJECTED.value: Reason.WITHDRAWN,
    CertificateStatus.REPLACED.value: Reason.REPLACED,
}


def names_one(subjects: Sequence[Subject], number: str) -> bool:
    """Say whether a number names no more than one of these certificates to whoever reads and writes it.

    Two issuers may use the same number; numbers that differ only in capitals or in marks that nobody sees are one too.
    """
    return [_written(one.number) for one in subjects].count(_written(number)) <= 1


def is_plain(subjects: Sequence[Subject], said: Sequence[Said]) -> bool:
    """Say whether it is plain which certificates are meant."""
    every = [one.number for one in subjects]
    return all(names_one(subjects, number) for one in said for number in one.numbers or every)


def assurance(written: Written, signed: Assurance, token: str) -> Assurance:
    """Say how sure it is that an official wrote this.

    Args:
        written: the mail, which names the official's address as its sender.
        signed: the level of a signature by the official's own key, `none` where there is no good one.
        token: of the ticket that it came with, which was given to this official and nobody else; empty for none.
    """
    if signed is not Assurance.NONE:
        return signed
    if not token:
        return Assurance.NONE
    # Neither To nor the envelope is signed: a mail without the token in its subject could be sent on to another one.
    named = in_subject(written.subject) == token
    return Assurance.TOKEN_DKIM if named and aligned(written.sender or "", written.dkim) else Assurance.TOKEN


def what_counts(written: Written, level: Assurance, message: SignedMessage | None) -> Written:
    """Return a mail with the subject that its level holds for: one outside the signed part anybody could have put."""
    if message is None or not level.meets(Assurance.SIGNED):
        return written
    return replace(written, subject=message.protected.subject if message.protected else "")


def identities(
    written: Written, level: Assurance, token: str, signature: tuple[str, datetime | None]
) -> tuple[str, ...]:
    """Return what makes a mail the same mail, whatever servers added on its way and whoever sends it again.

    The first is to be remembered: only what stands behind its level counts, for somebody else could change the rest
    and have it decide anew. The others are those that it had if it was less or more sure when it came before.

    Args:
        written: the mail.
        level: how sure it is that the official wrote it.
        token: of the ticket that it came with.
        signature: the MIC of what the official's own key signed, and when.
    """
    dkim = (written.date, written.subject, written.text)
    facts = [(written.message_id, token, *dkim), dkim]
    if level.meets(Assurance.SIGNED):
        facts.insert(0, (signature[0], str(signature[1])))
    elif level is Assurance.TOKEN_DKIM:
        facts.reverse()
    return tuple(sha256("\n".join(one).encode()).hexdigest() for one in facts)


def signed_by(
    official: Official, token: str, message: SignedMessage, check: SignatureCheck, received_at: datetime, policy: Policy
) -> Assurance:
    """Say what a signature by an official's own key adds: it must be good, fresh, and about this very ticket.

    The token has to stand in the signed part, in a protected header or in a quotation; else a signed `PASS` could be
    put under another certificate's subject.
    """
    age = received_at - check.signed_at if check.signed_at else timedelta.max
    fresh = -policy.clock_ahead <= age <= policy.signature_age
    lasting = check.key_expires_at is None or check.key_expires_at > received_at
    # A signature over text would be as good with other line ends, which make it another mail.
    ends = {message.signed_octets.count(end) for end in (b"\r\n", b"\r", b"\n")}
    good = check.status is SignatureStatus.GOOD and check.fingerprint == official.fingerprint
    inside = message.protected
    if not (good and fresh and lasting and _is_about(message, token)) or len(ends) > 1:
        return Assurance.NONE
    if inside is not None and inside.from_address != official.address:
        return Assurance.NONE
    return Assurance.SIGNED_PROTECTED if inside is not None and inside.complete else Assurance.SIGNED


def objection(
    number: str,
    decision: Decision,
    level: Assurance,
    demands: Demands,
    standing: Mapping[str, str],
    since: datetime | None = None,
) -> Refused | None:
    """Say why a decision is not recorded, or None: the level is too low, or the certificate has ended.

    Args:
        number: of the certificate.
        decision: what was decided.
        level: how sure this node is of it.
        demands: what is agreed with the authority of the official.
        standing: `status` and, where there is one, `successor` of the certificate as the ledger has it now.
        since: when that was recorded.
    """
    needed = demanded(demands, decision)
    if not level.meets(needed):
        return Refused(number=number, reason=Reason.LEVEL, decision=decision, needed=needed)
    ended = _ENDED.get(standing["status"])
    if ended is None:
        return None
    return Refused(number=number, reason=ended, decision=decision, successor=standing.get("successor", ""), since=since)


def outdated(decision: Decision, subject: Subject, now: Shown) -> Refused | None:
    """Say that an official passes or refuses what is not there any more; a question can be asked of any version."""
    if decision is Decision.REQUEST or subject.entry == now.entry:
        return None
    return Refused(number=subject.number, reason=Reason.CHANGED, decision=decision, since=now.recorded_at)


def is_repeated(decided: Decided, earlier: Decided | None) -> bool:
    """Say whether an official said the same last time: that is confirmed again, and not recorded twice."""
    if earlier is None or decided.decision is Decision.REQUEST:
        return False
    same = ("official", "decision", "remark", "assurance")
    return all(getattr(decided, name) == getattr(earlier, name) for name in same)


def _written(number: str) -> str:
    return " ".join(folded(number).split())


def _is_about(message: SignedMessage, token: str) -> bool:
    """Look for the token in what was signed, decoded: what is not Latin comes in base64, the subject too."""
    if not token:
        return False
    leaves = mime.attachments(message.signed_octets)
    texts = [] if isinstance(leaves, Finding) else [leaf.data.lower() for leaf in leaves]
    subject = message.protected.subject.lower() if message.protected else ""
    return token in subject or any(token.encode() in text for text in texts)
