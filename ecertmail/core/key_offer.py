"""A partner's statement, signed with the key it has, that another key shall speak for it from now on.

The text of the mail says `NEW KEY` and the full fingerprint, and the public key is attached. Nothing is imported from a
mail: the operator compares the fingerprint by another way and confirms it on the command line.
"""

import re

from ecertmail.core.mime import Attachment
from ecertmail.message import KeyOffer

MEDIA_TYPE = "application/pgp-keys"

_STATEMENT = re.compile(rb"^NEW KEY:?\s+((?:[0-9A-Fa-f]{4} {0,2}){10})\s*$", re.MULTILINE)


def statement(fingerprint: str) -> str:
    """Return the text that makes the statement, for people and for `read`."""
    return f"From now on this key shall speak for us too:\n\nNEW KEY {fingerprint}\n\nWe confirm it by telephone.\n"


def read(leaves: tuple[Attachment, ...]) -> KeyOffer | None:
    """Find the statement in a signed mail; None if it makes none; the key is empty unless exactly one is attached."""
    texts = [match for leaf in leaves if leaf.type == "text/plain" for match in _STATEMENT.finditer(leaf.data)]
    if len(texts) != 1:
        return None
    keys = [leaf.data for leaf in leaves if leaf.type == MEDIA_TYPE]
    fingerprint = texts[0][1].replace(b" ", b"").decode().upper()
    return KeyOffer(fingerprint=fingerprint, public_key=keys[0] if len(keys) == 1 else b"")
