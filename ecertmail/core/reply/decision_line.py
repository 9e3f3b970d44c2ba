"""One line of a reply as a decision: which, on what, and whether anything speaks against reading it so.

A line is `decision [numbers | ALL] remark` or `numbers decision remark`. A decision word that an ordinary sentence
begins with, and one that is asked, negated or stands beside another one, is told apart here.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ecertmail.core.fold import folded, with_places
from ecertmail.core.reply import decision_remark, opening
from ecertmail.core.reply.decision_remark import TRAILING, WORD
from ecertmail.core.reply.decision_words import ALL, JOINING, LONGEST, MEANING, SENTENCE
from ecertmail.official import Decision

_HEAD = 1000
_LEAD = re.compile(
    r"[\s*_\"'\u201c\u201d\u2018\u2019\u2022\u00b7\[({#`\u2705\u2714\ufe0f\u300a\u300c\u300e\u3010\u2013\u2014-]{0,8}(?:\d{1,2}[.)]\s{0,3})?[*_\"'\u201c]{0,3}"
)
_SPACE = re.compile(r"[\s,;:+&#()\[\]{}*_\"'=\u2013\u2014\u2116\u3001\u060c\u061b\u201c\u201d-]*")
# a word that may be a certificate's number: with letters and digits, or with digits and strokes, and no date
_UNKNOWN = (
    r"(?=[^\s,;:()]{6,40}(?![^\s,;:()]))(?=[^\s,;:()]*\d)"
    r"(?:[a-z][\w.-]*[\d/][\w./-]*\w|\d[\w.-]*[/-][\w./-]*[a-z/][\w./-]*\w)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What a line says; `doubt` that it may say something else, `sentence` that it only begins like a decision."""

    decision: Decision
    numbers: tuple[str, ...] = ()
    every: bool = False
    remark: str = ""
    doubt: bool = False
    sentence: bool = False


class Numbers:
    """The certificates that may be answered for, as they are looked for in what people write."""

    def __init__(self, numbers: Sequence[str]) -> None:
        self.known: Mapping[str, str] = {" ".join(folded(number).split()): number for number in numbers}
        longest = sorted((number for number in self.known if number), key=len, reverse=True)
        known = "|".join(r"\s+".join(map(re.escape, number.split())) for number in longest)
        self._known = re.compile(rf"(?<![^\W\u3040-\u9fff]|/)(?:{known or '(?!)'})(?![^\W\u3040-\u9fff]|/|[-.]\w)")
        self._unknown = re.compile(_UNKNOWN)
        self._shapes = {_shape(number) for number in self.known}

    def match(self, text: str, at: int) -> re.Match[str] | None:
        """Find a number, or what may be one, that stands here in a folded text."""
        return self._known.match(text, at) or self._unknown.match(text, at)

    def named(self, written: str) -> str:
        """Return the number as it is known, or as it is written."""
        return self.known.get(" ".join(folded(written).split()), written)

    def within(self, text: str) -> set[str]:
        """Return the numbers that are known and stand anywhere in a folded text."""
        return {self.named(found[0]) for found in self._known.finditer(text)}

    def stranger(self, text: str) -> bool:
        """Say whether something in a folded text looks like these numbers, and is none of them."""
        words = (word.strip(".,;:()!?") for word in text.split())
        return any(_shape(word) in self._shapes and word not in self.known for word in words if len(word) > 4)


def read_line(line: str, numbers: Numbers) -> Line | None:
    """Read a line as a decision, or None if it does not begin as one."""
    text, places = with_places(line[:_HEAD])
    at, spans = _numbers(text, _end(_LEAD.match(text, opening.opened(text)), 0), numbers)
    decision, end = _decision(text, at)
    if decision is None:
        return None
    before, every = bool(spans), False
    if not before:
        at, every = _every(text, end)
        at, spans = (at, spans) if every else _numbers(text, end, numbers)
    found = [numbers.named(line[places[begin] : places[last - 1] + 1]) for begin, last in spans]
    rest_at = at if every or (found and not before) else end
    rest = text[rest_at:]
    gap = _gap(rest)
    sentence = (
        gap.isspace()
        and not every
        and not (decision is Decision.PASS and decision_remark.harmless(rest))
        and _word(rest, len(gap)) in (SENTENCE[decision] if len(found) < 2 else SENTENCE[Decision.PASS])
    )
    return Line(
        decision=decision,
        numbers=tuple(dict.fromkeys(found)),
        every=every,
        remark=_remark(line, places, rest_at),
        sentence=sentence and not found,
        doubt=(sentence and bool(found))
        or decision_remark.crossed(line[:_HEAD])
        or decision_remark.doubtful(decision, gap, rest, alone=rest_at == end and not every)
        or _about_others(rest, found, every, numbers),
    )


def _numbers(text: str, at: int, numbers: Numbers) -> tuple[int, list[tuple[int, int]]]:
    """Read numbers that stand here one after another, with what joins them; return where they and each of them end."""
    found: list[tuple[int, int]] = []
    end = at
    while True:
        at = _end(_SPACE.match(text, at), at)
        number = numbers.match(text, at)
        if number is not None:
            at = end = number.end()
            found.append(number.span())
            continue
        word = WORD.match(text, at)
        if word is None or word[0] not in JOINING:
            return end, found
        at = word.end() + (text[word.end() : word.end() + 1] == ".")


def _decision(text: str, at: int) -> tuple[Decision | None, int]:
    """Read the longest decision word that stands here."""
    at = _end(_SPACE.match(text, at), at)
    found: tuple[Decision | None, int] = (None, at)
    phrase = ""
    for _ in range(LONGEST):
        word = WORD.match(text, at)
        if word is None:
            break
        phrase = f"{phrase} {word[0]}".strip()
        if phrase in MEANING:
            found = (MEANING[phrase], word.end())
        at = word.end() + (text[word.end() : word.end() + 1] == " ")
    return found


def _every(text: str, at: int) -> tuple[int, bool]:
    """Say whether "all" stands here, alone or with the word for certificates: not "all good"."""
    word = WORD.match(text, _end(_SPACE.match(text, at), at))
    if word is None or word[0] not in ALL:
        return at, False
    end = word.end()
    for _ in range(2):
        more = WORD.match(text, end + (text[end : end + 1] == " "))
        if more is None or more[0] not in JOINING:
            break
        end = more.end()
    following = text[end:].lstrip(" \t")[:1]
    return (end, True) if not following or following in ".,;:!-\u2013\u2014)(\n*" else (at, False)


def _gap(rest: str) -> str:
    """What stands between a decision and the first word of its remark."""
    word = WORD.search(rest)
    return rest[: word.start()] if word else rest


def _about_others(rest: str, found: Sequence[str], every: bool, numbers: Numbers) -> bool:
    """Say whether the rest of the line speaks of another certificate, so that it is not clear which is meant."""
    others = numbers.within(rest) - set(found)
    if numbers.stranger(rest):
        return True
    return bool(others) and (every or bool(found) or len(numbers.known) > 1)


def _remark(line: str, places: Sequence[int], at: int) -> str:
    start = places[at] if at < len(places) else len(line[:_HEAD])
    return line[start:].lstrip(TRAILING)


def _word(text: str, at: int) -> str:
    found = WORD.match(text, at)
    return found[0] if found else ""


def _end(found: re.Match[str] | None, at: int) -> int:
    return found.end() if found else at


def _shape(number: str) -> str:
    """Return a number's pattern of letters and digits."""
    return re.sub(r"[^\W\d_]", "a", re.sub(r"\d", "0", number))
