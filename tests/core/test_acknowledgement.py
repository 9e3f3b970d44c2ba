"""A decision as a document of the standard: valid, told in full, and read back from anybody who writes one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import xmlschema
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from ecertmail.config import packaged
from ecertmail.conversation import Message, Turn, Utterance
from ecertmail.core import acknowledgement, legal, mime, moment, xml
from ecertmail.core.node_mail import Head
from ecertmail.findings import Finding, FindingCode
from ecertmail.official import Decided, Decision, File, Response
from ecertmail.parties import Assurance
from tests.builders import CHINA, DATA, NOW, NZ_ADDRESS, SHARED, new_zealand
from tests.core.test_compose import assert_unbreakable

OURS = etree.XMLSchema(etree.parse(packaged("schemas") / "sps-d17a/sps.xsd"))
PUBLISHED = SHARED / "xsd/sps-d17a/data/standard/SPSAcknowledgement_17p0.xsd"
SHA = "ab" * 32
DECIDED = Decided(
    entry=7, issuer="nz", number="NZ-1", decision=Decision.REFUSE, remark="The seal is broken.\nSee the photo.",
    partner="self", official="li", operator="Li Wei, Shanghai", assurance=Assurance.TOKEN_DKIM, at=NOW,
)  # fmt: skip
HEAD = Head(authority=CHINA, partner=new_zealand(), now=NOW, message_id="<a1@customs.example>")
DECISIONS = st.builds(
    Decided, entry=st.just(7), issuer=st.just("nz"), number=st.from_regex(r"[!-~]{1,100}", fullmatch=True),
    decision=st.sampled_from(Decision), remark=st.text(max_size=300), partner=st.just("self"), official=st.just("li"),
    operator=st.text(max_size=60), assurance=st.sampled_from(Assurance),
    at=st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)  # fmt: skip


def parsed(octets: bytes) -> etree._Element:
    root = xml.parse(octets, "ack.xml")
    assert not isinstance(root, Finding)
    return root


def responses(octets: bytes) -> tuple[Response, ...]:
    found = acknowledgement.read(parsed(octets))
    assert isinstance(found, tuple), found
    return found


def fixture(old: str = "", new: str = "") -> bytes:
    text = (DATA / "sps-ack-39.xml").read_text("utf-8")
    assert old in text
    return text.replace(old, new).encode()


@given(DECISIONS, st.sampled_from(["", "851", "657"]), st.sampled_from(["", SHA]))
def test_every_decision_makes_a_valid_document_that_says_the_same(decided: Decided, code: str, sha256: str) -> None:
    octets = acknowledgement.document(decided, code, sha256, "zh")
    OURS.assertValid(parsed(octets))
    assert responses(octets) == (
        Response(
            number=decided.number, decision=decided.decision, remark=legal.text(decided.remark).strip(),
            operator=legal.line(decided.operator), assurance=decided.assurance.value,
            at=decided.at.replace(microsecond=0), sha256=sha256,
        ),
    )  # fmt: skip


@pytest.mark.skipif(not PUBLISHED.is_file(), reason=f"the published schemas are not committed: no {PUBLISHED}")
def test_the_published_schema_accepts_it_too() -> None:
    schema = xmlschema.XMLSchema(PUBLISHED, allow="local")
    for decision in Decision:
        for code in ("", "851"):
            document = acknowledgement.document(replace(DECIDED, decision=decision), code, SHA, "zh")
            schema.validate(parsed(document))


def test_a_foreign_reader_is_shown_who_decided_and_how_sure_that_is() -> None:
    root = parsed(acknowledgement.document(DECIDED, "851", SHA, "zh"))
    reasons = [(e.text, e.get("languageID")) for e in root.iter("{*}ReasonInformation")]
    assert reasons == [
        (DECIDED.remark, "zh"), ("Operator: Li Wei, Shanghai", "en"), ("Assurance: token+dkim", "en"),
    ]  # fmt: skip
    [reference] = root.iter("{*}ReferenceSPSReferencedDocument")
    assert [e.text for e in reference] == ["851", "AWR", "NZ-1", f"sha-256:{SHA}"]
    [status] = root.iter("{*}StatusCode")
    assert (status.text, status.get("name")) == ("41", "Rejected")


@pytest.mark.parametrize("remark", ["Operator: me", "Assurance: signed", "Operator: a\nAssurance: token"])
def test_a_remark_in_our_own_words_stays_a_remark(remark: str) -> None:
    [one] = responses(acknowledgement.document(replace(DECIDED, remark=remark), "", "", "en"))
    assert (one.remark, one.operator) == (remark, DECIDED.operator)


def test_what_others_say_is_all_remark() -> None:
    octets = fixture(
        "</ram:ReasonInformation>", "</ram:ReasonInformation><ram:ReasonInformation>B</ram:ReasonInformation>"
    )
    [one] = responses(octets)
    assert one == Response(
        number="NZ-2026-004711", decision=Decision.PASS, remark="Documents and goods agree.\nB", operator="",
        assurance="", at=datetime(2026, 3, 20, 0, 15, tzinfo=UTC),
    )  # fmt: skip


REFERENCE = "<ram:RelationshipTypeCode>AWR</ram:RelationshipTypeCode>\n      <ram:ID>NZ-2026-004711</ram:ID>"


def references(*pairs: tuple[str, str]) -> bytes:
    """The fixture, with these relationships and numbers."""
    between = "</ram:ReferenceSPSReferencedDocument><ram:ReferenceSPSReferencedDocument>"
    each = [
        f"<ram:RelationshipTypeCode>{kind}</ram:RelationshipTypeCode><ram:ID>{number}</ram:ID>"
        for kind, number in pairs
    ]
    return fixture(REFERENCE, between.join(each))


@pytest.mark.parametrize(
    ("pairs", "numbers"),
    [
        ([("AWR", "A"), ("AWR", "B")], ["A", "B"]),
        ([("AWR", "A"), ("AWR", "A")], ["A"]),
        ([("AWR", "A"), ("ACE", "B"), ("ZZZ", "C")], ["A"]),
        ([("ACE", "B"), ("CAW", "C"), ("ZZZ", "D")], ["B"]),
        ([("AWR", " A\n 1 ")], ["A 1"]),
    ],
)
def test_the_certificates_are_the_original_documents(pairs: list[tuple[str, str]], numbers: list[str]) -> None:
    assert [one.number for one in responses(references(*pairs))] == numbers


UNREADABLE: dict[str, tuple[bytes, FindingCode]] = {
    "status of an issuer": (fixture(">39<", ">70<"), FindingCode.RESPONSE_STATUS),
    "status of TRACES": (fixture(">39<", ">1<"), FindingCode.RESPONSE_STATUS),
    "no document": (b"<SPSAcknowledgement/>", FindingCode.RESPONSE_STATUS),
    "no date": (fixture("2026-03-20T08:15:00+08:00", ""), FindingCode.RESPONSE_UNREADABLE),
    "a date before time": (fixture("2026-03-20T08:15:00", "0001-01-01T00:00:00"), FindingCode.RESPONSE_UNREADABLE),
    "no certificate": (references(("CAW", "A"), ("ZZZ", "B")), FindingCode.RESPONSE_UNREADABLE),
    "an empty number": (references(("AWR", "")), FindingCode.RESPONSE_UNREADABLE),
    "an endless number": (references(("AWR", "A" * 101)), FindingCode.RESPONSE_UNREADABLE),
    "an unseen number": (references(("AWR", "A\u202eB")), FindingCode.RESPONSE_UNREADABLE),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_is_a_finding(name: str) -> None:
    octets, code = UNREADABLE[name]
    found = acknowledgement.read(parsed(octets))
    assert isinstance(found, Finding)
    assert found.code is code


def test_a_remark_has_an_end() -> None:
    [one] = responses(fixture("Documents and goods agree.", "x" * 20_000))
    assert (len(one.remark), one.remark[-3:]) == (acknowledgement.REMARK, "[…]")


SAMPLES = {
    "ack-39-approved.xml": Decision.PASS,
    "ack-42-pending.xml": Decision.REQUEST,
    "traces-acknowledgement.xml": None,
}


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.skipif(not SHARED.is_dir(), reason=f"the samples are not committed: no {SHARED}")
def test_the_samples_of_others_are_read(name: str) -> None:
    found = acknowledgement.read(parsed((SHARED / "samples" / name).read_bytes()))
    decision = SAMPLES[name]
    if decision is None:
        assert isinstance(found, Finding)
        assert (found.code, found.detail) == (FindingCode.RESPONSE_STATUS, "1")
    else:
        assert [(one.number, one.decision) for one in found] == [("NZ-EXAMPLE-0001", decision)]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "code", "expected"),
    [
        ("2026-01-15T04:00:00Z", "", datetime(2026, 1, 15, 4, tzinfo=UTC)),
        ("2026-04-27T10:36:34.986123456+02:00", "", datetime(2026, 4, 27, 8, 36, 34, tzinfo=UTC)),
        ("2026-01-15T04:00", "", datetime(2026, 1, 15, 4, tzinfo=UTC)),
        ("2026-01-15", "", datetime(2026, 1, 15, tzinfo=UTC)),
        ("20260115", "102", datetime(2026, 1, 15, tzinfo=UTC)),
        ("202601150400", "203", datetime(2026, 1, 15, 4, tzinfo=UTC)),
        ("202601150400+0800", "205", datetime(2026, 1, 14, 20, tzinfo=UTC)),
        ("202601150400", "", datetime(2026, 1, 15, 4, tzinfo=UTC)),
        ("", "", None), ("soon", "", None), ("2026-13-01", "", None), ("9999-12-31T23:59:59-23:00", "", None),
    ],
)  # fmt: skip
def test_dates_in_every_way_that_they_are_written(text: str, code: str, expected: datetime | None) -> None:
    assert moment.read(text, code) == expected


@given(st.text(), st.sampled_from(["", "102", "203", "205", "999"]))
def test_no_date_is_too_strange(text: str, code: str) -> None:
    found = moment.read(text, code)
    assert found is None or found.utcoffset() == timedelta(0)


def test_the_mail_says_it_to_people_and_asks_for_a_receipt() -> None:
    file = File(name="封条.jpg", type="image/jpeg", octets=b"\0\xff")
    said = Utterance(turn=Turn.REQUEST, operator="Li", at=NOW, content="Why?", assurance=Assurance.TOKEN, files=(file,))
    message = Message(reference="Q7", number="NZ-1", utterance=said)
    draft = acknowledgement.draft(HEAD, DECIDED, "851", SHA, "zh", message)
    assert_unbreakable(draft.part, 998)
    assert draft.header["To"] == NZ_ADDRESS
    assert draft.header["Subject"] == "REFUSE: certificate NZ-1"
    leaves: Any = mime.attachments(draft.part)
    assert [leaf.type for leaf in leaves] == ["text/plain", "application/xml", "application/xml", "image/jpeg"]
    text = leaves[0].data.decode()
    for fact in ("NZ-1 was REFUSED (status 41)", "Li Wei, Shanghai", "token+dkim", "The seal is broken.", SHA):
        assert fact in text
    assert b"Disposition-Notification-To: ecert@customs.example" in draft.part
    assert draft.header["Auto-Submitted"] == "auto-generated"


def test_an_encrypted_mail_hides_what_it_is_about() -> None:
    draft = acknowledgement.draft(replace(HEAD, cipher=True), DECIDED, "", "", "en")
    assert draft.header["Subject"] == "[...]"
    assert b"HP-Outer: Subject: [...]" in draft.part
