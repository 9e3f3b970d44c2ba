"""The receipt: one mail that a person, a program and an auditor can read, whatever a partner has sent."""

import re
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import etree

from ecertmail.config import packaged
from ecertmail.core import entity, mime, read_receipt, receipt
from ecertmail.core.compose import Draft
from ecertmail.core.mime import Attachment
from ecertmail.findings import Finding, FindingCode, Severity
from ecertmail.message import SignedMessage
from ecertmail.model import Examination, Outcome, Result, ResultCode, Verdict
from ecertmail.parties import Authority
from ecertmail.subscription import Answer
from tests.builders import CHINA, NOW, NZ_ADDRESS, certificate, examination, signed_message
from tests.core.test_compose import assert_unbreakable

SCHEMA = etree.XMLSchema(etree.parse(packaged("schemas") / "receipt/receipt.xsd"))
MESSAGE_ID = "<r1@customs.example>"

RECORDED = Result(number="NZ-1", code=ResultCode.RECORDED, certificate=certificate(), entry=1)
DUPLICATE = Result(
    number="NZ-2", code=ResultCode.DUPLICATE, certificate=certificate("NZ-2"),
    findings=(Finding(code=FindingCode.DUPLICATE, severity=Severity.WARNING),),
)  # fmt: skip
CONFLICT = Result(
    number="NZ-3", code=ResultCode.CONFLICT, certificate=certificate("NZ-3"), entry=2,
    findings=(Finding(code=FindingCode.CONFLICT),),
)  # fmt: skip
BAD = Result(
    number="", code=ResultCode.REFUSED, certificate=None,
    findings=(Finding(code=FindingCode.XML_MALFORMED, where="batch.xml", detail="line 3"),),
)  # fmt: skip
VERDICTS = {
    "accepted": Verdict(outcome=Outcome.ACCEPTED, results=(RECORDED, DUPLICATE)),
    "partial": Verdict(outcome=Outcome.PARTIAL, results=(RECORDED, CONFLICT, BAD)),
    "refused": Verdict(outcome=Outcome.REFUSED, results=(BAD,)),
    "refused as a whole": Verdict(outcome=Outcome.REFUSED, findings=(Finding(code=FindingCode.KEY_EXPIRED),)),
    "key offered": Verdict(
        outcome=Outcome.KEY_OFFERED,
        findings=(Finding(code=FindingCode.KEY_OFFERED, detail="A" * 40, severity=Severity.WARNING),),
    ),
    "response": Verdict(
        outcome=Outcome.RESPONSE,
        answers=(
            Answer(line="PASS NZ-1", done=True, text=("is recorded as entry 8",)),
            Answer(line="REFUSE NZ-\u202e2", done=False, text=("is not known here",)),
        ),
    ),
    "commanded": Verdict(
        outcome=Outcome.COMMANDED,
        answers=(
            Answer(line="STATUS", done=True, text=("nz-post: ACTIVE", "nz-\u202e\x00: PENDING")),
            Answer(line='SUBSCRIBE <x&y "', done=False, text=("Right is: …",)),
        ),
    ),
}


def drafted(verdict: Verdict, about: Examination | None = None, authority: Authority = CHINA) -> Draft:
    return receipt.draft(authority, about or examination(), verdict, 7, NOW, MESSAGE_ID)


def leaves(draft: Draft) -> tuple[Attachment, Attachment, Attachment]:
    found = mime.attachments(draft.part)
    assert isinstance(found, tuple)
    text, notification, document = found
    return text, notification, document


def valid(draft: Draft) -> etree._Element:
    root = etree.fromstring(leaves(draft)[2].data)
    SCHEMA.assertValid(root)
    return root


def attributes(element: etree._Element) -> dict[str, str]:
    return {str(name): str(value) for name, value in element.attrib.items()}


def notification(draft: Draft) -> dict[str, str]:
    lines = leaves(draft)[1].data.decode().rstrip().split("\r\n")
    return dict(line.split(": ", 1) for line in lines)


