"""Where the signature stands: only at the root, and nothing outside of what it covers is ever content."""

import base64
import zipfile
from collections.abc import Callable
from io import BytesIO

from ecertmail.core import compose
from ecertmail.findings import FindingCode as Code
from tests.builders import AU_ADDRESS, NZ_ADDRESS, certificates_xml, key_of, make_key
from tests.flow.node import Node
from tests.hostile.case import Case, accepted, assert_comes_to, refused, stranger, table
from tests.hostile.keys import computer, rsa
from tests.hostile.mails import DOCUMENT, HEAD, PART, attached, by_nz, mixed, signed

SMUGGLED = attached(certificates_xml("NZ-SMUGGLED"))
KIND = 'multipart/signed; micalg=pgp-sha512; protocol="application/pgp-signature"'
SIGNATURE_TYPE = b"Content-Type: application/pgp-signature\r\n\r\n"


def signature(octets: bytes = PART, head: bytes = SIGNATURE_TYPE) -> bytes:
    return head + by_nz(octets).replace(b"\n", b"\r\n")


def bare(sign: Callable[[bytes], bytes] = by_nz, part: bytes = PART) -> bytes:
    """A signed entity that is no mail by itself."""
    return compose.signed(part, sign(part), "inner", {})


INNER = bare()


def mail(*parts: bytes, kind: str = KIND) -> bytes:
    return compose.multipart(kind, parts, "outer", HEAD)


def text_mail(body: bytes, kind: str = "text/plain") -> bytes:
    return compose.headers({**HEAD, "Content-Type": kind}) + b"\r\n" + body


def in_base64(armor: bytes) -> bytes:
    head = SIGNATURE_TYPE[:-2] + b"Content-Transfer-Encoding: base64\r\n\r\n"
    return head + base64.encodebytes(armor).replace(b"\n", b"\r\n")


def clearsigned() -> bytes:
    made = computer().run("--clearsign", "--local-user", f"{rsa()}!", stdin=DOCUMENT)
    return made.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def deep(levels: int) -> bytes:
    part = attached()
    for level in range(levels):
        part = mixed(part, seed=str(level))
    return part


def zipped() -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("batch.xml", DOCUMENT)
    return compose.attachment(file.getvalue(), "application/zip", "batch.zip")


def within(part: bytes, kind: str = "message/rfc822") -> bytes:
    return b"Content-Type: " + kind.encode() + b"\r\n\r\n" + part


def changed(old: bytes, new: bytes) -> Callable[[], bytes]:
    return lambda: signed().replace(old, new, 1)


def around(preamble: bytes = b"", epilogue: bytes = b"") -> bytes:
    head, _, body = signed().partition(b"\r\n\r\n")
    return head + b"\r\n\r\n" + preamble + b"\r\n" + body + epilogue


def inside(part: bytes) -> Callable[[], bytes]:
    return lambda: signed(part=part)


ELSEWHERE = 'message/external-body; access-type=URL; URL="file:///etc/passwd"'
KLINGON = b"Content-Type: text/plain; charset=klingon-7\r\n\r\nnuqneH"
CRLF_DOCUMENT = DOCUMENT.replace(b"\n", b"\r\n")
TWICE = mixed(attached(), within(text_mail(CRLF_DOCUMENT)))

