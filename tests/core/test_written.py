"""A mail is read as what a person wrote: the body in any charset, with files, and what tells a program from one."""

# ruff: noqa: RUF001 - people write in many languages

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecertmail.core import entity
from ecertmail.core.reply.written import read
from ecertmail.official import File, Written
from tests.core.official_mails import mail, part, several

PLAIN = "text/plain; charset=utf-8"
PHOTO = part('image/jpeg; name="seal.jpg"', b"JPEG", "base64", 'Content-Disposition: attachment; filename="seal.jpg"\n')


def wrote(octets: bytes, **options: int) -> Written:
    result = read(octets, **options)  # type: ignore[arg-type]
    assert result is not None
    return result


@pytest.mark.parametrize("encoding", ["8bit", "base64", "quoted-printable"])
@pytest.mark.parametrize(
    ("charset", "text"),
    [
        ("gb2312", "通过，封条完好"),
        ("gbk", "通過，封條完好"),
        ("gb18030", "通过，封条完好"),
        ("big5", "通過，封條完好"),
        ("hz-gb-2312", "通过"),
        ("koi8-r", "Принять, пломба цела"),
        ("windows-1251", "Принять, пломба цела"),
        ("windows-1256", "قبول، الختم سليم"),
        ("iso-8859-6", "قبول، الختم سليم"),
        ("iso-2022-jp", "合格"),
        ("iso-8859-1", "Accepté"),
        ("iso-8859-15", "Accepté, 5 €"),
        ("utf-8", "Accepté"),
    ],
)
def test_text_is_read_in_the_charsets_of_the_world(charset: str, text: str, encoding: str) -> None:
    codec = {"hz-gb-2312": "hz"}.get(charset, charset)
    assert wrote(mail(f"text/plain; charset={charset}", text.encode(codec), encoding)).text == text


@pytest.mark.parametrize("charset", ["x-unknown", "hex", "unicode_escape", "punycode", "idna", "rot13", "", "é"])
def test_a_charset_that_is_none_is_taken_for_utf_8(charset: str) -> None:
    assert wrote(mail(f'text/plain; charset="{charset}"', "通过 \\u0041".encode())).text == "通过 \\u0041"


def test_broken_transfer_encodings_are_read_as_far_as_they_go() -> None:
    good = base64.b64encode("拒绝 wrong seal".encode())
    for body in (good + b"!!", good[:-2], b"\r\n".join([good[:5], good[5:]])):
        octets = mail(PLAIN, body).replace(b"8bit", b"base64")
        assert wrote(octets).text.startswith("拒绝 wrong se")
    assert wrote(mail(PLAIN, b"PASS =ZZ").replace(b"8bit", b"x-odd")).text == "PASS =ZZ"


def test_flowed_lines_are_put_together() -> None:
    flowed = b"REFUSE the seal that we \nfound is another one.\n>> a \n>> b\n> c\n-- \nLi"
    assert wrote(mail(f"{PLAIN}; format=flowed", flowed)).text == "REFUSE the seal that we found is another one."


def test_of_alternatives_the_plain_one_is_read_where_it_has_text() -> None:
    plain, html = part(PLAIN, b"PASS"), part("text/html; charset=utf-8", b"<p>PASS <i>html</i></p>")
    assert wrote(mail(*several("alternative", plain, html))).text == "PASS"
    assert wrote(mail(*several("alternative", html, plain))).text == "PASS"
    assert wrote(mail(*several("alternative", part(PLAIN, b" \n"), html))).text == "PASS html"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<div>PASS</div><div><br></div><div>seal&nbsp;intact</div>", "PASS\n\nseal intact"),
        ("PASS<br>seal <b>in</b>tact", "PASS\nseal intact"),
        ("<p>REFUSE <s>PASS</s></p>", "REFUSE"),
        ("<s>PASS</s> REFUSE", "REFUSE"),
        ('<span style="text-decoration:line-through">PASS</span> REFUSE', "REFUSE"),
        ('<div style="display:none">PASS</div>REFUSE', "REFUSE"),
        ("<title>PASS</title><style>PASS</style><script>PASS</script><!-- PASS -->REFUSE", "REFUSE"),
        ("REFUSE<blockquote>PASS</blockquote>", "REFUSE"),
        ('REFUSE<div class="yahoo_quoted">PASS</div>', "REFUSE"),
        ('REFUSE<div id="divRplyFwdMsg">From: x</div><div>PASS</div>', "REFUSE"),
        ('REFUSE<hr tabindex="-1"><div>PASS</div>', "REFUSE"),
        ("REFUSE" + "<div>" * 5000 + "deep", "REFUSE"),
        ("", ""),
        ("\x00<", ""),
    ],
)
def test_html_is_read_as_it_is_seen(html: str, text: str) -> None:
    assert wrote(mail("text/html; charset=utf-8", html.encode())).text == text


def test_attachments_are_files_and_never_text() -> None:
    inner = mail(PLAIN, b"PASS", subject="A mail that says PASS")
    attached = part("message/rfc822", inner)
    logo = part("image/png", b"PNG", "base64", "Content-ID: <logo>\nContent-Disposition: inline; filename=logo.png\n")
    html = part(*several("related", part("text/html", b"REFUSE see photo"), logo))
    report = part(PLAIN, b"PASS", "8bit", 'Content-Disposition: attachment; filename="=?utf-8?B?5oql5ZGKLnR4dA==?="\n')
    result = wrote(mail(*several("mixed", html, PHOTO, attached, report, boundary="=_o")))
    assert result.text == "REFUSE see photo"
    assert [file.name for file in result.files] == ["seal.jpg", "A mail that says PASS", "报告.txt"]
    assert result.files[0] == File(name="seal.jpg", type="image/jpeg", octets=b"JPEG")


