"""What a reply means: which decision on which certificates, and whether that is certain enough to be recorded.

A wrong decision is much worse than a question back. So a decision is read only from a line that begins with it, near
the top, and everything that another reader could take differently makes the whole reply uncertain: a word that is
negated or asked, two decisions on one certificate, a number that was not asked for, one decision for several.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from ecertmail.core.fold import folded
from ecertmail.core.reply.decision_line import Line, Numbers, read_line
from ecertmail.core.reply.decision_remark import contradicts
from ecertmail.core.reply.decision_words import NEGATION, NEGATION_SIGNS, REFUSAL
from ecertmail.core.reply.opening import bare
from ecertmail.core.reply.origin import is_reply
from ecertmail.official import Decision, Said, Understood, Written

_FIRST = 6  # a decision stands in one of the first lines: below a greeting, not below a letter
_LINES = 2000
_BROKEN = 40  # a line of this length without an end may go on in the next one
_WORDY = 5  # and so may one with this many words
_TOKEN = re.compile(r"\[?\b[a-z]\d{1,6}\.[a-z0-9]{8,24}\b\]?", re.IGNORECASE)
_TAGS = re.compile(r"\s{0,8}(?:\[[^\]]{0,60}\]\s{0,8}){1,5}")
_WORDS = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)?")
_ENDED = re.compile(r"[.,:;!?\u3002\uff0c\uff1a\uff01\uff1f\u3001\u060c\u061b\u061f)*>-]\s*\Z")


@dataclass(slots=True, kw_only=True)
class _Item:
    line: Line
    remark: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class _Body:
    """What the text of a reply says: its decisions with their remarks, and whether anything of it is doubtful."""

    items: list[_Item] = field(default_factory=list)
    doubt: bool = False


def understand(written: Written, numbers: Sequence[str]) -> Understood:
    """Understand a reply.

    Args:
        written: the mail, of which only the text that is new counts, or the subject that a `mailto:` link made.
        numbers: the certificates of the mail that is answered.
    """
    if written.automatic or written.forwarded:
        return Understood()
    known = Numbers(numbers)
    body = _read_body(written.text, known)
    subject = _read_subject(written.subject, known)
    if subject is not None and not body.items:
        doubt = body.doubt or subject.doubt or subject.sentence
        return _understood([_Item(line=subject, remark=[written.text])], known, doubt=doubt)
    differs = (
        subject is not None and not subject.sentence and subject.decision not in {i.line.decision for i in body.items}
    )
    return _understood(body.items, known, doubt=body.doubt or differs)


def _read_subject(subject: str, known: Numbers) -> Line | None:
    """Read a subject that a `mailto:` link of ours made; that of a reply says what was asked, not what is answered."""
    if is_reply(subject):
        return None
    return read_line(_TAGS.sub("", _TOKEN.sub(" ", subject), count=1).strip(), known)


def _read_body(text: str, known: Numbers) -> _Body:
    body = _Body()
    before: list[str] = []
    lines = text.split("\n")
    for place, line in enumerate(lines[:_LINES]):
        said = read_line(line, known) if line.strip() and (body.items or len(before) < _FIRST) else None
        if not body.items:
            _begin(body, said, lines[place - 1] if place else "", before, known)
        elif said is None or not _goes_on(body, said, lines[place - 1]):
            body.items[-1].remark.append(line)
        if line.strip():
            before.append(line)
    if body.items:
        body.items[-1].remark.extend(lines[_LINES:])
    return body


def _begin(body: _Body, said: Line | None, above: str, before: Sequence[str], known: Numbers) -> None:
    """Take the first decision of a reply, with a look at what stands before it."""
    if said is None:
        return
    if said.sentence:
        body.doubt = body.doubt or not said.numbers
        return
    greeting = bare(folded(" ".join(line[:400] for line in before)))
    negated = said.decision is Decision.PASS and (
        not NEGATION.isdisjoint(_WORDS.findall(greeting))
        or bool(REFUSAL.search(greeting) or NEGATION_SIGNS.search(greeting))
    )
    body.doubt = said.doubt or negated or known.stranger(greeting) or _is_broken(above) or _is_wordy(above)
    body.items.append(_Item(line=said, remark=[said.remark]))


def _goes_on(body: _Body, said: Line, above: str) -> bool:
    """Say whether a line below a decision is the next one; without a number it is one only if it contradicts."""
    current = body.items[-1].line
    if said.sentence:
        return False
    if said.numbers or said.every:
        body.doubt = body.doubt or said.doubt
        body.items.append(_Item(line=said, remark=[said.remark]))
        return True
    if said.decision is not current.decision and not _is_broken(above):
        body.doubt = True
    return False


def _is_broken(above: str) -> bool:
    """Say whether a line may go on in the next one."""
    return len(above) >= _BROKEN and not _ENDED.search(above[-20:])


def _is_wordy(above: str) -> bool:
    """Say whether a line is a sentence that somebody broke, and no greeting."""
    return len(_WORDS.findall(above)) >= _WORDY and not _ENDED.search(above[-20:])


def _understood(items: Sequence[_Item], known: Numbers, *, doubt: bool) -> Understood:
    said = tuple(
        Said(
            decision=item.line.decision,
            remark="\n".join(part for part in item.remark).strip(),
            numbers=item.line.numbers,
        )
        for item in items
    )
    certain = bool(said) and not doubt and _is_clear(items, said, known)
    return Understood(said=said, certain=certain)


def _is_clear(items: Sequence[_Item], said: Sequence[Said], known: Numbers) -> bool:
    """Say whether every certificate that is named is asked for, and has one decision."""
    every = tuple(known.known.values())
    decided: dict[str, Decision] = {}
    for item, one in zip(items, said, strict=True):
        if not one.numbers and not item.line.every and len(every) != 1:
            return False
        if contradicts(one.decision, one.remark) or (item.line.every and known.within(folded(one.remark[:4000]))):
            return False
        for number in one.numbers or every:
            if number not in every or decided.get(number, one.decision) is not one.decision:
                return False
            decided[number] = one.decision
    return bool(decided)
