"""What mail systems and mail programs report about a mail of ours: one value for each recipient."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What became of a mail, as the report has it; only `failed` says that it will not arrive."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"
    EXPANDED = "expanded"
    DISPLAYED = "displayed"
    PROCESSED = "processed"
    ERROR = "error"
    DENIED = "denied"
    DELETED = "deleted"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What is reported about one recipient. Nothing of it is proven: anybody can write such a mail.

    `recipient` is the address that we sent to where the report tells it, normal or empty. `hard` means that the same
    mail would fail again: the failure has a status of class 5, or none at all.
    """

    kind: Kind
    recipient: str = ""
    message_id: str = ""
    envelope_id: str = ""
    status: str = ""
    diagnostic: str = ""
    mic: str = ""
    micalg: str = ""
    hard: bool = False
