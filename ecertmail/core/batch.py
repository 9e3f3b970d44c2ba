"""From XML attachments to certificates: recognise the format, validate against its schema, read the indexed fields.

A document that is valid as a whole costs one validation. One that is not is cut, and each certificate is validated by
itself, so that the good ones of a batch can be recorded and each bad one be told where it is wrong.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from lxml import etree

from ecertmail.core import profiles, xml
from ecertmail.core.mime import Attachment
from ecertmail.core.profiles import Fields, Profile
from ecertmail.findings import Finding, FindingCode
from ecertmail.model import Batch, Certificate, CertificateStatus, Item

MAX_FINDINGS = 20
MAX_EXPLAINED = 100

Explain = Callable[[etree._Element], list[Finding]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """A compiled schema: `valid` answers fast, `explain` answers where and why, at most 20 times, and slowly.

    `brief` says in a few words why `valid` said no the last time.
    """

    valid: Callable[[etree._Element], bool]
    explain: Explain
    brief: Callable[[], Finding]


def is_xml(attachment: Attachment) -> bool:
    """Say whether an attachment claims to be XML, by media type or by file name."""
    return (
        attachment.type in {"application/xml", "text/xml"}
        or attachment.type.endswith("+xml")
        or attachment.filename.lower().endswith(".xml")
    )


def read(
    attachments: tuple[Attachment, ...], allowed: tuple[str, ...], schemas: Mapping[str, Schema]
) -> Batch | Finding:
    """Read all certificates of a message.

    Args:
        attachments: the leaves of the signed part.
        allowed: names of the profiles agreed with the partner.
        schemas: compiled schemas by profile name.

    Returns:
        The batch, with unreadable documents as items without a certificate; or a finding if there is no XML at all.
    """
    documents = [attachment for attachment in attachments if is_xml(attachment)]
    if not documents:
        return Finding(code=FindingCode.NO_BATCH)
    items: list[Item] = []
    for place, document in enumerate(documents, 1):
        items.extend(_read_document(document, document.filename or f"part {place}", allowed, schemas))
    return Batch(items=tuple(items))


def _read_document(
    document: Attachment, where: str, allowed: tuple[str, ...], schemas: Mapping[str, Schema]
) -> list[Item]:
    root = xml.parse(document.data, where)
    if isinstance(root, Finding):
        return [_unreadable(root)]
    profile = profiles.recognise(root)
    if profile is None:
        return [_unreadable(Finding(code=FindingCode.PROFILE_UNKNOWN, where=where, detail=str(root.tag)[:200]))]
    if profile.name not in allowed:
        return [_unreadable(Finding(code=FindingCode.PROFILE_NOT_AGREED, where=where, detail=profile.name))]
    schema = schemas[profile.name]
    elements = profile.cut(root)
    if schema.valid(root):
        return [_item(element, profile) for element in elements]
    if not elements:
        return [_unreadable(finding) for finding in schema.explain(root)[:1]]
    rest = schema.brief()  # before the elements are taken out of it
    items: list[Item] = []
    wrong = 0
    for element in elements:
        items.append(_judged_alone(element, profile, schema, wrong < MAX_EXPLAINED))
        wrong += items[-1].certificate is None
    if all(item.certificate for item in items):  # then it is the rest of the document that is wrong
        items.append(_unreadable(replace(rest, where=where)))
    return items


def _judged_alone(element: etree._Element, profile: Profile, schema: Schema, patient: bool) -> Item:
    """Validate one certificate as if it were alone in its document; without patience say briefly what is wrong."""
    document = element
    if str(element.tag) != profile.root:
        document = etree.Element(profile.root)
        document.append(element)
    if schema.valid(document):
        return _item(element, profile)
    return _item(element, profile, tuple(schema.explain(document)) if patient else (schema.brief(),))


def _item(element: etree._Element, profile: Profile, findings: tuple[Finding, ...] = ()) -> Item:
    fields = profile.read(element)
    if findings:
        return Item(number=fields.number, certificate=None, findings=findings)
    if not fields.number.isprintable():
        unseen = Finding(code=FindingCode.SCHEMA_INVALID, detail="the number has characters that cannot be seen")
        return Item(number=fields.number, certificate=None, findings=(unseen,))
    if not fields.number:
        return Item(number="", certificate=None, findings=(Finding(code=FindingCode.NUMBER_MISSING),))
    if fields.status is None:
        return Item(number=fields.number, certificate=None, findings=(Finding(code=FindingCode.STATUS_UNKNOWN),))
    return Item(number=fields.number, certificate=_certificate(element, profile, fields, fields.status))


def _certificate(element: etree._Element, profile: Profile, fields: Fields, status: CertificateStatus) -> Certificate:
    octets = xml.canonical(element)
    return Certificate(
        number=fields.number,
        status=status,
        type=fields.type,
        profile=profile.name,
        issued_at=fields.issued_at,
        exporting_country=fields.exporting_country,
        importing_country=fields.importing_country,
        title=fields.title,
        replaces=fields.replaces,
        octets=octets,
        sha256=xml.digest(octets),
    )


def _unreadable(finding: Finding) -> Item:
    return Item(number="", certificate=None, findings=(finding,))
