"""The letters that people read: templates in six languages, by Jinja.

A letter is written once, as the source of a document (core/document), and from that as plain text and as HTML.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
from jinja2 import meta

from ecertmail.core import document, plain, sample_letter
from ecertmail.errors import ConfigError
from ecertmail.letter import Letter, LetterKind, Paper, Rendered
from ecertmail.official import Decision, Language

PACKAGED = Path(__file__).resolve().parents[1] / "templates"

_RTL = frozenset({Language.AR})
_WORDS, _PAGE, _PARTS = "words.toml", "page.html", ("greeting.txt", "closing.txt")
_TONES = {
    "good": ("39", "70", Paper.SAME),
    "wait": ("42", "44", "47"),
    "bad": ("40", "41", "64", Paper.OLDER, Paper.DIFFERENT),
}
_NAMES = frozenset({"words", "english", "tones", *(field.name for field in fields(Letter))})


class _Word(str):
    """A word of ours, which needs no protection."""

    __slots__ = ()


Words = Mapping[str, Mapping[str, _Word]]


class JinjaTemplates:
    """All templates, read once; implements `letter.Templates`.

    `above` is the line under which nothing is read of a reply. What lies in `folder`, laid out like the packaged
    templates, goes before them, file by file, in `words.toml` word by word.
    """

    def __init__(self, above: str, folder: Path | None = None) -> None:
        """Read every template.

        Raises:
            ConfigError: a file is missing or broken; the text names it.
        """
        if folder is not None and not folder.is_dir():
            raise ConfigError(f"{folder}: this folder of templates is missing")
        self._above = above
        self._folders = [path for path in (folder, PACKAGED) if path is not None]
        self._words = {language: _words(self._folders, language) for language in Language}
        self._decisions = {language: _decisions(self._words[language]) for language in Language}
        self._environments = {language: self._environment(language) for language in Language}
        self._page = _page(self._folders)
        for environment in self._environments.values():
            _check(environment)
        if folder is not None:
            self._try(folder)

    def render(self, letter: Letter) -> Rendered:
        """Write a letter in its language; every value is escaped in the HTML.

        Raises:
            ConfigError: a template asks for something that a letter does not have; the text names it.
        """
        environment, rtl = self._environments[letter.language], letter.language in _RTL
        greeting, body, closing = (
            _rendered(environment, letter, name) for name in (_PARTS[0], f"{letter.kind}.txt", _PARTS[1])
        )
        headline, _, body = body.strip().partition("\n")
        groups = document.read(f"{greeting}\n\n{body}\n\n{closing}", rtl=rtl)
        subject = plain.line(document.spans(" ".join(headline.split()), rtl=rtl))
        own = self._words[letter.language]["page"]
        html = self._page.render(
            subject=subject, above=self._above, hint=own["hint"], groups=groups, language=letter.language.value, rtl=rtl
        )
        return Rendered(
            subject=subject, text=f"{self._above}\n{own['hint']}\n\n{plain.text(groups, own['colon'])}", html=html
        )

    def _try(self, folder: Path) -> None:
        """Write every letter once: one that an operator's template cannot write would stop all mail."""
        for language, kind in product(Language, LetterKind):
            try:
                subject = self.render(sample_letter.letter(kind, language)).subject
            except ConfigError as error:
                raise ConfigError(f"{folder}/{error}") from error
            except Exception as error:
                told = f"{type(error).__name__}: {error}"[:200]
                raise ConfigError(f"{folder}/{language}/{kind}.txt: cannot be written ({told})") from error
            if not subject.strip():
                raise ConfigError(f"{folder}/{language}/{kind}.txt: the first line, which is the subject, is empty")

    def words(self, language: Language) -> Mapping[Decision, str]:
        """Return the word for each decision that a `mailto:` link writes."""
        return self._decisions[language]

    def _environment(self, language: Language) -> jinja2.Environment:
        places = [folder / part for folder in self._folders for part in (language.value, "")]
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(places),
            autoescape=False,  # noqa: S701 - no HTML yet: page.html escapes it all
            undefined=jinja2.StrictUndefined,
            finalize=_written,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        environment.filters |= {"short": _short, "lines": _lines, "mailto": _mailto}
        environment.globals = {
            "words": self._words[language],
            "english": self._words[Language.EN]["decision"],
            "tones": {str(code): _Word(tone) for tone, codes in _TONES.items() for code in codes},
        }
        return environment


