"""The certificate formats: how each is recognised, cut into certificates, and read for the fields that are indexed.

Reading is lenient on purpose (local names, any prefix, any order, empty = absent): strictness is the schema's task, and
what a schema lets pass must still be found by its number.
"""

from collections.abc import Callable
from dataclasses import dataclass

from lxml import etree

from ecertmail.model import CertificateStatus

SPS = "urn:un:unece:uncefact:data:standard:SPSCertificate:17"

_STATUS_WORDS = {
    "approved": CertificateStatus.ISSUED,
    "issued": CertificateStatus.ISSUED,
    "replaced": CertificateStatus.REPLACED,
    "revoked": CertificateStatus.WITHDRAWN,
    "withdrawn": CertificateStatus.WITHDRAWN,
    "cancelled": CertificateStatus.CANCELLED,
    "pending": CertificateStatus.PENDING,
    "rejected": CertificateStatus.REJECTED,
}
"""Status words of the `certificates` format and the UN/CEFACT status each stands for (DOMAIN.md section 3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """What one certificate element says, as text; empty where it says nothing."""

    number: str
    status: CertificateStatus | None
    type: str
    issued_at: str
    exporting_country: str
    importing_country: str
    title: str
    replaces: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One format: its name, its schema file, the root it is known by, and how to cut and read it."""

    name: str
    schema: str
    root: str
    cut: Callable[[etree._Element], list[etree._Element]]
    read: Callable[[etree._Element], Fields]


def recognise(root: etree._Element) -> Profile | None:
    """Return the profile that a root element belongs to."""
    return _BY_ROOT.get(str(root.tag))


def _read_certificates(element: etree._Element) -> Fields:
    children = {child.tag: child for child in element}
    exporting, importing = children.get("exporting_country"), children.get("importing_country")
    title = children.get("title")
    return Fields(
        number=" ".join((element.get("id") or element.get("no") or "").split()),
        status=_STATUS_WORDS.get(element.get("status", "").strip().lower()),
        type="",
        issued_at=_date(children.get("issue_date")),
        exporting_country="" if exporting is None else exporting.get("country_code", ""),
        importing_country="" if importing is None else importing.get("country_code", ""),
        title="" if title is None else ((title.findtext("text") if len(title) else "") or title.text or "").strip(),
    )


def _date(element: etree._Element | None) -> str:
    if element is None:
        return ""
    year, month, day, hour, minute, second = (
        element.get(a, "00") for a in ("year", "month", "day", "hour", "min", "sec")
    )
    return f"{year}-{month:0>2}-{day:0>2}T{hour:0>2}:{minute:0>2}:{second:0>2}"


def _read_sps(element: etree._Element) -> Fields:
    document = _child(element, "SPSExchangedDocument")
    consignment = _child(element, "SPSConsignment")
    status = _text(document, "StatusCode")
    issued = _child(document, "IssueDateTime")
    return Fields(
        number=_text(document, "ID"),
        status=CertificateStatus(status) if status in _STATUS_CODES else None,
        type=_text(document, "TypeCode"),
        issued_at="" if issued is None else "".join(str(t) for t in issued.itertext()).strip(),
        exporting_country=_text(_child(consignment, "ExportSPSCountry"), "ID"),
        importing_country=_text(_child(consignment, "ImportSPSCountry"), "ID"),
        title=_text(document, "Name"),
        replaces=_replaced_numbers(document),
    )


def _replaced_numbers(document: etree._Element | None) -> tuple[str, ...]:
    """The numbers in notes with subject ADRPN, the IPPC way to name what is replaced (DOMAIN.md section 3)."""
    notes = [] if document is None else [note for note in document if _local(note) == "IncludedSPSNote"]
    return tuple(number for note in notes if _text(note, "Subject") == "ADRPN" and (number := _text(note, "Content")))


def _local(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _child(element: etree._Element | None, name: str) -> etree._Element | None:
    return next((child for child in element if _local(child) == name), None) if element is not None else None


def _text(element: etree._Element | None, name: str) -> str:
    child = _child(element, name)
    return " ".join((child.text or "").split()) if child is not None else ""  # as xs:token, which the schema sees


_STATUS_CODES = frozenset(status.value for status in CertificateStatus)

CERTIFICATES = Profile(
    name="certificates",
    schema="certificates/certificates.xsd",
    root="certificates",
    cut=lambda root: list(root.iterchildren("certificate")),
    read=_read_certificates,
)
SPS_D17A = Profile(
    name="sps-d17a",
    schema="sps-d17a/sps.xsd",
    root=f"{{{SPS}}}SPSCertificate",
    cut=lambda root: [root],
    read=_read_sps,
)
PROFILES = (CERTIFICATES, SPS_D17A)
_BY_ROOT = {profile.root: profile for profile in PROFILES}
