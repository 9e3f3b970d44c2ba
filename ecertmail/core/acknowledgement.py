"""What an authority decided about a certificate, as an SPSAcknowledgement of UN/CEFACT D17A (DOMAIN.md section 5).

The format has no place for who decided and how sure that is. Our documents say it in the last two reasons, in words
that a foreign reader simply shows: `Operator: Li Wei, Shanghai` and `Assurance: token+dkim`.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime

from lxml import etree

from ecertmail.conversation import Message
from ecertmail.core import inquiry_document, legal, moment, node_mail
from ecertmail.core import xml as reading
from ecertmail.core.compose import Draft, attachment
from ecertmail.core.node_mail import Head
from ecertmail.core.record import timestamp
from ecertmail.findings import Finding, FindingCode
from ecertmail.official import Decided, Decision, Language, Response
from ecertmail.parties import Assurance

ROOT = "SPSAcknowledgement"
FILE = "SPSAcknowledgement.xml"
REMARK = 10_000
NUMBER = 100

_RSM = "urn:un:unece:uncefact:data:standard:SPSAcknowledgement:17"
TAG = f"{{{_RSM}}}{ROOT}"
_RAM = "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:21"
_UDT = "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:21"
_NAMES = {Decision.PASS: "Approved", Decision.REFUSE: "Rejected", Decision.REQUEST: "Pending"}
_OPERATOR, _ASSURANCE, _HASH = "Operator:", "Assurance:", "sha-256:"
_OTHERS = frozenset({"CAW", "ZZZ"})
_DIGEST = re.compile(rf"{_HASH}([0-9a-f]{{64}})")


def document(decided: Decided, type_code: str, version_sha256: str, language: str) -> bytes:
    """Write the document for one decision.

    Args:
        decided: on one certificate.
        type_code: of the certificate (UNTDID 1001), empty where its format has none.
        version_sha256: the hash of the version that was decided on.
        language: of the remark.
    """
    root = etree.Element(TAG, nsmap={"rsm": _RSM, "ram": _RAM, "udt": _UDT})
    answer = etree.SubElement(root, f"{{{_RSM}}}SPSAcknowledgementDocument")
    issued = etree.SubElement(answer, f"{{{_RAM}}}IssueDateTime")
    etree.SubElement(issued, f"{{{_UDT}}}DateTime").text = timestamp(decided.at)
    _add(answer, "StatusCode", decided.decision.value, name=_NAMES[decided.decision])
    if decided.remark.strip():
        _add(answer, "ReasonInformation", legal.text(decided.remark), languageID=language)
    for label, told in ((_OPERATOR, decided.operator), (_ASSURANCE, decided.assurance.value)):
        _add(answer, "ReasonInformation", legal.line(f"{label} {told}"), languageID=Language.EN.value)
    reference = etree.SubElement(answer, f"{{{_RAM}}}ReferenceSPSReferencedDocument")
    if type_code:
        _add(reference, "TypeCode", type_code)
    _add(reference, "RelationshipTypeCode", "AWR")
    _add(reference, "ID", legal.text(decided.number))
    if version_sha256:
        _add(reference, "Information", f"{_HASH}{version_sha256}")
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def draft(
    head: Head,
    decided: Decided,
    type_code: str,
    version_sha256: str,
    language: str,
    message: Message | None = None,
) -> Draft:
    """Write the mail that tells the issuer of a decision, with the question that belongs to a request."""
    acknowledgement = document(decided, type_code, version_sha256, language)
    attached = [attachment(acknowledgement, "application/xml", FILE)]
    if message is not None:
        attached += inquiry_document.entities(message, language)
    return node_mail.draft(
        head, f"{decided.decision.word}: certificate {decided.number}", _readable(head, decided, version_sha256),
        attached,
    )  # fmt: skip


def _readable(head: Head, decided: Decided, version_sha256: str) -> list[str]:
    said = {Decision.PASS: "was PASSED", Decision.REFUSE: "was REFUSED", Decision.REQUEST: "waits for your answer"}
    return [
        f"{head.authority.name} has decided on a certificate of yours.",
        "",
        f"  Certificate: {decided.number} {said[decided.decision]} (status {decided.decision.value})",
        f"  By: {decided.operator}",
        f"  At: {timestamp(decided.at)}",
        f"  Level of assurance: {decided.assurance.value}",
        *([f"  SHA-256 of the certificate: {version_sha256}"] if version_sha256 else []),
        *(["", "Remark:", *(f"  {line}" for line in decided.remark.splitlines())] if decided.remark.strip() else []),
    ]


def read(root: etree._Element) -> tuple[Response, ...] | Finding:
    """Read a document of anybody's: one response for each certificate that it names, or why that cannot be done.

    The certificates are the original documents (`AWR`); where there is none, all that are not the sender's own (`CAW`)
    or others by agreement (`ZZZ`).
    """
    answer = next(_children(root, "SPSAcknowledgementDocument"), None)
    status = "" if answer is None else _text(answer, "StatusCode")
    if answer is None or status not in {decision.value for decision in Decision}:
        return Finding(code=FindingCode.RESPONSE_STATUS, detail=legal.line(status)[:NUMBER])
    at = _moment(answer)
    if at is None:
        return _unreadable("its date of issue")
    references = _referenced(answer)
    numbers = {_text(reference, "ID"): reference for reference in references}
    if not numbers or not all(0 < len(number) <= NUMBER and number.isprintable() for number in numbers):
        return _unreadable("the number of a certificate")
    remark, operator, assurance = _told([_whole(reason) for reason in _children(answer, "ReasonInformation")])
    return tuple(
        Response(
            number=number, decision=Decision(status), remark=remark, operator=operator, assurance=assurance, at=at,
            sha256=_digest(reference),
        )
        for number, reference in numbers.items()
    )  # fmt: skip


def _told(reasons: Sequence[str]) -> tuple[str, str, str]:
    """Return remark, operator and assurance; the last two are only where our documents have them."""
    operator, assurance, rest = "", "", list(reasons)
    if len(rest) >= 2 and rest[-2].startswith(_OPERATOR) and rest[-1].startswith(_ASSURANCE):
        level = rest[-1].removeprefix(_ASSURANCE).strip()
        if level in {known.value for known in Assurance}:
            operator, assurance, rest = legal.line(rest[-2].removeprefix(_OPERATOR))[:200], level, rest[:-2]
    remark = "\n".join(rest).strip()
    return remark if len(remark) <= REMARK else f"{remark[: REMARK - 4]} […]", operator, assurance


def _referenced(answer: etree._Element) -> list[etree._Element]:
    found = list(_children(answer, "ReferenceSPSReferencedDocument"))
    originals = [one for one in found if _text(one, "RelationshipTypeCode") == "AWR"]
    return originals or [one for one in found if _text(one, "RelationshipTypeCode") not in _OTHERS]


def _digest(reference: etree._Element) -> str:
    match = _DIGEST.fullmatch(_text(reference, "Information").lower())
    return match[1] if match else ""


def _moment(answer: etree._Element) -> datetime | None:
    issued = next(_children(answer, "IssueDateTime"), None)
    if issued is None:
        return None
    inner = next((one for one in issued if isinstance(one.tag, str)), issued)
    return moment.read(_whole(inner), str(inner.get("format", "")))


def _children(element: etree._Element, local: str) -> Iterator[etree._Element]:
    return (child for child in element if reading.local_name(child) == local)


def _text(element: etree._Element, local: str) -> str:
    child = next(_children(element, local), None)
    return "" if child is None else " ".join(_whole(child).split())


def _whole(element: etree._Element) -> str:
    return "".join(str(part) for part in element.itertext())


def _add(parent: etree._Element, local: str, content: str, **attributes: str) -> None:
    etree.SubElement(parent, f"{{{_RAM}}}{local}", attributes).text = content


def _unreadable(what: str) -> Finding:
    return Finding(code=FindingCode.RESPONSE_UNREADABLE, detail=what)
