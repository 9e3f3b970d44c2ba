"""Text as people type it on any keyboard, made plain: what looks the same is written the same.

Full-width forms become ASCII, digits of any script 0 to 9, dashes hyphens, every blank a space; what is
invisible goes, such as the direction marks around Latin text in Arabic.
"""

import unicodedata

_DASHES = frozenset("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe63")


def plain(text: str) -> str:
    """Return a text, with its line breaks, as an ordinary keyboard would have written it."""
    return text if text.isascii() else "".join(map(_plain, text))


def _plain(character: str) -> str:
    if character.isascii():
        return character
    if "\uff01" <= character <= "\uff5e":
        return chr(ord(character) - 0xFEE0)
    if character in _DASHES:
        return "-"
    match unicodedata.category(character):
        case "Nd":
            return str(unicodedata.decimal(character))
        case "Cf":
            return ""
        case "Zs":
            return " "
        case "Zl" | "Zp":
            return "\n"
    return character
