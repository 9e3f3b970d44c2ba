"""A message as SMTP carries it: dots taken off, line ends and line lengths looked at (RFC 5321 section 4.5).

All of it works on the whole message at once: a Python object for each line made one mail of 25 MB cost 2 GB.
"""

MAX_LINE = 1001
_END = b"\r\n.\r\n"


def is_complete(received: bytearray) -> bool:
    """Say whether the octets after the DATA command end with the lone dot."""
    return received.endswith(_END) or received == _END[2:]


def message(received: bytearray) -> bytes:
    """Return the message inside: without the lone dot at the end, and without the dot before a line's first."""
    content = bytes(memoryview(received)[:-3])
    return content.removeprefix(b".").replace(b"\r\n.", b"\r\n")


def has_long_line(octets: bytes) -> bool:
    """Say whether a line is longer than SMTP allows, by looking at the last line end in each stretch."""
    at = 0
    while at + MAX_LINE < len(octets):
        end = octets.rfind(b"\n", at, at + MAX_LINE)
        if end < 0:
            return True
        at = end + 1
    return False


def has_bare_line_ends(octets: bytes) -> bool:
    """Say whether there is a CR or LF alone, or a NUL: what two mail servers could read in two ways."""
    pairs = octets.count(b"\r\n")
    return octets.count(b"\n") != pairs or octets.count(b"\r") != pairs or b"\x00" in octets
