"""Whose DKIM signature our own mail server found good, as it says in Authentication-Results (RFC 8601).

Anybody can write such a field. Which one is ours? Its place does not tell. RFC 8601 section 4 wants it above the
Received of the server that wrote it, and only what stands above that is out of a stranger's reach; but OpenDKIM and
OpenDMARC before 2026, rspamd and Gmail put it beneath, where the stranger's own header begins, rspamd of 2018 even
last, and delivery (LMTP, further servers of ours) puts an unknown number of Received on top. So we ask for one thing
that holds with all of them: exactly one field in the whole mail has our authserv-id and says something of DKIM. A
server of ours writes one for every mail (`dkim=none` too; OpenDKIM with AlwaysAddARHeader). A forged one that it did
not remove, against RFC 8601 section 5, makes two, and then none is believed: who forges takes from nobody but himself.

What remains is a mail that our server let pass without its check, with a forged field in it, or one that came in on
another way: the operator guide says how to close these (the server defers mail while its filter is away).
"""

import re
from collections.abc import Iterator

from ecertmail.core.entity import BrokenError, parse

_DOMAIN = re.compile(r"(?=.{1,253}\Z)[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_][a-z0-9_-]{0,62})+")
_TOKEN = re.compile(r'[;=()]|"(?:[^"\\]|\\.)*"|[^\s;=()"]+', re.DOTALL)
_IN_COMMENT = re.compile(r"[^()\\]+|\\.|[()]", re.DOTALL)
_SPACE = re.compile(r"\s*")


def results(octets: bytes, authserv_id: str) -> frozenset[str]:
    """Return the domains (header.d) with `dkim=pass` in our server's field (RFC 8601 section 2.7.1); never raises.

    Where a server names only the identity (`header.i`, Gmail), its domain is taken: the signer's, or below it.
    """
    try:
        fields = parse(octets).header.get_all("Authentication-Results", [])
    except BrokenError:
        return frozenset()
    ours = [said for field in fields if (said := list(_about_dkim(str(field), authserv_id.lower())))]
    if len(ours) != 1:
        return frozenset()
    return frozenset(domain for result, domain in ours[0] if result == "pass" and domain)


def normal_domain(text: str) -> str:
    """Return a domain of at least two labels in lower case and without the last dot, or nothing if it is none."""
    domain = text.lower().removesuffix(".")
    return domain if _DOMAIN.fullmatch(domain) else ""


def aligned(sender: str, domains: frozenset[str]) -> bool:
    """Say whether one of these domains speaks for the sender's address: it is its domain, or the one right above.

    This is less than the relaxed alignment of RFC 7489 section 3.1.1, which needs a list of public suffixes. Directly
    below a country's domain, where public suffixes are many (`gov.cn`, `govt.nz`), nobody speaks for names below: there
    it is the same domain or none. Elsewhere we rely on it that a public suffix signs no mail for those below it.
    """
    own = normal_domain(sender.rpartition("@")[2])
    above = own.partition(".")[2]
    return own != "" and (own in domains or (above in domains and _may_speak_for_names_below(above)))


def _may_speak_for_names_below(domain: str) -> bool:
    labels = domain.split(".")
    return len(labels) > 2 or (len(labels) == 2 and len(labels[1]) > 2)


def _about_dkim(field: str, authserv_id: str) -> Iterator[tuple[str, str]]:
    """Yield each result about DKIM with its domain, if the field is well-formed and of this server."""
    head, *statements = _split(list(_tokens(field)))
    if head not in ([authserv_id], [authserv_id, "1"]):  # another version may mean anything (section 2.2)
        return
    for statement in statements:
        pairs = _pairs(statement)
        if pairs and pairs[0][0] in {"dkim", "dkim/1"}:
            yield pairs[0][1], _domain(pairs[1:])


def _domain(properties: list[tuple[str, str]]) -> str:
    """Return the signer's domain; nothing if a name comes twice or the identity is another's.

    A server that does not quote what the signer wrote (`d=gov.example=x.thief.example` is a name in the DNS) must not
    make a domain of a part of it.
    """
    said = dict(properties)
    signer = normal_domain(said.get("header.d", said.get("header.i", "").rpartition("@")[2]))
    identity = normal_domain(said.get("header.i", signer).rpartition("@")[2])
    return signer if len(said) == len(properties) and f".{identity}".endswith(f".{signer}") else ""


def _pairs(statement: list[str]) -> list[tuple[str, str]]:
    """Read `name = value …`; what hangs on a value is part of it, never a name of its own."""
    found: list[tuple[str, str]] = []
    at = 0
    while at < len(statement):
        named = statement[at + 1 : at + 2] == ["="] and statement[at] != "="
        if named:
            found.append((statement[at], "".join(statement[at + 2 : at + 3])))
        elif found:
            found[-1] = (found[-1][0], f"{found[-1][1]} {statement[at]}")
        at += 3 if named else 1
        while named and statement[at : at + 1] == ["="]:
            found[-1] = (found[-1][0], f"{found[-1][1]} {' '.join(statement[at : at + 2])}")
            at += 2
    return found


def _split(words: list[str]) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    for word in words:
        if word == ";":
            parts.append([])
        else:
            parts[-1].append(word)
    return parts


def _tokens(field: str) -> list[str]:
    """Return words, quoted strings without quotes, `;` and `=`; nothing of a field that is broken or ends too early."""
    found: list[str] = []
    depth, at = 0, 0
    while (at := at if depth else _after_space(field, at)) < len(field):
        match = (_IN_COMMENT if depth else _TOKEN).match(field, at)
        if match is None:
            return []
        word, at = match[0], match.end()
        if word in {"(", ")"}:
            depth += 1 if word == "(" else -1
            if depth < 0:
                return []
        elif not depth:
            found.append(_unquoted(word).lower())
    return [] if depth else found


def _after_space(field: str, at: int) -> int:
    match = _SPACE.match(field, at)
    return match.end() if match else at


def _unquoted(word: str) -> str:
    """Take the quotes off; what looks like a separator inside them stays one word."""
    if not word.startswith('"'):
        return word
    inner = re.sub(r"\\(.)", r"\1", word[1:-1], flags=re.DOTALL)
    return inner if inner not in {";", "="} else " "