def text(draft: Draft) -> str:
    return leaves(draft)[0].data.decode().replace("\r\n", "\n")


# For a program


@pytest.mark.parametrize("verdict", VERDICTS.values(), ids=VERDICTS.keys())
def test_the_document_conforms_to_its_schema(verdict: Verdict) -> None:
    root = valid(drafted(verdict))
    assert root.findtext("{*}outcome") == verdict.outcome.value
    assert [e.get("result") for e in root.iterfind("{*}certificate")] == [r.code.value for r in verdict.results]


def test_the_document_says_what_was_judged_and_where_it_is_recorded() -> None:
    about = examination()
    root = valid(drafted(VERDICTS["partial"], about))
    message = root.find("{*}message")
    assert message is not None
    assert about.signature is not None
    assert attributes(message) == {
        "id": "<1@mpi.example>", "micalg": "sha-256", "mic": about.mic, "key": about.signature.fingerprint,
        "received": about.envelope.received_at.strftime("%Y-%m-%dT%H:%M:%SZ"), "entry": "7",
    }  # fmt: skip
    first, second, third = [attributes(element) for element in root.iterfind("{*}certificate")]
    assert first == {
        "number": "NZ-1", "result": "recorded", "status": "70", "sha256": certificate().sha256, "entry": "1",
    }  # fmt: skip
    assert second["entry"] == "2"
    assert third == {"number": "", "result": "refused"}
    finding = root.find("{*}certificate[3]/{*}finding")
    assert finding is not None
    assert attributes(finding) == {"code": "xml-malformed", "severity": "error", "where": "batch.xml"}
    assert finding.text == "The XML is not well-formed. (line 3)"


ODD = "\r\n\t\x00\x07\x0b\x1b\x85\u2028\u202e\ud800\ufffe<&]>\"'"
HOSTILE = st.text(st.characters() | st.sampled_from(ODD), max_size=40)
FINDINGS = st.lists(
    st.builds(
        lambda code, where, detail, severity: Finding(code=code, where=where, detail=detail, severity=severity),
        st.sampled_from(FindingCode), HOSTILE, HOSTILE, st.sampled_from(Severity),
    ),
    max_size=4,
).map(tuple)  # fmt: skip


def quoting(words: str) -> tuple[Finding, ...]:
    return (Finding(code=FindingCode.XML_MALFORMED, where=words, detail=words),)


@settings(max_examples=50)
@example(quoting("a\ud800b"), (), Outcome.REFUSED)
@example((), quoting("a\rb"), Outcome.REFUSED)
@example(quoting("a\x00\x07\ufffe"), (), Outcome.REFUSED)
@given(FINDINGS, FINDINGS, st.sampled_from([Outcome.ACCEPTED, Outcome.PARTIAL, Outcome.REFUSED]))
def test_nothing_that_a_finding_quotes_breaks_the_receipt(
    whole: tuple[Finding, ...], single: tuple[Finding, ...], outcome: Outcome
) -> None:
    verdict = Verdict(outcome=outcome, findings=whole, results=(replace(BAD, findings=single), RECORDED))
    draft = drafted(verdict)
    root = valid(draft)
    assert len(list(root.iter("{*}finding"))) == len(whole) + len(single)
    assert_unbreakable(draft.part, 998)


@settings(max_examples=50)
@given(FINDINGS)
def test_nothing_that_a_finding_quotes_can_begin_a_line_of_the_text(findings: tuple[Finding, ...]) -> None:
    """Else a file name could say "NZ-9: recorded" in our name."""
    plain = tuple(Finding(code=finding.code) for finding in findings)
    lines = [text(drafted(Verdict(outcome=Outcome.REFUSED, findings=f))).splitlines() for f in (findings, plain)]
    assert len(lines[0]) == len(lines[1])


def test_a_file_name_cannot_speak_in_our_name() -> None:
    bad = Finding(code=FindingCode.XML_MALFORMED, where="a.xml)\nNZ-9: recorded")
    draft = drafted(Verdict(outcome=Outcome.REFUSED, results=(replace(BAD, findings=(bad,)),)))
    assert "\nNZ-9" not in text(draft)