def test_a_mail_that_is_only_attached_says_nothing() -> None:
    assert wrote(mail("message/rfc822", mail(PLAIN, b"PASS"))).text == ""
    assert wrote(mail(*several("mixed", part("message/rfc822", mail(PLAIN, b"PASS"))))).text == ""


def test_files_that_do_not_fit_have_a_name_and_no_octets() -> None:
    octets = mail(*several("mixed", part(PLAIN, b"REQUEST"), PHOTO, PHOTO, PHOTO))
    assert [file.octets for file in wrote(octets, file_octets=9).files] == [b"JPEG", b"JPEG", b""]
    assert [file.name for file in wrote(octets, file_octets=0).files] == ["seal.jpg"] * 3


def test_a_signed_mail_says_what_was_signed() -> None:
    signature = part("application/pgp-signature; name=signature.asc", b"x")
    octets = mail(*several("signed", part(PLAIN, b"PASS"), signature))
    assert (wrote(octets).text, wrote(octets).files) == ("PASS", ())


def test_recipients_are_all_that_the_mail_names() -> None:
    more = (
        "Cc: a@x.example, B <B@x.example>\nDelivered-To: ecert+d17.aaaaaaaaaaaa@mpi.example\n"
        "X-Original-To: o@x.example\nResent-To: r@x.example\n"
    )
    found = wrote(mail(PLAIN, b"PASS", more=more)).recipients
    assert found == {
        "ecert+d17.abcdefghijkl@mpi.example", "a@x.example", "b@x.example", "ecert+d17.aaaaaaaaaaaa@mpi.example",
        "o@x.example", "r@x.example",
    }  # fmt: skip


def test_the_token_survives_at_the_end_of_a_long_subject() -> None:
    subject = "Re: " + "".join(f"=?utf-8?B?{base64.b64encode('证书'.encode() * 6).decode()}?=\n " for _ in range(20))
    result = wrote(mail(PLAIN, b"PASS", subject=subject + "[d17.abcdefghijkl]"))
    assert result.subject.endswith("[d17.abcdefghijkl]")
    assert result.sender == "li@customs.example"


@pytest.mark.parametrize(
    "more",
    [
        "Auto-Submitted: auto-replied\n",
        "Auto-Submitted: auto-generated (vacation); x=y\n",
        "X-Autoreply: yes\n",
        "X-Autorespond: vacation\n",
        "Precedence: bulk\n",
        "Precedence: auto_reply\n",
    ],
)
def test_what_a_program_writes_is_automatic(more: str) -> None:
    assert wrote(mail(PLAIN, b"PASS", more=more)).automatic


@pytest.mark.parametrize(
    "subject",
    [
        "Automatic reply: NZL",
        "Out of office: NZL",
        "自动回复: NZL",
        "自動回覆: NZL",
        "Respuesta automática: NZL",
        "Réponse automatique : NZL",
        "Автоматический ответ: NZL",
        "رد تلقائي: NZL",
        "Automatische Antwort: NZL",
        "[EXTERNAL] Out of Office",
    ],
)
def test_a_subject_tells_an_absence(subject: str) -> None:
    result = wrote(mail(PLAIN, b"PASS", subject=subject, more="X-Auto-Response-Suppress: All\n"))
    assert result.automatic


def test_what_exchange_writes_into_every_mail_makes_it_no_program() -> None:
    result = wrote(mail(PLAIN, b"PASS", more="X-Auto-Response-Suppress: DR, OOF\nAuto-Submitted: no\n"))
    assert not result.automatic
    assert not result.forwarded


@pytest.mark.parametrize(
    "subject",
    [
        "Fwd: NZL",
        "FW: NZL",
        "WG: NZL",
        "TR: NZL",
        "RV: NZL",
        "转发：NZL",
        "轉寄: NZL",
        "Пересл: NZL",
        "إعادة توجيه: NZL",
        "[EXT] Fwd: NZL",
    ],
)
def test_a_mail_that_is_passed_on_is_told_by_its_subject(subject: str) -> None:
    assert wrote(mail(PLAIN, b"PASS", subject=subject)).forwarded


def test_a_mail_that_is_passed_on_is_told_by_its_text() -> None:
    text = b"PASS\n\n---------- Forwarded message ---------\nFrom: x"
    assert wrote(mail(PLAIN, text, subject="NZL")).forwarded
    assert not wrote(mail(PLAIN, text, subject="Re: NZL")).forwarded


def test_beyond_the_limits_nothing_is_read() -> None:
    assert read(b"no header at all") is None
    assert read(mail('multipart/mixed; boundary="=_b"', b"--=_b\r\n")) is None
    deep = part(PLAIN, b"PASS")
    for _ in range(entity.MAX_DEPTH + 1):
        deep = part('multipart/mixed; boundary="=_b"', b"--=_b\n" + deep.replace(b"\r\n", b"\n") + b"\n--=_b--\n")
    assert read(b"From: li@customs.example\r\n" + deep) is None


def test_nothing_invisible_is_left() -> None:
    assert wrote(mail(PLAIN, "PA\u202eSS\x00 \ufeffok\u200f".encode())).text == "PASS ok"


@given(
    st.binary(max_size=400),
    st.sampled_from(["text/plain", "text/html", 'multipart/mixed; boundary="a"', "message/rfc822"]),
)
def test_whatever_comes_something_is_read_or_nothing(body: bytes, kind: str) -> None:
    for octets in (
        body,
        mail(kind, body),
        mail(f"{kind}; charset=gb18030; format=flowed", body).replace(b"8bit", b"base64"),
    ):
        result = read(octets)
        assert result is None or isinstance(result.text, str)
