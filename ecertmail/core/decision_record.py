"""The canonical record of a decision: whose, on which version of which certificate, and how sure; never the remark."""

from hashlib import sha256

from ecertmail.core.record import VERSION, timestamp
from ecertmail.official import Decided


def of(decided: Decided, version_sha256: str, message_entry: int) -> dict[str, object]:
    """Describe a decision.

    Args:
        decided: what was decided; its `entry` is not known yet.
        version_sha256: the hash of the certificate as it was recorded then.
        message_entry: the entry of the mail that brought it.
    """
    return {
        "v": VERSION,
        "kind": "decision",
        "at": timestamp(decided.at),
        "issuer": decided.issuer,
        "number": decided.number,
        "decision": decided.decision.value,
        "partner": decided.partner,
        "official": decided.official,
        "operator": decided.operator,
        "assurance": decided.assurance.value,
        "remark_sha256": sha256(decided.remark.encode()).hexdigest(),
        "sha256": version_sha256,
        "message": message_entry,
    }
