"""What was newly written in a reply: without quotation, signature and legal notice, whoever's client wrote them.

Every letter of ours begins with the line `ABOVE`. What stands below it is ours, whether the client marked it as quoted
or not; above it the rules here look for what clients write in between. Where a rule may be wrong it takes too much
away: an official who is not understood is asked back. Every pattern looks at one line or at four joined ones, from its
beginning or for plain words, so that no text takes longer than its length deserves.
"""

import re
from collections.abc import Sequence

from ecertmail.core.fold import folded
from ecertmail.core.reply.quote_words import BEGINS, FORWARDED, FROM, HINT, NOTICE, ORIGINAL, OTHER, SENT_FROM, WROTE

ABOVE = "##- ecertmail -##"
MAX_LENGTH = 100_000
MAX_LINES = 5_000  # a line of one letter costs as much time as a long one
_LINE_END = re.compile(r"\r\n?|[\n\x0b\x0c\x1e\x85\u2028\u2029]")

_ABOVE = re.compile(
    r"##\s{0,2}[-\u2010-\u2015\u2212]\s{0,2}ecertmail\s{0,2}[-\u2010-\u2015\u2212]\s{0,2}##", re.IGNORECASE
)
_MARK = re.compile(r"[ \t\xa0]{0,3}(?:[A-Z]{0,2}>|[|\uff1e])")
_SIGNATURE = re.compile(r"(?:--|\u2014|-- )[ \xa0]{0,3}\Z")
_SEPARATOR = re.compile(
    r"[\s*]{0,8}[-\u2014=\uff0d\u2500]{3,120}[ \xa0*]{0,6}(?P<words>[^-\u2014=]{2,60}?)[ \xa0*]{0,6}"
    r"[-\u2014=\uff0d\u2500]{3,120}[\s*]{0,8}\Z"
)
_RULE = re.compile(r"\s{0,8}(?:_{5,1000}|[-\u2014=\u2500]{20,1000})\s{0,8}\Z")
_FIELD = re.compile(r"[\s*\xa0]{0,6}(?P<name>[^:\uff1a*]{1,24}?)[\s*\xa0]{0,3}[:\uff1a]")
_ADDRESS = re.compile(r"[^\s@]@[^\s@]")
_DATE_AND_ADDRESS = re.compile(r"\d{4}[/-]\d{1,2}[/-]\d{1,2} [^<>]{1,200}<[^<>@]{1,64}@[^<>@]{1,200}\Z")
# RFC 9580 section 7; the signature is not looked at, its armour ends the text as any such line does
_CLEARSIGNED = re.compile(r"\A\s{0,20}-----BEGIN PGP SIGNED MESSAGE-----[ \t]{0,9}\r?\n(?:Hash: [^\n]{0,80}\n){0,3}")
_FIELDS = FROM | OTHER
_WIDE = 60  # a quoted line of this length may have been broken, so that its end has no mark
_LOOKED_AT = 400


def new_text(text: str) -> str:
    """Return what was newly written in the text of a mail; nothing below an unquoted `ABOVE` counts."""
    text = _CLEARSIGNED.sub("", _above(text[:MAX_LENGTH]), count=1)
    lines = _lines(text)
    quoted = [bool(_MARK.match(line)) for line in lines]
    kept: list[str] = []
    at, started = 0, False
    while at < len(lines):
        if quoted[at]:
            at = _after_quote(lines, quoted, at)
            continue
        if not started and NOTICE.match(folded(lines[at][:_LOOKED_AT])):
            at = _after_paragraph(lines, at)  # a gateway warns above the text
            continue
        skipped = _attribution(lines, at)
        if skipped and _is_followed_by_quote(quoted, lines, at + skipped):
            at += skipped
        elif skipped or _ends(lines, at):
            break
        else:
            kept.append(lines[at].rstrip())
            started = started or bool(kept[-1])
            at += 1
    while kept and not any(c.isalnum() for c in kept[-1]):  # what clients draw between text and quotation
        kept.pop()
    return "\n".join(kept).strip()


