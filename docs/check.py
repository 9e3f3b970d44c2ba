"""The docs check of `make check`: what the documents say must be what the code has."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from ecertmail import errors
from ecertmail.cli import main as command_line
from ecertmail.findings import FindingCode

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [
    path for path in ROOT.rglob("*.md") if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
]


def broken_links() -> Iterator[str]:
    """Relative links whose file or heading is not there."""
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8")):
            name, _, anchor = target.partition("#")
            if "://" in target:
                continue
            file = document.parent / name if name else document
            if not file.exists():
                yield f"{_short(document)}: links to {target}, which is not there"
            elif anchor and anchor not in _anchors(file):
                yield f"{_short(document)}: links to {target}, which has no such heading"


def finding_codes() -> Iterator[str]:
    """The partner guide's table of codes, against the enum."""
    guide = (ROOT / "docs/partner-guide.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| `([a-z-]+)` \| (.+?) \|", guide, re.MULTILINE))
    known = {finding.code: finding.value for finding in FindingCode}
    for code in sorted(known.keys() | listed.keys()):
        if listed.get(code) != known.get(code):
            yield f"docs/partner-guide.md: {code} reads {listed.get(code)!r}, the code says {known.get(code)!r}"


def event_names() -> Iterator[str]:
    """The operator guide's table of log events, against every event that the code writes."""
    guide = (ROOT / "docs/operator-guide.md").read_text(encoding="utf-8")
    families_of_events = "start|stop|reload|smtp|mail|process|deliver|delivery"
    listed = set(re.findall(rf"^\| `((?:{families_of_events})\.[a-z-]+)`", guide, re.MULTILINE))
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "ecertmail").rglob("*.py"))
    written = set(re.findall(r"\.(?:info|warning|error)\(\s*\"([a-z]+\.[a-z-]+)\"", source))
    families = {"mail.": ("accepted", "partial", "refused", "quarantined", "repeated", "receipt"),
                "delivery.": ("delivered", "deferred", "failed", "expired")}  # fmt: skip
    written |= {prefix + end for prefix, ends in families.items() for end in ends}
    yield from (f"docs/operator-guide.md: the event {name} is not explained" for name in sorted(written - listed))
    yield from (f"docs/operator-guide.md: the event {name} does not exist" for name in sorted(listed - written))


def commands() -> Iterator[str]:
    """Commands that documents name, against the command line."""
    for document in DOCUMENTS:
        for words in re.findall(r"(?<!-u )ecertmail (?:-C \S+ )?((?:[a-z][a-z-]+ ?)+)", _code(document)):
            if (unknown := _unknown(words.split())) is not None:
                yield f"{_short(document)}: names `ecertmail {words.strip()}`, and there is no {unknown}"


def exit_codes() -> Iterator[str]:
    """The operator guide's exit codes, against the exception tree."""
    guide = (ROOT / "docs/operator-guide.md").read_text(encoding="utf-8")
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", guide, re.MULTILINE)}
    kinds = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.EcertmailError)
    ]
    yield from (
        f"docs/operator-guide.md: exit code {kind.exit_code} ({kind.__name__}) is not explained"
        for kind in kinds
        if kind.exit_code not in listed
    )


def _code(document: Path) -> str:
    """The parts of a document that stand in code."""
    return "\n".join(re.findall(r"```.*?```|`[^`\n]+`", document.read_text(encoding="utf-8"), re.DOTALL))


def _unknown(words: list[str]) -> str | None:
    group: click.Command = command_line
    for word in words:
        if not isinstance(group, click.Group):
            return None
        if word not in group.commands:
            return word
        group = group.commands[word]
    return None


def _anchors(file: Path) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def _short(document: Path) -> str:
    return str(document.relative_to(ROOT))


def check() -> int:
    """Print every difference; return 1 if there is one."""
    problems = [
        problem for part in (broken_links, finding_codes, event_names, commands, exit_codes) for problem in part()
    ]
    for problem in problems:
        sys.stderr.write(problem + "\n")
    sys.stdout.write(f"docs: {len(DOCUMENTS)} documents, {len(problems)} differences\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(check())
