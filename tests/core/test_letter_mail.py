"""A letter to a person, as a mail client and as a verifier sees it."""

from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecertmail.core import letter_mail, mime
from ecertmail.core.compose import Draft
from ecertmail.letter import Rendered
from ecertmail.message import SignedMessage
from ecertmail.official import File
from tests.builders import CHINA, NOW

RENDERED = Rendered(subject="关于 NZL1 的询问", text="请回答。\nFrom here.\n", html="<p dir=ltr>请回答。</p>\n")
TOKEN = "a17.abcdefghijkl"
TO = "ecert+a17.abcdefghijkl@customs.example"
SIGNATURE = b"-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n"


def draft(*files: File, answers: str | None = None, token: str = TOKEN, reply_to: str = TO) -> Draft:
    return letter_mail.draft(CHINA, "li@customs.example", RENDERED, "<1@customs.example>", NOW,
                             token=token, reply_to=reply_to, answers=answers, attachments=files)  # fmt: skip


def read(made: Draft) -> EmailMessage:
    mail = message_from_bytes(made.signed(SIGNATURE), policy=policy.default)
    assert isinstance(mail, EmailMessage)
    return mail


def test_the_ticket_stands_in_the_subject_and_in_reply_to_and_both_are_signed() -> None:
    mail = read(draft())
    assert (mail["Subject"], mail["Reply-To"]) == (f"{RENDERED.subject} [{TOKEN}]", TO)
    inside = next(iter(mail.iter_parts()))
    assert (inside["Subject"], inside["Reply-To"]) == (mail["Subject"], mail["Reply-To"])
    message = mime.read(draft().signed(SIGNATURE))
    assert isinstance(message, SignedMessage)
    assert message.protected is not None
    assert message.protected.complete


def test_text_and_html_stand_side_by_side() -> None:
    mail = read(draft())
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert [part.get_content().replace("\r\n", "\n") for part in (plain, html)] == [RENDERED.text, RENDERED.html]


@pytest.mark.parametrize(
    ("answers", "automatic", "thread"),
    [
        (None, "auto-generated", None),
        ("", "auto-replied", None),
        ("<their@mail.example>", "auto-replied", "<their@mail.example>"),
    ],
)
def test_a_letter_says_whether_it_answers_a_mail(answers: str | None, automatic: str, thread: str | None) -> None:
    mail = read(draft(answers=answers))
    assert (mail["Auto-Submitted"], mail["In-Reply-To"], mail["References"]) == (automatic, thread, thread)
    assert mail["X-Loop"] == CHINA.address


def test_without_a_ticket_there_is_no_address_to_reply_to() -> None:
    mail = read(draft(token="", reply_to=""))
    assert (mail["Subject"], mail["Reply-To"]) == (RENDERED.subject, None)


@pytest.mark.parametrize(
    ("name", "kind", "shown", "sent_as"),
    [
        ("photo.jpg", "image/jpeg", "photo.jpg", "image/jpeg"),
        ("封条 1.jpg", "image/jpeg", "封条 1.jpg", "image/jpeg"),
        ("a.eml", "message/rfc822", "a.eml", "application/octet-stream"),
        ("a.txt", "text/plain; charset=x\r\nBcc: y@z.example", "a.txt", "application/octet-stream"),
        ('q"\r\nBcc: y@z.example', "text/plain", 'q"��Bcc: y@z.example', "text/plain"),
        ("x" * 300 + ".pdf", "application/pdf", "x" * 60 + ".pdf", "application/pdf"),
    ],
)
def test_files_keep_their_names_and_bring_no_header_with_them(name: str, kind: str, shown: str, sent_as: str) -> None:
    mail = read(draft(File(name=name, type=kind, octets=b"\0\r\n\xff")))
    [file] = [part for part in mail.walk() if part.get_content_disposition() == "attachment"][:1]
    assert (file.get_filename(), file.get_content_type(), file.get_payload(decode=True)) == (
        shown, sent_as, b"\0\r\n\xff",
    )  # fmt: skip
    assert "Bcc" not in mail


@given(st.text(max_size=300), st.text(max_size=80), st.binary(max_size=300))
def test_whatever_a_file_is_called_no_relay_can_break_the_signature(name: str, kind: str, octets: bytes) -> None:
    part = draft(File(name=name, type=kind, octets=octets)).part
    lines = part.split(b"\r\n")
    assert part.isascii()
    assert all(len(line) < 998 and line == line.rstrip() and not line.startswith(b"From ") for line in lines)
    assert not any(b"\r" in line or b"\n" in line for line in lines)
