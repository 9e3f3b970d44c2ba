"""`ecertmail mailbox`: what works with the mailboxes that are read, and how reading them goes."""

import asyncio
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import click

from ecertmail import assemble, mailboxes
from ecertmail.cli.common import CHECK_FAILED, Group, json_option, load, show_json, table
from ecertmail.config import Config
from ecertmail.core.mailbox import Health, Step, Trouble
from ecertmail.delivery import Attempted
from ecertmail.edge import log, maildir
from ecertmail.edge.imap import check
from ecertmail.edge.smtp_out import SmarthostSender
from ecertmail.errors import ConfigError, EcertmailError, NotFoundError
from ecertmail.mailbox_section import MailboxSection
from ecertmail.store.fetched import FetchedReader, Summary


@click.group(cls=Group)
def mailbox() -> None:
    """Try out the mailboxes that are read, and see how reading them goes."""


@mailbox.command(epilog="\b\nExamples:\n  ecertmail mailbox test\n  ecertmail mailbox test main --json")
@click.argument("name", metavar="[NAME]", required=False)
@json_option
@click.pass_context
def test(context: click.Context, name: str | None, as_json: bool) -> None:
    """Try in one run what a mailbox needs: connection, TLS, login, folders, IDLE, moving, quota, and submission.

    A folder for moved mail is created if it is not there. Nothing else is changed, and nothing is sent. Ends with 3
    when something does not work.
    """
    config = load(context)
    good = True
    found: list[dict[str, object]] = []
    for where, step in _steps(config, _chosen(config, name)):
        good = good and step.good
        if as_json:
            found.append({"mailbox": where, "step": step.name, "good": step.good, "text": step.text,
                          "advice": step.advice})  # fmt: skip
        else:
            _tell(where, step)
    if as_json:
        show_json({"good": good, "steps": found})
    sys.exit(0 if good else CHECK_FAILED)


@mailbox.command("list", epilog="\b\nExample:\n  ecertmail mailbox list --json")
@json_option
@click.pass_context
def list_(context: click.Context, as_json: bool) -> None:
    """List the mailboxes: when each was last read, what was fetched, what waits or was left there, what is wrong."""
    rows = summaries(load(context))
    if as_json:
        show_json(rows)
        return
    cells = [
        (row.name, _when(row.health.polled_at), row.fetched, row.to_do, row.left_out, _state(row.health))
        for row in rows
    ]
    table(cells, ("MAILBOX", "LAST READ", "FETCHED", "TO DO", "LEFT OUT", "STATE"))


def summaries(config: Config) -> list[Summary]:
    """Return how reading each configured mailbox goes."""
    reader = FetchedReader(config.spool / "spool.db")
    try:
        return [reader.summary(section.name) for section in config.settings.mailbox]
    finally:
        reader.close()


def in_words(row: Summary) -> str:
    """Say in one line how reading a mailbox goes."""
    counts = f"{row.fetched} fetched, {row.to_do} to do, {row.left_out} left out"
    return f"{_state(row.health)}; last read {_when(row.health.polled_at)}, {counts}"


def _state(health: Health) -> str:
    if health.trouble is Trouble.NONE:
        return "good" if health.polled_at else "not read yet"
    again = f", again at {_when(health.next_at)}" if health.next_at else ""
    return f"{health.trouble} ({health.failures} times{again}): {health.error}"


def _chosen(config: Config, name: str | None) -> Sequence[MailboxSection]:
    sections = config.settings.mailbox
    if not sections:
        raise ConfigError(f"{config.file}: has no [[mailbox]]; `ecertmail init --mailbox` writes one")
    chosen = [section for section in sections if name in {None, section.name}]
    if not chosen:
        raise NotFoundError(f"{name}: no such mailbox; there are: {', '.join(section.name for section in sections)}")
    return chosen


def _steps(config: Config, chosen: Sequence[MailboxSection]) -> Iterator[tuple[str, Step]]:
    for section in chosen:
        plan = mailboxes.plan(config, section)
        if section.maildir:
            steps = maildir.steps(config.path(section.maildir), plan)
        else:
            quiet = log.make("human", "error")
            steps = check.steps(mailboxes.account(config, section), plan, idle=section.idle, log=quiet)
        yield from ((section.name, step) for step in steps)
    yield "[send]", asyncio.run(_submission(config))


async def _submission(config: Config) -> Step:
    """Log in where outgoing mail goes, and send nothing."""
    send = config.settings.send
    where = f"{send.host}:{send.port}" + (f" as {send.username}" if send.username else "")
    try:
        attempt = await SmarthostSender(assemble.smarthost(config)).try_out()
    except EcertmailError as error:
        return Step(name="submission", good=False, text=str(error), advice="mend what it names")
    if attempt.outcome is Attempted.SENT:
        return Step(name="submission", good=True, text=where)
    advice = "check host, port, starttls or implicit_tls, username and password in [send]"
    return Step(name="submission", good=False, text=f"{where}: {attempt.reply}", advice=advice)


def _tell(where: str, step: Step) -> None:
    mark = click.style("✓", fg="green") if step.good else click.style("✗", fg="red")
    click.echo(f"{mark} {where}: {step.name}: {step.text}")
    if step.advice:
        click.echo(f"    → {step.advice}")


def _when(moment: datetime | None) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if moment else "-"
