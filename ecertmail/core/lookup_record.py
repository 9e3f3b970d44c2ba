"""The ledger entry of a look-up: who asked, how many were found, and which numbers, as hashes only."""

from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256

from ecertmail.core.record import VERSION, timestamp
from ecertmail.looked_up import Asked

KIND = "lookup"


def of_look_up(
    spool_id: str, official: str, asked: Iterable[Asked], found: int, unknown: int, now: datetime
) -> dict[str, object]:
    """Describe that an official asked for certificates; the hashes are those of the numbers in UTF-8."""
    return {
        "v": VERSION,
        "kind": KIND,
        "at": timestamp(now),
        "spool": spool_id,
        "official": official,
        "numbers": [sha256(one.number.encode("utf-8", "surrogatepass")).hexdigest() for one in asked],
        "found": found,
        "unknown": unknown,
    }
