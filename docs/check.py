"""The docs check of `make check`: what the documents say must be what the code has."""

import re
import sys
import tomllib
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any

import click
from pydantic import BaseModel

from ecertmail import errors
from ecertmail.cli import main as command_line
from ecertmail.conversation import Turn
from ecertmail.delivery import DeliveryState
from ecertmail.findings import FindingCode
from ecertmail.mailbox_section import MailboxSection
from ecertmail.model import Outcome
from ecertmail.settings import LimitsSection, PartnerFile, Settings

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [
    path for path in ROOT.rglob("*.md") if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
]
_SERVERS = {"dovecot-imapd": "Dovecot", "cyrus-imapd": "Cyrus", "courier-imap": "Courier", "postfix": "Postfix"}


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


def config_keys() -> Iterator[str]:
    """Every key of the sample files, against the settings' keys and defaults."""
    sample = _sample("config/ecertmail.toml")
    yield from _differences("config/ecertmail.toml: ", sample.keys(), Settings.model_fields.keys())
    for name, section in Settings.model_fields.items():
        if isinstance(section.annotation, type) and issubclass(section.annotation, BaseModel):
            yield from _section(f"config/ecertmail.toml: {name}.", sample.get(name, {}), section.annotation)
    yield from _section("config/ecertmail.toml: mailbox.", sample["mailbox"][0], MailboxSection)
    partner = _sample("config/partners/example.toml.sample")
    yield from _differences("config/partners/example.toml.sample: ", partner.keys(), PartnerFile.model_fields.keys())


def key_tables() -> Iterator[str]:
    """The guides' tables of limits, of partner keys and of mailbox keys, against the settings."""
    tables: tuple[tuple[str, str, type[BaseModel]], ...] = (
        ("operator-guide", "Limits", LimitsSection),
        ("operator-guide", "Partners", PartnerFile),
        ("mailbox", "The keys", MailboxSection),
    )
    for name, heading, kind in tables:
        guide = (ROOT / f"docs/{name}.md").read_text(encoding="utf-8")
        part = re.split(r"^## ", guide.partition(f"## {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
        listed = {
            key for row in re.findall(r"^\| (`.+?) \|", part, re.MULTILINE) for key in re.findall(r"`(\w+)`", row)
        }
        yield from _differences(f"docs/{name}.md: {heading}: ", listed, kind.model_fields.keys())


def event_names() -> Iterator[str]:
    """The operator guide's table of log events, against every event that the code writes."""
    guide = (ROOT / "docs/operator-guide.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `([a-z]+\.[a-z-]+)` \|", guide, re.MULTILINE)) - {"ecertmail.toml"}
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "ecertmail").rglob("*.py"))
    written = set(re.findall(r"\.(?:info|warning|error)\(\s*\"([a-z]+\.[a-z-]+)\"", source))
    written |= {f"mail.{outcome.value}" for outcome in Outcome}  # these three are put together from a state
    written |= {f"delivery.{state.value}" for state in set(DeliveryState) - {DeliveryState.SENDING}}
    written |= {f"inquiry.{turn.value}" for turn in Turn}
    yield from (f"docs/operator-guide.md: the event {name} is not explained" for name in sorted(written - listed))
    yield from (f"docs/operator-guide.md: the event {name} does not exist" for name in sorted(listed - written))


def commands() -> Iterator[str]:
    """Commands that documents name, against the command line."""
    for document in DOCUMENTS:
        for words in re.findall(r"(?<!-u )ecertmail (?:-C \S+ )?((?:[a-z][a-z-]+ ?)+)", _code(document)):
            if (unknown := _unknown(words.split())) is not None:
                yield f"{_short(document)}: names `ecertmail {words.strip()}`, and there is no {unknown}"


