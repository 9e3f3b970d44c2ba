"""Mail from strangers: the signed part comes out octet for octet, and what is odd can only be refused."""

import email
import json
import time
from collections.abc import Callable
from email.message import Message

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ecertmail.core import entity as entities
from ecertmail.core import mime
from ecertmail.core.mime import Attachment, Headline
from ecertmail.findings import Finding, FindingCode
from ecertmail.message import SignedMessage
from tests.builders import NZ_ADDRESS, SHARED, batch_mail, certificates_xml

PART = b"Content-Type: text/plain\r\n\r\nHello\r\n"
SIGNATURE = b"Content-Type: application/pgp-signature\r\n\r\n-----BEGIN PGP SIGNATURE-----\r\n"
PROTOCOL = b'; protocol="application/pgp-signature"; micalg=pgp-sha512'


def signed(
    *parts: bytes,
    boundary: bytes = b"abc",
    head: bytes = b"From: ecert@mpi.example\r\n",
    close: bytes = b"--",
    preamble: bytes = b"",
    parameters: bytes = PROTOCOL,
) -> bytes:
    """A multipart/signed mail of these parts, right or wrong."""
    parts = parts or (PART, SIGNATURE)
    body = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts)
    return (
        head
        + b'Content-Type: multipart/signed; boundary="'
        + boundary
        + b'"'
        + parameters
        + b"\r\n\r\n"
        + preamble
        + body
        + b"--"
        + boundary
        + close
    )


def read(octets: bytes) -> SignedMessage:
    message = mime.read(octets)
    assert isinstance(message, SignedMessage), message
    return message


def refused(octets: bytes) -> FindingCode:
    finding = mime.read(octets)
    assert isinstance(finding, Finding), finding
    return finding.code


def leaves(octets: bytes) -> tuple[Attachment, ...]:
    found = mime.attachments(octets)
    assert isinstance(found, tuple), found
    return found


def entity(body: bytes, encoding: str = "7bit", kind: str = "application/xml") -> bytes:
    return f"Content-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode() + body


# Slicing

SLICED = {
    "a plain part": PART,
    "a part that ends in CRLF": PART + b"\r\n",
    "a part that ends in two CRLF": PART + b"\r\n\r\n",
    "trailing white space": PART + b"  \t",
    "bare LF and CR": PART + b"a\nb\rc",
    "8-bit and NUL": PART + b"\xff\xfe\x00\x80",
    "an empty part": b"",
    "only a CRLF": b"\r\n",
    "lower-case odd header folding": b"content-TYPE:\ttext/plain ;\r\n   charset = utf-8\r\n\r\n=\r\n",
    "its boundary inside a line": PART + b"see --abc and\r\n --abc\r\nx--abc",
    "a longer boundary": PART + b"--abcd\r\n--abcd--\r\n--abc-\r\n--abc---",
    "a shorter boundary": PART + b"--ab\r\n--ab--",
    "its boundary in bare LF lines": PART + b"x\n--abc\ny",
    "lines of dots and dashes": PART + b".\r\n..\r\n-- \r\n--\r\n",
}


@pytest.mark.parametrize("part", SLICED.values(), ids=SLICED.keys())
def test_the_signed_octets_are_those_between_the_boundary_lines(part: bytes) -> None:
    """The CRLF before a boundary belongs to the boundary (RFC 2046 section 5.1.1), every other octet to the part."""
    assert read(signed(part, SIGNATURE)).signed_octets == part


LEGAL = {
    "no CRLF at the end": signed(),
    "CRLF at the end": signed() + b"\r\n",
    "an epilogue": signed() + b"\r\nAnything at all\r\n--abc\r\nmore\r\n--abc--\r\n",
    "a preamble": signed(preamble=b"This is an OpenPGP/MIME signed message.\r\n\r\n"),
    "a preamble with a longer boundary": signed(preamble=b"--abcd\r\n"),
    "blanks after the boundary": signed().replace(b"--abc\r\n", b"--abc \t\r\n"),
    "blanks after the last boundary": signed() + b" \t\r\n",
    "an mbox line": b"From nz@mpi.example Thu Jan  5 10:04:48 2018\r\n" + signed(),
    "no protocol": signed(parameters=b""),
    "the longest boundary": signed(boundary=b"x" * 70),
    "a boundary of special characters": signed(boundary=b"=_'()+_,-./:=?(.*)$"),
}


