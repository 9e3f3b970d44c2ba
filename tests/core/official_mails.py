"""Replies as mail programs send them, built from what a person writes and the letter that is answered."""

# ruff: noqa: RUF001 - people write in many languages

import base64
import quopri
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from html import escape

from ecertmail.core.reply.quote import ABOVE
from ecertmail.official import Decision, Language, Written
from tests.flow.border import templates

NUMBER = "NZL2009/0004/26"
NUMBERS = (NUMBER, "NZL2009/0005/26", "NZL2009/0006/26")
PASS, REFUSE, REQUEST = Decision.PASS, Decision.REFUSE, Decision.REQUEST
LETTER = f"""Certificate {NUMBER}: Health certificate for meat

Answer with one of these words at the beginning:

PASS
REFUSE wrong seal
REQUEST

PASS {NUMBER}
REFUSE {NUMBER}"""
MARKED = f"{ABOVE}\n{LETTER}"

WORDS = {(language, decision): word for language in Language for decision, word in templates().words(language).items()}

Client = Callable[[str, str, Language], bytes]

WORDS = {(language, decision): word for language in Language for decision, word in templates().words(language).items()}


def written(
    text: str, subject: str = "Re: x [d17.abcdefghijkl]", *, automatic: bool = False, forwarded: bool = False
) -> Written:
    """What a person wrote, without the mail around it."""
    return Written(
        sender="li@customs.example",
        recipients=frozenset(),
        subject=subject,
        message_id="",
        text=text,
        automatic=automatic,
        forwarded=forwarded,
    )


def mail(
    kind: str, body: bytes, encoding: str = "8bit", subject: str = "Re: NZL [d17.abcdefghijkl]", more: str = ""
) -> bytes:
    """A mail of Li Wei's with this one part."""
    head = (
        "From: =?utf-8?B?5p2O5Lyf?= <li@customs.example>\n"
        "To: Certificates <ecert+d17.abcdefghijkl@mpi.example>\n"
        f"Subject: {subject}\nMessage-ID: <1@customs.example>\n{more}MIME-Version: 1.0\n"
    )
    return head.replace("\n", "\r\n").encode() + part(kind, body, encoding)


def part(kind: str, body: bytes, encoding: str = "8bit", more: str = "") -> bytes:
    """A part, encoded."""
    body = body.replace(b"\r\n", b"\n")
    if encoding == "base64":
        body = base64.encodebytes(body.replace(b"\n", b"\r\n"))
    if encoding == "quoted-printable":
        body = quopri.encodestring(body)
    head = f"Content-Type: {kind}\nContent-Transfer-Encoding: {encoding}\n{more}\n"
    return (head.encode() + body).replace(b"\n", b"\r\n")


def several(kind: str, *parts: bytes, boundary: str = "=_b") -> tuple[str, bytes]:
    """The type and body of a multipart."""
    dashed = b"--" + boundary.encode()
    body = b"".join(dashed + b"\r\n" + each + b"\r\n" for each in parts) + dashed + b"--\r\n"
    return f'multipart/{kind}; boundary="{boundary}"', body


def alternative(plain: bytes, html: bytes) -> bytes:
    kind, body = several("alternative", plain, html)
    return mail(kind, body)


_CHARSETS = {
    "en": "us-ascii",
    "zh": "gb2312",
    "es": "iso-8859-1",
    "fr": "windows-1252",
    "ru": "koi8-r",
    "ar": "windows-1256",
}
_WROTE = {
    "en": "On Tue, Nov 24, 2026 at 9:01 AM Certificates <ecert@mpi.example> wrote:",
    "zh": "Certificates <ecert@mpi.example> 于2026年11月24日周二 09:01写道：",
    "es": "El mar, 24 nov 2026 a las 9:01, Certificates (<ecert@mpi.example>) escribió:",
    "fr": "Le mar. 24 nov. 2026 à 09:01, Certificates <ecert@mpi.example> a\nécrit :",
    "ru": "вт, 24 нояб. 2026 г. в 09:01, Certificates <ecert@mpi.example>:",
    "ar": "في الثلاثاء، 24 نوفمبر 2026 في 9:01 ص تمت كتابة ما يلي بواسطة Certificates <ecert@mpi.example>:",
}
_FIELDS = {
    "en": ("From", "Sent", "To", "Subject"),
    "zh": ("发件人", "发送时间", "收件人", "主题"),
    "es": ("De", "Enviado el", "Para", "Asunto"),
    "fr": ("De", "Envoyé", "À", "Objet"),
    "ru": ("От", "Отправлено", "Кому", "Тема"),
    "ar": ("من", "تاريخ الإرسال", "إلى", "الموضوع"),
}
_SENT_FROM = {
    "en": "Sent from my iPhone",
    "zh": "发自我的iPhone",
    "es": "Enviado desde mi iPhone",
    "fr": "Envoyé de mon iPhone",
    "ru": "Отправлено с iPhone",
    "ar": "أُرسلت من الـ iPhone",
}
_NOTICE = {
    "en": "CONFIDENTIALITY NOTICE: This e-mail and any attachments are for the addressee. We never accept or refuse.",
    "zh": "本邮件及其附件含有保密信息，仅限于收件人使用。",
    "es": "AVISO LEGAL: Este mensaje y sus archivos adjuntos son confidenciales.",
    "fr": "Ce message et toutes les pièces jointes sont confidentiels.",
    "ru": "Настоящее сообщение и все приложения к нему предназначены только для адресата.",
    "ar": "هذه الرسالة ومرفقاتها سرية ومخصصة للمرسل إليه فقط.",
}


