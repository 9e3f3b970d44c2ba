"""Letters of ours come back as mail programs quote them: nothing of our own text decides or looks up."""

import textwrap
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache

import pytest

from ecertmail.core import look_up, ticket
from ecertmail.core.fold import folded
from ecertmail.core.reply import quote, quote_words
from ecertmail.core.reply.understand import understand
from ecertmail.core.reply.written import read
from ecertmail.edge.templates import JinjaTemplates
from ecertmail.letter import (
    Confirmed,
    Event,
    Letter,
    LetterKind,
    Reason,
    Refused,
    Rendered,
    Shown,
    Unknown,
)
from ecertmail.official import Decision, Language
from ecertmail.parties import Assurance
from tests.core.official_mails import NUMBER, WORDS, mail

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
PLAIN, HTML = "text/plain; charset=utf-8", "text/html; charset=utf-8"
WROTE = "On Tue, Nov 24, 2026 at 9:01 AM MPI <ecert@mpi.example> wrote:"
SAID_NOTHING = ("", "Thanks", "Thanks\nLi Wei", "see below")
Client = Callable[[str, Rendered], bytes]


@cache
def templates() -> JinjaTemplates:
    return JinjaTemplates(quote.ABOVE)


@cache
def letters(language: Language) -> tuple[Rendered, ...]:
    return tuple(map(templates().render, _letters(language)))


def _letters(language: Language) -> Iterator[Letter]:
    words = templates().words(language)
    links = ticket.choices(words, NUMBER, "d17.abcdefghijkl", "ecert@mpi.example")
    events = (
        Event(at=NOW, status="70", by="MPI"),
        Event(at=NOW, decision=Decision.REFUSE, by="Li", remark="PASS was wrong"),
        Event(at=NOW, decision=Decision.PASS, by="Li", remark="REFUSE"),
    )
    shown = (Shown(number=NUMBER, status="70", issuer="MPI", title="Meat", history=events, choices=links),)
    refused = (Refused(number=NUMBER, reason=Reason.EXPIRED, decision=Decision.PASS),)
    confirmed = Confirmed(
        number=NUMBER, decision=Decision.REFUSE, remark="PASS\nwrong seal", assurance=Assurance.TOKEN, entry=5,
        at=NOW, superseded=events[2],
    )  # fmt: skip

    def letter(kind: LetterKind, **values: object) -> Letter:
        return Letter(
            kind=kind, language=language, authority="MPI", address="ecert@mpi.example", reader="Li Wei", now=NOW,
            reply_to="ecert+d17.abcdefghijkl@mpi.example", **values,  # type: ignore[arg-type]
        )  # fmt: skip

    yield letter(LetterKind.ARRIVED, shown=shown)
    yield letter(LetterKind.LOOKED_UP, shown=shown, unknown=(Unknown(number="NZL2009/0001/26", near=(NUMBER,)),))
    yield letter(LetterKind.CONFIRMED, confirmed=(confirmed,), refused=refused)
    yield letter(LetterKind.QUESTION, shown=shown, text="PASS or\nREFUSE")
    yield letter(LetterKind.NOT_RECORDED, shown=shown, refused=refused)
    yield letter(LetterKind.HELP, text="PASS")
    yield letter(LetterKind.ANSWERED, shown=shown, text="PASS please", inquiry="Q17", operator="Kiri", asked_at=NOW)
    yield letter(LetterKind.STILL_WAITING, shown=shown, text="PASS", inquiry="Q17", asked_at=NOW, due_at=NOW)


def _marked(text: str, mark: str = "> ") -> str:
    return "\n".join(f"{mark}{line}" for line in text.split("\n"))


def _wrapped(text: str) -> str:
    return "\n".join("\n".join(textwrap.wrap(line, 72)) for line in text.split("\n"))


def _unmarked(text: str) -> str:
    return text.replace(quote.ABOVE, "")


def _plain(body: str, encoding: str = "base64", kind: str = PLAIN) -> bytes:
    return mail(kind, body.encode(), encoding)


def _html(text: str, html: str) -> bytes:
    typed = "".join(f"<div>{line or '<br>'}</div>" for line in text.split("\n"))
    return mail(HTML, f"<html><body>{typed}{html}</body></html>".encode(), "quoted-printable")


CLIENTS: dict[str, Client] = {
    "marked": lambda text, ours: _plain(f"{text}\n\n{WROTE}\n{_marked(ours.text)}"),
    "marked, re-encoded": lambda text, ours: _plain(f"{text}\n\n{WROTE}\n{_marked(ours.text)}", "quoted-printable"),
    "flowed": lambda text, ours: _plain(f"{text}\n\n{_marked(ours.text)}", kind=f"{PLAIN}; format=flowed"),
    "wrapped": lambda text, ours: _plain(f"{text}\n\n{WROTE}\n{_wrapped(_marked(ours.text))}"),
    "with bars": lambda text, ours: _plain(f"{text}\n\n{_marked(ours.text, '| ')}"),
    "indented": lambda text, ours: _plain(f"{text}\n\n{_marked(ours.text, chr(9))}"),
    "below the quotation": lambda text, ours: _plain(f"{WROTE}\n{_marked(ours.text)}\n\n{text}"),
    "not marked": lambda text, ours: _plain(f"{text}\n\n{ours.text}"),
    "not marked, without our line": lambda text, ours: _plain(f"{text}\n\n{_unmarked(ours.text)}"),
    "original message": lambda text, ours: _plain(f"{text}\n\n-----Original Message-----\n{_unmarked(ours.text)}"),
    "right to left": lambda text, ours: _plain(f"\u202b{text}\n\n\u200f{ours.text}"),
    "HTML": lambda text, ours: _html(text, ours.html),
    "HTML without our line": lambda text, ours: _html(text, _unmarked(ours.html)),
    "Gmail": lambda text, ours: _html(text, f'<div class="gmail_quote"><blockquote>{ours.html}</blockquote></div>'),
    "Outlook": lambda text, ours: _html(text, f'<div style="border:none;border-top:solid #E1E1E1 1.0pt">{ours.html}'),
    "QQ": lambda text, ours: _html(text, f"<div>--------\xa0原始邮件\xa0--------</div>{_unmarked(ours.html)}"),
}


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("language", Language)
def test_nothing_that_we_wrote_is_read_as_what_an_official_wrote(client: str, language: Language) -> None:
    for ours in letters(language):
        for text in SAID_NOTHING:
            written = read(CLIENTS[client](text, ours))
            assert written is not None
            assert not understand(written, (NUMBER,)).certain, (text, written.text)
            assert not look_up.asked(written.subject, written.text), (text, written.text)


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("language", Language)
def test_what_stands_above_our_letter_is_understood(client: str, language: Language) -> None:
    for ours in letters(language):
        for decision in Decision:
            written = read(CLIENTS[client](WORDS[language, decision], ours))
            assert written is not None
            understood = understand(written, (NUMBER,))
            assert understood.certain, written.text
            assert [said.decision for said in understood.said] == [decision]


@pytest.mark.parametrize("language", Language)
def test_the_line_below_our_marker_is_known_by_its_words(language: Language) -> None:
    hint = letters(language)[0].text.split("\n")[1]
    assert folded(hint.strip()) in quote_words.HINT
