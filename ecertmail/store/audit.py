"""Whether a ledger is whole: every hash recomputed, and the tables people are answered from compared with the log.

Whoever goes around the triggers and keeps all of this consistent changes the root, which others have noted.
"""

import json
from collections.abc import Callable, Iterator
from hashlib import sha256

from lxml import etree

from ecertmail.core.merkle import leaf_hash
from ecertmail.core.profiles import PROFILES, Fields
from ecertmail.core.record import timestamp
from ecertmail.core.xml import digest
from ecertmail.model import Entry
from ecertmail.store import people_audit
from ecertmail.store.reader import Found, LedgerReader

_DECIDED = ("issuer", "number", "decision", "partner", "official", "operator", "assurance")
_VERSIONED = {"certificate", "conflict", "replaced"}
_READERS = {profile.name: profile.read for profile in PROFILES}


def faults(ledger: LedgerReader, progress: Callable[[int], object] = int) -> Iterator[str]:
    """Name everything that does not hold, one sentence each; `progress` hears of each entry looked at."""
    expected = 0
    for entry in ledger.entries():
        if entry.index != expected:
            yield f"entry {expected} is missing"
        expected = entry.index + 1
        yield from _entry_faults(ledger, entry)
        progress(1)
    yield from (f"entry {index} is missing: its certificate version is still there" for index in ledger.orphans())
    for index in ledger.stray_decisions():
        yield f"entry {index}: a decision is stored for it that the log does not have, or names a wrong successor"
    for found, entry_index, newest, octets in ledger.current_rows():
        yield from _current_faults(ledger, found, entry_index, newest, octets)
    yield from (f"certificate {number} of {issuer} is recorded, but not listed" for issuer, number in ledger.unlisted())
    yield from people_audit.faults(ledger)


def _entry_faults(ledger: LedgerReader, entry: Entry) -> Iterator[str]:
    if leaf_hash(entry.record) != entry.leaf:
        yield f"entry {entry.index}: the record does not match its leaf hash"
    said = _said(entry.record)
    if said.get("kind") != entry.kind:
        yield f"entry {entry.index}: the record is not of kind {entry.kind}"
    if entry.kind == "decision":
        yield from _decision_faults(ledger, entry.index, said)
    stored = ledger.stored_version(entry.index)
    if entry.kind not in _VERSIONED:
        if stored is not None:
            yield f"entry {entry.index}: has a certificate version, but is of kind {entry.kind}"
        return
    names = ("kind", "issuer", "number", "status", "sha256", "by")
    if stored is None or tuple(said.get(name, "") for name in names) != stored[:6]:
        yield f"entry {entry.index}: the stored version does not match the log"
    elif stored[4] and stored[4] != digest(stored[6]):
        yield f"entry {entry.index}: the stored certificate does not match the hash in the log"


def _decision_faults(ledger: LedgerReader, index: int, said: dict[str, object]) -> Iterator[str]:
    stored = ledger.decision_at(index)
    at = said.get("said_at", said.get("at"))
    if stored is None or timestamp(stored.at) != at or any(said.get(n) != getattr(stored, n) for n in _DECIDED):
        yield f"entry {index}: the stored decision does not match the log"
    elif said.get("remark_sha256") != sha256(stored.remark.encode()).hexdigest():
        yield f"entry {index}: the stored remark does not match the hash in the log"


def _current_faults(ledger: LedgerReader, found: Found, entry: int, newest: int | None, octets: bytes) -> Iterator[str]:
    name = f"certificate {found.number} of {found.issuer}"
    stored = ledger.stored_version(entry)
    if (
        entry != newest
        or stored is None
        or (stored[1], stored[2], stored[3]) != (found.issuer, found.number, found.status)
    ):
        yield f"{name}: its current state is not the newest in the log"
    fields = _fields(found.profile, octets)
    listed = (found.type, found.issued_at, found.exporting, found.importing, found.title)
    if fields is None or listed != (
        fields.type, fields.issued_at, fields.exporting_country, fields.importing_country, fields.title
    ):  # fmt: skip
        yield f"{name}: what is listed of it is not what the certificate says"


def _said(record: bytes) -> dict[str, object]:
    try:
        said = json.loads(record)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _fields(profile: str, octets: bytes) -> Fields | None:
    try:
        return _READERS[profile](etree.fromstring(octets))
    except (KeyError, etree.XMLSyntaxError):
        return None
