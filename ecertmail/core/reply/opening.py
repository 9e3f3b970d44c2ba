"""What people write before a decision on its own line: a greeting, a polite word, "Our decision:"."""

# ruff: noqa: RUF001 - words of many languages are what this module holds

import re

from ecertmail.core.fold import folded_pattern

_GREETING = (
    "hello|hi|hey|dear|good (?:morning|afternoon|day|evening)|您好|你好|尊敬的|hola|buenos dias"
    "|buenas tardes|estimad[oa]s?|bonjour"
    "|bonsoir|madame|monsieur|здравствуите|добрыи день|доброе утро|добрыи вечер|уважаем\\w+|السلام عليكم"
    "|مرحبا|صباح الخير|تحيه طيبه"
)
_LABEL = (
    "(?:our |my |the |final )?(?:decision|answer|reply|result|status)|(?:我的|我方|我们的)?(?:决定|決定"
    "|答复|答覆|结果|結果|结论)"
    "|(?:nuestra |mi )?(?:decision|respuesta|resultado)|(?:notre |ma )?(?:decision|reponse)"
    "|(?:наше |мое )?(?:решение)|(?:наш )?(?:ответ|результат)|القرار|قرارنا|الرد|النتيجه"
)
_OPENING = re.compile(
    folded_pattern(
        rf"\s{{0,8}}(?:(?:{_GREETING})(?:[ ][^,.:;!?\n，：！]{{1,30}})?\s?[,:!，：！،]\s{{0,3}})?"
        rf"(?:(?:{_LABEL})\s?[:：=]\s{{0,3}})?"
        r"(?:please\s(?=\S))?"
    )
)
_OR_MADAM = re.compile(r"\bsirs? ?(?:or|/) ?madams?\b|\bmadams? ?(?:or|/) ?sirs?\b")


def opened(text: str) -> int:
    """Return where what opens a folded line ends."""
    found = _OPENING.match(text)
    return found.end() if found else 0


def bare(greeting: str) -> str:
    """Return a folded greeting without words of courtesy that look like a choice."""
    return _OR_MADAM.sub("sir", greeting)