OUTSIDE = (
    stranger("unsigned", lambda: mail(attached(), kind="multipart/mixed"), Code.NOT_SIGNED),
    stranger("unsigned, no MIME at all", lambda: text_mail(DOCUMENT), Code.NOT_SIGNED),
    stranger("signed one level down", lambda: mail(bare(), kind="multipart/mixed"), Code.NOT_SIGNED),
    stranger("signed, with a footer by a list", lambda: mail(bare(), compose.text("Footer"), kind="multipart/mixed"),
             Code.NOT_SIGNED),
    stranger("content before the signed part", lambda: mail(SMUGGLED, bare(), kind="multipart/mixed"),
             Code.NOT_SIGNED),
    stranger("two signed parts", lambda: mail(bare(), bare(part=SMUGGLED), kind="multipart/mixed"), Code.NOT_SIGNED),
    stranger("a signed mail attached", lambda: mail(within(signed()), kind="multipart/mixed"), Code.NOT_SIGNED),
    stranger("a signed mail forwarded as the whole", lambda: text_mail(signed(), "message/rfc822"), Code.NOT_SIGNED),
    stranger("three parts", lambda: mail(PART, signature(), SMUGGLED), Code.SIGNED_STRUCTURE),
    stranger("three parts, the signature last", lambda: mail(PART, SMUGGLED, signature()), Code.SIGNED_STRUCTURE),
    stranger("one part", lambda: mail(PART), Code.SIGNED_STRUCTURE),
    stranger("no part", mail, Code.SIGNED_STRUCTURE),
    stranger("the signature first", lambda: mail(signature(), PART), Code.SIGNED_STRUCTURE),
    stranger("a signature that says it is text", lambda: mail(PART, signature(head=b"\r\n")), Code.SIGNED_STRUCTURE),
    stranger("another protocol", changed(b'protocol="application/pgp-signature"', b'protocol="application/moss"'),
             Code.SIGNED_STRUCTURE),
    stranger("a stranger around a partner", lambda: signed(make_key(NZ_ADDRESS).sign(INNER), part=INNER),
             Code.SIGNATURE_UNKNOWN_KEY),
    stranger("another partner around a partner", lambda: signed(key_of(AU_ADDRESS).sign(INNER), part=INNER),
             Code.FROM_NOT_PARTNER),
    stranger("clearsigned text", lambda: text_mail(clearsigned()), Code.INLINE_SIGNED),
    stranger("clearsigned text with text around it", lambda: text_mail(DOCUMENT + clearsigned() + DOCUMENT),
             Code.INLINE_SIGNED),
    stranger("clearsigned in a multipart",
             lambda: mail(b"Content-Type: text/plain\r\n\r\n" + clearsigned(), kind="multipart/mixed"),
             Code.INLINE_SIGNED),
    stranger("S/MIME", changed(b"application/pgp-signature", b"application/pkcs7-signature"), Code.SMIME_SIGNED),
    stranger("opaque S/MIME", lambda: text_mail(b"MIAG", "application/pkcs7-mime; smime-type=signed-data"),
             Code.SMIME_SIGNED),
    stranger("no closing boundary", lambda: signed()[:-4], Code.MIME_MALFORMED),
    stranger("no boundary parameter", changed(b"boundary=", b"bound="), Code.MIME_MALFORMED),
    stranger("LF line ends", lambda: signed().replace(b"\r\n", b"\n"), Code.MIME_MALFORMED),
    stranger("an LF in the header", changed(b"\r\nTo:", b"\nTo:"), Code.MIME_MALFORMED),
    stranger("65 kB of header", lambda: b"X: 1234567890\r\n\t".replace(b"\n\t", b"\n") * 5000 + signed(),
             Code.MIME_LIMIT),
    stranger("201 fields", lambda: b"X: 1\r\n" * 201 + signed(), Code.MIME_LIMIT),
    stranger("100 kB of dots in From", lambda: b"From: " + b"." * 100_000 + b"\r\n" + signed(), Code.MIME_LIMIT),
    stranger("1,000 multiparts around it", lambda: text_mail(deep(1000), "multipart/mixed; boundary=x"),
             Code.NOT_SIGNED),
    stranger("the boundary inside the content",
             lambda: signed(part=PART.replace(b"Certificates,", signed().partition(b"\r\n\r\n")[2][:38])),
             Code.SIGNED_STRUCTURE),
)  # fmt: skip

INSIDE = (
    refused("nested too deeply", inside(deep(9)), Code.MIME_LIMIT),
    refused("1,000 multiparts inside", inside(deep(1000)), Code.MIME_LIMIT),
    refused("more than 50 parts", inside(mixed(attached(), *[compose.text("x")] * 51)), Code.MIME_LIMIT),
    refused("base64 with garbage", inside(PART.replace(b"base64\r\n\r\n", b"base64\r\n\r\n!!")), Code.MIME_MALFORMED),
    refused("an unknown transfer encoding", inside(PART.replace(b"base64", b"uuencode")), Code.MIME_MALFORMED),
    refused("no closing boundary inside", inside(PART[:-4]), Code.MIME_MALFORMED),
    refused("a zip", inside(mixed(zipped())), Code.NO_BATCH),
    refused("a mail inside the signed part", inside(mixed(within(INNER), seed="around")), Code.NO_BATCH),
    refused("an unsigned mail as the signed part", inside(within(text_mail(CRLF_DOCUMENT))), Code.NO_BATCH),
    refused("a piece of a mail", inside(within(PART, "message/partial; id=1; number=1; total=1")), Code.NO_BATCH),
    refused("content elsewhere", inside(within(b"Content-Type: application/xml\r\n\r\n", ELSEWHERE)), Code.NO_BATCH),
    refused("certificates in the preamble inside",
            inside(mixed(compose.text("x")).replace(b"\r\n\r\n", b"\r\n\r\n" + SMUGGLED + b"\r\n", 1)), Code.NO_BATCH),
)  # fmt: skip

ODD_BUT_GOOD = (
    accepted("content before and after the boundaries is not read", lambda: around(SMUGGLED, SMUGGLED)),
    accepted("no protocol parameter", changed(b' protocol="application/pgp-signature";', b"")),
    accepted("a partner around another", lambda: signed(part=bare(key_of(AU_ADDRESS).sign))),
    accepted("the signature in base64", lambda: mail(PART, in_base64(by_nz(PART)))),
    accepted("an unknown charset", inside(mixed(KLINGON, attached()))),
    accepted("a file name in pieces (RFC 2231)",
             inside(attached().replace(b"application/xml", b"application/octet-stream")
                    .replace(b'filename="batch.xml"', b'filename*0="ba"; filename*1="tch.xml"'))),
    accepted("a second copy of the certificate in a mail inside", inside(TWICE)),
)  # fmt: skip


@table(OUTSIDE)
def test_what_is_not_signed_as_a_whole_is_set_aside(node: Node, case: Case) -> None:
    assert_comes_to(node, case)
    assert node.lookup("NZ-SMUGGLED") == []


@table(INSIDE)
def test_a_partner_is_told_what_is_wrong_inside_its_signature(node: Node, case: Case) -> None:
    assert_comes_to(node, case)


@table(ODD_BUT_GOOD)
def test_an_odd_wrapping_that_is_signed_as_a_whole_counts(node: Node, case: Case) -> None:
    assert_comes_to(node, case)
    assert node.lookup("NZ-SMUGGLED") == []
