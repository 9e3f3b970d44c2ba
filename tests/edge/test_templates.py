"""Letters in six languages: complete, the same in text and in HTML, and nothing that a value holds can change them."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from lxml import etree, html

from ecertmail.core.plain import columns
from ecertmail.edge.templates import PACKAGED, JinjaTemplates
from ecertmail.errors import ConfigError
from ecertmail.letter import (
    Choice,
    Confirmed,
    Event,
    Letter,
    LetterKind,
    Paper,
    Reason,
    Refused,
    Rendered,
    Shown,
    Templates,
    Unknown,
)
from ecertmail.model import CertificateStatus
from ecertmail.official import Decision, Language
from ecertmail.parties import Assurance

ABOVE = "##- 0000 -##"
NOW = datetime(2026, 11, 24, 14, 5, tzinfo=UTC)
SHA = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
EVIL = "<script>alert('x')</script> \"quoted\" & &amp; O'Hara\x00\r\n\r\n# Bcc: <a@b.example>"
LETTERS = list(product(LetterKind, Language))
OTHERS = [language for language in Language if language != Language.EN]
ISOLATES = re.compile("[\u2066-\u2069]")
DECIDED = {LetterKind.ARRIVED, LetterKind.LOOKED_UP, LetterKind.QUESTION, LetterKind.NOT_RECORDED, LetterKind.ANSWERED,
           LetterKind.STILL_WAITING}  # fmt: skip


@pytest.fixture(scope="module")
def templates() -> JinjaTemplates:
    return JinjaTemplates(ABOVE)


def link(decision: Decision) -> str:
    address, subject = "ecert%2Bd17.abcdefghijkl@mpi.example", quote("Re: NZ/1 [d17.abcdefghijkl]")
    return f"mailto:{address}?subject={subject}&body={decision.word}%20"


CHOICES = tuple(Choice(decision=decision, link=link(decision)) for decision in Decision)


def shown(index: int = 0) -> Shown:
    """One certificate of many, so that every status, type, paper and kind of history occurs."""
    types = ("851", "657", "852", "853", "636", "856", "3", "2", "861", "911", "9999")
    return Shown(
        number=f"NZ/{index}/26",
        status=list(CertificateStatus)[index % len(CertificateStatus)].value,
        issuer="MPI",
        title="Ψ1",
        type=types[index % len(types)],
        exporting="NZ",
        importing="CN",
        issued_at="2026-11-20T10:00:00+13:00",
        sha256=SHA,
        entry=4711 + index,
        recorded_at=NOW,
        replaced_by=f"NZ/{index}/27",
        paper=list(Paper)[index % len(Paper)],
        history=(
            Event(at=NOW, status="70", by="MPI"),
            Event(at=NOW, decision=Decision.REFUSE, by="Ψ2", remark="Ψ3"),
        ),
        choices=CHOICES,
    )


def rich(kind: LetterKind, language: Language, count: int = 11) -> Letter:
    return Letter(
        kind=kind,
        language=language,
        authority="Ψ4",
        address="ecert@mpi.example",
        reader="Ψ5",
        now=NOW,
        reply_to="ecert+d17.abcdefghijkl@mpi.example",
        shown=tuple(map(shown, range(count))),
        unknown=(Unknown(number="NZ/77/26", near=("NZ/71/26", "NZ/17/26")),),
        confirmed=tuple(
            Confirmed(
                number=f"NZ/{decision}/25",
                decision=decision,
                remark="Ψ6\nΨ7",
                assurance=assurance,
                entry=int(f"88{decision}"),
                at=NOW,
                told="Ψ8",
                cut=True,
                again=True,
                superseded=Event(at=NOW, decision=Decision.PASS, by="Ψ9", remark="Ω1"),
                inquiry="Q17",
                due_at=NOW,
            )
            for decision, assurance in product(Decision, Assurance)
        ),
        refused=tuple(
            Refused(
                number=f"NZ/{number}/24",
                reason=reason,
                decision=Decision.PASS,
                needed=Assurance.SIGNED,
                successor=f"NZ/{number}/23",
                since=NOW,
            )
            for number, reason in enumerate(Reason)
        ),
        text="Ω2\n\nΩ3",
        files=("Ω4.pdf", "Ω5.jpg"),
        inquiry="Q17",
        operator="Ω6",
        asked_at=NOW,
        due_at=NOW,
        subscription="Ω7",
        leave="leave Ω8",
    )


def minimal(kind: LetterKind, language: Language) -> Letter:
    return Letter(kind=kind, language=language, authority="", address="ecert@mpi.example", reader="", now=NOW)


def single(kind: LetterKind, language: Language) -> Letter:
    letter = rich(kind, language, 1)
    return replace(letter, confirmed=letter.confirmed[:1], refused=letter.refused[:1], unknown=(), overdue=True)


def body(rendered: Rendered) -> html.HtmlElement:
    return html.document_fromstring(rendered.html)


def squeezed(text: str) -> str:
    """Leave out what only lays out: white space, rules, bullets, colons, isolates."""
    return re.sub("[\\s|*=:\uff1a•\u2066-\u2069\u2013-]+", "", text)


def visible(rendered: Rendered) -> str:
    [element] = body(rendered).xpath("//body")
    return str(element.text_content())


def whole(rendered: Rendered) -> str:
    return f"{rendered.subject}\n{rendered.text}"


def tokens(text: str) -> set[str]:
    return {token.casefold() for token in re.findall(r"[^\W\d_]{3,}", re.sub(r"mailto:\S+|\S+@\S+", "", text))}


def test_they_are_templates(templates: JinjaTemplates) -> None:
    protocol: Templates = templates
    assert protocol.words(Language.ZH)[Decision.PASS] == "通过"


@pytest.mark.parametrize("make", [rich, minimal, single])
@pytest.mark.parametrize(("kind", "language"), LETTERS)
def test_text_and_html_say_the_same_below_the_marker(
    templates: JinjaTemplates, kind: LetterKind, language: Language, make: Any
) -> None:
    rendered = templates.render(make(kind, language))
    assert rendered.text.startswith(f"{ABOVE}\n"), "nothing stands above the marker"
    assert squeezed(visible(rendered)).startswith(squeezed(ABOVE))
    assert squeezed(re.sub(r"mailto:\S+", "", rendered.text)) == squeezed(visible(rendered))
    links = re.findall(r"mailto:\S+", rendered.text)
    assert links == body(rendered).xpath("//a/@href")
    assert rendered.subject.strip()
    assert len(rendered.subject) <= 130
    assert rendered.subject.isprintable() or language == Language.AR
    assert not re.search(r"\n[#@!~>]|\n{3}", rendered.text), "no mark of a template is left"


@pytest.mark.parametrize(("kind", "language"), LETTERS)
def test_a_letter_tells_every_fact_that_it_is_about(
    templates: JinjaTemplates, kind: LetterKind, language: Language
) -> None:
    letter = rich(kind, language)
    told: dict[LetterKind, list[object]] = {
        LetterKind.ARRIVED: [*letter.shown, letter.leave, letter.subscription, letter.address],
        LetterKind.LOOKED_UP: [*letter.shown, *letter.unknown],
        LetterKind.CONFIRMED: [*letter.confirmed, *letter.refused, letter.text],
        LetterKind.QUESTION: [*letter.shown, letter.text],
        LetterKind.NOT_RECORDED: [*letter.shown, *letter.refused, letter.text],
        LetterKind.HELP: [letter.address, letter.text, "VERIFY", "ECERT:", *(decision.word for decision in Decision)],
    }
    inquiry = [letter.inquiry, letter.operator, letter.asked_at, letter.due_at, letter.text, *letter.files]
    text = ISOLATES.sub("", templates.render(letter).text)
    for fact in told.get(kind, [*letter.shown, *inquiry]):
        for value in values(fact):
            assert value in text, value


def values(fact: object) -> Iterator[str]:
    """Every value of a fact as it must be readable; codes are told in words."""
    if isinstance(fact, datetime):
        yield f"{fact:%Y-%m-%d %H:%M} UTC"
    elif isinstance(fact, tuple):
        yield from (value for one in fact for value in values(one))
    elif is_dataclass(fact):
        told = (getattr(fact, field.name) for field in fields(fact) if field.name not in {"status", "type"})
        yield from (value for one in told for value in values(one))
    elif fact is not None and not isinstance(fact, Decision | Assurance | Paper | Reason | bool):
        yield from str(fact).split("\n")


@pytest.mark.parametrize("language", Language)
def test_an_answer_is_asked_for_in_the_language_and_english_always_works(
    templates: JinjaTemplates, language: Language
) -> None:
    words = templates.words(language)
    assert len(set(words.values())) == len(Decision) == len(words)
    for kind in (*DECIDED, LetterKind.HELP):
        text = ISOLATES.sub("", templates.render(single(kind, language)).text)
        for decision in Decision:
            assert re.search(rf"^- {words[decision]}\b.*", text, re.MULTILINE), kind
            assert decision.word in text


@pytest.mark.parametrize(("kind", "language"), LETTERS)
def test_no_subject_begins_with_a_decision(templates: JinjaTemplates, kind: LetterKind, language: Language) -> None:
    words = {word.casefold() for each in Language for word in templates.words(each).values()}
    for make in (rich, minimal, single):
        subject = ISOLATES.sub("", templates.render(make(kind, language)).subject).casefold()
        assert not subject.startswith(tuple(words)), subject
        assert "\n" not in subject


def test_every_language_has_the_same_files_and_words() -> None:
    english = JinjaTemplates(ABOVE)._words[Language.EN]
    names = {path.name for path in (PACKAGED / "en").iterdir()}
    assert names >= {f"{kind}.txt" for kind in LetterKind}
    for language, words in JinjaTemplates(ABOVE)._words.items():
        assert {path.name for path in (PACKAGED / language).iterdir()} == names
        assert {(table, key) for table in words for key in words[table]} == {
            (table, key) for table in english for key in english[table]
        }
    for table, codes in (
        ("status", CertificateStatus),
        ("status_note", CertificateStatus),
        ("decided", Decision),
        ("assurance", Assurance),
        ("reason", Reason),
        ("next", Reason),
        ("paper", set(Paper) - {Paper.NOT_ASKED}),
    ):
        assert set(english[table]) == {code.value for code in codes}, table


# Written alike in both languages, or one of the words that are the same everywhere.
COMMON = {
    Language.ES: {"compare", "hash"},
    Language.FR: {"code", "inspection", "licence", "place", "question", "type", "version"},
    Language.ZH: set(),
    Language.RU: set(),
    Language.AR: set(),
}
EVERYWHERE = {
    "abcdefghijkl", "alert", "dkim", "ecert", "jpg", "leave", "mpi", "pass", "pdf", "refuse", "request", "sha", "utc",
    "verify", "xml", "nzl", "feaa",
}  # fmt: skip


@pytest.mark.parametrize("language", OTHERS)
def test_no_english_is_left(templates: JinjaTemplates, language: Language) -> None:
    english, other = (
        set().union(*(tokens(whole(templates.render(make(kind, each))))
                      for kind, make in product(LetterKind, (rich, single))))
        for each in (Language.EN, language)
    )  # fmt: skip
    assert english & other - EVERYWHERE <= COMMON[language]
    assert len(other) > 100


@pytest.mark.parametrize(("kind", "language"), LETTERS)
def test_the_html_loads_nothing_and_leads_nowhere_but_into_a_mail(
    templates: JinjaTemplates, kind: LetterKind, language: Language
) -> None:
    rendered = templates.render(rich(kind, language))
    page = body(rendered)
    assert "http" not in rendered.html
    assert not page.xpath(
        "//@src | //script | //style | //img | //link | //form | //iframe | //@*[starts-with(name(), 'on')]"
    )
    assert not re.search(r"url\(|@import|expression", rendered.html)
    assert all(href.startswith("mailto:") for href in page.xpath("//@href"))
    assert page.get("lang") == language.value
    assert page.get("dir") == ("rtl" if language == Language.AR else "ltr")
    assert "meta charset" in rendered.html[:400]
    etree.HTML(rendered.html, parser=etree.HTMLParser(recover=False))


def hostile(value: Any) -> Any:
    """Replace every text in a letter that somebody else may have written."""
    if is_dataclass(value):
        kept = {"kind", "language", "link", "status", "decision", "reason", "paper", "assurance", "needed", "now"}
        changed = {field.name: hostile(getattr(value, field.name)) for field in fields(value) if field.name not in kept}
        return replace(value, **changed)  # type: ignore[type-var]
    if isinstance(value, tuple):
        return tuple(map(hostile, value))
    return EVIL if isinstance(value, str) and value else value


@pytest.mark.parametrize(("kind", "language"), LETTERS)
def test_no_value_can_be_more_than_a_value(templates: JinjaTemplates, kind: LetterKind, language: Language) -> None:
    plain, evil = (templates.render(letter) for letter in (rich(kind, language), hostile(rich(kind, language))))
    assert not body(evil).xpath("//script")
    assert "<script" not in evil.html
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &#34;quoted&#34; &amp; &amp;amp; O&#39;Hara" in evil.html
    assert [element.tag for element in body(evil).iter() if element.tag in {"a", "title"}] == [
        element.tag for element in body(plain).iter() if element.tag in {"a", "title"}
    ]
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f]", evil.text + evil.subject)
    assert "\n" not in evil.subject
    assert not re.search(r"^(From |Bcc|>)", evil.text, re.MULTILINE)
    assert squeezed(re.sub(r"mailto:\S+", "", evil.text)) == squeezed(visible(evil))


OVERRIDE = "ABC\u202egnp.exe\u202c \u2066\u2067x\u200b"


@pytest.mark.parametrize("language", Language)
def test_a_value_cannot_change_the_direction_of_what_follows(templates: JinjaTemplates, language: Language) -> None:
    letter = replace(rich(LetterKind.ANSWERED, language), text=OVERRIDE, operator=OVERRIDE, files=(OVERRIDE,))
    rendered = templates.render(letter)
    for text in (rendered.text, rendered.html):
        assert not re.search("[\u202a-\u202e\u2067\u200b]", text)
        assert text.count("\u2066") + text.count("\u2068") == text.count("\u2069")


def test_in_arabic_every_number_and_address_keeps_its_order(templates: JinjaTemplates) -> None:
    rendered = templates.render(rich(LetterKind.ARRIVED, Language.AR))
    for value in ("NZ/0/26", "ecert@mpi.example", SHA, "2026-11-24 14:05 UTC", "4711"):
        assert f"\u2066{value}\u2069" in rendered.text
        assert f'<bdi dir="ltr">{value}</bdi>' in rendered.html
    outside = re.sub("\u2066[^\u2069]*\u2069|mailto:\\S+", "", rendered.text.partition("\n")[2])
    assert not re.search(r"\d", outside.replace("SHA-256", ""))


def test_an_arabic_name_is_kept_apart_in_every_language(templates: JinjaTemplates) -> None:
    for language in Language:
        rendered = templates.render(replace(minimal(LetterKind.HELP, language), reader="ليلى حسن"))
        assert "\u2068ليلى حسن\u2069" in rendered.text
        assert "<bdi>ليلى حسن</bdi>" in rendered.html


REMARK = "From the port: Subject: x " * 30 + "y" * 300 + " 证书" * 100


@pytest.mark.parametrize(("kind", "language"), LETTERS)
def test_lines_are_short_and_look_like_nothing_else(
    templates: JinjaTemplates, kind: LetterKind, language: Language
) -> None:
    letter = rich(kind, language)
    letter = replace(
        letter, text=REMARK, operator=REMARK, reader=REMARK, authority=f"From {REMARK}",
        confirmed=tuple(replace(one, remark=REMARK) for one in letter.confirmed),
    )  # fmt: skip
    for line in templates.render(letter).text.split("\n")[1:]:
        assert columns(line) <= 78 or "mailto:" in line, line
        assert line == line.rstrip()
        assert not re.match(r"From |>|--? ?$|Subject: ", line), line


def test_a_question_shows_the_beginning_of_what_was_read(templates: JinjaTemplates) -> None:
    rendered = templates.render(replace(rich(LetterKind.QUESTION, Language.EN), text="a " * 5000))
    assert len(re.findall(r"^\| ", rendered.text, re.MULTILINE)) < 12
    assert "…" in rendered.text


def test_an_unknown_number_is_never_mistaken_for_a_known_one(templates: JinjaTemplates) -> None:
    letter = replace(minimal(LetterKind.LOOKED_UP, Language.EN), unknown=(Unknown(number="NZ/9"),))
    rendered = templates.render(letter)
    assert rendered.subject == "Look-up of NZ/9: NOT KNOWN HERE"
    assert "NOT KNOWN HERE" in rendered.text
    assert "hold the consignment" in rendered.text
    assert "Did you mean" not in rendered.text


def test_a_choice_leads_into_a_mail_or_the_letter_is_not_written(templates: JinjaTemplates) -> None:
    certificate = replace(shown(), choices=(Choice(decision=Decision.PASS, link="https://x.example/"),))
    with pytest.raises(Exception, match="can only lead to a mail"):
        templates.render(replace(rich(LetterKind.ARRIVED, Language.EN), shown=(certificate,)))


def test_an_operators_texts_go_before_ours(tmp_path: Path) -> None:
    (tmp_path / "en").mkdir()
    (tmp_path / "en/closing.txt").write_text("Yours, {{ authority }}\n", encoding="utf-8")
    (tmp_path / "en/words.toml").write_text('[type]\n9999 = "Halal certificate"\n', encoding="utf-8")
    text = JinjaTemplates(ABOVE, tmp_path).render(rich(LetterKind.ARRIVED, Language.EN)).text
    assert text.endswith("Yours, Ψ4\n")
    assert "Halal certificate (9999)" in text
    assert "Phytosanitary certificate (851)" in text


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("en/help.txt", "Help\n\n{% if %}", r"en/help\.txt: line 3"),
        ("en/help.txt", "Help\n\n{{ readr }}", r"en/help\.txt: no letter has readr"),
        ("en/help.txt", '{% include "nothing.txt" %}', r"nothing\.txt is missing"),
        ("en/help.txt", b"\xff", r"help\.txt"),
        ("ru/words.toml", "[page", r"ru/words\.toml: cannot be read"),
        ("ru/words.toml", "page = 1", r"ru/words\.toml: cannot be read"),
        ("ru/words.toml", "[page]\nhint = 1", r"ru/words\.toml: 1 is no text"),
        ("ru/words.toml", '[decision]\n39 = "ДА"', r"ru/words\.toml: \[decision\] cannot be changed"),
        ("page.html", "{{ nothing", r"page\.html: line 1"),
    ],
)
def test_a_broken_template_is_found_at_start(tmp_path: Path, name: str, content: str | bytes, message: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(ConfigError, match=message):
        JinjaTemplates(ABOVE, tmp_path)


def test_a_missing_folder_is_found_at_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        JinjaTemplates(ABOVE, tmp_path / "nowhere")


UNWRITABLE = {
    "a word that nobody knows": ("en/help.txt", "Help\n\n{{ words.page.nothing }}", r"/en/help\.txt: .*nothing"),
    "a value that no certificate has": ("zh/arrived.txt", "A\n\n{{ shown[0].seal }}", r"/zh/arrived\.txt: .*'seal'"),
    "a sum that has no end": ("ar/help.txt", "A\n\n{{ 1 / 0 }}", r"/ar/help\.txt: cannot be written \(ZeroDivision"),
    "a letter within itself": ("en/help.txt", "A\n{% include 'help.txt' %}", r"/en/help\.txt: .*Recursion"),
    "a letter without a subject": ("fr/help.txt", "", r"/fr/help\.txt: the first line"),
    "a page of another program": ("page.html", "<p>{{ unsubscribe_url }}</p>", "unsubscribe_url"),
}


@pytest.mark.parametrize("name", UNWRITABLE)
def test_a_letter_that_cannot_be_written_is_found_at_start(tmp_path: Path, name: str) -> None:
    """A daemon that finds it out later cannot answer the mail at hand, and stops at it."""
    path, content, message = UNWRITABLE[name]
    (tmp_path / path).parent.mkdir(exist_ok=True)
    (tmp_path / path).write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        JinjaTemplates(ABOVE, tmp_path)


def test_a_folder_with_all_of_our_own_texts_is_good(tmp_path: Path) -> None:
    shutil.copytree(PACKAGED, tmp_path / "own", ignore=shutil.ignore_patterns("words.toml"))
    JinjaTemplates(ABOVE, tmp_path / "own")
