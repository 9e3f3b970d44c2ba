"""One message's facts, from octets, keys and schemas alone: what can be computed without the ledger.

Nothing is decided here and nothing is written, so this can move into a worker process as it is.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from ecertmail.core import batch, mime
from ecertmail.core.batch import Schema
from ecertmail.findings import Finding
from ecertmail.model import Batch, Envelope, Examination, Partner, SignatureStatus
from ecertmail.ports import OpenPgp


@dataclass(frozen=True, slots=True, kw_only=True)
class Examiner:
    """The keys, partners and schemas that messages are examined against."""

    openpgp: OpenPgp
    partners: Mapping[str, Partner]
    schemas: Mapping[str, Schema]

    def examine(self, envelope: Envelope, octets: bytes) -> Examination:
        """Collect the facts about one message; `partners` is keyed by primary fingerprint."""
        whole = sha256(octets).hexdigest()
        message = mime.read_signed(octets)
        if isinstance(message, Finding):
            return Examination(envelope=envelope, octets_sha256=whole, findings=(message,))
        signed = message.signed_octets
        check = self.openpgp.check(signed, message.signature)
        partner = self.partners.get(check.fingerprint)
        is_receipt = mime.media_type(signed) == "multipart/report"
        trusted = check.status is SignatureStatus.GOOD and partner is not None
        content = self._content(signed, partner) if trusted and partner and not is_receipt else None
        return Examination(
            envelope=envelope,
            octets_sha256=whole,
            message=message,
            signature=check,
            partner=partner,
            batch=content if isinstance(content, Batch) else None,
            is_receipt=is_receipt,
            findings=(content,) if isinstance(content, Finding) else (),
            mic=base64.b64encode(sha256(signed).digest()).decode(),
        )

    def _content(self, signed: bytes, partner: Partner) -> Batch | Finding:
        """Read certificates; only ever from octets that a partner's key has signed."""
        leaves = mime.attachments(signed)
        return leaves if isinstance(leaves, Finding) else batch.read(leaves, partner.profiles, self.schemas)