def _quoted(letter: str) -> str:
    return "\n".join(f"> {line}" if line else ">" for line in letter.split("\n"))


def _header(language: Language) -> str:
    values = ("Certificates <ecert@mpi.example>", "2026-11-24 9:01", "Li Wei", f"{NUMBER} [d17.abcdefghijkl]")
    return "\n".join(f"{name}: {value}" for name, value in zip(_FIELDS[language], values, strict=True))


def _divs(text: str) -> str:
    return "".join(f"<div>{escape(line) or '<br>'}</div>" for line in text.split("\n"))


def _html(body: str) -> bytes:
    return f"<html><head><style>p {{margin:0}}</style></head><body>{body}</body></html>".encode()


def gmail(text: str, letter: str, language: Language) -> bytes:
    plain = f"{text}\n\n{_WROTE[language]}\n\n{_quoted(letter)}\n"
    html = f'<div dir="ltr">{_divs(text)}</div><br><div class="gmail_quote">'
    html += f'<div class="gmail_attr">{_WROTE[language]}<br></div>'
    html += f'<blockquote class="gmail_quote">{_divs(letter)}</blockquote></div>'
    return alternative(
        part("text/plain; charset=UTF-8", plain.encode(), "base64"),
        part("text/html; charset=UTF-8", _html(html), "quoted-printable"),
    )


def gmail_app_html_only(text: str, letter: str, language: Language) -> bytes:
    html = f'<div dir="auto">{_divs(text)}</div><br><div class="gmail_quote_container">'
    html += f'<div class="gmail_attr">{_WROTE[language]}<br></div>'
    html += f'<blockquote class="gmail_quote">{_divs(letter)}</blockquote></div>'
    return mail("text/html; charset=UTF-8", _html(html), "quoted-printable")


def outlook(text: str, letter: str, language: Language) -> bytes:
    """Outlook for Windows, which marks nothing in plain text, with the charset of the country."""
    plain = f"{text}\n\n{_NOTICE[language]}\n\n{_header(language)}\n\n{letter}\n"
    charset = _CHARSETS[language]
    return alternative(
        part(
            f'text/plain; charset="{charset}"',
            plain.encode({"gb2312": "gbk"}.get(charset, charset)),
            "quoted-printable",
        ),
        part("text/html; charset=utf-8", _outlook_html(text, letter, language), "base64"),
    )


def _outlook_html(text: str, letter: str, language: Language) -> bytes:
    def paragraphs(lines: str) -> str:
        return "".join(f'<p class="MsoNormal">{escape(line) or "&nbsp;"}<o:p></o:p></p>' for line in lines.split("\n"))

    return _html(
        f'<div class="WordSection1">{paragraphs(text)}'
        '<div><div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm">'
        f"{paragraphs(_header(language))}</div></div>{paragraphs(letter)}</div>"
    )


def outlook_html_only(text: str, letter: str, language: Language) -> bytes:
    return mail("text/html; charset=utf-8", _outlook_html(text, letter, language), "quoted-printable")


def outlook_on_the_web(text: str, letter: str, language: Language) -> bytes:
    html = f'{_divs(text)}<div id="Signature"><div>Li Wei, approve desk</div></div><div id="appendonsend"></div>'
    html += '<hr style="display:inline-block;width:98%" tabindex="-1">'
    html += f'<div id="divRplyFwdMsg">{_divs(_header(language))}</div>'
    return mail("text/html; charset=utf-8", _html(html + _divs(letter)), "base64")


