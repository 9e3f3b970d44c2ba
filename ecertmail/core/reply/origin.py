"""Whether a mail was written by a person at all, and whether it only passes on what somebody else wrote.

RFC 3834 has a header field for it that many programs do not write; for those there are subjects. A person who is taken
for a program is not answered and has to write again; a program that is taken for a person could decide.
"""

import re

from ecertmail.core import header
from ecertmail.core.entity import Entity
from ecertmail.core.fold import folded
from ecertmail.core.reply.quote import passes_on

_FIELDS = (
    "X-Autoreply",
    "X-Autorespond",
    "X-Autoresponder",
    "X-Auto-Reply-From",
    "X-Mail-Autoreply",
    "X-Failed-Recipients",
)
_REPORTS = frozenset({"multipart/report", "message/delivery-status", "message/disposition-notification"})
_TAG = r"(?:\[[^\]:]{0,40}\]\s{0,3})?"  # what a gateway puts before a subject, such as [EXTERNAL]
_AUTOMATIC = re.compile(
    _TAG
    + "(?:"
    + folded(
        "automatic reply|auto reply|auto-reply|autoreply|auto response|autoresponse|auto:|automated response"
        "|automated reply|automatic response|out of office|out of the office|out-of-office|ooo:|vacation"
        "|away from|on leave|read:|not read:|delivered:|undeliverable|undelivered|delivery status|mail delivery"
        "|delivery failure|returned mail|recall:|自动回复|自動回覆|自动答复|自動回復|自动应答|休假|外出"
        "|不在办公室|已读:|已讀:|未读:|系统退信"
        "|respuesta automatica|respuesta automatizada|contestacion automatica|fuera de la oficina"
        "|fuera de oficina|ausencia|ausente|vacaciones|leido:|no entregable|no se puede entregar"
        "|reponse automatique|reponse auto|absence du bureau|absent du bureau|en conge|message d'absence|lu:|lu :"
        "|non remis|non remis :|автоматическии ответ|автоответ|автоматическое уведомление|вне офиса|нет на месте"
        "|в отпуске|прочитано:|не удается доставить|رد تلقايي|الرد التلقايي|رد الي|خارج المكتب|في اجازه|اجازه"
        "|تمت القراءه:|automatische antwort|abwesenheit|abwesend|abwesenheitsnotiz|nicht im buro|im urlaub"
        "|gelesen:|unzustellbar|risposta automatica|resposta automatica|automatisch antwoord|automatiskt svar"
        "|autosvar|automatyczna odpowiedz|otomatik yanit|自動返信|自動応答|부재중"
    )
    + ")"
)
_FORWARDS = re.compile(
    _TAG + r"\[?(?:fwd?|fw|wg|tr|rv|i|vs|vb|vl|pd|ilt|hl|enc|reenv\w{0,8}|转发|轉寄|轉發|转寄|пересл\w{0,8}|fs"
    r"|اعاده (?:ال)?توجيه|تحويل|doorst\w{0,8}|weitergeleitet|transfere\w{0,2})\s{0,3}:"
)
_REPLIES = re.compile(
    _TAG
    + r"(?:re|aw|antw|antwort|sv|回复|回覆|答复|答覆|回|отв|ответ|на|ha|res|rif|r|odp|ynt|رد|الرد)"
    + r"(?:\[\d{1,3}\])?\s{0,3}:"
)


def is_automatic(mail: Entity, subject: str) -> bool:
    """Say whether a program wrote a mail (RFC 3834 section 2, RFC 2076, and what vacation programs write)."""
    traits = header.traits(mail.header)
    precedence = str(mail.header.get("Precedence", "")).strip().lower()
    return (
        bool(traits.auto_submitted or traits.precedence)
        or precedence == "auto_reply"
        or mail.type in _REPORTS
        or any(name in mail.header for name in _FIELDS)
        or _AUTOMATIC.match(folded(subject).strip()) is not None
    )


def is_forwarded(subject: str, text: str) -> bool:
    """Say whether a mail passes somebody else's on: by its subject, or by what stands in it where it is no reply."""
    line = folded(subject[:200]).strip()
    return bool(_FORWARDS.match(line)) or (not is_reply(subject) and passes_on(text))


def is_reply(subject: str) -> bool:
    """Say whether a subject begins as replies do, in any of the languages that mail programs speak."""
    return bool(_REPLIES.match(folded(subject[:200]).strip()))
