"""The header inside the signed part (RFC 9788) is what counts; the outer one is anybody's."""

from collections.abc import Callable
from dataclasses import replace

from ecertmail.core import mime
from ecertmail.core.read_receipt import statement
from ecertmail.findings import FindingCode as Code
from ecertmail.message import SignedMessage
from ecertmail.parties import Assurance
from tests.builders import AU_ADDRESS, CHINA, NZ_ADDRESS, certificates_xml
from tests.flow.node import Node
from tests.hostile.case import (
    Case,
    accepted,
    assert_comes_to,
    assert_next_good_mail_is_taken,
    fate,
    refused,
    sent,
    stranger,
    table,
)
from tests.hostile.mails import DOCUMENT, attached, mixed, signed

HP, V1 = '; hp="clear"', '; protected-headers="v1"'
FROM, TO = f"From: {NZ_ADDRESS}", f"To: {CHINA.address}"
ELSEWHERE = DOCUMENT.replace(b'country_code="CN"', b'country_code="AU"')
OTHER = "To: ecert@other.example"


def inside(*lines: str, kind: str = HP, document: bytes = DOCUMENT, **outer: str) -> Callable[[], bytes]:
    """A mail with these lines at the top of its signed part."""
    head = "".join(f"{line}\r\n" for line in lines).encode()
    return lambda: signed(None, head + mixed(attached(document), kind=kind), **outer)


FOR_SOMEBODY_ELSE = (
    refused("To another node", inside(FROM, OTHER), Code.NOT_FOR_US),
    refused("To another node, in the older way", inside(FROM, OTHER, kind=V1), Code.NOT_FOR_US),
    refused("To and Cc other nodes", inside(FROM, OTHER, f"Cc: {AU_ADDRESS}"), Code.NOT_FOR_US),
    refused("To another node whose name is ours", inside(FROM, f'To: "{CHINA.address}" <{AU_ADDRESS}>'),
            Code.NOT_FOR_US),
    refused("To another node, Bcc to us", inside(FROM, OTHER, f"Bcc: {CHINA.address}"), Code.NOT_FOR_US),
    refused("To another node, with a comment about us", inside(FROM, f"{OTHER} (, {CHINA.address}, )"),
            Code.NOT_FOR_US),
    refused("To another node with a name beyond ASCII", inside(FROM, "To: ecert@biosécurité.example"),
            Code.NOT_FOR_US),
    refused("To another node, but no From", inside(OTHER), Code.NOT_FOR_US),
    refused("To another node after a line that is no field", inside(FROM, "no field", OTHER), Code.MIME_MALFORMED),
    refused("no To, and another country imports", inside(FROM, document=ELSEWHERE), Code.NOT_FOR_US),
    refused("nothing protected, and another country imports", inside(kind="", document=ELSEWHERE), Code.NOT_FOR_US),
    refused("To without a mark, and another country imports", inside(FROM, TO, kind="", document=ELSEWHERE),
            Code.NOT_FOR_US),
)  # fmt: skip

BY_SOMEBODY_ELSE = (
    stranger("From another partner", inside(f"From: {AU_ADDRESS}", TO), Code.FROM_NOT_PARTNER),
    stranger("From nobody registered", inside("From: evil@x.example", TO, kind=V1), Code.FROM_NOT_PARTNER),
    stranger("two From", inside(FROM, f"From: {AU_ADDRESS}", TO), Code.FROM_MALFORMED),
    stranger("the same From twice", inside(FROM, FROM, TO), Code.FROM_MALFORMED),
    stranger("From two addresses", inside(f"{FROM}, {AU_ADDRESS}", TO), Code.FROM_MALFORMED),
    stranger("an empty From", inside("From:", TO), Code.FROM_MALFORMED),
    stranger("outer From changed", inside(FROM, TO, From="evil@x.example"), Code.FROM_NOT_PARTNER),
    stranger("outer From of another partner", inside(FROM, TO, From=AU_ADDRESS), Code.FROM_NOT_PARTNER),
    stranger("outer From missing", lambda: inside(FROM, TO)().replace(b"From:", b"X-From:", 1), Code.FROM_MALFORMED),
    stranger("changed on the way", lambda: inside(FROM, TO)().replace(b"ecert@customs.example\r\nC", b"x\r\nC"),
             Code.SIGNATURE_BAD),
)  # fmt: skip

FOR_US = (
    accepted("all in order", inside(FROM, TO)),
    accepted("the older way", inside(FROM, TO, kind=V1)),
    accepted("in capitals", inside(FROM.upper(), TO.upper())),
    accepted("To several, us among them", inside(FROM, f"{OTHER}, China <{CHINA.address}>")),
    accepted("To another, Cc to us", inside(FROM, OTHER, f"Cc: {CHINA.address}")),
    accepted("To us, another country imports", inside(FROM, TO, document=ELSEWHERE)),
    accepted("no To, our country imports", inside(FROM)),
    accepted("nothing protected, our country imports", inside(kind="")),
    accepted("outer To changed", inside(FROM, TO, To="ecert@other.example")),
    accepted("outer Cc added", inside(FROM, TO, Cc="evil@x.example")),
)  # fmt: skip


@table(FOR_SOMEBODY_ELSE)
def test_what_was_signed_for_another_node_is_refused_and_the_signer_told(node: Node, case: Case) -> None:
    assert_comes_to(node, case)


@table(BY_SOMEBODY_ELSE)
def test_both_from_must_be_the_signers(node: Node, case: Case) -> None:
    assert_comes_to(node, case)


@table(FOR_US)
def test_what_was_signed_for_us_counts(node: Node, case: Case) -> None:
    assert_comes_to(node, case)


def test_the_receipt_quotes_the_protected_header_and_nothing_of_the_outer_one(node: Node) -> None:
    mail = inside(FROM, TO, "Subject: Lamb", "Message-ID: <true@mpi.example>", Subject="Beef", Message_ID="<lie@x>")
    node.take(mail())
    [answer] = sent(node)
    said = mime.read(answer.octets)
    assert isinstance(said, SignedMessage)
    told = statement(said.signed_octets)
    assert told is not None
    assert told.message_id == "<true@mpi.example>"
    assert b"Subject: Lamb" in said.signed_octets
    assert b"lie@x" not in answer.octets
    assert b"Beef" not in answer.octets


LEVELS = {"": "signed", HP: "signed+protected", V1: "signed+protected", '; hp="other"': "signed"}


def test_every_entry_says_how_sure_the_node_was(node: Node) -> None:
    for place, kind in enumerate(LEVELS):
        node.take(inside(FROM, TO, kind=kind, document=certificates_xml(f"NZ-{place}"))())
    levels = [record["assurance"] for record in node.records() if record["kind"] == "message"]
    assert levels == list(LEVELS.values())


def test_a_partner_that_must_protect_its_headers_is_told_when_it_does_not(node: Node) -> None:
    partners = {f: replace(p, assurance=Assurance.SIGNED_PROTECTED) for f, p in node.examiner.partners.items()}
    node.examiner = replace(node.examiner, partners=partners)
    case = refused("nothing protected", inside(kind=""), Code.HEADERS_NOT_PROTECTED)
    assert_comes_to(node, case)
    assert node.records()[0]["assurance"] == "signed"
    assert fate(node, accepted("all in order", inside(FROM, TO))).outcome == "accepted"


def test_a_refused_mail_is_recorded_with_its_level_too(node: Node) -> None:
    node.take(inside(FROM, OTHER)())
    assert [record["assurance"] for record in node.records()] == ["signed+protected"]
    sent(node)
    assert_next_good_mail_is_taken(node)