# For an auditor


@pytest.mark.parametrize(
    ("name", "disposition"),
    [("accepted", "processed"), ("partial", "processed/warning"), ("refused", "processed/error")],
)
def test_the_notification_is_that_of_rfc_8098(name: str, disposition: str) -> None:
    about = examination()
    assert notification(drafted(VERDICTS[name], about)) == {
        "Reporting-UA": "customs.example; ecertmail",
        "Final-Recipient": f"rfc822; {CHINA.address}",
        "Original-Message-ID": "<1@mpi.example>",
        "Disposition": f"automatic-action/MDN-sent-automatically; {disposition}",
        "Received-content-MIC": f"{about.mic}, sha-256",
    }


def test_the_parts_are_those_of_a_report() -> None:
    draft = drafted(VERDICTS["accepted"])
    assert entity.parse(draft.part).type == "multipart/report"
    assert [leaf.type for leaf in leaves(draft)] == [
        "text/plain",
        "message/disposition-notification",
        "application/xml",
    ]
    assert b"report-type=disposition-notification" in draft.part.partition(b"\r\n\r\n")[0]


# For a person


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("accepted", "Accepted: 2 of 2 certificates"),
        ("partial", "Accepted in part: 1 of 3 certificates"),
        ("refused", "Refused: 0 of 1 certificate"),
        ("refused as a whole", "Refused: your message"),
    ],
)
def test_the_subject_tells_it_all(name: str, subject: str) -> None:
    assert drafted(VERDICTS[name]).header["Subject"] == subject


def test_the_text_names_each_certificate_and_what_to_do_next() -> None:
    said = text(drafted(VERDICTS["partial"]))
    assert "NZ-1: recorded\n" in said
    assert "NZ-3: REFUSED, conflicts with what is recorded\n    A certificate with this number" in said
    assert "(no number): REFUSED\n    The XML is not well-formed. [xml-malformed] (batch.xml line 3)\n" in said
    assert "Correct the certificates that were refused" in said


# The mail


def test_the_mail_goes_to_the_registered_address_and_is_known_as_automatic() -> None:
    draft = drafted(VERDICTS["accepted"])
    assert dict(draft.header) | {"Date": ""} == {
        "From": "China Customs <ecert@customs.example>", "To": NZ_ADDRESS, "Date": "", "Message-ID": MESSAGE_ID,
        "Subject": "Accepted: 2 of 2 certificates", "Auto-Submitted": "auto-replied", "X-Loop": CHINA.address,
        "In-Reply-To": "<1@mpi.example>", "References": "<1@mpi.example>",
    }  # fmt: skip


def test_the_header_stands_in_the_signed_part_too() -> None:
    draft = drafted(VERDICTS["accepted"])
    mail = draft.signed(b"-----BEGIN PGP SIGNATURE-----\n")
    message = mime.read(mail)
    assert isinstance(message, SignedMessage)
    assert message.signed_octets == draft.part
    inner = draft.part.partition(b"\r\n\r\n")[0]
    assert b'hp="clear"' in inner
    for name in ("From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References"):
        assert f"{name}: {draft.header[name]}".encode() in inner.split(b"\r\n")


def test_an_encrypted_receipt_hides_its_subject_and_keeps_it_inside() -> None:
    draft = receipt.draft(CHINA, examination(), VERDICTS["accepted"], 7, NOW, MESSAGE_ID, cipher=True)
    mail = draft.encrypted(b"-----BEGIN PGP MESSAGE-----\n\nabc\n-----END PGP MESSAGE-----\n")
    assert isinstance(mime.read(mail), mime.Encrypted)
    assert b"Subject: [...]\r\n" in mail
    assert b"2 of 2" not in mail
    inside = draft.part.partition(b"\r\n\r\n")[0]
    assert b"Subject: Accepted: 2 of 2 certificates" in inside
    assert b"HP-Outer: Subject: [...]" in inside
    assert b'hp="cipher"' in inside
    assert_unbreakable(mail, 998)


