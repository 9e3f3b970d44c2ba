"""The verification receipt: one mail for three readers, a person, a program and an auditor (MAIL.md section 4).

A multipart/report with a readable text, an RFC 8098 disposition notification that carries the MIC of the exact signed
octets, and receipt.xml (schema in `schemas/receipt`). The place of the inclusion proof is after receipt.xml.
"""

from dataclasses import replace
from datetime import datetime
from email.utils import format_datetime, formataddr

from lxml import etree

from ecertmail.core import compose
from ecertmail.core.compose import Draft
from ecertmail.core.entity import printable
from ecertmail.core.header import LOOP
from ecertmail.core.record import timestamp
from ecertmail.findings import Finding
from ecertmail.model import Examination, Outcome, Result, ResultCode, Verdict
from ecertmail.parties import Authority, Partner
from ecertmail.subscription import Answer

NAMESPACE = "urn:ecertmail:receipt:1"

_SUBJECT = {
    Outcome.ACCEPTED: "Accepted",
    Outcome.PARTIAL: "Accepted in part",
    Outcome.REFUSED: "Refused",
    Outcome.KEY_OFFERED: "Noted",
    Outcome.COMMANDED: "Done",
    Outcome.RESPONSE: "Noted",
}
_NEXT = {
    Outcome.ACCEPTED: "Nothing more is to be done.",
    Outcome.PARTIAL: "Correct the certificates that were refused and send them, and only them, in a new signed mail.",
    Outcome.REFUSED: "Nothing was recorded. Correct what is named above and send a new signed mail.",
    Outcome.KEY_OFFERED: "Tell the operator of this node the new fingerprint by telephone or on paper.",
    Outcome.RESPONSE: "Look into what was NOT RECORDED, if anything; nothing more is to be done for the rest.",
    Outcome.COMMANDED: "Correct what was NOT DONE, if anything, and send it in a new signed mail.",
}
_MODIFIER = {Outcome.PARTIAL: "/warning", Outcome.REFUSED: "/error"}
_WORDS = {
    ResultCode.RECORDED: "recorded",
    ResultCode.DUPLICATE: "already recorded, nothing changed",
    ResultCode.CONFLICT: "REFUSED, conflicts with what is recorded",
    ResultCode.REFUSED: "REFUSED",
}


_DONE: dict[str, tuple[str, str]] = {Outcome.RESPONSE: ("received", "NOT RECORDED")}


def done(outcome: str, *, is_done: bool) -> str:
    """Return the words for what became of one command or response."""
    good, bad = _DONE.get(outcome, ("done", "NOT DONE"))
    return good if is_done else bad


def draft(
    authority: Authority,
    examination: Examination,
    verdict: Verdict,
    entry: int,
    now: datetime,
    message_id: str,
    *,
    cipher: bool = False,
) -> Draft:
    """Write the receipt for a judged message.

    Args:
        authority: who answers.
        examination: the message, with its partner.
        verdict: the judgement, its results with their ledger indexes.
        entry: the ledger index of the message itself.
        now: the time of the answer.
        message_id: the Message-ID of the answer, with angle brackets.
        cipher: the receipt is going to be encrypted; its subject is hidden then (RFC 9788 section 3.2.1).
    """
    assert examination.partner is not None  # noqa: S101 - strangers get no receipt
    header = _header(authority, examination, verdict, now, message_id)
    outer = {**header, "Subject": "[...]"} if cipher else header
    kind, inner = compose.protected(
        "multipart/report; report-type=disposition-notification", header, outer if cipher else None
    )
    parts = [
        compose.text(_readable(authority, examination, verdict, entry)),
        compose.fields("message/disposition-notification", _notification(authority, examination, verdict)),
        compose.attachment(document(authority, examination, verdict, entry, now), "application/xml", "receipt.xml"),
    ]
    return Draft(header=outer, part=compose.multipart(kind, parts, message_id, inner), message_id=message_id)


def discreet(examination: Examination, verdict: Verdict) -> tuple[Examination, Verdict]:
    """Take out what only the sender of an encrypted mail may read, for an answer that goes out in clear.

    What stays are outcome, codes, entries and hashes, by which the sender finds the rest in its own files.
    """
    assert examination.message is not None  # noqa: S101
    message = replace(examination.message, subject="(encrypted)")
    results = tuple(replace(result, number="", findings=_bare(result.findings)) for result in verdict.results)
    return (
        replace(examination, message=message),
        replace(verdict, results=results, findings=_bare(verdict.findings), answers=_discreet(verdict)),
    )


def _discreet(verdict: Verdict) -> tuple[Answer, ...]:
    what = _what(verdict.outcome)
    return tuple(replace(answer, line=f"{what} {place}", text=()) for place, answer in enumerate(verdict.answers, 1))


def _what(outcome: Outcome) -> str:
    return "answer" if outcome is Outcome.RESPONSE else "command"


