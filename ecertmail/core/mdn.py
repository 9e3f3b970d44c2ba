"""Disposition notifications (RFC 8098): what the recipient, or its software, did with a mail.

A receipt of another node is one, too: `processed`, with the MIC of what we signed.
"""

import re
from itertools import chain

from ecertmail.core.report import blocks, line, message_id, recipient
from ecertmail.reports import Kind, Report

_DISPOSITIONS = {
    "displayed": Kind.DISPLAYED,
    "processed": Kind.PROCESSED,
    "deleted": Kind.DELETED,
    "denied": Kind.DENIED,  # with `failed`, from RFC 2298
    "failed": Kind.ERROR,
    "dispatched": Kind.RELAYED,
}
_COMMENT = re.compile(r"\([^()]*\)")
_MIC = re.compile(r"\s*([A-Za-z0-9+/]{16,128}={0,2})\s*(?:,\s*([A-Za-z0-9-]{1,32})\s*)?")


def read(data: bytes) -> tuple[Report, ...]:
    """Read the body of a message/disposition-notification part; empty if it tells of no disposition."""
    fields = dict(reversed(list(chain.from_iterable(blocks(data)))))  # the first one of a name counts
    if "disposition" not in fields:
        return ()
    mic = _MIC.fullmatch(fields.get("received-content-mic", ""))
    report = Report(
        kind=_kind(fields["disposition"]),
        recipient=recipient(fields.get("original-recipient", "")) or recipient(fields.get("final-recipient", "")),
        message_id=message_id(fields.get("original-message-id", "")),
        diagnostic=line(next((fields[name] for name in ("error", "failure", "warning") if name in fields), "")),
        mic=mic[1] if mic else "",
        micalg=(mic[2] or "").lower() if mic else "",
    )
    return (report,)


def _kind(disposition: str) -> Kind:
    """The word after the modes, unless a modifier says that it went wrong (RFC 8098 section 3.2.6)."""
    word, _, modifiers = _COMMENT.sub(" ", disposition).rpartition(";")[2].lower().partition("/")
    if {modifier.strip() for modifier in modifiers.split(",")} & {"error", "failure"}:
        return Kind.ERROR
    return _DISPOSITIONS.get(word.strip(), Kind.UNKNOWN)
