"""`ecertmail check-config`: everything that is wrong with the configuration, in order of harm."""

import sys
from collections.abc import Sequence

import click

from ecertmail import checks, clock
from ecertmail.checks import loading, online
from ecertmail.cli.common import CHECK_FAILED, config_file, json_option, pairs, show_json
from ecertmail.config import Config
from ecertmail.fault import Fault, Harm, by_harm, good, heading

_COLOURS = {"error": "red", "warning": "yellow", "notice": "cyan"}


@click.command("check-config", epilog="\b\nExamples:\n  ecertmail -C /srv/ecertmail/ecertmail.toml check-config"
               "\n  ecertmail check-config --online --json")  # fmt: skip
@click.option("--online", "reach", is_flag=True, help="Also log in to the smarthost and the mailboxes; send nothing.")
@json_option
@click.pass_context
def check_config(context: click.Context, reach: bool, as_json: bool) -> None:
    """Check the configuration, every partner, keys, schemas, texts, TLS, permissions and the disk; change nothing.

    Every finding names its place and what would be right. Ends with 0 when there are none, or only warnings; with 3
    when there is an error that the daemon would start with; and with 78, 5 or 6 when it would not start.
    """
    file = config_file(context).resolve()
    config, faults = loading.config_or_faults(file)
    if config is not None:
        faults = checks.configuration(config, clock.now())
        if reach:
            faults = by_harm([fault for fault in faults if fault.code != "smarthost-away"] + [*online.faults(config)])
    code = exit_code(faults)
    if as_json:
        facts = {name: str(value) for name, value in _facts(config)} if config else {"file": str(file)}
        show_json({"ok": code == 0, **facts, "findings": [fault.as_json() for fault in faults]})
    else:
        _tell(config, faults)
    sys.exit(code)


def exit_code(faults: Sequence[Fault]) -> int:
    """Return the code of what keeps the daemon from starting, or 3 for another error, or 0."""
    stopping = [fault.exit_code for fault in faults if fault.harm is Harm.STOPS and fault.exit_code]
    errors = [fault for fault in faults if fault.harm.severity == "error"]
    return next(iter(stopping), CHECK_FAILED if errors else 0)


def show(faults: Sequence[Fault]) -> None:
    """Print each fault with what mends it."""
    for fault in faults:
        severity = click.style(f"{fault.harm.severity}:", fg=_COLOURS[fault.harm.severity], bold=True)
        click.echo(f"{severity} {fault.sentence}\n    → {fault.remedy}")


def _tell(config: Config | None, faults: Sequence[Fault]) -> None:
    show(faults)
    if config is not None:
        pairs(_facts(config))
    if good(faults):
        click.secho("The configuration is good.", fg="green")
    else:
        click.echo(f"The configuration has {heading(faults)}.")


def _facts(config: Config) -> list[tuple[str, object]]:
    return [
        ("file", config.file),
        ("authority", f"{config.authority.name} ({config.authority.country})"),
        ("mailboxes", ", ".join(sorted(config.mailboxes))),
        ("listens", "yes" if config.settings.listen.enabled else "no"),
        ("reads", ", ".join(section.name for section in config.settings.mailbox) or "no mailbox"),
        ("key", config.settings.keys.fingerprint),
        ("partners", len(config.partners)),
        ("schemas", config.schemas),
    ]


COMMANDS = (check_config,)