def apple_mail(text: str, letter: str, language: Language) -> bytes:
    body = f"{text}\n\n> {_WROTE[language]}\n> \n{_quoted(letter)}\n"
    return mail("text/plain; charset=utf-8", body.encode(), "quoted-printable")


def iphone(text: str, letter: str, language: Language) -> bytes:
    plain = f"{text}\n\n{_SENT_FROM[language]}\n\n> {_WROTE[language]}\n> \n{_quoted(letter)}\n"
    html = f'<div dir="ltr">{_divs(text)}<br>{_SENT_FROM[language]}</div>'
    html += f'<blockquote type="cite">{_divs(letter)}</blockquote>'
    return alternative(
        part("text/plain; charset=utf-8", plain.encode(), "base64"),
        part("text/html; charset=utf-8", _html(html), "base64"),
    )


def thunderbird(text: str, letter: str, language: Language) -> bytes:
    body = f"{text}\n\nAm 24.11.26 um 09:01 schrieb Certificates:\n{_quoted(letter)}\n\n-- \nLi Wei\nPASS office\n"
    return mail("text/plain; charset=UTF-8; format=flowed", body.encode())


def thunderbird_html(text: str, letter: str, language: Language) -> bytes:
    html = f"<p>{'<br>'.join(map(escape, text.split(chr(10))))}</p>"
    html += f'<div class="moz-cite-prefix">{_WROTE[language]}<br></div>'
    html += f'<blockquote type="cite" cite="mid:1@mpi.example"><pre>{escape(letter)}</pre></blockquote>'
    return mail("text/html; charset=UTF-8", _html(html))


def mutt_below(text: str, letter: str, language: Language) -> bytes:
    body = f"{_WROTE[language]}\n{_quoted(letter)}\n\n{text}\n\n-- \nLi Wei\n"
    return mail("text/plain; charset=utf-8", body.encode())


def qq_mail(text: str, letter: str, language: Language) -> bytes:
    html = f"{_divs(text)}<div><includetail><div>------------------&nbsp;原始邮件&nbsp;------------------</div>"
    html += f"{_divs(_header(Language.ZH))}{_divs(letter)}</includetail></div>"
    charset = "gb18030"
    body = f'<meta http-equiv="Content-Type" content="text/html; charset=GB18030">{html}'.encode(charset)
    return mail('text/html; charset="gb18030"', body, "base64")


def netease(text: str, letter: str, language: Language) -> bytes:
    body = f'{text}\n\n\n\nAt 2026-11-24 09:01:00, "Certificates" <ecert@mpi.example> wrote:\n{_quoted(letter)}\n'
    return mail("text/plain; charset=GBK", body.encode("gb18030"), "base64")


def phone_without_marks(text: str, letter: str, language: Language) -> bytes:
    """Quotes as if it were written; nothing but our own line tells."""
    return mail("text/plain; charset=utf-8", f"{text}\n\n{ABOVE}\n{letter}".encode(), "quoted-printable")


def s_mime_signed(text: str, letter: str, language: Language) -> bytes:
    inner = part("text/plain; charset=utf-8", f"{text}\n\n{_WROTE[language]}\n{_quoted(letter)}".encode(), "base64")
    signature = part("application/pkcs7-signature; name=smime.p7s", b"x", "base64", "Content-Disposition: attachment\n")
    return mail(*several("signed", inner, signature))


CLIENTS: Mapping[str, Client] = {
    client.__name__: client
    for client in (
        gmail,
        gmail_app_html_only,
        outlook,
        outlook_html_only,
        outlook_on_the_web,
        apple_mail,
        iphone,
        thunderbird,
        thunderbird_html,
        mutt_below,
        qq_mail,
        netease,
        phone_without_marks,
        s_mime_signed,
    )
}

