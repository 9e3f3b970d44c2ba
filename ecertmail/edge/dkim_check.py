"""DKIM signatures of strangers, checked by dkimpy (RFC 6376), so that they can neither crash nor hold us up.

Only signatures of the sender's own domain are looked at, and at most three: nobody gets us to ask for other names. What
a signature does not cover can be changed by whoever resends the mail, so we ask for more than dkimpy: the whole body
(no `l=`), From, Subject and Date, each of which may be there only once; a second one on top is what a reader would
show. By its Date a mail is known again when somebody sends it anew; Message-ID is not signed by all (RFC 6376 section
5.4.1 does not name it).

Not asked for is To, because Exchange Online does not sign it, and the envelope is in no signature anyway. Gmail does
not sign Content-Type; where it is not signed, the signed body must itself show how it is divided (`_shows_its_parts`).

dkimpy's own way through a large body takes time that grows with its square, and memory many times its size (it splits
it into lines). It gets the header alone, and the body in canonical form, which it does not change any more.
"""

import base64
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import dkim
from dkim.crypto import UnparsableKeyError, parse_public_key
from dkim.util import InvalidTagValueList, parse_tag_value

from ecertmail.core.authentication import aligned, normal_domain
from ecertmail.core.entity import BrokenError, Entity, parse
from ecertmail.core.header import sender
from ecertmail.errors import TemporaryError

Lookup = Callable[[str, float], list[bytes]]
"""TXT records of a name, within so many seconds; raises TemporaryError where the DNS does not say."""

SMALLEST, LARGEST = 1024, 8192  # bits of an RSA key; RFC 8301 section 3.2
LONGEST_EXPONENT = 64  # bits; 17 are usual, and a long one takes seconds to compute with
LONGEST_RECORD = 4096
MOST_SPACES = 1_000_000  # in a body; a second for dkimpy, and a text that no person has written
_SELECTOR = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]{0,61}[a-z0-9_])?", re.IGNORECASE)
_ONCE = (
    "From",
    "Subject",
    "To",
    "Cc",
    "Date",
    "Message-ID",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
)
_COVERED = frozenset({b"from", b"subject", b"date"})
_HOSTILE = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)  # seen from dkimpy


class Doubt(StrEnum):
    """Why a mail has no good signature of its sender's domain; the value is for the log."""

    NONE = ""
    UNREADABLE = "its header cannot be read, or its body is too much to read"
    AMBIGUOUS = "no plain sender, or a field twice that may be there once"
    UNSIGNED = "no signature of the sender's domain that covers the mail"
    BAD = "the signature is not right, or its key does not count"
    DNS = "the DNS did not say in time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The domains whose signature is good, else why there is none."""

    domains: frozenset[str] = frozenset()
    doubt: Doubt = Doubt.NONE


class DkimVerifier:
    """Checks mails; with trouble in the DNS a mail has no good signature, which is less than it might have."""

    def __init__(self, lookup: Lookup, *, seconds: float = 2.0, most: int = 3) -> None:
        """Take how TXT records are found, how long that may take for one mail, and how many signatures are tried."""
        self._lookup, self._seconds, self._most = lookup, seconds, most

    def domains(self, octets: bytes) -> frozenset[str]:
        """Return the domains (`d=`) whose signature over this mail is good and counts; never raises."""
        return self.check(octets).domains

    def check(self, octets: bytes) -> Checked:
        """Check a mail, and say why it has no good signature."""
        try:
            entity = parse(octets)
        except BrokenError:
            return Checked(doubt=Doubt.UNREADABLE)
        address = sender(entity.header)
        if entity.body.count(b" ") + entity.body.count(b"\t") > MOST_SPACES:
            return Checked(doubt=Doubt.UNREADABLE)
        if address is None or any(len(entity.header.get_all(name, [])) > 1 for name in _ONCE):
            return Checked(doubt=Doubt.AMBIGUOUS)
        wanted = [(at, tags) for at, tags in enumerate(_signatures(entity)) if _counts(tags, address, entity)]
        return self._first_good(entity, wanted[: self._most])

    def _first_good(self, entity: Entity, wanted: list[tuple[int, Mapping[bytes, bytes]]]) -> Checked:
        ends = time.monotonic() + self._seconds
        doubt = Doubt.UNSIGNED
        for at, tags in wanted:
            try:
                record = self._key(tags, ends - time.monotonic())
            except TemporaryError:
                doubt = Doubt.DNS
                continue
            if record and _key_counts(record, tags) and _is_good(entity, at, tags, record):
                return Checked(domains=frozenset({normal_domain(_text(tags, b"d"))}))
            doubt = doubt if doubt is Doubt.DNS else Doubt.BAD
        return Checked(doubt=doubt)

    def _key(self, tags: Mapping[bytes, bytes], seconds: float) -> bytes:
        """Return the key record, empty if there is none or more than one (RFC 6376 section 3.6.2.2)."""
        if seconds <= 0:
            raise TemporaryError("no time left for the DNS")
        records = self._lookup(f"{_text(tags, b's')}._domainkey.{normal_domain(_text(tags, b'd'))}", seconds)
        return records[0] if len(records) == 1 and len(records[0]) <= LONGEST_RECORD else b""


