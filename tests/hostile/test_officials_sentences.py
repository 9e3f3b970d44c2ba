"""What officials write on an ordinary day, in six languages: never a decision that was not taken, seldom asked back."""

# ruff: noqa: RUF001 - people write in many languages

from pathlib import Path

import pytest

from ecertmail.core.fold import folded_pattern
from ecertmail.core.reply.understand import understand
from ecertmail.official import Decision
from tests.core.official_mails import NUMBER, written

SENTENCES = Path(__file__).parents[1] / "data" / "sentences"
ASKED_BACK_AT_MOST = 0.05


def sentences(name: str) -> list[str]:
    """The mails of a table, one a line."""
    return [line.replace("\\n", "\n") for line in (SENTENCES / f"{name}.txt").read_text("utf-8").splitlines()]


def decided(text: str) -> Decision | None:
    """What is recorded of a reply about one certificate, if anything."""
    understood = understand(written(text), (NUMBER,))
    return understood.said[0].decision if understood.certain else None


def test_no_ordinary_sentence_becomes_a_decision() -> None:
    wrong = [(text, found) for text in sentences("undecided") if (found := decided(text)) is not None]
    assert not wrong


def test_no_decision_becomes_another_and_few_are_asked_back() -> None:
    meant = [(text, decision) for decision in Decision for text in sentences(decision.name.lower())]
    found = [(text, decision, decided(text)) for text, decision in meant]
    assert not [each for each in found if each[2] not in {None, each[1]}]
    back = [text for text, _, read in found if read is None]
    assert len(back) <= ASKED_BACK_AT_MOST * len(meant), back


@pytest.mark.parametrize(
    ("below", "stands"),
    [
        ("seal intact", True),
        ("If you have any questions, call me", True),
        ("期待您的回复", True),
        ("only if the fumigation is confirmed", False),
        ("如果熏蒸合格", False),
        ("Lab result pending", False),
        ("после фумигации", False),
        ("بعد الفحص", False),
        ("sous réserve de fumigation", False),
        ("pendiente de análisis", False),
    ],
)
def test_a_condition_below_a_pass_is_seen(below: str, stands: bool) -> None:
    assert decided(f"PASS\n\n{below}") is (Decision.PASS if stands else None)


def test_a_pattern_of_folded_words_keeps_its_escapes() -> None:
    assert folded_pattern(r"\W{1,2}É\Z|\bОН\B") == r"\W{1,2}e\Z|\bон\B"
