"""Everything that can be wrong with what a partner sent, as values that go into the receipt.

The value of a `FindingCode` is the sentence a partner reads; its name in kebab case is the stable code that programs
compare. Codes are never renamed or reused; `docs/partner-guide.md` lists them all (a test compares).
"""

from dataclasses import dataclass
from enum import Enum, StrEnum


class Severity(StrEnum):
    """How much a finding weighs: only an error refuses."""

    ERROR = "error"
    WARNING = "warning"


class FindingCode(Enum):
    """Every reason that ecertmail gives, with its sentence."""

    # The mail as a whole
    MIME_MALFORMED = "The mail is not well-formed MIME."
    MIME_LIMIT = "The mail exceeds a structural limit (header size, number of headers, depth or number of parts)."
    NOT_SIGNED = "The mail is not signed; send multipart/signed with an OpenPGP signature (PGP/MIME, RFC 3156)."
    INLINE_SIGNED = "The text is clearsigned; send multipart/signed (PGP/MIME, RFC 3156) instead."
    SMIME_SIGNED = "The mail is signed with S/MIME; send multipart/signed with an OpenPGP signature instead."
    NOT_DECRYPTABLE = "The mail is encrypted, and not to this node's key, or it cannot be decrypted as PGP/MIME."
    SIGNED_STRUCTURE = "multipart/signed must have exactly two parts, the second application/pgp-signature."
    # Whose word it is
    SIGNATURE_UNREADABLE = "The signature part holds no single readable OpenPGP signature."
    SIGNATURE_MULTIPLE = "The signature part holds more than one signature; exactly one is accepted."
    SIGNATURE_UNKNOWN_KEY = "The signature is by a key that no registered partner has."
    SIGNATURE_BAD = "The signature does not match the signed content."
    SIGNATURE_WEAK = "The signature or key uses an algorithm that is no longer accepted (SHA-1, RSA under 2048 bits)."
    SIGNATURE_DISPUTED = "Two verifiers disagree about the signature; the operator will look at it."
    SIGNATURE_STALE = "The signature is older than this node accepts; sign the content anew and send it again."
    SIGNATURE_FUTURE = "The signature is dated in the future; check the clock of the signing computer."
    KEY_EXPIRED = "The signing key has expired; send the new public key to the operator of this node."
    KEY_REVOKED = "The signing key is revoked."
    KEY_NOT_IN_FORCE = "The signing key is registered for another time than now or than the date of the signature."
    FROM_MALFORMED = "The mail must have exactly one From header with exactly one plain address."
    FROM_NOT_PARTNER = "The From address is not registered for the partner whose key signed."
    HEADERS_NOT_PROTECTED = (
        "The node takes from you only mail with protected headers (RFC 9788); see its partner guide."
    )
    NOT_FOR_US = "What was signed is addressed to another authority than this one."
    # The content
    NO_BATCH = "The signed part contains no XML certificate (attach it as application/xml), and begins with no command."
    TOO_MANY_FINDINGS = "There are more findings than are listed here."
    XML_ENCODING = "The XML must be UTF-8."
    XML_DOCTYPE = "The XML contains a DOCTYPE or entity declaration, which is never read."
    XML_INSTRUCTION = "The XML contains a processing instruction, which is never read."
    XML_MALFORMED = "The XML is not well-formed."
    PROFILE_UNKNOWN = "The root element is of no certificate format that this node knows."
    PROFILE_NOT_AGREED = "The certificate format is not agreed with this partner."
    SCHEMA_INVALID = "The certificate does not conform to its schema."
    NUMBER_MISSING = "The certificate has no number."
    NUMBER_TWICE = "The same certificate number stands twice in this message."
    STATUS_UNKNOWN = "The status code is not one that a certificate can be sent with."
    COUNTRY_NOT_ALLOWED = "The exporting country is not one that this issuer may issue for."
    COUNTRY_MISSING = "The certificate names no exporting country."
    # Against what the ledger knows
    CONFLICT = "A certificate with this number and status but other content is recorded already; it stays as it is."
    WITHDRAWN_IS_FINAL = "The certificate was withdrawn; that cannot be undone. Issue a new number."
    TRANSITION_NOT_ALLOWED = "The recorded status cannot change to the one sent."
    REPLACED_UNKNOWN = (
        "The certificate replaces one that is not recorded here yet; that will be replaced when it comes."
    )
    RESPONSE_STATUS = "The status code of the answer is none of 39 (pass), 41 (refuse) and 42 (request)."
    RESPONSE_UNREADABLE = "The answer or inquiry lacks what is named here, or it cannot be read."
    RESPONSE_MIXED = "Certificates and answers about certificates must not come in one mail; send two signed mails."
    RESPONSE_OF_OURS = "Only a partner's node answers and asks about certificates; the issuing system does neither."
    INQUIRY_FILE_MISSING = "The inquiry names a file that is not attached to the same mail."
    INQUIRY_TOO_LARGE = "The inquiry has more than 100,000 octets of text, or more than 20 files."
    KEY_UNREADABLE = "The mail must offer one public OpenPGP key, and its text must name that key's fingerprint."
    # Good news
    KEY_OFFERED = (
        "The new key is noted; it counts once the operator has compared the fingerprint with you by another way."
    )
    DUPLICATE = "This version is recorded already; nothing was changed."
    REPLACES = "The certificate that it replaces is now recorded as replaced."
    REPLACED_ALREADY = "A certificate that came earlier replaces this one; it is recorded, and as replaced."

    @property
    def code(self) -> str:
        """The stable code that programs compare, such as `signature-bad`."""
        return self.name.lower().replace("_", "-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One observation about a message or certificate."""

    code: FindingCode
    where: str = ""
    detail: str = ""
    severity: Severity = Severity.ERROR