def _signatures(entity: Entity) -> list[Mapping[bytes, bytes]]:
    """Return the tags of each signature, none for one that cannot be read; dkimpy counts them alike."""
    fields = entity.header.get_all("DKIM-Signature", [])
    return [_tags(re.sub(r"\r?\n", "", str(field)).encode("utf-8", "surrogateescape")) for field in fields]


def _tags(octets: bytes) -> Mapping[bytes, bytes]:
    try:
        found: dict[bytes, bytes] = parse_tag_value(octets)
    except (InvalidTagValueList, IndexError):
        return {}
    return found


def _text(tags: Mapping[bytes, bytes], name: bytes) -> str:
    return tags.get(name, b"").decode("ascii", "replace")


def _counts(tags: Mapping[bytes, bytes], address: str, entity: Entity) -> bool:
    """Say whether a signature would be worth its look-up: of the sender's domain, over all that is read."""
    covered = {name.strip(b" \t").lower() for name in tags.get(b"h", b"").split(b":")}
    return (
        tags.get(b"a") == b"rsa-sha256"
        and b"l" not in tags
        and aligned(address, frozenset({normal_domain(_text(tags, b"d"))}))
        and _SELECTOR.fullmatch(_text(tags, b"s")) is not None
        and ".." not in _text(tags, b"s")
        and covered >= _COVERED
        and (b"content-type" in covered or _shows_its_parts(entity))
    )


def _shows_its_parts(entity: Entity) -> bool:
    """Say whether no other Content-Type could make something else of this body.

    A boundary that somebody chooses could begin a part in the middle of a quotation (`-----Original Message-----`), so
    it must be the one that the body begins and ends with.
    """
    try:
        kind, boundary = entity.type, entity.boundary.encode("ascii", "replace")
    except BrokenError:
        return False
    if kind in {"text/plain", "text/html"}:
        return not entity.body.startswith(b"--")
    within = kind in {"multipart/alternative", "multipart/mixed", "multipart/related"}
    closing = b"\r\n--" + boundary + b"--"
    return within and entity.body.startswith(b"--" + boundary + b"\r\n") and entity.body.rstrip().endswith(closing)


def _key_counts(record: bytes, tags: Mapping[bytes, bytes]) -> bool:
    """Say whether a key may be used (RFC 6376 section 3.6.1): not revoked, not testing, for mail, of a sane size.

    dkimpy does not read `t=` and `h=`, and computes with any key.
    """
    key = _tags(record)
    flags = _list(key, b"t", b"")
    if b"y" in flags or (b"s" in flags and not _same_domain(tags)):
        return False
    if b"sha256" not in _list(key, b"h", b"sha256") or not _list(key, b"s", b"*") & {b"*", b"email"}:
        return False
    return key.get(b"k", b"rsa") == b"rsa" and _sane(key.get(b"p", b""))


def _list(tags: Mapping[bytes, bytes], name: bytes, default: bytes) -> set[bytes]:
    return {word.strip() for word in tags.get(name, default).split(b":")}


def _same_domain(tags: Mapping[bytes, bytes]) -> bool:
    identity = _text(tags, b"i")
    return not identity or normal_domain(identity.rpartition("@")[2]) == normal_domain(_text(tags, b"d"))


def _sane(key: bytes) -> bool:
    """Say whether an RSA key is neither too short to be safe nor so long that it takes seconds."""
    try:
        numbers = parse_public_key(base64.b64decode(key))
    except (*_HOSTILE, UnparsableKeyError):
        return False
    modulus, exponent = int(numbers["modulus"]), int(numbers["publicExponent"])
    return SMALLEST <= modulus.bit_length() <= LARGEST and exponent >= 3 and exponent.bit_length() <= LONGEST_EXPONENT


def _is_good(entity: Entity, at: int, tags: Mapping[bytes, bytes], record: bytes) -> bool:
    """Let dkimpy compute it; what hostile tags make it raise is its way of saying no."""
    head = entity.octets[: len(entity.octets) - len(entity.body)]
    try:
        check = dkim.DKIM(head, minkey=SMALLEST)
        check.body = _canonical(entity.body, relaxed=tags.get(b"c", b"").endswith(b"/relaxed"))
        return bool(check.verify(at, dnsfunc=lambda *_, **__: record))
    except (dkim.DKIMException, UnparsableKeyError, *_HOSTILE):
        return False


def _canonical(body: bytes, *, relaxed: bool) -> bytes:
    """Put a body into the form that is hashed (RFC 6376 section 3.4.3, 3.4.4), in one go through it."""
    if relaxed:
        body = re.sub(rb"[\t ]+", b" ", body).replace(b" \r\n", b"\r\n")
    empty_lines = re.match(rb"(?:\n\r)*", body[::-1])  # from behind; `(\r\n)+\Z` would be tried at every line
    kept = body[: len(body) - (empty_lines.end() if empty_lines else 0)]
    return kept + b"\r\n" if kept else b""
