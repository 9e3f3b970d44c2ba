"""Looking up by mail: which numbers a person asks for, in any of six languages, and who may see and decide on what.

A verb at the beginning of the subject or of a line, then numbers. Certificate numbers contain slashes and blanks, so
only commas, semicolons and line breaks separate them.
"""

import re
from collections.abc import Collection, Iterator
from itertools import islice

from ecertmail.core import printed, tag
from ecertmail.core.entity import printable
from ecertmail.core.fold import folded
from ecertmail.core.typed import plain
from ecertmail.looked_up import Asked
from ecertmail.official import Official, Role
from ecertmail.parties import OWN

MOST, LONGEST = 50, 100

_READ, _LINES = 20_000, 1000
_VERBS = (
    "verify check 核查 核实 核實 核对 核對 查验 查驗 查询 查詢 验证 驗證 verificar verifique verifíquese comprobar"
    " vérifier vérifiez verification vérification verificación проверить проверьте проверка"
    " تحقق تحققوا التحقق يرجى_التحقق تأكد التأكد"
)
_POLITE = (
    "please pls kindly 请 請 烦请 煩請 por_favor veuillez merci_de s'il_vous_plaît пожалуйста прошу просьба"
    " يرجى من_فضلك رجاء الرجاء"
)
_FILLERS = (
    "certificate certificates cert. number numbers no. nr. nos. 证书编号 證書編號 证书号 證書號 证书 證書 编号 編號"
    " 一下 以下 下列 号码 號碼 certificado certificados número números certificat certificats numéro numéros сертификат"
    " сертификаты сертификата номер номера من صحة عن الشهادة شهادة الشهادات رقم الرقم"
)
_PLEASED = (
    "please", "thanks", "thank you", "谢谢", "謝謝", "gracias", "por favor", "merci", "svp", "пожалуйста", "спасибо",
    "شكرا", "من فضلك",
)  # fmt: skip
_SIGN = re.compile(r"[ :,-]*(?:(?:\u2116|#|n\.?[\u00b0\u00ba])[ :]*)?", re.IGNORECASE)
_TOKEN = re.compile(rf"[\[\u3010]\s*[a-z]\s*{tag.NUMBER}\s*\.\s*{tag.PATTERN}\s*[\]\u3011]", re.IGNORECASE)
_PREFIX = re.compile(r"\s*(?:[^\W\d_]{1,16}(?:\[\d{1,3}\])?\s?:|\[[^\]]{1,30}\])\s*")
_BULLET = re.compile(r"\A\s*(?:[-*\u2022\u00b7]\s+|\(?[0-9]{1,2}[.)]\s+)")
_BETWEEN = re.compile(r"[,;\u3001\u060c\u061b]|\s(?:and|et|y|и|و)\s|[和与與及]")
_AROUND = " \t.:!?*`\u3002'\"\u2018\u2019\u201c\u201d\u00ab\u00bb\u300c\u300d<>[]"
_HAN_AFTER = re.compile(r"(?<=[0-9A-Za-z])\s*[\u4e00-\u9fff]+$")


def _words(text: str) -> tuple[str, ...]:
    words = {folded(word.replace("_", " ")) for word in text.split()}
    return tuple(sorted(words, key=len, reverse=True))


_VERB, _BEFORE, _AFTER = _words(_VERBS), _words(_POLITE), _words(_FILLERS)


def asked(subject: str, text: str) -> tuple[Asked, ...]:
    """Find what a mail asks for, each once; with a hash it is not asked for without one as well.

    Args:
        subject: its subject, decoded.
        text: what was newly written, without what it quotes.
    """
    copies, rest = printed.cut(_TOKEN.sub(" ", plain(text[:_READ])))
    more, head = printed.cut(_TOKEN.sub(" ", plain(subject[:1000])))
    found = dict.fromkeys((*more, *copies))
    held = {one.number for one in found}
    found |= {Asked(number=number): None for number in _numbers(head, rest) if number not in held}
    return tuple(found)[:MOST]


def may_see(official: Official, partner_countries: Collection[str], exporting: str, importing: str) -> bool:
    """Say whether an official is shown a certificate: our own are shown all, a partner's what concerns its countries.

    What may not be seen is answered like what is not known.
    """
    return official.partner == OWN or exporting in partner_countries or importing in partner_countries


