"""Whether officials and conversations are what the log says of them; it has hashes of what only the tables hold."""

import json
from collections.abc import Iterator
from typing import Any

from ecertmail.conversation import InquiryState
from ecertmail.core import inquiry_record, official_record
from ecertmail.store.reader import LedgerReader

_OFFICIAL = ("state", "partner", "role", "address", "key")
_SAID = ("inquiry", "turn", "issuer", "number", "partner", "reference", "said_at", "operator", "content", "files",
         "assurance")  # fmt: skip


def faults(ledger: LedgerReader) -> Iterator[str]:
    """Name everything that does not hold, one sentence each."""
    yield from _official_faults(ledger)
    yield from _inquiry_faults(ledger)


def _official_faults(ledger: LedgerReader) -> Iterator[str]:
    logged = {str(said.get("official")): said for _, said in _records(ledger, "official")}
    for one in ledger.officials():
        said = logged.pop(one.id, {})
        is_now = official_record.of_official(one, "", "", one.created_at)
        if any(said.get(name) != is_now[name] for name in _OFFICIAL):
            yield f"official {one.id} is not what the newest entry about it says"
    yield from (f"official {name} is in the log, but not stored" for name in logged)


def _inquiry_faults(ledger: LedgerReader) -> Iterator[str]:
    logged = dict(_records(ledger, "inquiry"))
    for listed in ledger.inquiries(*InquiryState):
        inquiry, thread = ledger.conversation(listed.inquiry.id) or (listed.inquiry, [])
        for utterance in thread:
            said = logged.pop(utterance.entry, {})
            is_now = inquiry_record.of_utterance(inquiry, utterance, utterance.at)
            if any(said.get(name) != is_now[name] for name in _SAID):
                yield f"entry {utterance.entry}: what is stored of inquiry {inquiry.name} does not match the log"
    yield from (f"entry {index}: what was said in an inquiry is not stored" for index in logged)


def _records(ledger: LedgerReader, kind: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for index, record in ledger.records(kind):
        try:
            said = json.loads(record)
        except ValueError:  # its leaf hash does not match either, which is told
            continue
        if isinstance(said, dict):
            yield index, said
