"""One contribution to a conversation between two nodes, as a document of our own (schemas/inquiry).

No standard has one. Its files are attached to the same mail, and the document names each by its SHA-256.
"""

from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256

from lxml import etree

from ecertmail.conversation import Message, Turn, Utterance
from ecertmail.core import contribution, legal, letter_mail, moment, node_mail
from ecertmail.core import xml as reading
from ecertmail.core.compose import Draft, attachment
from ecertmail.core.mime import Attachment
from ecertmail.core.node_mail import Head
from ecertmail.core.record import timestamp
from ecertmail.findings import Finding, FindingCode
from ecertmail.official import File
from ecertmail.parties import Assurance

NAMESPACE = "urn:ecertmail:inquiry:1"
ROOT = "inquiry"
FILE = "inquiry.xml"
TAG = f"{{{NAMESPACE}}}{ROOT}"
MAX_FILES = 20
MAX_CONTENT = 100_000

_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_REFERENCE, _NUMBER, _OPERATOR, _NAME = 40, 100, 200, 200
_TURNS = {turn.value: turn for turn in Turn}
_LEVELS = {level.value: level for level in Assurance}


def document(message: Message, language: str) -> bytes:
    """Write the document; `language` is that of the content, empty if it is not known."""
    said = message.utterance
    default = {None: NAMESPACE}  # lxml-stubs does not know that None names the default namespace
    root = etree.Element(TAG, nsmap=default, version="1", turn=said.turn.value, at=timestamp(said.at))  # type: ignore[arg-type]
    _add(root, "reference", legal.line(message.reference)[:_REFERENCE])
    _add(root, "certificate", legal.text(message.number))
    _add(root, "operator", legal.line(said.operator)[:_OPERATOR])
    _add(root, "assurance", said.assurance.value)
    _add(root, "content", _cut(legal.text(said.content)), **({_LANG: language} if language else {}))
    for file in said.files:
        _add(root, "file", "", name=legal.line(file.name)[:_NAME], type=legal.line(file.type)[:_NAME],
             sha256=_digest(file.octets))  # fmt: skip
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def entities(message: Message, language: str) -> list[bytes]:
    """Return the document and its files as parts of a mail; what is over the number of files is named in the text."""
    said = message.utterance
    left_out = [f"✗ {file.name}" for file in said.files[MAX_FILES:]]
    kept = replace(contribution.noted(said, left_out), files=said.files[:MAX_FILES])
    written = attachment(document(replace(message, utterance=kept), language), "application/xml", FILE)
    return [written, *map(letter_mail.attached, kept.files)]


def draft(head: Head, message: Message, language: str) -> Draft:
    """Write the mail that brings an answer to the node that asked."""
    said = message.utterance
    lines = [
        f"{head.authority.name} answers your inquiry {message.reference} about certificate {message.number}.",
        "",
        f"  By: {said.operator}",
        f"  At: {timestamp(said.at)}",
        f"  Level of assurance: {said.assurance.value}",
        "",
        *(f"  {line}" for line in said.content.splitlines()),
        *(f"  Attached: {file.name}" for file in said.files[:MAX_FILES]),
    ]
    subject = f"Answer to {message.reference}: certificate {message.number}"
    return node_mail.draft(head, subject, lines, entities(message, language))


def read(root: etree._Element, attachments: Iterable[Attachment]) -> Message | Finding:
    """Read a document and find its files among the attachments of the mail, or say what is wrong.

    Reading is lenient, as of certificates: local names, in any order; the schema is strict.
    """
    texts = {reading.local_name(child): _whole(child) for child in root}
    number, reference = (" ".join(texts.get(name, "").split()) for name in ("certificate", "reference"))
    at, turn = moment.read(root.get("at", "")), _TURNS.get(root.get("turn", ""))
    if at is None or turn is None or not _fits(reference, _REFERENCE) or not _fits(number, _NUMBER):
        return Finding(code=FindingCode.RESPONSE_UNREADABLE, where=ROOT)
    entries = [child for child in root if reading.local_name(child) == "file"]
    content = texts.get("content", "")
    if len(content.encode()) > MAX_CONTENT or len(entries) > MAX_FILES:
        return Finding(code=FindingCode.INQUIRY_TOO_LARGE, where=reference)
    files = _files(entries, attachments)
    if isinstance(files, Finding):
        return files
    utterance = Utterance(
        turn=turn, operator=legal.line(texts.get("operator", ""))[:_OPERATOR], at=at, content=content,
        assurance=_LEVELS.get(texts.get("assurance", "").strip(), Assurance.NONE), files=files,
    )  # fmt: skip
    return Message(reference=reference, number=number, utterance=utterance)


def named(root: etree._Element) -> frozenset[str]:
    """Return the SHA-256 of every file that a document names."""
    return frozenset(child.get("sha256", "").lower() for child in root if reading.local_name(child) == "file")


def _files(entries: Iterable[etree._Element], attachments: Iterable[Attachment]) -> tuple[File, ...] | Finding:
    octets = {_digest(one.data): one.data for one in attachments}
    files = []
    for entry in entries:
        name, wanted = legal.line(entry.get("name", ""))[:_NAME], entry.get("sha256", "").lower()
        if wanted not in octets:
            return Finding(code=FindingCode.INQUIRY_FILE_MISSING, detail=name)
        files.append(File(name=name, type=legal.line(entry.get("type", ""))[:_NAME], octets=octets[wanted]))
    return tuple(files)


def _fits(value: str, length: int) -> bool:
    return 0 < len(value) <= length and value.isprintable()


def _cut(content: str) -> str:
    """Return as much of a text as the document may have, in octets."""
    octets = content.encode()
    return content if len(octets) <= MAX_CONTENT else f"{octets[: MAX_CONTENT - 10].decode(errors='ignore')} […]"


def _whole(element: etree._Element) -> str:
    return "".join(str(part) for part in element.itertext())


def _digest(octets: bytes) -> str:
    return sha256(octets).hexdigest()


def _name(local: str) -> str:
    return f"{{{NAMESPACE}}}{local}"


def _add(parent: etree._Element, local: str, content: str, **attributes: str) -> None:
    etree.SubElement(parent, _name(local), attributes).text = content
