"""What the lines of commands have in common, whatever they are about."""

import re
from collections.abc import Sequence

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")


class WrongError(ValueError):
    """What would be right instead."""


def identity(words: Sequence[str]) -> str:
    """Return the ID that words begin with.

    Raises:
        WrongError: they do not begin with one.
    """
    if not words or not _ID.fullmatch(words[0]):
        raise WrongError("An ID is up to 31 lower-case letters, digits and hyphens, such as shanghai.")
    return words[0]
