"""The monthly report as one HTML page: no script, nothing from elsewhere, fit for paper, for light and for dark."""

from collections.abc import Sequence
from html import escape

from ecertmail.core import plot
from ecertmail.core.monthly import Section

_STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1c1c1c; --soft: #555; --line: #ccc; --bar: #2f6f9f; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #16181b; --ink: #e8e8e8; --soft: #aaa; --line: #444; --bar: #6aaede; }
}
body { background: var(--paper); color: var(--ink); font: 15px/1.5 sans-serif; max-width: 46rem; margin: 2rem auto;
  padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; break-after: avoid; }
p { color: var(--soft); margin: 0; }
svg { display: block; width: 100%; height: auto; margin: .5rem 0; break-inside: avoid; break-after: avoid; }
svg .bar { fill: var(--bar); } svg .label { fill: var(--soft); } svg .axis { stroke: var(--line); }
table { border-collapse: collapse; width: 100%; font-size: .9rem; } tr { break-inside: avoid; }
tr:first-child { break-after: avoid; }
th, td { border-bottom: 1px solid var(--line); padding: .2rem .8rem .2rem 0; text-align: left; vertical-align: top;
  overflow-wrap: anywhere; }
th { color: var(--soft); font-weight: normal; font-size: .8rem; overflow-wrap: normal; }
@media print {
  :root { --paper: #fff; --ink: #000; --soft: #444; --line: #bbb; --bar: #2f6f9f; }
  body { font-size: 10pt; margin: 0; max-width: none; padding: 0; } td { padding: .05rem .8rem .05rem 0; }
  svg { max-width: 16cm; } .bar { print-color-adjust: exact; }
}
"""

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"  # a browser then loads nothing, whatever a text holds


def page(title: str, under: str, sections: Sequence[Section]) -> str:
    """Return the whole page; every text is escaped here."""
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>",
            f"<h1>{escape(title)}</h1>\n<p>{escape(under)}</p>",
            *map(_section, sections),
            "</body>\n</html>\n",
        ]
    )


def _section(section: Section) -> str:
    draw = plot.columns if section.over_time else plot.bars
    drawn = [draw(section.plot, section.title)] if section.plot else []
    shown = _table(section) if section.rows else "<p>None.</p>"
    return "\n".join(["<section>", f"<h2>{escape(section.title)}</h2>", *drawn, shown, "</section>"])


def _table(section: Section) -> str:
    head = "".join(f"<th>{escape(cell.capitalize())}</th>" for cell in section.head)
    rows = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in section.rows)
    return "\n".join(["<table>", f"<tr>{head}</tr>", *(f"<tr>{row}</tr>" for row in rows), "</table>"])
