"""`ecertmail issue`: certificates of our own enter the ledger, by the running daemon or here when none runs.

The control socket carries the octets, not the path: the daemon may be another user who cannot read the file, and the
answer comes after the commit, by the same steps with and without a daemon.
"""

import base64
from pathlib import Path
from typing import Any

import click

from ecertmail import assemble, clock, steps
from ecertmail.cli.common import CHECK_FAILED, fail, json_option, load, show_json
from ecertmail.config import Config
from ecertmail.core.issue import statement
from ecertmail.edge import control, log
from ecertmail.store.ledger import SqliteLedger

_SECONDS = 600.0
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(epilog="\b\nExamples:\n  ecertmail issue certificate.xml\n  ecertmail issue --json *.xml")
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=_FILE)
@json_option
@click.pass_context
def issue(context: click.Context, files: tuple[Path, ...], as_json: bool) -> None:
    """Record certificates of your own authority; subscribers get them when it is their time."""
    config = load(context)
    answers = _issue(config, [(file.name, _read(file, config)) for file in files])
    if as_json:
        show_json(answers)
    else:
        for answer in answers:
            for line in answer["certificates"]:
                click.echo(_sentence(answer["file"], line))
    if any(line["result"] in {"refused", "conflict"} for answer in answers for line in answer["certificates"]):
        context.exit(CHECK_FAILED)


def _read(file: Path, config: Config) -> bytes:
    longest = config.settings.limits.message_size
    if file.stat().st_size > longest:
        fail(f"{file}: is larger than [limits] message_size, {longest} octets; nothing was issued", CHECK_FAILED)
    return file.read_bytes()


def _issue(config: Config, files: list[tuple[str, bytes]]) -> list[dict[str, Any]]:
    """Let the daemon do it, or do it here when none runs."""
    answers: list[dict[str, Any]] = []
    for place, (name, octets) in enumerate(files):
        request = {"do": "issue", "file": name, "octets": base64.b64encode(octets).decode()}
        answer = control.ask(config.spool / "control.sock", request, _SECONDS)
        if answer is None:
            return answers + _issue_here(config, files[place:])
        answers.append(answer)
    return answers


def _issue_here(config: Config, files: list[tuple[str, bytes]]) -> list[dict[str, Any]]:
    with assemble.locked(config):
        ledger = SqliteLedger(config.spool / "ledger.db")
        issuer = steps.issuer(config, ledger, log.make("human", "error"))
        try:
            return [
                statement(issuer.decide(name, "command", *issuer.read(name, octets), clock.now()))
                for name, octets in files
            ]
        finally:
            ledger.close()


def _sentence(file: str, line: dict[str, Any]) -> str:
    place = "" if line["entry"] is None else f" at entry {line['entry']}"
    reasons = "; ".join(_reason(finding) for finding in line["findings"])
    return f"{line['number'] or file}: {line['result']}{place}{': ' if reasons else ''}{reasons}"


def _reason(finding: dict[str, str]) -> str:
    about = ", ".join(filter(None, (finding["where"], finding["detail"])))
    return f"{finding['says']} ({about})" if about else finding["says"]