_GREETINGS = {
    "en": "Dear colleagues,",
    "zh": "您好：",
    "es": "Estimados:",
    "fr": "Bonjour,",
    "ru": "Добрый день!",
    "ar": "السلام عليكم،",
}
_REMARKS = {
    PASS: {
        "en": "seal intact",
        "zh": "封条完好",
        "es": "sello intacto",
        "fr": "scellé intact",
        "ru": "пломба цела",
        "ar": "الختم سليم",
    },
    REFUSE: {
        "en": "wrong seal",
        "zh": "封条不符",
        "es": "sello incorrecto",
        "fr": "mauvais scellé",
        "ru": "не та пломба",
        "ar": "ختم خاطئ",
    },
    REQUEST: {"en": "photo?", "zh": "照片？", "es": "¿foto?", "fr": "photo ?", "ru": "фото?", "ar": "صورة؟"},
}
_OTHERS = {
    PASS: {"en": "Approved", "zh": "合格", "es": "Aprobado", "fr": "Accepté", "ru": "Пропустить", "ar": "موافق"},
    REFUSE: {"en": "rejected", "zh": "拒絕", "es": "Rechazado", "fr": "Refusé", "ru": "Отказано", "ar": "مرفوض"},
    REQUEST: {"en": "Question", "zh": "查询", "es": "Consulta", "fr": "Demande", "ru": "Запрос", "ar": "سؤال"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """What a person writes, and means; nothing that can be recorded where there is no decision."""

    text: str
    language: Language = Language.EN
    decision: Decision | None = None
    remark: str = ""


def decisions() -> Iterator[Meant]:
    """Every decision in every language: the word alone, with greeting and remark, with the number, and a synonym."""
    for (language, decision), word in WORDS.items():
        remark = _REMARKS[decision][language]
        for text, said in (
            (word, ""),
            (f"{_GREETINGS[language]}\n\n{word}\n{remark}", remark),
            (f"{word.capitalize()} {NUMBER} {remark}", remark),
            (f"{NUMBER}: {_OTHERS[decision][language]}, {remark}", remark),
        ):
            yield Meant(text=text, language=language, decision=decision, remark=said)


NOTHING = [
    (
        "en",
        (
            "not pass",
            "do not pass",
            "PASS?",
            "pass or refuse?",
            "PASS / REFUSE / REQUEST",
            "PASS\nREFUSE\nREQUEST",
            "PASS not granted",
            "cannot accept",
            "PASS: no",
            "PASS\nREFUSE",
            "PASS, REFUSE or REQUEST",
            "PASS if the seal is right",
            "PASS NZL2009/0004/27",
            "NZL2009/0004/27\nPASS",
            "The container did not\npass inspection",
            "Our inspector will let it\npass tomorrow",
            "REFUSE?",
            "Request for information received, thanks",
            "Pass on to my colleague please",
            "Accept our apologies",
            "Passport attached",
            "Thanks",
            "We cannot issue a\nPASS",
            "PASS but REFUSE the second box",
            "PASS inspection was not possible",
            "PASS ALL except NZL2009/0004/26",
            "REFUSE or PASS",
            "Accepted by whom?",
            "REFUSE NZL2009/0004/26 PASS",
            "Request received",
            "Pass the message to Wang",
            "Passed to customs",
            "Approve? I don't think so",
            "PASS - with conditions: needs new seal",
            "PASS subject to inspection",
            "PASS pending lab results",
            "Approved by mistake, please cancel",
            "PASS was wrong, I meant REFUSE",
            "Pass him my regards",
            "Accepted with thanks",
            "Rejected your meeting",
            "Refuse collection is on Tuesday",
            "PASS (not REFUSE)",
            "PASS. Ignore this",
            "PASS\n\nSorry, I mean REFUSE",
            "Do not process yet:\nPASS",
            "Draft:\nPASS",
            "if the seal is ok then\nPASS\nelse\nREFUSE",
            "I was told to write\nPASS",
            "",
        ),
    ),
    (
        "zh",
        (
            "未通过 或 通过",
            "通过吗？",
            "通过 不了",
            "通过？",
            "通过/拒绝/询问",
            "无法通过",
            "通过了没有",
            "我们不能\n通过",
            "谢谢",
        ),
    ),
    (
        "es",
        (
            "no conforme",
            "no aprobado",
            "Aprobado no",
            "¿Conforme?",
            "Solicitud de información recibida",
            "Conforme si cambian el sello",
        ),
    ),
    (
        "fr",
        (
            "non conforme",
            "pas accepté",
            "Accepter ou refuser ?",
            "Demande de renseignements reçue, merci",
            "Acceptez nos excuses",
            "refusé par erreur",
            "Conforme à votre demande",
        ),
    ),
    (
        "ru",
        (
            "не принять",
            "принять нельзя",
            "не принято",
            "Принять или отказать?",
            "Принято к сведению, спасибо",
            "Запрос получен",
            "Принято.",
            "Вопрос решён, спасибо",
            "Отказ от претензий",
            "Принять при условии замены",
        ),
    ),
    (
        "ar",
        ("غير مقبول", "قبول؟", "قبول أو رفض", "لا قبول", "طلبكم وصل", "قبول الرفض", "موافق بشرط", "غير\nمقبول", "شكرا"),
    ),
]


def nothing() -> Iterator[Meant]:
    """What looks like a decision and is none, or not one that is certain."""
    for language, texts in NOTHING:
        yield from (Meant(text=text, language=Language(language)) for text in texts)
