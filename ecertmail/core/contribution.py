"""What is kept of something said in a conversation, and whether it was said before."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from unicodedata import category

from ecertmail.conversation import Utterance
from ecertmail.core.entity import printable
from ecertmail.official import File

TEXT_LENGTH = 20_000


def cut(text: str) -> str:
    """Return what is kept of a text; what is left out of a longer one is marked.

    Marks that only steer how text runs are gone: templates and terminals keep directions apart themselves.
    """
    seen = "".join(c for c in text.expandtabs() if category(c) != "Cf")
    clean = "\n".join(printable(line).rstrip() for line in seen.splitlines()).strip()
    return clean if len(clean) <= TEXT_LENGTH else f"{clean[:TEXT_LENGTH]} […]"


def within(files: Iterable[File], limit: int) -> tuple[tuple[File, ...], tuple[str, ...]]:
    """Return the files that fit into so many octets together, in their order, and what became of the others.

    The words for these are numbers and signs, since every language has them.
    """
    kept: list[File] = []
    left_out: list[str] = []
    room = limit
    for file in files:
        size = file.left_out or len(file.octets)
        if size <= room and not file.left_out:
            kept.append(file)
            room -= size
        else:
            left_out.append(f"✗ {printable(file.name)} ({_megabytes(size)} > {_megabytes(room)})")
    return tuple(kept), tuple(left_out)


def noted(utterance: Utterance, left_out: Sequence[str]) -> Utterance:
    """Return a contribution that says which of its files are missing, so that nobody waits for them."""
    return replace(utterance, content="\n".join((utterance.content, "", *left_out)).strip()) if left_out else utterance


def is_said(thread: Iterable[Utterance], utterance: Utterance) -> bool:
    """Say whether a contribution is in a thread: the same words and files, of the same person at the same second."""
    return any((_second(one), _what(one)) == (_second(utterance), _what(utterance)) for one in thread)


def repeats(newest: Iterator[Utterance], utterance: Utterance) -> bool:
    """Say whether a contribution only repeats the newest one, which comes first."""
    last = next(newest, None)
    return last is not None and _what(last) == _what(utterance)


def _second(utterance: Utterance) -> object:
    return utterance.at.replace(microsecond=0)


def _what(utterance: Utterance) -> object:
    files = [sha256(file.octets).digest() for file in utterance.files]
    return utterance.turn, utterance.operator, utterance.content.split(), files


def _megabytes(octets: int) -> str:
    return f"{octets / 1_000_000:.1f} MB"
