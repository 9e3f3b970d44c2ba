"""What the log says of a contribution to a conversation: who, when and hashes; never what was said."""

from datetime import datetime
from hashlib import sha256

from ecertmail.conversation import Inquiry, Utterance
from ecertmail.core.record import VERSION, timestamp


def of_utterance(
    inquiry: Inquiry,
    utterance: Utterance,
    now: datetime,
    *,
    official: str = "",
    spool_id: str = "",
    decision: int | None = None,
) -> dict[str, object]:
    """Describe one contribution.

    Args:
        inquiry: what it belongs to.
        utterance: what was said.
        now: when it is recorded; the utterance has the time that its own node told.
        official: the ID of who said it, if that is an official known here.
        spool_id: the mail that brought it, if it came by one.
        decision: the entry of the decision that opened the inquiry, if it is recorded here.
    """
    return {
        "v": VERSION,
        "kind": "inquiry",
        "at": timestamp(now),
        "inquiry": inquiry.name,
        "turn": utterance.turn.value,
        "issuer": inquiry.issuer,
        "number": inquiry.number,
        "partner": inquiry.partner,
        "reference": inquiry.reference,
        "said_at": timestamp(utterance.at),
        "operator": _hash(utterance.operator.encode()),
        "content": _hash(utterance.content.encode()),
        "files": [_hash(file.octets) for file in utterance.files],
        "assurance": utterance.assurance.value,
        **({"official": official} if official else {}),
        **({"spool": spool_id} if spool_id else {}),
        **({"decision": decision} if decision is not None else {}),
    }


def _hash(octets: bytes) -> str:
    return sha256(octets).hexdigest()
