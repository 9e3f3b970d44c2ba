"""One message's facts, from octets, keys and schemas alone: what can be computed without the ledger.

Nothing is decided here and nothing is written; the daemon does it in worker processes.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256

from ecertmail.core import (
    batch,
    bounce,
    command,
    compose,
    key_offer,
    mime,
    node_said,
    official_command,
    read_receipt,
    ticket,
    unsubscribe,
)
from ecertmail.core.batch import Schema
from ecertmail.core.node_said import Said
from ecertmail.core.reply import written
from ecertmail.findings import Finding, FindingCode
from ecertmail.message import Envelope, KeyOffer, SignatureStatus, SignedMessage
from ecertmail.model import Batch, Examination
from ecertmail.official import Written
from ecertmail.parties import Partner
from ecertmail.ports import OpenPgp
from ecertmail.subscription import Command

_Content = Batch | Said | Finding | KeyOffer | tuple[Command, ...]
Authenticate = Callable[[bytes], frozenset[str]]


def nobody(octets: bytes) -> frozenset[str]:  # noqa: ARG001 - an Authenticate
    """Find no good DKIM signature on any mail."""
    return frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Examiner:
    """The keys, partners and schemas that messages are examined against.

    `authenticate` says which domains' DKIM signature over a mail is good; it never raises. `file_octets` is the most
    that is kept of the files of a person's mail.
    """

    openpgp: OpenPgp
    partners: Mapping[str, Partner]
    schemas: Mapping[str, Schema]
    authenticate: Authenticate = nobody
    file_octets: int = 5_000_000

    def begin(self, envelope: Envelope, octets: bytes) -> Future[Examination]:
        """Examine here and now."""
        return begun(partial(self.examine, envelope, octets))

    def examine(self, envelope: Envelope, octets: bytes) -> Examination:
        """Collect the facts about one message; `partners` is keyed by primary fingerprint."""
        whole = sha256(octets).hexdigest()
        message = self._read(octets)
        if isinstance(message, Finding):
            return Examination(
                envelope=envelope,
                octets_sha256=whole,
                findings=(message,),
                wish=unsubscribe.read(mime.headline(octets).subject),
                reports=bounce.read(octets),
                reported_to=bounce.addressed(octets),
                written=self._written(envelope, octets),
            )
        signed = message.signed_octets
        check = self.openpgp.check(signed, message.signature)
        partner = self.partners.get(check.fingerprint)
        is_receipt = message.content_type == "multipart/report"
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
            offer=content if isinstance(content, KeyOffer) else None,
            commands=content if isinstance(content, tuple) else (),
            responses=content.responses if isinstance(content, Said) else (),
            messages=content.messages if isinstance(content, Said) else (),
            findings=(content,) if isinstance(content, Finding) else (),
            mic=compose.mic(signed),
            reports=read_receipt.answer(signed) if trusted and is_receipt else (),
            written=None if trusted or message.encrypted else self._written(envelope, octets),
        )

    def _read(self, octets: bytes) -> SignedMessage | Finding:
        """Find the signed message in a mail, decrypting it first if need be; one layer of encryption, not more."""
        mail = mime.read(octets)
        if not isinstance(mail, mime.Encrypted):
            return mail
        opened = self.openpgp.decrypt(mail.ciphertext)
        if opened is None:
            return Finding(code=FindingCode.NOT_DECRYPTABLE)
        return mime.read_decrypted(mail, opened.content, opened.signature)

    def _written(self, envelope: Envelope, octets: bytes) -> Written | None:
        """Read a mail as a person's; only one that comes with a token is worth asking the DNS about."""
        said = written.read(octets, file_octets=self.file_octets)
        if said is None or not _has_token(said.recipients.union(envelope.recipients), said.subject):
            return said
        return replace(said, dkim=self.authenticate(octets))

    def _content(self, signed: bytes, partner: Partner) -> _Content:
        """Read responses, certificates, a key's offer or commands; only ever from what a partner's key has signed."""
        leaves = mime.content(signed)
        if isinstance(leaves, Finding):
            return leaves
        offer = key_offer.read(leaves)
        if node_said.is_said(leaves):
            return node_said.read(leaves, self.schemas)
        if any(map(batch.is_xml, leaves)):
            return batch.read(leaves, partner.profiles, self.schemas)
        if offer is None:
            commands = command.read(leaves)
            keyed = official_command.keyed(commands, leaves, self.openpgp.fingerprint, self.partners)
            return keyed or Finding(code=FindingCode.NO_BATCH)
        if self.openpgp.fingerprint(offer.public_key) != offer.fingerprint:
            return Finding(code=FindingCode.KEY_UNREADABLE, detail=offer.fingerprint)
        return offer


def _has_token(recipients: frozenset[str], subject: str) -> bool:
    """Say whether something looks like the token of a ticket."""
    extensions = (address.partition("@")[0].partition("+")[2] for address in recipients)
    return ticket.in_subject(subject) is not None or any(map(ticket.named, extensions))


def begun(examine: Callable[[], Examination]) -> Future[Examination]:
    """Do it, and keep what came of it as a worker would hand it over."""
    future: Future[Examination] = Future()
    try:
        future.set_result(examine())
    except Exception as error:  # noqa: BLE001 - whoever asks for the result gets it
        future.set_exception(error)
    return future
