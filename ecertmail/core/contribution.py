"""What is kept of something said in a conversation, and whether it was said before."""

from collections.abc import Iterable
from hashlib import sha256

from ecertmail.conversation import Utterance
from ecertmail.core.entity import printable
from ecertmail.official import File

TEXT_LENGTH = 20_000


def cut(text: str) -> str:
    """Return what is kept of a text; what is left out of a longer one is marked."""
    clean = "\n".join(printable(line.expandtabs().rstrip()) for line in text.splitlines()).strip()
    return clean if len(clean) <= TEXT_LENGTH else f"{clean[:TEXT_LENGTH]} […]"


def within(files: Iterable[File], limit: int) -> tuple[tuple[File, ...], tuple[str, ...]]:
    """Return the files that fit into so many octets together, in their order, and what became of the others.

    The words for these are numbers and signs, since every language has them.
    """
    kept: list[File] = []
    left_out: list[str] = []
    room = limit
    for file in files:
        if len(file.octets) <= room:
            kept.append(file)
            room -= len(file.octets)
        else:
            left_out.append(f"✗ {file.name} ({_megabytes(len(file.octets))} > {_megabytes(room)})")
    return tuple(kept), tuple(left_out)


def said(thread: Iterable[Utterance], utterance: Utterance) -> Utterance | None:
    """Return the same contribution from a thread: the same words and files, from the same person at the same second."""
    return next((one for one in thread if (_second(one), _what(one)) == (_second(utterance), _what(utterance))), None)


def repeated(thread: Iterable[Utterance], utterance: Utterance) -> Utterance | None:
    """Return the same contribution from the end of a thread, whenever it was made."""
    newest = list(thread)[-1:]
    return newest[0] if newest and _what(newest[0]) == _what(utterance) else None


def _second(utterance: Utterance) -> object:
    return utterance.at.replace(microsecond=0)


def _what(utterance: Utterance) -> object:
    files = [sha256(file.octets).digest() for file in utterance.files]
    return utterance.turn, utterance.operator, utterance.content.split(), files


def _megabytes(octets: int) -> str:
    return f"{octets / 1_000_000:.1f} MB"
