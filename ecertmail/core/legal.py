"""Text that an XML document can hold and gives back as it was (XML 1.0, sections 2.2 and 2.11)."""

import re

_ILLEGAL = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def text(content: str) -> str:
    """Return a text with LF line ends, and with what XML cannot hold replaced."""
    return _ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", content.replace("\r\n", "\n").replace("\r", "\n"))


def line(content: str) -> str:
    """Return a text on one line, without blanks at its ends and with single ones inside, as xs:token has it."""
    return " ".join(text(content).split())
