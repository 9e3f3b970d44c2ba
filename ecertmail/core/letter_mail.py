"""A letter to a person as a mail: plain text and HTML side by side, files attached, all of it under one signature.

Where an answer is expected, its ticket stands in Reply-To and in the subject: some clients drop the one, some people
change the other.
"""

import base64
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from email.utils import format_datetime, formataddr
from urllib.parse import quote

from ecertmail.core import compose
from ecertmail.core.compose import Draft
from ecertmail.core.entity import printable
from ecertmail.core.header import LOOP
from ecertmail.letter import Rendered
from ecertmail.official import File
from ecertmail.parties import Authority

_NAME = 60
_TYPE = re.compile(r"(?!multipart/|message/)[a-z0-9][a-z0-9.+-]{0,60}/[a-z0-9][a-z0-9.+-]{0,100}")


def draft(
    authority: Authority,
    address: str,
    rendered: Rendered,
    message_id: str,
    now: datetime,
    *,
    token: str = "",
    reply_to: str = "",
    answers: str | None = None,
    attachments: Sequence[File] = (),
    more: Mapping[str, str] | None = None,
) -> Draft:
    """Write a letter.

    Args:
        authority: who writes, to the `address` of an official.
        rendered: the letter in words.
        message_id: with angle brackets; `now` becomes the Date.
        token: of the ticket, empty for none; `reply_to` is the address with it.
        answers: the Message-ID of the mail that this answers, which may be empty; None for a letter nobody asked for.
        attachments: what others attached; their names and types are only shown.
        more: further fields of the outer header.
    """
    fields = {
        "From": formataddr((authority.name, authority.address)),
        "To": address,
        "Reply-To": reply_to,
        "Subject": f"{rendered.subject} [{token}]" if token else rendered.subject,
        "Date": format_datetime(now),
        "Message-ID": message_id,
        **_relation(answers),
        LOOP: authority.address,
        **(more or {}),
    }
    header = {name: value for name, value in fields.items() if value}
    kind, inner = compose.protected("multipart/mixed", header)
    parts = [compose.alternative(rendered.text, rendered.html, message_id), *map(attached, attachments)]
    part = compose.multipart(kind, parts, message_id, inner | {k: v for k, v in header.items() if k == "Reply-To"})
    return Draft(header=header, part=part, message_id=message_id)


def _relation(answers: str | None) -> dict[str, str]:
    """The fields that say what a letter answers, if anything (RFC 5322 section 3.6.4, RFC 3834 section 5)."""
    if answers is None:
        return {"Auto-Submitted": "auto-generated"}
    return {"In-Reply-To": answers, "References": answers, "Auto-Submitted": "auto-replied"}


def attached(file: File) -> bytes:
    """Return a file under its own name (RFC 2231) and, for old clients, under one in ASCII."""
    stem, dot, ending = re.split(r"[/\\]", printable(file.name))[-1].rpartition(".")  # never a path
    name = (stem or ending)[:_NAME] + (dot + ending[:10] if stem else "")
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", name) or "file"
    named = f'filename="{plain}"' if plain == name else f"filename*=utf-8''{quote(name, safe='') or plain}"
    kind = file.type if _TYPE.fullmatch(file.type) else "application/octet-stream"
    head = {
        "Content-Type": f'{kind}; name="{plain}"',
        "Content-Disposition": f"attachment; {named}",
        "Content-Transfer-Encoding": "base64",
    }
    return compose.headers(head) + b"\r\n" + base64.encodebytes(file.octets).replace(b"\n", b"\r\n")