def passes_on(text: str) -> bool:
    """Say whether a text is followed by the block of a mail that is forwarded, in the clients' words for that."""
    return any(_is_forwarding(line) for line in _lines(_above(text[:MAX_LENGTH])))


def _lines(text: str) -> list[str]:
    return _LINE_END.split(text, MAX_LINES)[:MAX_LINES]


def _is_forwarding(line: str) -> bool:
    separator = _SEPARATOR.match(line[:_LOOKED_AT])
    said = folded(separator["words"] if separator else line[:80]).strip(" \t>*:")
    return bool(FORWARDED.match(said)) and (separator is not None or bool(FORWARDED.fullmatch(said)))


def _above(text: str) -> str:
    """Cut before the line with our marker, unless that line is marked as quoted: below it may be new text."""
    for found in _ABOVE.finditer(text):
        start = text.rfind("\n", 0, found.start()) + 1
        if not _MARK.match(text[start : found.start()]):
            return text[:start]
    return text


def _after_quote(lines: Sequence[str], quoted: Sequence[bool], at: int) -> int:
    """Return where a quoted block ends, with the rest of a quoted line that was broken on the way."""
    while at < len(lines) and quoted[at]:
        at += 1
    if at < len(lines) and lines[at].strip() and len(lines[at - 1]) >= _WIDE:
        at += 1
    return at


def _after_paragraph(lines: Sequence[str], at: int) -> int:
    while at < len(lines) and lines[at].strip():
        at += 1
    return at


def _attribution(lines: Sequence[str], at: int) -> int:
    """Return how many lines, from here, say who wrote what is quoted; 0 if that is not what begins here."""
    first = folded(lines[at][:_LOOKED_AT]).strip()
    if not first or not (BEGINS.match(first) or _ADDRESS.search(first) or WROTE.search(first)):
        return 0
    joined = ""
    for count, line in enumerate(lines[at : at + 6], 1):
        joined = f"{joined} {folded(line[:_LOOKED_AT]).strip(' *_>')}".strip()
        if _attributes(joined):
            return count
        if joined.endswith(":") or not (line.strip() or BEGINS.match(first)):
            return 0
    return 0


def _attributes(said: str) -> bool:
    """Say whether this is a whole "On … wrote:"; some programs name date and address, and leave the verb out."""
    if not said.endswith(":"):
        return bool(_DATE_AND_ADDRESS.match(said))
    dated = any(c.isdigit() for c in said)
    return (dated and said.endswith(">:")) or ((dated or "@" in said) and bool(WROTE.search(said)))


def _is_followed_by_quote(quoted: Sequence[bool], lines: Sequence[str], at: int) -> bool:
    while at < len(lines) and not lines[at].strip():
        at += 1
    return at < len(lines) and quoted[at]


def _ends(lines: Sequence[str], at: int) -> bool:
    """Say whether with this line everything ends: signature, separator, header of a quoted mail, legal notice."""
    line = lines[at]
    if not line.strip():
        return False
    if _SIGNATURE.match(line) or _RULE.match(line):
        return True
    separator = _SEPARATOR.match(line[:_LOOKED_AT])
    said = folded(line[:_LOOKED_AT]).strip(" \t*_>")
    if separator and any(c.isalpha() for c in separator["words"]):
        return True
    if said in HINT or ORIGINAL.fullmatch(said.strip(":- ")) or FORWARDED.fullmatch(said.strip(":- ")):
        return True
    if len(line) <= 120 and SENT_FROM.match(said):
        return True
    return bool(NOTICE.match(said)) or _is_header(lines, at)


def _is_header(lines: Sequence[str], at: int) -> bool:
    """Say whether the header of a quoted mail begins here: a From in some language, and two more fields below it."""
    first = _field(lines[at])
    if first not in _FIELDS:
        return False
    names = {name for line in lines[at : at + 10] if (name := _field(line)) in _FIELDS}
    return len(names) >= 3 and bool(names & FROM)


def _field(line: str) -> str:
    found = _FIELD.match(line[:60]) if ":" in line[:60] or "\uff1a" in line[:60] else None
    return folded(found["name"]).strip() if found else ""
