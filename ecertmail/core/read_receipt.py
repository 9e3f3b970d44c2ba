"""Reading a receipt back: what its issuer says about which signed octets, after the signature was checked elsewhere."""

from dataclasses import dataclass

from lxml import etree

from ecertmail.core import bounce, mime, receipt, xml
from ecertmail.core.receipt import NAMESPACE
from ecertmail.findings import Finding
from ecertmail.model import Outcome
from ecertmail.reports import Kind, Report

_NS = {"r": NAMESPACE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What a receipt says about one certificate."""

    number: str
    result: str
    status: str
    sha256: str
    entry: str
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What a receipt says; `undone` is how many of its commands or answers were not done or recorded."""

    authority: str
    outcome: str
    message_id: str
    mic: str
    entry: str
    at: str
    findings: tuple[str, ...]
    certificates: tuple[Line, ...]
    commands: tuple[str, ...] = ()
    undone: int = 0


def statement(signed_octets: bytes) -> Statement | None:
    """Read the receipt.xml inside the signed part of a receipt; None if there is none."""
    leaves = mime.attachments(signed_octets)
    if isinstance(leaves, Finding):
        return None
    for leaf in leaves:
        root = xml.parse(leaf.data, leaf.filename) if leaf.type == "application/xml" else None
        if root is not None and not isinstance(root, Finding) and root.tag == f"{{{NAMESPACE}}}receipt":
            return _read(root)
    return None


def answer(signed_octets: bytes) -> tuple[Report, ...]:
    """Return what a receipt says about a mail of ours: its receipt.xml, else its disposition notification."""
    told = statement(signed_octets)
    if told is None:
        return bounce.read(signed_octets)
    # An official's decision that the issuer did not record must not look as if it had arrived.
    lost = told.outcome == Outcome.REFUSED.value or (told.outcome == Outcome.RESPONSE.value and told.undone)
    kind = Kind.ERROR if lost else Kind.PROCESSED
    return (Report(kind=kind, message_id=told.message_id, mic=told.mic, micalg="sha-256"),)


def _read(root: etree._Element) -> Statement:
    message = root.find("r:message", _NS)
    authority = root.find("r:authority", _NS)
    outcome = root.findtext("r:outcome", "", _NS)
    facts = {} if message is None else {str(key): str(value) for key, value in message.attrib.items()}
    return Statement(
        authority="" if authority is None else str(authority.get("name", "")),
        outcome=outcome,
        message_id=facts.get("id", ""),
        mic=facts.get("mic", ""),
        entry=facts.get("entry", ""),
        at=str(root.get("at", "")),
        findings=_findings(root),
        certificates=tuple(_line(element) for element in root.iterfind("r:certificate", _NS)),
        commands=tuple(_command(element, outcome) for element in root.iterfind("r:command", _NS)),
        undone=sum(element.get("done") != "true" for element in root.iterfind("r:command", _NS)),
    )


def _line(element: etree._Element) -> Line:
    names = ("number", "result", "status", "sha256", "entry")
    values = {name: str(element.get(name, "")) for name in names}
    return Line(**values, findings=_findings(element))


def _command(element: etree._Element, outcome: str) -> str:
    done = receipt.done(outcome, is_done=element.get("done") == "true")
    return "\n  ".join([f"{element.get('line', '')}: {done}", *(element.text or "").splitlines()])


def _findings(element: etree._Element) -> tuple[str, ...]:
    return tuple(f"{f.get('code')}: {f.text or ''}" for f in element.iterfind("r:finding", _NS))