@pytest.mark.parametrize("octets", LEGAL.values(), ids=LEGAL.keys())
def test_whatever_stands_around_the_parts_changes_nothing(octets: bytes) -> None:
    message = read(octets)
    assert (message.signed_octets, message.signature) == (PART, b"-----BEGIN PGP SIGNATURE-----\r\n")
    assert message.from_address == NZ_ADDRESS


@given(st.binary(max_size=200))
def test_any_octets_that_do_not_hold_the_boundary_are_sliced_exactly(body: bytes) -> None:
    part = PART + body
    if b"--abc" not in body:
        assert read(signed(part, SIGNATURE)).signed_octets == part


@given(st.text("abc-\r\n \t", max_size=60).map(str.encode))
def test_slicing_agrees_with_the_plain_reading_of_the_standard(body: bytes) -> None:
    """Line by line: a boundary line is one that starts with dashes and boundary, and then has blanks only."""
    part = PART + body
    lines = part.split(b"\r\n")
    inside = any(line.rstrip(b" \t") in {b"--abc", b"--abc--"} for line in lines)
    message = mime.read(signed(part, SIGNATURE))
    exact = isinstance(message, SignedMessage) and message.signed_octets == part
    assert exact is not inside


def test_a_signature_part_is_transfer_decoded() -> None:
    part = b"Content-Type: application/pgp-signature\r\nContent-Transfer-Encoding: base64\r\n\r\nLS0tLS0=\r\n"
    assert read(signed(PART, part)).signature == b"-----"


# What is no signed mail

HEAD = b"From: ecert@mpi.example\r\n"
REFUSED = {
    "nothing": (b"", FindingCode.NOT_SIGNED),
    "no header": (b"\r\nHello", FindingCode.NOT_SIGNED),
    "plain text": (HEAD + PART, FindingCode.NOT_SIGNED),
    "not MIME": (b"\x00\xff\x00", FindingCode.MIME_MALFORMED),
    "no closing boundary": (signed(close=b""), FindingCode.MIME_MALFORMED),
    "cut in the signature": (signed().rpartition(b"\r\n--abc--")[0], FindingCode.MIME_MALFORMED),
    "LF only": (signed().replace(b"\r\n", b"\n"), FindingCode.MIME_MALFORMED),
    "no boundary": (b"Content-Type: multipart/signed\r\n\r\n--\r\n--", FindingCode.MIME_MALFORMED),
    "an empty boundary": (signed(boundary=b""), FindingCode.MIME_MALFORMED),
    "a boundary of 201 octets": (signed(boundary=b"x" * 201), FindingCode.MIME_MALFORMED),
    "another boundary": (signed().replace(b'"abc"', b'"abd"'), FindingCode.MIME_MALFORMED),
    "one part": (signed(PART), FindingCode.SIGNED_STRUCTURE),
    "three parts": (signed(PART, SIGNATURE, PART), FindingCode.SIGNED_STRUCTURE),
    "two signatures": (signed(PART, SIGNATURE, SIGNATURE), FindingCode.SIGNED_STRUCTURE),
    "a part before the signed one": (signed(PART, PART, SIGNATURE), FindingCode.SIGNED_STRUCTURE),
    "the boundary inside the content": (signed(PART + b"\r\n--abc\r\n", SIGNATURE), FindingCode.SIGNED_STRUCTURE),
    "the end inside the content": (signed(PART + b"\r\n--abc--\r\n", SIGNATURE), FindingCode.SIGNED_STRUCTURE),
    "a text as signature": (signed(PART, PART), FindingCode.SIGNED_STRUCTURE),
    "keys as signature": (signed(PART, entity(b"", kind="application/pgp-keys")), FindingCode.SIGNED_STRUCTURE),
    "parts in the wrong order": (signed(SIGNATURE, PART), FindingCode.SIGNED_STRUCTURE),
    "S/MIME": (
        signed(parameters=b'; protocol="application/pkcs7-signature"', boundary=b"abc"),
        FindingCode.SMIME_SIGNED,
    ),
    "old S/MIME": (signed(parameters=b"; protocol=application/x-PKCS7-signature"), FindingCode.SMIME_SIGNED),
    "opaque S/MIME": (entity(b"AAAA", "base64", "application/pkcs7-mime"), FindingCode.SMIME_SIGNED),
    "clearsigned": (
        HEAD + b"Content-Type: text/plain\r\n\r\nHi\r\n-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA256\r\n",
        FindingCode.INLINE_SIGNED,
    ),
    "encrypted by nobody's rules": (
        HEAD + b'Content-Type: multipart/encrypted; boundary=abc; protocol="application/pgp-encrypted"\r\n\r\n--abc--',
        FindingCode.NOT_DECRYPTABLE,
    ),
    "encrypted inline": (
        HEAD + b"Content-Type: text/plain\r\n\r\n-----BEGIN PGP MESSAGE-----\r\n",
        FindingCode.NOT_DECRYPTABLE,
    ),
    "a signed mail inside": (
        HEAD + b"Content-Type: multipart/mixed; boundary=xyz\r\n\r\n--xyz\r\n" + signed() + b"\r\n--xyz--",
        FindingCode.NOT_SIGNED,
    ),
    "a signed mail forwarded": (HEAD + b"Content-Type: message/rfc822\r\n\r\n" + signed(), FindingCode.NOT_SIGNED),
    "an unknown transfer encoding of the signature": (
        signed(PART, b"Content-Transfer-Encoding: x-uue\r\n" + SIGNATURE),
        FindingCode.MIME_MALFORMED,
    ),
    "a signature of broken base64": (
        signed(PART, b"Content-Transfer-Encoding: base64\r\n" + SIGNATURE),
        FindingCode.MIME_MALFORMED,
    ),
}


