"""Our own letters ask for nothing: whoever replies to one with a few words is not taken to look something up."""

import re

import pytest

from ecertmail.core.look_up import asked
from ecertmail.core.reply import quote
from ecertmail.edge.templates import JinjaTemplates
from ecertmail.letter import Letter, LetterKind, Shown, Unknown
from ecertmail.looked_up import Asked
from ecertmail.official import Language
from tests.builders import CHINA, NOW


@pytest.fixture(scope="module")
def templates() -> JinjaTemplates:
    return JinjaTemplates(quote.ABOVE)


def letter(kind: LetterKind, language: Language) -> Letter:
    return Letter(
        kind=kind, language=language, authority=CHINA.name, address=CHINA.address, reader="Li Wei", now=NOW,
        shown=(Shown(number="NZ-1", status="70", title="Lamb"),), unknown=(Unknown(number="NZ 2", near=("NZ 3",)),),
        text="NZ 4", inquiry="Q17", operator="Li", asked_at=NOW, due_at=NOW,
    )  # fmt: skip


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("kind", LetterKind)
def test_the_subject_of_a_letter_asks_for_nothing(
    templates: JinjaTemplates, kind: LetterKind, language: Language
) -> None:
    subject = templates.render(letter(kind, language)).subject
    assert asked(subject, "") == asked(f"Re: {subject}", "Thank you.") == ()


@pytest.mark.parametrize("language", Language)
def test_what_the_help_letter_shows_can_be_sent_and_does_not_ask_by_itself(
    templates: JinjaTemplates, language: Language
) -> None:
    lines = templates.render(letter(LetterKind.HELP, language)).text.splitlines()
    assert asked("", "\n".join(lines)) == ()
    [example] = [line for line in lines if "NZL2009/0001/26" in line]
    assert asked("", re.split(r"[:\uff1a]\s*", example, maxsplit=1)[1]) == (Asked(number="NZL2009/0001/26"),)