def _bare(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    return tuple(replace(finding, where="", detail="") for finding in findings)


def document(authority: Authority, examination: Examination, verdict: Verdict, entry: int, now: datetime) -> bytes:
    """Return receipt.xml, which `schemas/receipt/receipt.xsd` describes."""
    assert examination.signature is not None  # noqa: S101
    default = {None: NAMESPACE}  # lxml-stubs does not know that None names the default namespace
    root = etree.Element(_name("receipt"), nsmap=default, version="1", at=timestamp(now))  # type: ignore[arg-type]
    etree.SubElement(
        root, _name("authority"), name=authority.name, country=authority.country, address=authority.address
    )
    etree.SubElement(
        root,
        _name("message"),
        id=_original_id(examination),
        micalg="sha-256",
        mic=examination.mic,
        key=examination.signature.fingerprint,
        received=timestamp(examination.envelope.received_at),
        entry=str(entry),
    )
    etree.SubElement(root, _name("outcome")).text = verdict.outcome.value
    _add_findings(root, verdict.findings)
    for result in verdict.results:
        _add_result(root, result)
    for answer in verdict.answers:
        said = etree.SubElement(root, _name("command"), line=printable(answer.line), done=str(answer.done).lower())
        said.text = "\n".join(map(printable, answer.text))
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _header(
    authority: Authority, examination: Examination, verdict: Verdict, now: datetime, message_id: str
) -> dict[str, str]:
    partner = examination.partner
    assert isinstance(partner, Partner)  # noqa: S101
    header = {
        "From": formataddr((authority.name, authority.address)),
        "To": partner.receipt_address,
        "Subject": f"{_SUBJECT[verdict.outcome]}: {_count(verdict)}",
        "Date": format_datetime(now),
        "Message-ID": message_id,
        "Auto-Submitted": "auto-replied",
        LOOP: authority.address,
    }
    original = _original_id(examination)
    if original:
        header |= {"In-Reply-To": original, "References": original}
    return header


def _count(verdict: Verdict) -> str:
    if verdict.answers:
        good, asked = sum(answer.done for answer in verdict.answers), len(verdict.answers)
        return f"{good} of {asked} {_what(verdict.outcome)}{'' if asked == 1 else 's'}"
    good = sum(result.code in {ResultCode.RECORDED, ResultCode.DUPLICATE} for result in verdict.results)
    total = len(verdict.results)
    return f"{good} of {total} certificate{'' if total == 1 else 's'}" if total else "your message"


def _original_id(examination: Examination) -> str:
    """The Message-ID as it was sent, if it is one: it goes into our header and must not bring anything else along."""
    message_id = examination.message.message_id if examination.message else ""
    plain = message_id.startswith("<") and message_id.endswith(">") and message_id.isascii() and " " not in message_id
    return message_id if plain else ""


def _readable(authority: Authority, examination: Examination, verdict: Verdict, entry: int) -> str:
    assert examination.message is not None  # noqa: S101
    lines = [
        f"{authority.name} has received your message and verified its signature.",
        "",
        f"  Subject: {examination.message.subject or '(none)'}",
        f"  Received: {timestamp(examination.envelope.received_at)}",
        f"  Ledger entry: {entry}",
        f"  SHA-256 of the signed part: {examination.mic}",
        "",
        *(f"{_sentence(finding)}" for finding in verdict.findings),
    ]
    for result in verdict.results:
        lines.append(f"{printable(result.number) or '(no number)'}: {_WORDS[result.code]}")
        lines += [f"    {_sentence(finding)}" for finding in result.findings]
    for answer in verdict.answers:
        lines.append(f"{printable(answer.line)}: {done(verdict.outcome, is_done=answer.done)}")
        lines += [f"    {printable(line)}" for line in answer.text]
    lines += ["", _NEXT[verdict.outcome], "", "This mail was made by a program; its attachments are for programs."]
    return "\n".join(lines) + "\n"


def _sentence(finding: Finding) -> str:
    place = " ".join(filter(None, (finding.where, finding.detail)))
    return f"{finding.code.value} [{finding.code.code}]" + (f" ({printable(place)})" if place else "")


def _notification(authority: Authority, examination: Examination, verdict: Verdict) -> dict[str, str]:
    values = {
        "Reporting-UA": f"{authority.address.rpartition('@')[2]}; ecertmail",
        "Final-Recipient": f"rfc822; {authority.address}",
        "Original-Message-ID": _original_id(examination),
        "Disposition": f"automatic-action/MDN-sent-automatically; processed{_modifier(verdict)}",
        "Received-content-MIC": f"{examination.mic}, sha-256",
    }
    return {name: value for name, value in values.items() if value}


def _modifier(verdict: Verdict) -> str:
    if verdict.outcome is Outcome.RESPONSE and not all(answer.done for answer in verdict.answers):
        return "/warning"
    return _MODIFIER.get(verdict.outcome, "")


def _add_result(root: etree._Element, result: Result) -> None:
    attributes = {"number": result.number, "result": result.code.value}
    if result.certificate is not None:
        attributes |= {"status": result.certificate.status.value, "sha256": result.certificate.sha256}
    if result.entry is not None:
        attributes["entry"] = str(result.entry)
    _add_findings(etree.SubElement(root, _name("certificate"), attributes), result.findings)


def _add_findings(parent: etree._Element, findings: tuple[Finding, ...]) -> None:
    for finding in findings:
        element = etree.SubElement(parent, _name("finding"), code=finding.code.code, severity=finding.severity.value)
        if finding.where:
            element.set("where", printable(finding.where))
        element.text = printable(finding.code.value + (f" ({finding.detail})" if finding.detail else ""))


def _name(local: str) -> str:
    return f"{{{NAMESPACE}}}{local}"
