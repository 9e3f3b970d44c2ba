"""Mail that we make: no relay has a reason to change it, and whatever goes in comes out again."""

import quopri
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ecertmail.core import compose, mime
from ecertmail.core.mime import Attachment
from ecertmail.message import SignedMessage
from tests.builders import NZ_ADDRESS, batch_mail, certificates_xml

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
PIECES = (
    "From ", "From me", " ", "\t", ".", "..", "--", "=", "é", "x" * 80, "a ", "证" * 30, "", "\r", "\n", "\r\n",
)  # fmt: skip
LINES = st.lists(st.sampled_from(PIECES), max_size=12).map("\n".join)


def assert_unbreakable(octets: bytes, longest: int) -> None:
    """RFC 3156 section 5 and RFC 2045: 7-bit, CRLF only, no trailing blanks, no line that starts with `From `."""
    assert octets.isascii()
    assert b"\x00" not in octets
    for line in octets.split(b"\r\n"):
        assert b"\r" not in line
        assert b"\n" not in line
        assert not line.endswith((b" ", b"\t")), line
        assert not line.startswith(b"From "), line
        assert len(line) <= longest, line


def leaves(octets: bytes) -> tuple[Attachment, ...]:
    found = mime.attachments(octets)
    assert isinstance(found, tuple), found
    return found


def with_crlf(text: str) -> bytes:
    return re.sub(r"\r\n|\n", "\r\n", text).encode()


@given(TEXT | LINES)
@example("From the start\nFrom the next")
@example("x" * 71 + " From here it goes on")
@example("a\r\r\nb\r")
@example("trailing blank ")
@example("trailing tab\t\nand \t\n")
@example("=" * 200)
@example(".")
@example("\x00\x0c\x1a\x7f\x85\u2028")
def test_a_text_cannot_be_broken_and_comes_out_as_it_went_in(content: str) -> None:
    octets = compose.text(content)
    assert_unbreakable(octets, 78)
    [leaf] = leaves(octets)
    assert (leaf.type, leaf.data) == ("text/plain", with_crlf(content))


@given(st.binary(max_size=500))
def test_an_attachment_cannot_be_broken_and_comes_out_as_it_went_in(data: bytes) -> None:
    octets = compose.attachment(data, "application/xml", "batch.xml")
    assert_unbreakable(octets, 78)
    assert leaves(octets) == (Attachment(type="application/xml", filename="batch.xml", data=data),)


@given(st.text(max_size=50))
def test_a_file_name_cannot_leave_its_header(name: str) -> None:
    octets = compose.attachment(b"", "application/xml", name)
    assert octets.count(b"\r\n") == 4
    [leaf] = leaves(octets)
    assert re.fullmatch("[A-Za-z0-9._-]*", leaf.filename)


@given(st.lists(TEXT, max_size=5), st.text(max_size=20))
def test_parts_come_out_in_their_order(texts: list[str], seed: str) -> None:
    octets = compose.multipart("multipart/mixed", [compose.text(text) for text in texts] or [compose.text("")], seed)
    assert_unbreakable(octets, 998)
    assert [leaf.data for leaf in leaves(octets)] == [with_crlf(text) for text in texts or [""]]


@given(TEXT | LINES)
@example("a\x00b")
@example("a\nBcc: everybody@x.example")
@example("\r\n\r\nbody")
@example("x" * 900)
@example("证" * 90)
def test_a_header_value_stays_one_field(value: str) -> None:
    octets = compose.headers({"Subject": value})
    assert_unbreakable(octets, 998)
    assert octets.startswith(b"Subject:")
    assert all(line.startswith(b" ") for line in octets.split(b"\r\n")[1:-1])


@given(st.text('abc ÄÖ证\n\t,;<>"=?_', max_size=60))
def test_a_header_comes_out_as_it_went_in_but_for_white_space(value: str) -> None:
    shown = mime.headline(compose.headers({"Subject": value}) + b"\r\n").subject
    assert shown.split() == value.split() or "=?" in value


def test_an_empty_header_ends_without_a_blank() -> None:
    assert_unbreakable(compose.headers({"Subject": ""}), 78)


