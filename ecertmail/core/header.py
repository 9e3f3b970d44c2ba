"""Header fields as text, and both headers of a mail: the outer one, and the protected one inside (RFC 9788).

Anybody on the way can change the outer header. What the sender's software repeated inside the signed part is signed; it
is marked by `hp="clear"` or `hp="cipher"`, in older software by `protected-headers="v1"`.
"""

import binascii
import re
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message

from ecertmail.core.address import mailboxes, single_mailbox
from ecertmail.core.entity import Entity, printable
from ecertmail.message import Protected, Traits

LOOP = "X-Loop"
SUBJECT = 1000  # characters: a ticket's token stands at the end of a subject that clients and gateways make longer
BULK = frozenset({"bulk", "junk", "list"})


def text(header: Message, name: str, length: int = 200) -> str:
    """Return a field as one line of text, RFC 2047 words decoded, cut at this length; broken ones as they stand."""
    raw = next((value for field, value in header.raw_items() if field.lower() == name.lower()), "")
    return printable(words(_unfold(_utf8(str(raw)))))[:length]


def words(raw: str) -> str:
    """Decode the encoded words in a line (RFC 2047); a line with a broken one is returned as it stands."""
    try:
        return str(make_header(decode_header(raw)))
    except (LookupError, UnicodeError, ValueError, binascii.Error, MessageError):
        return raw


def sender(header: Message) -> str | None:
    """Return the one plain address of the one From field, or None if it is anything else (RFC 5322 section 3.6.2)."""
    senders = header.get_all("From", [])
    return single_mailbox(_unfold(senders[0])) if len(senders) == 1 else None


def protected(part: Entity, outer: Message) -> Protected | None:
    """Read the protected header of a signed part; None if it has none, or neither sender nor recipients in it."""
    marked = part.parameter("hp") in {"clear", "cipher"} or part.parameter("protected-headers") == "v1"
    fields = [_unfold(value) for name in ("To", "Cc") for value in part.header.get_all(name, [])]
    if not marked or not (fields or "From" in part.header):
        return None
    return Protected(
        from_address=sender(part.header if "From" in part.header else outer),
        recipients=frozenset[str]().union(*map(mailboxes, fields)),
        addressed=bool(fields),
        complete=bool(fields) and "From" in part.header,
        receipt_to=single_mailbox(_unfold(part.header.get("Disposition-Notification-To", ""))),
        subject=text(part.header, "Subject", SUBJECT),
    )


def traits(header: Message) -> Traits:
    """Read how a mail came about (RFC 3834 section 2, RFC 5064, RFC 2369)."""
    return Traits(
        auto_submitted=next((word for word in _keywords(header, "Auto-Submitted") if word not in {"", "no"}), ""),
        precedence=next((word for word in _keywords(header, "Precedence") if word in BULK), ""),
        is_list="List-Id" in header or "List-Post" in header,
        loops=frozenset(_unfold(value).lower() for value in header.get_all(LOOP, [])),
        hops=len(header.get_all("Received", [])),
    )


def _keywords(header: Message, name: str) -> list[str]:
    """The word before the first `;` of each such field, without comments."""
    bare = [re.sub(r"\([^()]*\)", " ", _unfold(value)) for value in header.get_all(name, [])]
    return [field.partition(";")[0].strip().lower() for field in bare]


def _utf8(value: str) -> str:
    """Read what is not ASCII as UTF-8 (RFC 6532), which some write without having been asked."""
    return value if value.isascii() else value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _unfold(value: object) -> str:
    return re.sub(r"\r?\n[ \t]", " ", str(value)).strip()
