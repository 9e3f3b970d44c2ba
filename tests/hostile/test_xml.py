"""Hostile XML inside a mail that a partner has rightly signed: told or recorded, never carried out.

A server on loopback listens at the address that the documents point to and must not be asked; a file that they point to
must not be read.
"""

import codecs
import gzip
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from ecertmail.core.read_receipt import Statement
from tests.builders import batch_mail, certificates_xml, room, sps_xml
from tests.flow.node import Node
from tests.hostile.daemon import said

SECRET = "the-passphrase-of-customs"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    (tmp_path / "node").mkdir()
    made = Node(tmp_path / "node")
    yield made
    made.close()


@dataclass(frozen=True)
class Bait:
    """What a document may point to."""

    file: Path
    url: str

    def put_into(self, document: bytes) -> bytes:
        return document.replace(b"FILE", self.file.as_uri().encode()).replace(b"URL", self.url.encode())


@pytest.fixture
def bait(tmp_path: Path) -> Iterator[Bait]:
    (tmp_path / "secret").write_text(SECRET, encoding="ascii")
    asked: list[str] = []

    class Canary(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Canary)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield Bait(tmp_path / "secret", f"http://127.0.0.1:{server.server_port}/bait")
    server.shutdown()
    server.server_close()
    thread.join()
    assert asked == []


def receipts(node: Node) -> list[Statement]:
    return [said(delivery.octets) for delivery in node.receipts()]


def codes(statement: Statement) -> set[str]:
    texts = [*statement.findings, *(text for line in statement.certificates for text in line.findings)]
    return {text.partition(":")[0] for text in texts}


def everything(node: Node) -> bytes:
    """All that the node keeps and says, apart from the mails as they were received."""
    kept = [repr(node.records()), repr(node.quarantined()), repr(node.log.lines)]
    mails = [part.get_payload(decode=True) or b"" for d in node.outbox.take_due(node.clock(), room(1000))
             for part in message_from_bytes(d.octets).walk()]  # fmt: skip
    return "\n".join(kept).encode() + b"".join(bytes(mail) for mail in mails if isinstance(mail, bytes))


GOOD = certificates_xml("NZ/1")
XSI = b'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
INCLUDE = b'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="FILE" parse="text"/>'
SIGNATURE = b'<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo/></ds:Signature>'
BODY = GOOD.partition(b"?>\n")[2]


def with_title(inside: bytes, before: bytes = b"") -> bytes:
    return b'<?xml version="1.0" encoding="UTF-8"?>' + before + BODY.replace(b"Lamb", inside)


def with_root(attributes: bytes) -> bytes:
    return GOOD.replace(b"<certificates>", b"<certificates " + attributes + b">")


def entities(levels: int) -> bytes:
    grown = b"".join(b'<!ENTITY a%d "%b">' % (level, b"&a%d;" % (level - 1) * 10) for level in range(1, levels))
    return b'<!DOCTYPE certificates [<!ENTITY a0 "ha">' + grown + b"]>"


def encoded(declared: str, codec: str, document: bytes = BODY) -> bytes:
    return f'<?xml version="1.0" encoding="{declared}"?>{document.decode()}'.encode(codec)