@given(st.binary(max_size=300), st.text(max_size=30))
def test_no_content_can_contain_the_boundary(data: bytes, seed: str) -> None:
    octets = compose.multipart("multipart/mixed", [compose.attachment(data, "application/xml", "a.xml")], seed)
    boundary = octets.partition(b'boundary="')[2].partition(b'"')[0]
    assert octets.count(b"--" + boundary) == 2


def test_different_mails_have_different_boundaries() -> None:
    seeds = [compose.multipart("multipart/mixed", [b""], f"<{number}@x>") for number in range(100)]
    assert len({octets.partition(b'boundary="')[2] for octets in seeds}) == 100


@given(st.lists(st.binary(max_size=100), min_size=1, max_size=3))
def test_a_signed_mail_is_sliced_back_into_what_was_signed(documents: list[bytes]) -> None:
    signed: list[bytes] = []

    def sign(octets: bytes) -> bytes:
        signed.append(octets)
        return b"-----BEGIN PGP SIGNATURE-----\r\n\nabc=\n-----END PGP SIGNATURE-----"

    octets = batch_mail(*documents, sign=sign)
    message = mime.read(octets)
    assert isinstance(message, SignedMessage)
    assert [message.signed_octets] == signed
    assert message.signature == b"-----BEGIN PGP SIGNATURE-----\r\n\r\nabc=\r\n-----END PGP SIGNATURE-----\r\n"
    assert [leaf.data for leaf in leaves(signed[0])[1:]] == documents
    assert_unbreakable(octets, 998)


def test_a_batch_mail_repeats_its_header_inside_the_signed_part() -> None:
    """RFC 9788: what is not inside is not signed."""
    octets = batch_mail(certificates_xml("NZ-1"))
    message = mime.read(octets)
    assert isinstance(message, SignedMessage)
    outer, inner = octets.partition(b"\r\n\r\n")[0], message.signed_octets.partition(b"\r\n\r\n")[0]
    assert b'hp="clear"' in inner
    for name in (b"From", b"To", b"Subject", b"Date", b"Message-ID"):
        [line] = [line for line in outer.split(b"\r\n") if line.startswith(name + b":")]
        assert line in inner.split(b"\r\n")
    assert message.from_address == NZ_ADDRESS


def test_protecting_leaves_out_what_others_add() -> None:
    kind, inner = compose.protected("text/plain", {"From": "a", "Received": "b", "Bcc": "c", "To": "d"})
    assert (kind, inner) == ('text/plain; hp="clear"', {"From": "a", "To": "d"})


def test_fields_are_a_body_of_header_lines() -> None:
    octets = compose.fields("message/disposition-notification", {"A": "1", "B": "x\r\nC: 2"})
    [leaf] = leaves(octets)
    assert (leaf.type, leaf.data) == ("message/disposition-notification", b"A: 1\r\nB: x C: 2\r\n\r\n")


@given(TEXT)
def test_quoted_printable_is_read_by_others_too(content: str) -> None:
    body = compose.text(content).partition(b"\r\n\r\n")[2]
    assert quopri.decodestring(body) == with_crlf(content)


@given(TEXT | LINES)
@example("From the start\nFrom the next")
@example("From the start\n" + "证书" * 60)
@example("a\r\r\nb\r" + "证" * 40)
@example("trailing tab\t\nand \t\n")
def test_html_and_its_text_cannot_be_broken_and_come_out_as_they_went_in(content: str) -> None:
    octets = compose.alternative(content, f"<p>{content}</p>", "<1@x>")
    assert_unbreakable(octets, 998)
    assert_unbreakable(compose.html(content), 78)
    text, page = leaves(octets)
    assert (text.type, text.data) == ("text/plain", with_crlf(content))
    assert (page.type, page.data) == ("text/html", with_crlf(f"<p>{content}</p>"))


@pytest.mark.parametrize(
    ("content", "encoding"),
    [("Certificate é", b"quoted-printable"), ("证书编号", b"base64"), ("", b"quoted-printable")],
)
def test_the_shorter_encoding_is_taken(content: str, encoding: bytes) -> None:
    assert b"Content-Transfer-Encoding: " + encoding in compose.html(content * 20)


def test_a_text_alone_stays_quoted_printable() -> None:
    assert b"quoted-printable" in compose.text("证书编号" * 20)