def _words(folders: list[Path], language: Language) -> Words:
    """Read the words of a language; an operator's go before ours, but not those that we read in answers."""
    found: dict[str, dict[str, _Word]] = {}
    for path in (folder / language.value / _WORDS for folder in reversed(folders)):
        if found and not path.is_file():
            continue
        tables = _tables(path)
        if found and "decision" in tables:
            raise ConfigError(f"{path}: [decision] cannot be changed; these are the words that ecertmail reads")
        for name, table in tables.items():
            found.setdefault(name, {}).update(table)
    return found


def _tables(path: Path) -> dict[str, dict[str, _Word]]:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        return {name: {key: _word(path, word) for key, word in table.items()} for name, table in tables.items()}
    except (OSError, ValueError, AttributeError) as error:
        raise ConfigError(f"{path}: cannot be read as words ({error})") from error


def _word(path: Path, word: object) -> _Word:
    if not isinstance(word, str) or not word.strip() or not word.isprintable():
        raise ConfigError(f"{path}: {word!r} is no text on one line")
    return _Word(word)


def _decisions(words: Words) -> dict[Decision, str]:
    return {decision: str(words["decision"][decision.value]) for decision in Decision}


def _page(folders: list[Path]) -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    return _loaded(environment, _PAGE)


def _loaded(environment: jinja2.Environment, name: str) -> jinja2.Template:
    try:
        return environment.get_template(name)
    except jinja2.TemplateNotFound as error:
        raise ConfigError(f"{PACKAGED}: the template {error.name} is missing") from error
    except jinja2.TemplateSyntaxError as error:
        raise ConfigError(f"{error.filename}: line {error.lineno}: {error.message}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{name}: this template cannot be read ({error}); see [paths] templates") from error


def _check(environment: jinja2.Environment) -> None:
    """Find what would only fail when a letter is written: files to include, and names that no letter has."""
    names = [*_PARTS, *(f"{kind}.txt" for kind in LetterKind)]
    for name in names:  # which grows by what is included
        path = _loaded(environment, name).filename or name
        tree = environment.parse(Path(path).read_text(encoding="utf-8"))
        if unknown := meta.find_undeclared_variables(tree) - _NAMES:
            raise ConfigError(f"{path}: no letter has {', '.join(sorted(unknown))}")
        names += dict.fromkeys(str(found) for found in meta.find_referenced_templates(tree) if found not in names)


def _rendered(environment: jinja2.Environment, letter: Letter, name: str) -> str:
    try:
        values = {field.name: getattr(letter, field.name) for field in fields(letter)}
        return environment.get_template(name).render(values)
    except jinja2.UndefinedError as error:
        raise ConfigError(f"{letter.language}/{name}: {error.message}") from error


def _written(content: Any) -> str:
    """Write what stands between two pairs of braces."""
    if isinstance(content, _Word | jinja2.Undefined):
        return str(content)
    if isinstance(content, datetime):
        return document.value(f"{content.astimezone(UTC):%Y-%m-%d %H:%M} UTC")
    return document.value("" if content is None else str(content))


def _short(content: str, most: int = 60) -> str:
    clean = " ".join(content.split())
    return clean if len(clean) <= most else clean[: most - 1] + "…"


def _lines(content: str, most: int = 0) -> list[str]:
    """Cut a person's text into lines, and it off where only its beginning is to be shown."""
    clean = content.strip()
    return (f"{clean[:most]}…" if most and len(clean) > most else clean).splitlines()


def _mailto(address: str, subject: str) -> str:
    return f"mailto:{quote(address, safe='@+.')}?subject={quote(subject)}"