REFUSED: dict[str, tuple[bytes, set[str]]] = {
    "a bare DOCTYPE": (with_title(b"Lamb", b"<!DOCTYPE certificates>"), {"xml-doctype"}),
    "a DTD elsewhere": (with_title(b"Lamb", b'<!DOCTYPE certificates SYSTEM "URL.dtd">'), {"xml-doctype"}),
    "a public DTD elsewhere": (with_title(b"x", b'<!DOCTYPE certificates PUBLIC "-//X" "URL">'), {"xml-doctype"}),
    "an entity that is a file": (
        with_title(b"&x;", b'<!DOCTYPE certificates [<!ENTITY x SYSTEM "FILE">]>'), {"xml-doctype"}),
    "an entity that is a web page": (
        with_title(b"&x;", b'<!DOCTYPE certificates [<!ENTITY x SYSTEM "URL">]>'), {"xml-doctype"}),
    "a parameter entity": (
        with_title(b"Lamb", b'<!DOCTYPE certificates [<!ENTITY % x SYSTEM "URL"> %x;]>'), {"xml-doctype"}),
    "exponential expansion": (with_title(b"&a9;", entities(10)), {"xml-doctype"}),
    "quadratic expansion": (
        with_title(b"&x;" * 50_000, b'<!DOCTYPE certificates [<!ENTITY x "' + b"x" * 50_000 + b'">]>'),
        {"xml-doctype"}),
    "an entity that nobody declared": (with_title(b"&x;"), {"xml-malformed"}),
    "an XInclude of a file": (GOOD.replace(b"</certificate>", INCLUDE + b"</certificate>"), {"schema-invalid"}),
    "a processing instruction": (with_title(b"<?php system('id') ?>"), {"xml-instruction"}),
    "a stylesheet": (with_title(b"Lamb", b'<?xml-stylesheet href="URL" type="text/xsl"?>'), {"xml-instruction"}),
    "UTF-16 with a mark": (encoded("UTF-16", "utf-16"), {"xml-encoding"}),
    "UTF-16 that says UTF-8": (encoded("UTF-8", "utf-16-le"), {"xml-encoding"}),
    "UTF-7": (encoded("UTF-7", "utf-7", b"<!DOCTYPE x>" + BODY), {"xml-encoding"}),
    "Latin-1 that says UTF-8": (encoded("UTF-8", "latin-1", BODY.replace(b"Lamb", "Agné".encode())), {"xml-encoding"}),
    "UTF-8 that says UTF-16": (encoded("UTF-16", "utf-8"), {"xml-encoding"}),
    "an encoding of nobody": (encoded("x-klingon", "utf-8"), {"xml-encoding"}),
    "NUL": (with_title(b"La\x00mb"), {"xml-encoding"}),
    "a NUL by reference": (with_title(b"La&#0;mb"), {"xml-malformed"}),
    "a text of 12 MB": (with_title(b"x" * 12_000_000), {"xml-malformed"}),
    "depth 10,000": (with_title(b"<a>" * 10_000 + b"</a>" * 10_000), {"xml-malformed"}),
    "one number twice": (certificates_xml("NZ/1", "NZ/1"), {"number-twice"}),
    "one number in two spellings of white space": (certificates_xml("NZ 1", "NZ&#10; 1"),
                                                   {"number-twice", "schema-invalid"}),
    "a namespace one letter off": (sps_xml().replace(b"SPSCertificate:17", b"SPSCertificate:71"), {"profile-unknown"}),
    "a namespace in another case": (sps_xml().replace(b"urn:un:unece", b"URN:un:unece"), {"profile-unknown"}),
    "a namespace where there is none": (with_root(b'xmlns="urn:x"'), {"profile-unknown"}),
    "an XML signature inside": (GOOD.replace(b"</certificate>", SIGNATURE + b"</certificate>"), {"schema-invalid"}),
    "an unknown root": (b'<invoice><certificate id="NZ/1"/></invoice>', {"profile-unknown"}),
    "two roots": (GOOD + BODY, {"xml-malformed"}),
    "nothing": (b"", {"xml-malformed"}),
    "only white space": (b" \r\n\t", {"xml-malformed"}),
    "no certificate": (b"<certificates/>", {"schema-invalid"}),
    "gzip": (gzip.compress(GOOD), {"xml-encoding"}),
    "a control character in a number": (certificates_xml("NZ&#7;1"), {"xml-malformed"}),
    "a number of white space": (certificates_xml("&#32;&#9;"), {"number-missing", "schema-invalid"}),
    "a number in a comment": (certificates_xml("").replace(b' id=""', b"<!-- NZ/1 -->"), {"xml-malformed"}),
}  # fmt: skip


def is_refused(node: Node, document: bytes, expected: set[str]) -> None:
    """The partner is told why, nothing is recorded but the mail itself, and the next good mail is accepted."""
    begin = time.process_time()
    node.take(batch_mail(document, serial="hostile"))
    assert time.process_time() - begin < 5
    [statement] = receipts(node)
    assert statement.outcome == "refused"
    assert codes(statement) & expected
    assert codes(statement) <= expected
    assert node.quarantined() == []
    assert node.log_kinds() == ["message"]
    is_accepted(node, certificates_xml("NZ/GOOD"), "NZ/GOOD", "good")


def is_accepted(node: Node, document: bytes, number: str, serial: str = "odd") -> None:
    node.take(batch_mail(document, serial=serial))
    statement = receipts(node)[-1]
    assert (statement.outcome, [line.number for line in statement.certificates]) == ("accepted", [number])
    assert node.status(number) == "70"


@pytest.mark.parametrize("case", REFUSED)
def test_a_partner_is_told_what_is_wrong_and_nothing_is_recorded(node: Node, bait: Bait, case: str) -> None:
    document, expected = REFUSED[case]
    is_refused(node, bait.put_into(document), expected)
    assert SECRET.encode() not in everything(node)


