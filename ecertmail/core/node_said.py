"""What a partner's node says of certificates and in conversations: which mails do, and what stands in them.

Which they are is seen from the first octets of the XML, so that a mail with certificates is not parsed twice.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from lxml import etree

from ecertmail.conversation import Message
from ecertmail.core import acknowledgement, inquiry_document, xml
from ecertmail.core.batch import Schema, is_xml
from ecertmail.core.mime import Attachment
from ecertmail.findings import Finding, FindingCode
from ecertmail.official import Response

MOST = 1000

_SEEN = 2048
_OPENING = re.compile(rb"(?:\xef\xbb\xbf)?(?>\s+|<\?[^>]*>|<!--(?>.*?-->))*+<(?>[\w.-]+:)?([\w.-]+)", re.DOTALL)
_SCHEMAS = {acknowledgement.ROOT: "sps-d17a", inquiry_document.ROOT: "inquiry"}
_TAGS = {acknowledgement.TAG, inquiry_document.TAG}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """The responses and the messages of one mail."""

    responses: tuple[Response, ...] = ()
    messages: tuple[Message, ...] = ()


def is_said(leaves: Sequence[Attachment]) -> bool:
    """Say whether a mail has a document that is a response or part of a conversation."""
    return any(is_xml(leaf) and _root(leaf) in _SCHEMAS for leaf in leaves)


def read(leaves: Sequence[Attachment], schemas: Mapping[str, Schema]) -> Said | Finding:
    """Read all of a mail, or say what is wrong with it; certificates must not be in it, unless as a file of an inquiry.

    Args:
        leaves: of the signed part.
        schemas: compiled schemas by name.
    """
    documents = [leaf for leaf in leaves if is_xml(leaf)]
    asked = [_parsed(leaf, schemas) for leaf in documents if _root(leaf) == inquiry_document.ROOT]
    files = frozenset[str]().union(*(inquiry_document.named(one) for one in asked if not isinstance(one, Finding)))
    own = [leaf for leaf in documents if sha256(leaf.data).hexdigest() not in files]
    strange = next((leaf for leaf in own if _root(leaf) not in _SCHEMAS), None)
    if strange is not None:
        return Finding(code=FindingCode.RESPONSE_MIXED, where=strange.filename)
    return _read(own, leaves, schemas)


def _read(own: Sequence[Attachment], leaves: Sequence[Attachment], schemas: Mapping[str, Schema]) -> Said | Finding:
    responses: list[Response] = []
    messages: list[Message] = []
    for leaf in own:
        root = _parsed(leaf, schemas)
        if isinstance(root, Finding):
            return root
        if xml.local_name(root) == inquiry_document.ROOT:
            found: object = inquiry_document.read(root, leaves)
        else:
            found = acknowledgement.read(root)
        if isinstance(found, Finding):
            return replace(found, where=found.where or leaf.filename)
        if isinstance(found, Message):
            messages.append(found)
        elif isinstance(found, tuple):
            responses += found
    if len(responses) > MOST:
        detail = f"more than {MOST} certificates"
        return Finding(code=FindingCode.RESPONSE_UNREADABLE, detail=detail)
    return Said(responses=tuple(responses), messages=tuple(messages))


def _parsed(leaf: Attachment, schemas: Mapping[str, Schema]) -> etree._Element | Finding:
    root = xml.parse(leaf.data, leaf.filename)
    if isinstance(root, Finding):
        return root
    if root.tag not in _TAGS:  # the schema would not say that it is the namespace which is wrong
        return Finding(code=FindingCode.PROFILE_UNKNOWN, where=leaf.filename, detail=str(root.tag)[:200])
    schema = schemas[_SCHEMAS[_root(leaf)]]
    if schema.valid(root):
        return root
    return replace(schema.brief(), where=leaf.filename)


def _root(leaf: Attachment) -> str:
    match = _OPENING.match(leaf.data[:_SEEN])
    return match[1].decode(errors="replace") if match else ""
