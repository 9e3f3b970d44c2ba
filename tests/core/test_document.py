"""The source of a letter: what a line begins with says what it is, and a value is never more than a value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecertmail.core import document, plain
from ecertmail.core.document import Direction, Kind, Span
from ecertmail.errors import PermanentError

BEGINNINGS = ("# ", "## ", "- ", "@ a = b", "!good ", "!bad ", "| ", "> a = mailto:b", "~ ", "\n\n# ", "\x0f# ")


def kinds(source: str) -> list[Kind]:
    return [group.kind for group in document.read(source)]


@pytest.mark.parametrize(
    ("source", "kind", "text"),
    [
        ("# Heading", Kind.HEADING, "Heading\n=======\n"),
        ("## Smaller", Kind.SMALLER, "Smaller\n-------\n"),
        ("one\ntwo", Kind.PARAGRAPH, "one two\n"),
        ("证书\n编号", Kind.PARAGRAPH, "证书编号\n"),
        ("- one\n- two", Kind.ITEM, "- one\n- two\n"),
        ("@ Type = x\n@ Number = y", Kind.FACT, "  Type:    x\n  Number:  y\n"),
        ("!good fine", Kind.GOOD, "*** fine\n"),
        ("!wait slow", Kind.WAIT, "*** slow\n"),
        ("!bad wrong", Kind.BAD, "*** wrong\n"),
        ("| so\n|\n| it is", Kind.SAID, "| so\n|\n| it is\n"),
        ("> Yes = mailto:a@b.example?subject=c", Kind.CHOICE, "  Yes: mailto:a@b.example?subject=c\n"),
        ("~ small", Kind.SMALL, "small\n"),
    ],
)
def test_a_line_is_what_it_begins_with(source: str, kind: Kind, text: str) -> None:
    groups = document.read(f"\n{source}\n\n")
    assert [group.kind for group in groups] == [kind]
    assert plain.text(groups) == text


def test_a_fact_without_a_value_is_left_out() -> None:
    assert kinds(f"@ Title = {document.value('')}\n@ Type = {document.value(' ')}") == []


def test_a_fact_too_long_for_its_column_stands_on_a_line_of_its_own() -> None:
    assert plain.text(document.read(f"@ A rather long name = {'f' * 64}")) == f"  A rather long name:\n    {'f' * 64}\n"


@given(st.text(max_size=30) | st.sampled_from(BEGINNINGS))
def test_a_value_is_never_more_than_a_value(content: str) -> None:
    value = document.value(content)
    assert set(kinds(value)) <= {Kind.PARAGRAPH}
    assert kinds(f"- {value}\n| {value}")[-1] == Kind.SAID
    [paragraph] = document.read(f"x{value}x")
    assert "".join(span.text for block in paragraph.blocks for span in block.spans).startswith("x")


@pytest.mark.parametrize(
    ("value", "rtl", "direction"),
    [
        ("NZ/1", True, Direction.LTR),
        ("NZ/1", False, Direction.NONE),
        ("ليلى", True, Direction.AUTO),
        ("ליאור", False, Direction.AUTO),
        ("证书", True, Direction.LTR),
    ],
)
def test_a_value_has_its_own_direction_where_it_could_run_the_other_way(
    value: str, rtl: bool, direction: Direction
) -> None:
    assert document.spans(f"a {document.value(value)}", rtl=rtl) == (
        Span(text="a "),
        Span(text=value, direction=direction),
    )


@pytest.mark.parametrize(
    "link", ["https://x.example", "javascript:alert(1)", "mailto:", "mailto:a b", 'mailto:a"b', "mailto:<a>", ""]
)
def test_a_choice_leads_into_a_mail(link: str) -> None:
    with pytest.raises(PermanentError, match="can only lead to a mail"):
        document.read(f"> Yes = {document.value(link)}")


COMMA, OPEN, CLOSE = "\uff0c", "\uff08", "\uff09"
WORDS = st.lists(
    st.sampled_from(["a", "word", "证书", COMMA, OPEN, "x" * 90, "é", "e\u0301", "From", ">", "--"]), max_size=60
)


@given(WORDS.map(" ".join) | WORDS.map("".join), st.sampled_from(["", "- ", "| ", "    "]))
def test_wrapping_keeps_every_letter_and_no_line_is_too_long(content: str, start: str) -> None:
    lines = plain.wrapped(content, start, start)
    assert all(plain.columns(line) <= plain.WIDTH for line in lines)
    kept = "".join(line.removeprefix(start.rstrip() if line == start.rstrip() else start) for line in lines)
    assert "".join(kept.split()) == "".join(content.split())


@given(WORDS.map(" ".join))
def test_no_line_of_a_paragraph_looks_like_a_header_or_a_quotation(content: str) -> None:
    for line in plain.text(document.read(document.value(content))).splitlines():
        assert not line.startswith(("From ", ">", "--")), line


def test_chinese_lines_begin_with_no_closing_mark() -> None:
    lines = plain.wrapped(f"证书{COMMA}" * 60 + f"{OPEN}编号{CLOSE}。" * 40)
    assert len(lines) > 5
    assert not [line for line in lines if line.startswith((COMMA, CLOSE, "。")) or line.endswith(OPEN)]