@pytest.mark.parametrize(("octets", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_exactly_one_signed_part_is_refused_with_its_reason(octets: bytes, code: FindingCode) -> None:
    assert refused(octets) is code


# Limits


def block(fields: int = 0, field: int = 0, total: int = 0) -> bytes:
    """Header lines: so many short ones, one of such a length, and as many of 1 kB as make the total."""
    lines = [b"X-%d: y\r\n" % number for number in range(fields)]
    if field:
        lines.append(b"X: " + b"y" * (field - 5) + b"\r\n")
    while sum(map(len, lines)) < total:
        lines.append(b"X: " + b"y" * 1019 + b"\r\n")
    return b"".join(lines)


@pytest.mark.parametrize(
    "head",
    [block(fields=entities.MAX_FIELDS - 1), block(field=entities.MAX_FIELD), block(total=62_000)],
    ids=["as many fields", "as long a field", "as large a block"],
)
def test_a_mail_at_its_limits_is_read(head: bytes) -> None:
    assert read(signed(head=head)).signed_octets == PART


OVER = {
    "many fields": block(fields=entities.MAX_FIELDS),
    "a long field": block(field=entities.MAX_FIELD + 3),
    "a long folded field": b"X: y\r\n" + b" y\r\n" * 1025,
    "a large block": block(total=entities.MAX_HEADER_BLOCK),
    "a long From of dots": b"From: " + b"." * 100_000 + b"\r\n",
    "a long From of comments": b"From: " + b"(" * 5000 + b"\r\n",
    "100,000 fields": b"a: b\r\n" * 100_000,
}


@pytest.mark.parametrize("head", OVER.values(), ids=OVER.keys())
def test_a_mail_over_its_limits_is_refused_before_it_is_parsed(head: bytes) -> None:
    start = time.process_time()
    assert refused(signed(head=head)) is FindingCode.MIME_LIMIT
    assert time.process_time() - start < 1


def test_the_limits_hold_inside_the_signed_part_too() -> None:
    finding = mime.attachments(block(fields=entities.MAX_FIELDS) + PART)
    assert isinstance(finding, Finding)
    assert finding.code is FindingCode.MIME_LIMIT


def multipart(*parts: bytes, boundary: bytes = b"b") -> bytes:
    body = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts)
    return b"Content-Type: multipart/mixed; boundary=" + boundary + b"\r\n\r\n" + body + b"--" + boundary + b"--\r\n"


def nested(depth: int) -> bytes:
    """So many multiparts inside each other; boundaries differ, as they must."""
    inner = PART
    for level in range(depth):
        inner = multipart(inner, boundary=b"b%d" % level)
    return inner


def test_parts_may_be_nested_seven_deep() -> None:
    assert [leaf.data for leaf in leaves(nested(7))] == [b"Hello\r\n"]


@pytest.mark.parametrize("depth", [8, 9, 1000])
def test_parts_nested_deeper_are_refused(depth: int) -> None:
    finding = mime.attachments(nested(depth))
    assert isinstance(finding, Finding)
    assert finding.code is FindingCode.MIME_LIMIT


def test_fifty_parts_are_read_and_more_are_refused() -> None:
    assert len(leaves(multipart(*[PART] * 50))) == 50
    for octets in (
        multipart(*[PART] * 51),
        multipart(*[PART] * 5000),
        multipart(*[multipart(*[PART] * 20, boundary=b"i")] * 3),
    ):
        finding = mime.attachments(octets)
        assert isinstance(finding, Finding)
        assert finding.code is FindingCode.MIME_LIMIT


@pytest.mark.parametrize("filler", [b"--abc", b"\r\n--abcd", b"\r\n-", b"--abc-- ", b"\r\n--abc--x"])
def test_content_full_of_near_boundaries_costs_no_more_than_its_length(filler: bytes) -> None:
    octets = signed(PART + filler * (200_000 // len(filler)) + b"\r\n", SIGNATURE)
    start = time.process_time()
    mime.read(octets)
    assert time.process_time() - start < 1


# Who sent it

SENDERS = {
    "one": (b"From: ecert@mpi.example\r\n", NZ_ADDRESS),
    "with a name": (b"From: New Zealand <ECERT@MPI.example>\r\n", NZ_ADDRESS),
    "with a quoted name": (b'From: "MPI, New Zealand" <ecert@mpi.example>\r\n', NZ_ADDRESS),
    "folded": (b"From: New Zealand\r\n <ecert@mpi.example>\r\n", NZ_ADDRESS),
    "with an encoded name": (b"From: =?utf-8?q?Te_Manat=C5=AB?= <ecert@mpi.example>\r\n", NZ_ADDRESS),
    "none": (b"", None),
    "empty": (b"From:\r\n", None),
    "two From": (b"From: ecert@mpi.example\r\nFrom: x@evil.example\r\n", None),
    "two From, the same": (b"From: ecert@mpi.example\r\nfrom: ecert@mpi.example\r\n", None),
    "two mailboxes": (b"From: ecert@mpi.example, x@evil.example\r\n", None),
    "two angles": (b"From: <ecert@mpi.example> <x@evil.example>\r\n", None),
    "an address as name": (b'From: "ecert@mpi.example" <x@evil.example>\r\n', "x@evil.example"),
    "an unquoted address as name": (b"From: ecert@mpi.example <x@evil.example>\r\n", None),
    "a group": (b"From: MPI: ecert@mpi.example;\r\n", None),
    "a comment": (b"From: ecert@mpi.example (New Zealand)\r\n", None),
    "NUL": (b"From: ecert@mpi.example\x00\r\n", None),
    "8-bit": (b"From: \xc3\xa9cert@mpi.example\r\n", None),
    "an encoded address": (b"From: =?utf-8?q?ecert=40mpi.example?=\r\n", None),
}


@pytest.mark.parametrize(("head", "address"), SENDERS.values(), ids=SENDERS.keys())
def test_the_sender_is_one_plain_address_or_nobody(head: bytes, address: str | None) -> None:
    assert read(signed(head=head)).from_address == address


@pytest.mark.parametrize("end", [b"\r", b"\n"])
def test_a_header_that_two_readers_could_cut_differently_is_refused(end: bytes) -> None:
    finding = mime.read(signed(head=b"From: ecert@mpi.example" + end + b"From: x@evil.example\r\n"))
    assert isinstance(finding, Finding)
    assert finding.code is FindingCode.MIME_MALFORMED


@pytest.mark.parametrize("junk", [b"\r", b"\x00", b"\x0b", b"\x1b[2J", b"\xff", b"\xe2\x80\xae"])
def test_control_characters_of_a_header_do_not_reach_the_text_that_is_shown(junk: bytes) -> None:
    octets = signed(head=b"Subject: a" + junk + b"b\r\nMessage-ID: <a" + junk + b"@x>\r\nFrom: " + junk + b"x\r\n")
    shown, message = mime.headline(octets), mime.read(octets)
    texts = [shown.sender, shown.subject, shown.message_id]
    if isinstance(message, SignedMessage):  # a bare CR may end the header
        texts += [message.subject, message.message_id]
    for text in texts:
        assert text.isprintable()
        assert len(text) <= 200


SUBJECTS = {
    "plain": (b"Certificates", "Certificates"),
    "Q": (b"=?utf-8?q?Zertifikate_f=C3=BCr?= Lamm", "Zertifikate für Lamm"),
    "B": (b"=?gb18030?b?1qTK6Q==?=", "证书"),
    "folded": (b"Certi\r\n ficates", "Certi ficates"),
    "folded words": (b"=?utf-8?q?a?=\r\n =?utf-8?q?b?=", "ab"),
    "an unknown charset": (b"=?klingon?q?a?=", "=?klingon?q?a?="),
    "a line break in a word": (
        b"=?utf-8?q?a=0D=0ABcc:_x?=",
        "a\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}Bcc: x",
    ),
    "a charset that refuses": (b"=?idna?q?=ff?=", "=?idna?q?=ff?="),
    "very long": (b"x" * 3000, "x" * 200),
}


@pytest.mark.parametrize(("raw", "shown"), SUBJECTS.values(), ids=SUBJECTS.keys())
def test_a_subject_is_shown_as_one_printable_line(raw: bytes, shown: str) -> None:
    assert mime.headline(b"Subject: " + raw + b"\r\n\r\n").subject == shown


def test_a_mail_beyond_reading_has_an_empty_headline() -> None:
    assert mime.headline(b"X: " + b"y" * 9000) == Headline(sender="", subject="", message_id="")


# Content

DECODED = {
    "7bit": (entity(b"<a/>\r\n"), b"<a/>\r\n"),
    "8bit": (entity(b"\xc3\xa9", "8bit"), b"\xc3\xa9"),
    "binary": (entity(b"\x00\x01", "BINARY"), b"\x00\x01"),
    "no encoding": (b"Content-Type: application/xml\r\n\r\n<a/>", b"<a/>"),
    "base64": (entity(b"PGEv\r\nPg==\r\n", " Base64 "), b"<a/>"),
    "base64 with blanks": (entity(b" PGEv \t\r\n\r\nPg = =\r\n", "base64"), b"<a/>"),
    "empty base64": (entity(b"", "base64"), b""),
    "quoted-printable": (entity(b'<a=3D=\r\n"=E2=82=AC"/>', "quoted-printable"), b'<a="\xe2\x82\xac"/>'),
    "broken quoted-printable": (entity(b"a=ZZ=", "quoted-printable"), b"a=ZZ"),
}


@pytest.mark.parametrize(("octets", "data"), DECODED.values(), ids=DECODED.keys())
def test_a_part_is_decoded(octets: bytes, data: bytes) -> None:
    assert [leaf.data for leaf in leaves(octets)] == [data]


@pytest.mark.parametrize(
    "octets",
    [entity(b"PGE!vPg==", "base64"), entity(b"PGEvPg", "base64"), entity(b"\xff", "base64"), entity(b"", "x-zip"),
     entity(b"PGEvPg==PGEvPg==", "base64")],
    ids=["garbage", "no padding", "8-bit", "unknown encoding", "data after the padding"],
)  # fmt: skip
def test_a_part_that_two_readers_could_decode_differently_is_refused(octets: bytes) -> None:
    finding = mime.attachments(octets)
    assert isinstance(finding, Finding)
    assert finding.code is FindingCode.MIME_MALFORMED


FILE_NAMES = {
    "plain": (b"attachment; filename=batch.xml", "batch.xml"),
    "quoted": (b'attachment; filename="a batch.xml"', "a batch.xml"),
    "RFC 2231": (b"attachment; filename*=utf-8''%E8%AF%81.xml", "证.xml"),
    "RFC 2231 in pieces": (b'attachment; filename*0="ba"; filename*1*=tch%2E; filename*2=xml', "batch.xml"),
    "a path": (b'attachment; filename="../../etc/passwd"', "../../etc/passwd"),
    "none": (b"attachment", ""),
}


@pytest.mark.parametrize(("disposition", "name"), FILE_NAMES.values(), ids=FILE_NAMES.keys())
def test_a_file_name_is_read_but_is_only_a_word(disposition: bytes, name: str) -> None:
    octets = b"Content-Type: application/xml\r\nContent-Disposition: " + disposition + b"\r\n\r\n<a/>"
    assert [leaf.filename for leaf in leaves(octets)] == [name]


HOSTILE_NAMES = {
    "a line break": b"filename*=utf-8''a%0d%0aNZ-1: recorded",
    "a bell": b"filename*=utf-8''a%07b",
    "a lone surrogate": b"filename*=utf-7''+2AA-.xml",
    "a lone surrogate by escape": b"filename*=raw-unicode-escape''%5Cud800.xml",
    "a right-to-left override": b"filename*=utf-8''%E2%80%AElmx.exe",
    "NUL": b"filename*=utf-8''a%00b.xml",
}


@pytest.mark.parametrize("parameter", HOSTILE_NAMES.values(), ids=HOSTILE_NAMES.keys())
def test_a_file_name_is_printable_text(parameter: bytes) -> None:
    """It is quoted in the receipt as the place of a finding: one line, and text that UTF-8 can hold."""
    [leaf] = leaves(b"Content-Disposition: attachment; " + parameter + b"\r\n\r\nx")
    assert leaf.filename.isprintable()


# Never an exception

READERS: list[Callable[[bytes], object]] = [mime.read, mime.attachments, mime.headline]

PARAMETERS = (
    b"*=idna''%ff", b"*=undefined''x", b"*=punycode''%ff", b"*=utf-8''a; KEY*0=b", b"*=a\x00''b", b"*=utf-7''+2AA-",
    b"*0*=a''b; KEY*1*=c''d", b"*99999999999999999999=a", b"*=''", b"*=%", b'="\xe9"', b'="', b"=\\",
)  # fmt: skip


def with_parameter(name: bytes, value: bytes) -> bytes:
    parameter = name + value.replace(b"KEY", name)
    if name == b"filename":
        return b"Content-Disposition: attachment; " + parameter + b"\r\n\r\nx"
    return b"Content-Type: multipart/signed; " + parameter + b"\r\n\r\n--a\r\n\r\nx\r\n--a--"


@pytest.mark.parametrize("value", PARAMETERS)
@pytest.mark.parametrize("name", [b"boundary", b"protocol", b"charset", b"filename", b"name"])
def test_no_parameter_however_broken_raises(name: bytes, value: bytes) -> None:
    """Python's RFC 2231 decoder has several exceptions to offer; a partner gets a finding instead."""
    for octets in (
        with_parameter(name, value),
        multipart(with_parameter(name, value)),
        signed(with_parameter(name, value), SIGNATURE),
    ):
        for reader in READERS:
            reader(octets)


TOKENS = st.sampled_from(
    [b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b";", b"=", b'"', b"*", b"'", b"--", b"--a", b"--a--", b"\r\n\r\n", b"a",
     b"Content-Type: multipart/signed; boundary=a", b"Content-Type: multipart/mixed; boundary=a", b"From: a@b.example",
     b"Content-Transfer-Encoding: base64", b"Content-Transfer-Encoding: quoted-printable", b"=?utf-8?b?", b"?=", b"%00",
     b"Content-Disposition: attachment; filename", b"*=utf-8''", b"*0=", b"*1*=", b"; boundary", b"\x00", b"\xff",
     b"Content-Type: application/pgp-signature", b"Subject: "]
)  # fmt: skip


@given(st.one_of(st.binary(max_size=300), st.lists(TOKENS, max_size=30).map(b"".join)))
@example(signed())
@example(batch_mail(certificates_xml("NZ-1")))
def test_no_octets_make_a_reader_raise(octets: bytes) -> None:
    message = mime.read(octets)
    assert isinstance(message, SignedMessage | mime.Encrypted | Finding)
    found = mime.attachments(octets)
    assert isinstance(found, tuple | Finding)
    shown = mime.headline(octets)
    assert all(text.isprintable() for text in (shown.sender, shown.subject, shown.message_id))


@given(st.integers(0, 2000), st.binary(min_size=1, max_size=4))
def test_a_damaged_batch_never_raises_and_never_keeps_its_sender_and_loses_its_octets(place: int, junk: bytes) -> None:
    whole = batch_mail(certificates_xml("NZ-1"))
    damaged = whole[:place] + junk + whole[place + len(junk) :]
    for reader in READERS:
        reader(damaged)


# Mail of others

MALFORMED = sorted((SHARED / "mail/malformed").glob("*.eml"))
OTHERS = (
    MALFORMED
    + sorted((SHARED / "mail/ripe-whois/testMail").glob("*"))
    + sorted((SHARED / "mail/bounces/data").glob("*.txt"))
)


@pytest.mark.skipif(not OTHERS, reason="the corpus of others' mail (../shared/data/mail) is not here")
def test_no_mail_of_the_public_corpora_makes_a_reader_raise() -> None:
    for path in OTHERS:
        for octets in (path.read_bytes(), crlf(path.read_bytes())):
            for reader in READERS:
                reader(octets)


def crlf(octets: bytes) -> bytes:
    return octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


IRRD = SHARED / "mail/irrd/email_pgp_vectors.json"
IRRD_MAILS: dict[str, dict[str, list[str]]] = json.loads(IRRD.read_text("utf-8")) if IRRD.is_file() else {}
IRRD_VERDICTS = {
    "parse_valid_multipart_signed_ascii": FindingCode.MIME_MALFORMED,  # its last boundary was cut off
    "parse_invalid_multipart_signed_ascii_with_additional_text_part": FindingCode.MIME_MALFORMED,
    "parse_valid_inline_signed_ascii": FindingCode.INLINE_SIGNED,
    "parse_invalid_inline_signed_ascii_multiple_messages": FindingCode.INLINE_SIGNED,
    "parse_valid_plain_with_charset": FindingCode.NOT_SIGNED,
    "parse_valid_multipart_quoted_printable_with_charset": FindingCode.NOT_SIGNED,
    "invalid_blank_body": FindingCode.MIME_MALFORMED,
}
RIPE = SHARED / "mail/ripe-whois/testMail"
RIPE_VERDICTS = {
    "multipartPkcs7Signed.mail": FindingCode.SMIME_SIGNED,
    "inlinePgpSigned.mail": FindingCode.INLINE_SIGNED,
    "multipartAlternativePgpSigned.mail": FindingCode.INLINE_SIGNED,
    "simplePlainTextUnsigned.mail": FindingCode.NOT_SIGNED,
    "multipartMixedUnsigned.mail": FindingCode.NOT_SIGNED,
}


@pytest.mark.skipif(not IRRD_MAILS, reason="the mails of irrd (../shared/data/mail/irrd) are not here")
@pytest.mark.parametrize(("name", "code"), IRRD_VERDICTS.items())
def test_mails_from_irrd_are_refused_with_their_reason(name: str, code: FindingCode) -> None:
    assert refused(crlf(IRRD_MAILS[f"test_email.py::test_{name}"]["strings"][0].encode("utf-8"))) is code


@pytest.mark.skipif(not RIPE.is_dir(), reason="the mails of ripe-whois (../shared/data/mail/ripe-whois) are not here")
@pytest.mark.parametrize(("name", "code"), RIPE_VERDICTS.items())
def test_mails_from_ripe_are_refused_with_their_reason(name: str, code: FindingCode) -> None:
    assert refused(crlf((RIPE / name).read_bytes())) is code


@pytest.mark.skipif(not RIPE.is_dir(), reason="the mails of ripe-whois (../shared/data/mail/ripe-whois) are not here")
def test_a_real_signed_mail_is_sliced_where_pythons_email_slices_it() -> None:
    octets = crlf((RIPE / "multipartPgpSigned.mail").read_bytes())
    part = email.message_from_bytes(octets).get_payload(0)
    assert isinstance(part, Message)
    sliced = read(octets).signed_octets
    assert sliced in octets
    assert part.as_bytes().replace(b"\n", b"\r\n") == sliced


def test_a_broken_encoded_word_is_shown_as_it_stands() -> None:
    assert mime.headline(b"Subject: =?utf-8?b?x?=\r\n\r\n").subject == "=?utf-8?b?x?="
