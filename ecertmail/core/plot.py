"""Bars as inline SVG: colours stand in the drawing for print and other programs, and classes let a page change them."""

from collections.abc import Sequence
from html import escape

_WIDTH = 640
_TEXT = 'class="label" fill="#444" font-family="sans-serif" font-size="12"'
_BAR = 'class="bar" fill="#2f6f9f"'


def bars(values: Sequence[tuple[str, int]], title: str) -> str:
    """Draw one horizontal bar for each value, its label before it and its number behind it."""
    most = max((value for _, value in values), default=0) or 1
    left, room, step = 200, _WIDTH - 270, 24
    parts = []
    for number, (label, value) in enumerate(values):
        y, width = number * step, round(room * value / most, 1)
        parts += [
            f'<text {_TEXT} x="{left - 8}" y="{y + 16}" text-anchor="end">{escape(_short(label))}</text>',
            f'<rect {_BAR} x="{left}" y="{y + 4}" width="{width}" height="16"/>',
            f'<text {_TEXT} x="{left + width + 6}" y="{y + 16}">{value}</text>',
        ]
    return _svg(title, step * len(values), parts)


def columns(values: Sequence[tuple[str, int]], title: str) -> str:
    """Draw one column for each value, its label under it, with a line at zero and one at the highest value."""
    most = max((value for _, value in values), default=0) or 1
    left, top, room = 60, 14, 140
    step = (_WIDTH - left) / max(len(values), 1)
    parts = [_line(left, top), _line(left, top + room)]
    parts += [f'<text {_TEXT} x="{left - 8}" y="{y + 4}" text-anchor="end">{n}</text>'
              for n, y in ((most, top), (0, top + room))]  # fmt: skip
    for number, (label, value) in enumerate(values):
        x, width = round(left + (number + 0.15) * step, 1), round(step * 0.7, 1)
        middle, height = round(x + width / 2, 1), round(room * value / most, 1)
        parts += [
            f'<rect {_BAR} x="{x}" y="{round(top + room - height, 1)}" width="{width}" height="{height}"/>',
            f'<text {_TEXT} x="{middle}" y="{top + room + 18}" text-anchor="middle">{escape(label)}</text>',
        ]
    return _svg(title, top + room + 24, parts)


def _svg(title: str, height: int, parts: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">'
    return "\n".join([head, f"<title>{escape(title)}</title>", *parts, "</svg>"])


def _line(left: int, y: int) -> str:
    return f'<line class="axis" stroke="#bbb" x1="{left}" y1="{y}" x2="{_WIDTH}" y2="{y}"/>'


def _short(label: str) -> str:
    return label if len(label) <= 28 else f"{label[:27]}…"
