"""Decisions about what an IMAP server says: why it refused a login, and how it names folders."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

_CREDENTIALS = frozenset({"AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "EXPIRED", "PRIVACYREQUIRED"})
_PASSING = frozenset({"UNAVAILABLE", "LIMIT", "INUSE", "OVERQUOTA", "SERVERBUG", "CONTACTADMIN"})

_CODE = re.compile(r"\[([A-Z][A-Z0-9-]*)")
_PASSING_WORDS = re.compile(r"too many|simultaneous|again later|try again|temporar|system error", re.IGNORECASE)
_CREDENTIAL_WORDS = re.compile(r"password|credential|authentication fail|invalid (?:user|login)", re.IGNORECASE)


class Refusal(StrEnum):
    """Why a server refused a login."""

    CREDENTIALS = "credentials"
    PASSING = "passing"
    UNEXPLAINED = "unexplained"


def login_refusal(text: str) -> Refusal:
    """Return why a login was refused, as far as the server's words tell.

    The response code decides (RFC 5530 section 3). ALERT is no reason: Gmail writes it before "Too many simultaneous
    connections" and before "Application-specific password required". Many servers send no code; a few words that they
    use decide then. "LOGIN failed." (Exchange, Courier) explains nothing.
    """
    codes = set(_CODE.findall(text))
    if codes & _CREDENTIALS:
        return Refusal.CREDENTIALS
    if codes & _PASSING or _PASSING_WORDS.search(text):
        return Refusal.PASSING
    return Refusal.CREDENTIALS if _CREDENTIAL_WORDS.search(text) else Refusal.UNEXPLAINED


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespace:
    """Where a server keeps the folders of a user (RFC 2342); `others` are the prefixes of all other namespaces."""

    prefix: str = ""
    delimiter: str = ""
    others: tuple[str, ...] = ()


def namespace(personal: Iterable[tuple[str, str | None]], others: Iterable[tuple[str, str | None]]) -> Namespace:
    """Return the first personal namespace, or the one without a prefix if there is such a one."""
    known = list(personal)
    if not known:
        return Namespace()
    prefix, delimiter = min(known, key=lambda one: bool(one[0]))
    rest = tuple(name for name, _ in [*known, *others] if name and name != prefix)
    return Namespace(prefix=prefix, delimiter=delimiter or "", others=rest)


def on_server(name: str, space: Namespace) -> str:
    """Return a folder's name as the server has it: with its delimiter instead of `/`, under its prefix.

    INBOX, and a name that stands in a namespace already, get no prefix.
    """
    if space.delimiter and space.delimiter not in name:
        name = name.replace("/", space.delimiter)
    upper = name.upper()
    prefixes = filter(None, (space.prefix, *space.others))
    if upper == "INBOX" or any(upper.startswith(prefix.upper()) for prefix in prefixes):
        return name
    return space.prefix + name
