"""The structure that an operator sees of a mail, also of a hostile one."""

from hypothesis import given
from hypothesis import strategies as st

from ecertmail.core.outline import outline
from tests.builders import batch_mail, certificates_xml


def test_every_part_has_a_line_with_its_depth() -> None:
    lines = [(line.depth, line.type, line.filename) for line in outline(batch_mail(certificates_xml("NZ-1")))]
    assert lines == [
        (0, "multipart/signed", ""), (1, "multipart/mixed", ""), (2, "text/plain", ""),
        (2, "application/xml", "batch-1.xml"), (1, "application/pgp-signature", "signature.asc"),
    ]  # fmt: skip


def test_what_cannot_be_read_says_why_and_the_rest_is_shown() -> None:
    mail = (
        b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: multipart/mixed\r\n\r\nx\r\n--a\r\n"
        b"Content-Type: text/html\r\n\r\n<script>\r\n--a--\r\n"
    )
    lines = [str(line).partition(",")[0] for line in outline(mail)]
    assert lines[2].strip().startswith("unreadable (mime-malformed")
    assert lines[-1].strip() == "text/html"


def test_nesting_ends_at_the_limit() -> None:
    mail = b"Content-Type: text/plain\r\n\r\nx"
    for level in range(30):
        head = b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (level, level)
        mail = head + mail + b"\r\n--b%d--" % level
    assert len(outline(mail)) == 9


@given(st.binary(max_size=300))
def test_no_octets_make_it_raise(octets: bytes) -> None:
    assert all(str(line).isprintable() for line in outline(octets))
