"""Text as it is compared: without case, accents, width, tatweel, and marks that nobody sees."""

import re
import unicodedata
from functools import lru_cache

# letters that people write for one another, and that no normalisation of Unicode makes the same
_OTHER = {"ة": "ه", "ى": "ي", "ی": "ي", "ک": "ك", "ـ": "", "ß": "ss", "ı": "i"}  # noqa: RUF001


@lru_cache(maxsize=4096)
def _letter(letter: str) -> str:
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", letter).casefold())
    kept = (c for c in plain if unicodedata.category(c) not in {"Mn", "Cf", "Cc"} or c in "\n\t")
    return "".join(_OTHER.get(c, c) for c in kept)


def folded(text: str) -> str:
    """Return the text as it is compared."""
    return text.casefold() if text.isascii() else "".join(map(_letter, text))


def with_places(text: str) -> tuple[str, list[int]]:
    """Return the text as it is compared, and for each of its characters the place where it stands in the original."""
    letters = list(map(_letter, text))
    return "".join(letters), [place for place, letter in enumerate(letters) for _ in letter]


def folded_pattern(source: str) -> str:
    r"""Return a regular expression for folded text: its words as they are compared, its escapes such as `\W` kept."""
    return re.sub(r"\\.|[^\\]+", lambda found: found[0] if found[0][0] == "\\" else folded(found[0]), source)
