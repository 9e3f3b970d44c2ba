"""The monthly report's sections, plots and page: everything counted once, and every text escaped."""

from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest

from ecertmail.core import monthly, plot
from ecertmail.core.monthly import Answered, Failed, Month, Recorded, Sent
from ecertmail.core.page import page

MONTH = Month(
    first=datetime(2026, 2, 1, tzinfo=UTC),
    end=datetime(2026, 3, 1, tzinfo=UTC),
    recorded=[
        Recorded(day="2026-02-03", issuer="nz", type="851", status="70", count=3),
        Recorded(day="2026-02-03", issuer="self", type="", status="40", count=1),
    ],
    answered=[Answered(partner="nz", outcome="partial", count=2)],
    sent=[Sent(kind="push", states={"delivered": 20, "failed": 1}, seconds=[float(n) for n in range(1, 21)])],
    failed=[Failed(recipient="a@x.example", state="failed", count=1, reply="550 <script>\x1b[31m")],
)
NAMES = {"nz": "Primary <b>Industries</b>", "self": "Customs"}


def rows(title: str, month: Month = MONTH) -> list[tuple[str, ...]]:
    return [row for section in monthly.sections(month, NAMES) if section.title == title for row in section.rows]


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Certificates by day", [("2026-02-03", "4"), ("all", "4")]),
        ("Certificates by authority", [("Primary <b>Industries</b>", "3"), ("Customs", "1")]),
        ("Certificates by type", [("851", "3"), ("none given", "1")]),
        ("Certificates by status", [("issued (70)", "3"), ("withdrawn (40)", "1")]),
        ("Messages and answers", [("Primary <b>Industries</b>", "partial", "2")]),
        ("Deliveries", [("push", "21", "20 delivered, 1 failed", "10.0 s", "19.0 s")]),
        ("Delivery times", [("up to 1 s", "1"), ("up to 10 s", "9"), ("up to 1 min", "10")]),
        ("Failed deliveries", [("a@x.example", "failed", "1", "550 <script>\N{REPLACEMENT CHARACTER}[31m")]),
    ],
)
def test_a_section_counts(title: str, expected: list[tuple[str, ...]]) -> None:
    assert rows(title) == expected


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([7.0], 0.5, 7.0),
        ([7.0], 0.95, 7.0),
        ([1.0, 2.0], 0.5, 1.0),
        ([1.0, 2.0, 3.0], 0.5, 2.0),
        ([1.0, 2.0], 0.95, 2.0),
    ],
)
def test_the_nearest_rank_is_a_value_that_was_there(values: list[float], share: float, expected: float) -> None:
    assert monthly.nearest(values, share) == expected


@pytest.mark.parametrize(("year", "month", "days"), [(2026, 2, 28), (2028, 2, 29), (2026, 12, 31), (2026, 11, 30)])
def test_a_month_has_its_days(year: int, month: int, days: int) -> None:
    first, end = monthly.bounds(year, month)
    assert ((end - first).days, end.day) == (days, 1)


def test_every_day_of_the_month_has_a_column() -> None:
    by_day = monthly.sections(MONTH, NAMES)[0]
    assert (len(by_day.plot), by_day.plot[2]) == (28, ("3", 4))


def test_the_page_escapes_every_text_and_loads_nothing() -> None:
    html = page("A & B", "<under>", monthly.sections(MONTH, NAMES))
    assert "<script" not in html
    assert "<b>" not in html
    assert "\x1b" not in html
    assert "A &amp; B" in html
    assert "Primary &lt;b&gt;Industries" in html
    assert not [word for word in ("src=", "href=", "url(", "@import") if word in html]
    assert "default-src 'none'" in html


@pytest.mark.parametrize("draw", [plot.bars, plot.columns])
@pytest.mark.parametrize("values", [[], [("a", 0)], [('<a href="x">&', 3), ("b", 1)], [("x" * 100, 10**9)]])
def test_a_plot_is_well_formed_whatever_it_shows(draw: object, values: list[tuple[str, int]]) -> None:
    assert callable(draw)
    drawing = ElementTree.fromstring(draw(values, "Title <&>"))  # noqa: S314 - our own
    widths = [float(bar.get("width", "")) for bar in drawing.iter("{http://www.w3.org/2000/svg}rect")]
    assert len(widths) == len(values)
    assert all(0 <= width <= 640 for width in widths)


def test_an_empty_month_makes_a_page_too() -> None:
    empty = Month(first=MONTH.first, end=MONTH.end, recorded=[], answered=[], sent=[], failed=[])
    assert rows("Certificates by day", empty) == [("all", "0")]
    assert "None." in page("T", "u", monthly.sections(empty, {}))
