"""Our links come back as what they say: in every language, for numbers of every kind."""

from dataclasses import replace
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from ecertmail.core import ticket
from ecertmail.core.reply.understand import understand
from ecertmail.letter import Letter, LetterKind, Shown
from ecertmail.official import Decision, Language, Said, Written
from tests.builders import CHINA, NOW
from tests.flow.border import templates

TOKEN = "d17.abcdefghijkl"
NUMBERS = ["NZL2009/0004/26", "NZ-1", "NZ 2026 004711", "MPI/2026 №7"]


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("language", Language)
def test_a_link_opens_a_mail_that_is_understood(language: Language, number: str) -> None:
    for choice in ticket.choices(templates().words(language), number, TOKEN, CHINA.address):
        parts = urlsplit(choice.link)
        fields = parse_qs(parts.query, strict_parsing=True)
        [subject], [body] = fields["subject"], fields["body"]
        for remark in ("", "Container MSKU 4711 was opened."):
            for text in (body + remark, remark):
                written = Written(
                    sender="li@customs.example", recipients=frozenset({unquote(parts.path)}), subject=subject,
                    message_id="<1@customs.example>", text=text.strip(),
                )  # fmt: skip
                understood = understand(written, [number])
                [said] = understood.said
                assert understood.certain, (subject, text)
                assert (said.decision, said.remark) == (choice.decision, remark)
        assert ticket.presented({unquote(parts.path)}, subject, {CHINA.address}) == TOKEN
    assert len(templates().words(language)) == len(Decision)


ALL = {
    Language.EN: "PASS ALL", Language.ZH: "通过 全部", Language.ES: "APROBAR TODOS", Language.FR: "ACCEPTER TOUS",
    Language.RU: "ПРИНЯТЬ ВСЕ", Language.AR: "قبول الكل",  # noqa: RUF001
}  # fmt: skip


@pytest.mark.parametrize("language", Language)
def test_what_our_letters_teach_for_several_certificates_is_understood(language: Language) -> None:
    numbers = ("NZ-1", "NZ-2")
    words = templates().words(language)
    shown = tuple(
        Shown(number=number, status="70", choices=ticket.choices(words, number, TOKEN, CHINA.address))
        for number in numbers
    )
    letter = Letter(kind=LetterKind.LOOKED_UP, language=language, authority="A", address=CHINA.address, reader="L",
                    now=NOW, shown=shown)  # fmt: skip
    told = " ".join(templates().render(letter).text.translate({0x2066: None, 0x2068: None, 0x2069: None}).split())
    assert ALL[language] in told
    for text, certain in ((ALL[language], True), (ALL[language].split()[0], False)):
        written = Written(sender="l@customs.example", recipients=frozenset(), subject="", message_id="", text=text)
        understood = understand(written, numbers)
        assert understood.certain is certain
        assert not certain or understood.said == (Said(decision=Decision.PASS, remark=""),)


@pytest.mark.parametrize("language", Language)
def test_a_reminder_that_cannot_be_answered_does_not_ask_for_an_answer(language: Language) -> None:
    letter = Letter(kind=LetterKind.INQUIRY_REMINDER, language=language, authority="A", address=CHINA.address,
                    reader="", now=NOW, inquiry="Q17", text="Which seal?", asked_at=NOW, due_at=NOW)  # fmt: skip
    without = templates().render(letter).text
    words = templates().render(replace(letter, reply_to=f"ecert+{TOKEN}@customs.example")).text
    last = without.split("Which seal?")[1].strip().splitlines()[0]
    assert last not in words.splitlines()
    assert "".join(last.split())[:8] in "".join(words.split())
