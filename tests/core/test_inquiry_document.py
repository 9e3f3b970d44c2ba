"""What is said in a conversation, as a document with its files beside it: valid, and read back as it was."""

from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest
import xmlschema
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from ecertmail.config import packaged
from ecertmail.conversation import Message, Turn, Utterance
from ecertmail.core import inquiry_document, legal, mime, xml
from ecertmail.core.mime import Attachment
from ecertmail.findings import Finding, FindingCode
from ecertmail.official import File
from ecertmail.parties import Assurance
from tests.builders import NOW
from tests.core.test_acknowledgement import HEAD

FOLDER = packaged("schemas") / "inquiry"
SCHEMA = etree.XMLSchema(etree.parse(FOLDER / "inquiry.xsd"))
EXPLAINING = xmlschema.XMLSchema(FOLDER / "inquiry.xsd", allow="local")
SEAL = File(name="封条.jpg", type="image/jpeg", octets=b"\0\xff")
SAID = Utterance(
    turn=Turn.REQUEST, operator="李伟, Shanghai", at=NOW, content="  Which seal?\n\nThis one: <封条>",
    assurance=Assurance.TOKEN_DKIM, files=(SEAL,),
)  # fmt: skip
MESSAGE = Message(reference="Q7", number="NZ-1/2 A", utterance=SAID)
FILES = st.builds(File, name=st.text(max_size=60), type=st.text(max_size=60), octets=st.binary(max_size=20))
MESSAGES = st.builds(
    Message, reference=st.from_regex(r"Q[0-9]{1,18}", fullmatch=True),
    number=st.from_regex(r"[!-~]{1,100}", fullmatch=True),
    utterance=st.builds(
        Utterance, turn=st.sampled_from(Turn), operator=st.text(max_size=60), content=st.text(max_size=300),
        at=st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
        assurance=st.sampled_from(Assurance), files=st.lists(FILES, max_size=20).map(tuple),
    ),
)  # fmt: skip


def parsed(octets: bytes) -> etree._Element:
    root = xml.parse(octets, "inquiry.xml")
    assert not isinstance(root, Finding)
    return root


def attached(message: Message) -> list[Attachment]:
    return [Attachment(type=f.type, filename="", data=f.octets) for f in message.utterance.files]


@given(MESSAGES, st.sampled_from(["", "en", "zh"]))
def test_every_message_makes_a_valid_document_that_says_the_same(message: Message, language: str) -> None:
    root = parsed(inquiry_document.document(message, language))
    SCHEMA.assertValid(root)
    EXPLAINING.validate(root)
    said = message.utterance
    files = tuple(replace(f, name=legal.line(f.name), type=legal.line(f.type)) for f in said.files)
    content = legal.text(said.content)
    told = replace(
        said, operator=legal.line(said.operator), at=said.at.replace(microsecond=0), files=files,
        content=content if content.strip() else "",
    )  # fmt: skip
    found = inquiry_document.read(root, attached(message))
    assert isinstance(found, Message)
    read = replace(found.utterance, content=found.utterance.content if content.strip() else "")
    assert replace(found, utterance=read) == replace(message, utterance=told)


def test_files_come_through_the_mail_as_they_were() -> None:
    leaves: Any = mime.attachments(inquiry_document.draft(HEAD, MESSAGE, "zh").part)
    assert inquiry_document.read(parsed(leaves[1].data), leaves) == MESSAGE
    assert "answers your inquiry Q7 about certificate NZ-1/2 A" in leaves[0].data.decode()


def test_a_file_that_is_not_attached_is_a_finding() -> None:
    found = inquiry_document.read(parsed(inquiry_document.document(MESSAGE, "")), [])
    assert found == Finding(code=FindingCode.INQUIRY_FILE_MISSING, detail=SEAL.name)


def test_files_over_the_number_are_named_in_the_text() -> None:
    files = tuple(File(name=f"{n}.txt", type="text/plain", octets=b"%d" % n) for n in range(25))
    many = replace(MESSAGE, utterance=replace(SAID, files=files))
    leaves: Any = mime.attachments(inquiry_document.draft(HEAD, many, "").part)
    root = parsed(leaves[1].data)
    SCHEMA.assertValid(root)
    found = inquiry_document.read(root, leaves)
    assert isinstance(found, Message)
    assert found.utterance.files == files[:20]
    assert [f"✗ {n}.txt" in found.utterance.content for n in (19, 20, 24)] == [False, True, True]


def test_a_text_has_an_end() -> None:
    octets = inquiry_document.document(replace(MESSAGE, utterance=replace(SAID, content="海" * 50_000)), "zh")
    found = inquiry_document.read(parsed(octets), attached(MESSAGE))
    assert isinstance(found, Message)
    assert len(found.utterance.content.encode()) <= inquiry_document.MAX_CONTENT
    assert found.utterance.content.endswith("[…]")


def changed(old: str, new: str) -> etree._Element:
    text = inquiry_document.document(MESSAGE, "en").decode()
    assert old in text
    return parsed(text.replace(old, new).encode())


WRONG = {
    "no turn": (('turn="request"', ""), FindingCode.RESPONSE_UNREADABLE),
    "another turn": (('turn="request"', 'turn="x"'), FindingCode.RESPONSE_UNREADABLE),
    "no moment": ((" at=", " when="), FindingCode.RESPONSE_UNREADABLE),
    "no reference": (("Q7", ""), FindingCode.RESPONSE_UNREADABLE),
    "no number": (("NZ-1/2 A", " "), FindingCode.RESPONSE_UNREADABLE),
    "an endless number": (("NZ-1/2 A", "9" * 101), FindingCode.RESPONSE_UNREADABLE),
    "too much text": (("Which seal?", "海" * 40_000), FindingCode.INQUIRY_TOO_LARGE),
    "too many files": (("</inquiry>", "<file/>" * 20 + "</inquiry>"), FindingCode.INQUIRY_TOO_LARGE),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_a_finding_even_without_the_schema(name: str) -> None:
    (old, new), code = WRONG[name]
    found = inquiry_document.read(changed(old, new), attached(MESSAGE))
    assert isinstance(found, Finding)
    assert found.code is code


@pytest.mark.parametrize("pair", [("<operator>", "<x/><operator>"), (sha256(SEAL.octets).hexdigest(), "x"),
                                  ('version="1"', 'version="2"'), ('xml:lang="en"', 'xml:lang="?"')])  # fmt: skip
def test_the_schema_is_strict(pair: tuple[str, str]) -> None:
    assert not SCHEMA.validate(changed(*pair))