@pytest.mark.parametrize("verdict", VERDICTS.values(), ids=VERDICTS.keys())
def test_a_discreet_receipt_names_outcome_codes_and_hashes_and_quotes_nothing(verdict: Verdict) -> None:
    words = replace(signed_message(), subject="Forty tonnes")
    bare = receipt.discreet(examination(message=words), verdict)
    draft = drafted(bare[1], bare[0])
    root = valid(draft)
    assert [e.get("sha256") for e in root.iterfind("{*}certificate")] == [
        result.certificate.sha256 if result.certificate else None for result in verdict.results
    ]
    said = "".join(leaf.data.decode() for leaf in leaves(draft))
    for secret in ("Forty tonnes", "NZ-1", "NZ-3", "batch.xml", "line 3", "A" * 40):
        assert secret not in said
    assert all(finding.code.code in said for finding in verdict.findings)


NAMES = ("China Customs", "中国海关", 'The "Authority", of X', "Te Manatū Ahu Matua " * 8)


@pytest.mark.parametrize("name", NAMES)
def test_any_name_of_the_authority_stays_in_its_header(name: str) -> None:
    draft = drafted(VERDICTS["accepted"], authority=replace(CHINA, name=name))
    mail = draft.signed(b"-----BEGIN PGP SIGNATURE-----\n")
    assert_unbreakable(mail, 998)
    message = mime.read(mail)
    assert isinstance(message, SignedMessage)
    assert message.from_address == CHINA.address
    valid(draft)


MESSAGE_IDS = {
    "a line break": "<a@b>\r\nBcc: everybody@x.example",
    "a line break inside": "<a\r\nBcc: everybody@x.example\r\n@b>",
    "a folded one": "<a\r\n b@c>",
    "no angles": "a@b",
    "two": "<a@b> <c@d>",
    "non-ASCII": "<é@b>",
    "control characters": "<a\x00\x07@b>",
    "nothing": "",
    "an encoded line break": "=?utf-8?q?<a=0D=0ABcc:_x@b>?=",
    "very long": "<" + "a" * 3000 + "@b>",
}


@pytest.mark.parametrize("message_id", MESSAGE_IDS.values(), ids=MESSAGE_IDS.keys())
def test_a_message_id_brings_nothing_else_into_our_header(message_id: str) -> None:
    octets = b"Message-ID: " + message_id.encode() + b"\r\n\r\n"
    about = examination(message=signed_message(message_id=mime.headline(octets).message_id))
    draft = drafted(VERDICTS["accepted"], about)
    mail = draft.signed(b"-----BEGIN PGP SIGNATURE-----\n")
    assert b"\r\nBcc:" not in mail
    assert re.fullmatch(r"<[!-~]+>|", draft.header.get("In-Reply-To", ""))
    assert_unbreakable(mail, 998)
    valid(draft)


@given(HOSTILE)
def test_a_subject_brings_nothing_else_into_our_mail(subject: str) -> None:
    octets = b"Subject: " + subject.encode("utf-8", "surrogatepass") + b"\r\n\r\n"
    about = examination(message=signed_message(subject=mime.headline(octets).subject))
    draft = drafted(VERDICTS["accepted"], about)
    assert_unbreakable(draft.part, 998)
    valid(draft)


def test_the_same_facts_make_the_same_octets() -> None:
    assert drafted(VERDICTS["partial"]) == drafted(VERDICTS["partial"])


def test_answers_about_certificates_have_words_of_their_own() -> None:
    made = drafted(VERDICTS["response"])
    assert made.header["Subject"] == "Noted: 1 of 2 answers"
    text = leaves(made)[0].data.decode()
    assert "PASS NZ-1: received\r\n    is recorded as entry 8" in text
    assert "REFUSE NZ-\ufffd2: NOT RECORDED" in text
    said = read_receipt.statement(made.part)
    assert said is not None
    assert [line.partition(": ")[2].partition("\n")[0] for line in said.commands] == ["received", "NOT RECORDED"]