class LateError(BaseException):
    """No Exception, so that nobody takes it for a mail's fault and tries again."""


@contextmanager
def within(seconds: int) -> Iterator[None]:
    def ring(*_: object) -> None:
        raise LateError

    signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    except LateError:
        pytest.fail(f"it took more than {seconds} s")
    finally:
        signal.alarm(0)


def test_some_thousand_attributes_are_refused_in_time(node: Node) -> None:
    """A hundred thousand are in test_resources, where a worker's limits end what would not end."""
    attributes = b" ".join(b'a%d=""' % place for place in range(2500))
    document = certificates_xml("NZ/1").replace(b"<certificate ", b"<certificate " + attributes + b" ")
    with within(20):
        is_refused(node, document, {"xml-malformed", "schema-invalid", "too-many-findings"})


def test_ten_thousand_wrong_certificates_are_refused_in_time(node: Node) -> None:
    numbers = (f"NZ/{place}" for place in range(10_000))
    document = certificates_xml(*numbers).replace(b"<title>", b"<titel>").replace(b"</title>", b"</titel>")
    with within(20):
        is_refused(node, document, {"schema-invalid", "too-many-findings"})


ACCEPTED: dict[str, tuple[bytes, str]] = {
    "a UTF-8 mark": (codecs.BOM_UTF8 + GOOD, "NZ/1"),
    "a place of the schema": (with_root(XSI + b' xsi:noNamespaceSchemaLocation="URL.xsd"'), "NZ/1"),
    "a place of a schema of another namespace": (with_root(XSI + b' xsi:schemaLocation="urn:x URL.xsd"'), "NZ/1"),
    "a place of the schema of an SPSCertificate": (
        sps_xml("NZ/1").replace(b"<SPSCertificate ", b"<SPSCertificate " + XSI + b' xsi:schemaLocation="urn:x URL" '),
        "NZ/1"),
    "a number in CDATA": (sps_xml("<![CDATA[NZ/1]]>"), "NZ/1"),
    "a comment inside a number": (sps_xml("NZ<!-- 9 -->/1"), "NZ/1"),
    "a comment and CDATA inside a number": (sps_xml("N<!-- -->Z<![CDATA[/]]>1"), "NZ/1"),
    "a number by character references": (certificates_xml("&#78;Z&#47;&#x31;"), "NZ/1"),
    "a number that is a path upwards": (certificates_xml("../../../../etc/passwd"), "../../../../etc/passwd"),
    "a number that is an absolute path": (certificates_xml("/etc/ecertmail-hostile"), "/etc/ecertmail-hostile"),
    "a number that is SQL": (certificates_xml("NZ'); DROP TABLE entry;--"), "NZ'); DROP TABLE entry;--"),
    "a number that is markup": (certificates_xml("&lt;b&gt;&amp;#x;"), "<b>&#x;"),
}  # fmt: skip


@pytest.mark.parametrize("case", ACCEPTED)
def test_what_is_odd_but_plain_data_is_recorded_as_it_stands(node: Node, bait: Bait, tmp_path: Path, case: str) -> None:
    document, number = ACCEPTED[case]
    is_accepted(node, bait.put_into(document), number)
    is_accepted(node, certificates_xml("NZ/GOOD"), "NZ/GOOD", "good")
    assert {path.name for path in tmp_path.iterdir()} == {"node", "secret"}
    assert {path.name.partition(".")[0] for path in (tmp_path / "node").iterdir()} == {"spool", "ledger"}


UNSEEN = [
    pytest.param("\u202e", id="right-to-left override"),
    pytest.param("\u2066", id="isolate"),
    pytest.param("\u200b", id="zero-width space"),
    pytest.param("\u009b", id="a C1 control"),
    pytest.param("\u0085", id="next line"),
    pytest.param("\u2028", id="line separator"),
]


@pytest.mark.parametrize("character", UNSEEN)
def test_no_character_of_a_number_can_change_how_a_receipt_reads(node: Node, character: str) -> None:
    """Neither the text for people nor a line of the log may show another number than the one that was sent."""
    node.take(batch_mail(certificates_xml(f"NZ{character}1: REFUSED")))
    [delivery] = node.receipts()
    texts = [part for part in message_from_bytes(delivery.octets).walk() if part.get_content_type() == "text/plain"]
    payload = texts[0].get_payload(decode=True)
    assert isinstance(payload, bytes)
    assert character not in payload.decode()
