"""What a partner asks by signed mail about its own officials."""

from dataclasses import dataclass, field
from enum import StrEnum

from ecertmail.official import Language


class Deed(StrEnum):
    """What is to be done; the word stands after OFFICIAL."""

    ADD = "ADD"
    SUSPEND = "SUSPEND"
    LIST = "LIST"


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """One line about officials; `official` is the ID as it was written, and the key one that came with the mail."""

    deed: Deed
    official: str = ""
    address: str = ""
    name: str = ""
    post: str = ""
    language: Language = Language.EN
    fingerprint: str = ""
    public_key: bytes = field(default=b"", repr=False)
