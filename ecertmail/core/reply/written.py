"""A mail as what a person wrote in it, read without anybody having vouched for it.

The text is that of the body: of alternatives the plain one, of a signed mail what was signed, never that of a mail that
is attached. Whatever else came along is a file. `quote.py` then keeps of the text what is new.
"""

import re
from collections.abc import Iterator
from email.message import Message

from ecertmail.core import header
from ecertmail.core.address import mailboxes
from ecertmail.core.entity import MAX_DEPTH, BrokenError, Entity, decoded, parse, parts, printable
from ecertmail.core.fold import folded
from ecertmail.core.reply import charset, html_text, quote
from ecertmail.core.reply.origin import is_automatic, is_forwarded
from ecertmail.findings import FindingCode
from ecertmail.official import File, Written

_RECIPIENTS = ("To", "Cc", "Delivered-To", "X-Original-To", "Resent-To")
_NO_FILES = re.compile(
    r"application/(pgp-signature|pgp-encrypted|(x-)?pkcs7-signature)|message/(delivery-status|disposition-notification)"
)
_BODY = ("text/plain", "text/html")
_COMPARED, _FIRST_WORDS = 600, 25  # of a text that goes on
_WORD = re.compile(r"[^\W_]+")


def read(octets: bytes, *, dkim: frozenset[str] = frozenset(), file_octets: int = 5_000_000) -> Written | None:
    """Read what a person wrote in a mail, or None for one that is beyond the limits of `core/entity.py`.

    Args:
        octets: the mail as it was received.
        dkim: the domains whose signature over it is good.
        file_octets: how much all files may have together; one that does not fit any more has a name and no octets.
    """
    try:
        top = parse(octets)
        text = other = charset.clean(_body(top, "text/plain"))[: quote.MAX_LENGTH]
        if b"multipart/alternative" in octets.lower():
            other = charset.clean(_body(top, "text/html"))[: quote.MAX_LENGTH]
        files = _files(top, file_octets)
    except BrokenError:
        return None
    subject = header.text(top.header, "Subject", header.SUBJECT)
    return Written(
        sender=header.sender(top.header),
        recipients=_recipients(top.header),
        subject=subject,
        message_id=header.text(top.header, "Message-ID"),
        date=header.text(top.header, "Date"),
        text=_new_text(text, other),
        automatic=is_automatic(top, subject) or _is_invitation(top),
        forwarded=is_forwarded(subject, text),
        files=files,
        dkim=dkim,
        traits=header.traits(top.header),
    )


def _recipients(head: Message) -> frozenset[str]:
    fields = [re.sub(r"\r?\n[ \t]", " ", str(value)) for name in _RECIPIENTS for value in head.get_all(name, [])]
    return frozenset[str]().union(*map(mailboxes, fields))


def _body(entity: Entity, first: str, depth: int = 1) -> str:
    """Return the text of the body: that of the first part that has any, of alternatives that of the type `first`."""
    if not entity.type.startswith("multipart/"):
        return "" if _is_file(entity) else _leaf(entity)
    inner = _inner(entity, depth)
    if entity.type == "multipart/alternative":
        inner.sort(key=lambda part: part.type != first)
    elif entity.type in {"multipart/signed", "multipart/encrypted", "multipart/report"}:
        inner = inner[:1]
    return next((text for part in inner if (text := _body(part, first, depth + 1)).strip()), "")


def _new_text(text: str, other: str) -> str:
    new = quote.new_text(text)
    return new if other == text else _agreed(new, quote.new_text(other))


def _agreed(plain: str, html: str) -> str:
    """Return the plain text; both, where neither alternative has all the words with which the other one begins.

    A person saw only one of them, and what the two decide between them is then asked back.
    """
    if plain == html or _begins_in(plain, html) or _begins_in(html, plain):
        return plain
    return f"{html}\n{plain}"[: quote.MAX_LENGTH]


def _begins_in(text: str, other: str) -> bool:
    return set(_WORD.findall(folded(text[:_COMPARED]))[:_FIRST_WORDS]) <= set(_WORD.findall(folded(other)))


def _is_invitation(top: Entity) -> bool:
    """Say whether a calendar wrote a mail (RFC 6047 section 2.4): "Accepted" is then said of a meeting."""
    return any(leaf.type == "text/calendar" and leaf.parameter("method") for leaf in _leaves(top))


def _leaf(entity: Entity) -> str:
    if entity.type == "text/html":
        return html_text.text(charset.text_of(charset.octets_of(entity), charset.charset(entity)).encode())
    return charset.plain(entity)


def _files(top: Entity, room: int) -> tuple[File, ...]:
    found = []
    for leaf in _leaves(top):
        octets = _content(leaf)
        left_out = 0 if len(octets) <= room else len(octets)
        octets = b"" if left_out else octets
        room -= len(octets)
        found.append(File(name=_name(leaf), type=printable(leaf.type), octets=octets, left_out=left_out))
    return tuple(found)


def _leaves(entity: Entity, depth: int = 1) -> Iterator[Entity]:
    """Yield every part that is a file: not the body, no signature, and no picture that stands within the text."""
    if not entity.type.startswith("multipart/"):
        if _is_file(entity) and not _NO_FILES.fullmatch(entity.type):
            yield entity
        return
    within = entity.type == "multipart/related"
    for part in _inner(entity, depth):
        if not (within and part.type.startswith("image/") and "Content-ID" in part.header):
            yield from _leaves(part, depth + 1)


def _inner(entity: Entity, depth: int) -> list[Entity]:
    if depth > MAX_DEPTH:
        raise BrokenError(FindingCode.MIME_LIMIT, f"nested deeper than {MAX_DEPTH}")
    return [parse(part) for part in parts(entity)]


def _is_file(leaf: Entity) -> bool:
    disposition = str(leaf.header.get("Content-Disposition", "")).partition(";")[0].strip().lower()
    return disposition == "attachment" or leaf.type not in _BODY or bool(_filename(leaf))


def _filename(leaf: Entity) -> str:
    """The name of a file as one line; Outlook and QQ Mail write encoded words, which RFC 2047 section 5 forbids."""
    try:
        return printable(header.words(leaf.filename))[:200]
    except BrokenError:
        return ""


def _name(leaf: Entity) -> str:
    """The name of a file; that of an attached mail is its subject where it has none."""
    name = _filename(leaf)
    if name or leaf.type != "message/rfc822":
        return name
    try:
        return header.text(parse(leaf.body).header, "Subject")
    except BrokenError:
        return ""


def _content(leaf: Entity) -> bytes:
    try:
        return decoded(leaf)
    except BrokenError:
        return leaf.body
