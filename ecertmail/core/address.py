"""Mail addresses, read strictly: what is not plainly one address is none.

Python's own parsers guess (CVE-2023-27043 read `alice@gov <evil@x>` as alice@gov), so the pattern here is ours and
accepts less: no comments, no groups, no quoted local parts, and no non-ASCII, so that no look-alike can match.
"""

import re

ADDR_SPEC = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
_MAILBOX = re.compile(
    r'\s*(?:(?:"(?:[^"\\]|\\.)*"\s*|[^"<>,:;@()\\]*)<(?P<angle>[^<>\s]+)>|(?P<plain>[^<>\s]+))\s*', re.DOTALL
)
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_COMMENT = re.compile(r"\([^()]*\)")


def normal(address: str) -> str | None:
    """Return the address in the form that is compared and stored (lower case), or None if it is not a plain one."""
    return address.lower() if len(address) <= 254 and ADDR_SPEC.fullmatch(address) else None


def single_mailbox(header: str) -> str | None:
    """Return the one address of a From header's value, or None if there is not exactly one (RFC 5322 section 3.4)."""
    match = _MAILBOX.fullmatch(header)
    return normal(match["angle"] or match["plain"]) if match else None


def mailboxes(header: str) -> frozenset[str]:
    """Return every plain address in an address list (RFC 5322 section 3.4); what is none is left out."""
    unquoted = _QUOTED.sub("", header)
    while (bare := _COMMENT.sub(" ", unquoted)) != unquoted:
        unquoted = bare
    return frozenset(address for part in unquoted.split(",") if (address := single_mailbox(part)) is not None)


def base(address: str) -> str:
    """Return a plain address without what stands after a `+` (RFC 5233): whoever reads the one reads the other."""
    local, _, domain = address.rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"


def belongs(address: str | None, registered: tuple[str, ...]) -> bool:
    """Say whether an address is one of the registered ones."""
    return address is not None and address in {entry.lower() for entry in registered}