def exit_codes() -> Iterator[str]:
    """The operator guide's table of exit codes and the unit's RestartPreventExitStatus, against the one table."""
    guide = (ROOT / "docs/operator-guide.md").read_text(encoding="utf-8")
    listed = {(int(code), means, restart) for code, means, restart in
              re.findall(r"^\| (\d+) \| (.+?) \| (yes|no|) ?\|", guide, re.MULTILINE)}  # fmt: skip
    known = {(one.code, one.means, _restart(one)) for one in errors.EXIT_CODES}
    yield from (f"docs/operator-guide.md: exit code {row} is missing" for row in sorted(known - listed))
    yield from (f"docs/operator-guide.md: exit code {row} does not exist" for row in sorted(listed - known))
    unit = (ROOT / "systemd/ecertmail.service").read_text(encoding="utf-8")
    prevented = {int(code) for code in re.findall(r"^RestartPreventExitStatus=(.+)$", unit, re.MULTILINE)[0].split()}
    if prevented != {one.code for one in errors.EXIT_CODES if not one.restart_helps}:
        yield f"systemd/ecertmail.service: RestartPreventExitStatus is {sorted(prevented)}"


def _restart(one: errors.ExitCode) -> str:
    return ("yes" if one.restart_helps else "no") if one.code else ""


def tested_with() -> Iterator[str]:
    """Debian releases, Pythons and server programs that `.ci` uses, against what passed in docs/tested-with.md."""
    scripts = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / ".ci").iterdir())
    page = (ROOT / "docs/tested-with.md").read_text(encoding="utf-8")
    passed = "\n".join(re.findall(r"^\|.* \d+ passed(?!.*failed).*$", page, re.MULTILINE))
    used = {f"({release})" for release in re.findall(r"\b(?:bookworm|trixie|forky)\b", scripts)}
    used |= {f"| {version}." for version in re.findall(r"\bpython(3\.\d+)\b", scripts)}
    used |= {server for package, server in _SERVERS.items() if package in scripts}
    yield from (
        f"docs/tested-with.md: .ci uses {name.strip('|( .)')}, which did not pass"
        for name in sorted(used)
        if name not in passed
    )


def _sample(name: str) -> dict[str, Any]:
    """A sample file with its commented keys and tables taken as set."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return tomllib.loads(re.sub(r"^# (\w+ = |\[\[\w+\]\])", r"\1", text, flags=re.MULTILINE))


def _section(place: str, sample: dict[str, object], kind: type[BaseModel]) -> Iterator[str]:
    yield from _differences(place, sample.keys(), kind.model_fields.keys())
    for key, field in kind.model_fields.items():
        default = list(field.default) if isinstance(field.default, tuple) else field.default
        if key in sample and not field.is_required() and sample[key] != default:
            yield f"{place}{key} reads {sample[key]!r}, the default is {default!r}"


def _differences(place: str, listed: Set[str], known: Set[str]) -> Iterator[str]:
    yield from (f"{place}{name} is missing" for name in sorted(known - listed))
    yield from (f"{place}{name} does not exist" for name in sorted(listed - known))


def _code(document: Path) -> str:
    """The parts of a document that stand in code."""
    return "\n".join(re.findall(r"```.*?```|`[^`\n]+`", document.read_text(encoding="utf-8"), re.DOTALL))


def _unknown(words: list[str]) -> str | None:
    group: click.Command = command_line
    for word in words:
        if not isinstance(group, click.Group):
            return None
        found = group.get_command(click.Context(group), word)
        if found is None:
            return word
        group = found
    return None


def _anchors(file: Path) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def _short(document: Path) -> str:
    return str(document.relative_to(ROOT))


def check() -> int:
    """Print every difference; return 1 if there is one."""
    parts = (broken_links, finding_codes, config_keys, key_tables, event_names, commands, exit_codes, tested_with)
    problems = [problem for part in parts for problem in part()]
    for problem in problems:
        sys.stderr.write(problem + "\n")
    sys.stdout.write(f"docs: {len(DOCUMENTS)} documents, {len(problems)} differences\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(check())
