"""The canonical record of an official: who may speak from now on, by a hash of the address, and who said so."""

from datetime import datetime
from hashlib import sha256

from ecertmail.core.record import VERSION, timestamp
from ecertmail.official import Official


def of_official(official: Official, by: str, spool_id: str, now: datetime) -> dict[str, object]:
    """Describe an official who was added, or whose state was changed, by the operator or by a partner's mail."""
    return {
        "v": VERSION,
        "kind": "official",
        "at": timestamp(now),
        "official": official.id,
        "state": official.state.value,
        "partner": official.partner,
        "role": official.role.value,
        "address": sha256(official.address.encode()).hexdigest(),
        "key": official.fingerprint,
        "by": by,
        **({"spool": spool_id} if spool_id else {}),
    }