def may_decide(official: Official, issuer: str, partner_countries: Collection[str], importing: str) -> bool:
    """Say whether an official decides on a certificate: the importing side does, never the authority that issued it.

    Who answers inquiries about what this authority issued does not decide on what others did.
    """
    if official.partner == issuer or official.role is not Role.CHECKS:
        return False
    return official.partner == OWN or importing in partner_countries


def _numbers(subject: str, text: str) -> Iterator[str]:
    """The numbers after a verb; after a verb that stands alone or ends in numbers, more may follow, one a line."""
    after = _after_verb(_without_prefixes(" ".join(subject.split())))
    in_subject = _split(after or "")
    yield from in_subject
    going_on = after is not None and not in_subject
    for line in islice(filter(str.strip, text.splitlines()), _LINES):
        after = _after_verb(line)
        if after is not None:
            yield from _split(after)
        elif going_on and _is_list(line):
            yield from _split(_BULLET.sub("", line))
        going_on = after is not None or (going_on and _is_list(line))


def _without_prefixes(subject: str) -> str:
    """The subject without what mail programs put before it, in whatever language: `Re:`, `Antw.:`, `[EXTERNAL]`."""
    while _after_verb(subject) is None and (match := _PREFIX.match(subject)):
        subject = subject[match.end() :]
    return subject


def _after_verb(line: str) -> str | None:
    """What stands after the verb that a line begins with; None if it begins with none."""
    line = _BULLET.sub("", line).strip(_AROUND)
    while (polite := _beginning(line, _BEFORE)) is not None:
        line = polite.lstrip(" ,")
    rest = _beginning(line, _VERB)
    if rest is None:
        return None
    while (shorter := _beginning(_SIGN.sub("", rest, count=1), _AFTER)) is not None:
        rest = shorter
    if _is_han(rest[:1]):  # Chinese has no blanks: the verb is part of a longer word, such as 查验结果, a result
        return None
    return _SIGN.sub("", rest, count=1)


def _beginning(line: str, words: tuple[str, ...]) -> str | None:
    """What is left of a line that begins with one of some words, whatever its case and accents."""
    ends = [(0, "")]
    for place, character in enumerate(line[:40], 1):
        ends.append((place, ends[-1][1] + folded(character)))
    for word in words:
        end = max((place for place, so_far in ends if so_far == word), default=0)
        if end and (not line[end : end + 1].isalnum() or not word[-1].isalpha() or _is_han(word[-1])):
            return line[end:]
    return None


def _is_han(character: str) -> bool:
    return "\u4e00" <= character[:1] <= "\u9fff"


def _split(text: str) -> list[str]:
    """The numbers in a line; what has no digit is none, nor what has words in it."""
    numbers = (printable(" ".join(_bare(piece).split())) for piece in _BETWEEN.split(text))
    return [number for number in numbers if len(number) <= LONGEST and _is_number(number)]


def _bare(piece: str) -> str:
    """A number without what a person writes around it: quotation marks, brackets, thanks."""
    piece = _BULLET.sub("", piece).strip(_AROUND)
    thanks = next((word for word in _PLEASED if piece.casefold().endswith(" " + word)), "")
    piece = _HAN_AFTER.sub("", piece[: len(piece) - len(thanks)].strip(_AROUND))
    around = piece.startswith("(") and piece.endswith(")")
    return piece.strip("()") if around or piece.count("(") != piece.count(")") else piece


def _is_number(text: str) -> bool:
    words = [word for word in text.split() if word.strip(_AROUND).isalpha() and not word.isupper()]
    short = len(words) < 2 and all(len(word) < 4 for word in words)
    return short and "@" not in text and any(c.isdigit() for c in text)


def _is_list(line: str) -> bool:
    """Say whether a line holds nothing but numbers."""
    line = _BULLET.sub("", line)
    words = [word.strip(_AROUND) for word in re.split(r"[\s,;]+", line)]
    digits = any(c.isdigit() for c in line)
    return digits and not any(c in line for c in "@:+") and all(not word.isalpha() or word.isupper() for word in words)
