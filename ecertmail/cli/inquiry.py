"""`ecertmail inquiry`: what officials ask about certificates and what is answered, here and with partners' nodes."""

import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click

from ecertmail import clock
from ecertmail.cli.changing import change
from ecertmail.cli.common import Group, json_option, load, opened, pairs, show_json, table
from ecertmail.conversation import Inquiry, InquiryState, Utterance
from ecertmail.core.deadline import number_of
from ecertmail.core.entity import printable
from ecertmail.errors import NotFoundError, PermanentError
from ecertmail.official import File
from ecertmail.parties import OWN
from ecertmail.store.inquiries import Listed
from ecertmail.store.reader import LedgerReader

_NAME_LENGTH = 50


@click.group(cls=Group)
def inquiry() -> None:
    """Look at conversations about certificates, and close one."""


@inquiry.command("list", epilog="\b\nExamples:\n  ecertmail inquiry list\n  ecertmail inquiry list --all --json")
@click.option("--all", "everything", is_flag=True, help="Closed ones too.")
@json_option
@click.pass_context
def list_(context: click.Context, everything: bool, as_json: bool) -> None:
    """List inquiries that are not closed, the newest first."""
    now = clock.now()
    reader = _reader(context)
    found = reader.inquiries(*(state for state in InquiryState if everything or state is not InquiryState.CLOSED))
    reader.close()
    if as_json:
        show_json([_facts(one.inquiry, one.asked_by, now) for one in found])
        return
    table([_cells(one, now) for one in found], ("NAME", "STATE", "CERTIFICATE", "ASKED BY", "SINCE", "DUE"))


@inquiry.command(epilog="\b\nExamples:\n  ecertmail inquiry show Q17\n  ecertmail inquiry show Q17 --files attachments")
@click.argument("name", metavar="NAME")
@click.option("--files", "folder", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
              help="Write the attachments into this folder; nothing that is there is overwritten.")  # fmt: skip
@json_option
@click.pass_context
def show(context: click.Context, name: str, folder: Path | None, as_json: bool) -> None:
    """Show an inquiry with all that was said in it."""
    now = clock.now()
    reader = _reader(context)
    found = reader.conversation(number_of(name))
    reader.close()
    if found is None:
        raise NotFoundError(f"{name}: there is no such inquiry; see `ecertmail inquiry list --all`")
    one, thread = found
    if folder:
        _write(folder, one, thread)
    if as_json:
        asked_by = thread[0].operator if thread else ""
        said = [_spoken(one, place, said) for place, said in enumerate(thread, 1)]
        show_json(_facts(one, asked_by, now) | {"thread": said})
        return
    pairs([*_head(one, now), *(pair for said in thread for pair in _lines(said))])


@inquiry.command(epilog="\b\nExample:\n  ecertmail inquiry close Q17")
@click.argument("name", metavar="NAME")
@json_option
@click.pass_context
def close(context: click.Context, name: str, as_json: bool) -> None:
    """Close an inquiry: nobody is waited for or reminded any more; what was said stays."""
    change(load(context), {"do": "inquiry.close", "id": name})
    if as_json:
        show_json({"name": name, "done": "is closed"})
    else:
        click.echo(f"{name}: is closed.")


def _facts(one: Inquiry, asked_by: str, now: datetime) -> dict[str, object]:
    return {
        "name": one.name,
        "state": one.state,
        "issuer": one.issuer,
        "number": one.number,
        "asked_by": asked_by,
        "official": one.official,
        "partner": one.partner,
        "reference": one.reference,
        "since": _iso(one.opened_at),
        "due": _iso(one.due_at),
        "overdue": _is_overdue(one, now),
        "reminded": _iso(one.reminded_at),
        "escalated": _iso(one.escalated_at),
    }


def _spoken(one: Inquiry, place: int, said: Utterance) -> dict[str, object]:
    return {
        "type": said.turn,
        "operator": said.operator,
        "at": _iso(said.at),
        "assurance": said.assurance,
        "entry": said.entry,
        "content": said.content,
        "files": [
            {"name": file.name, "type": file.type, "octets": len(file.octets), "file": _safe(one, place, number, file)}
            for number, file in enumerate(said.files, 1)
        ],
    }


def _cells(listed: Listed, now: datetime) -> tuple[str, ...]:
    one = listed.inquiry
    late = "  OVERDUE" if _is_overdue(one, now) else ""
    asked_by = f"{listed.asked_by} ({one.partner})" if one.partner != OWN else listed.asked_by
    due = f"{_time(one.due_at)}{late}" if one.state is InquiryState.OPEN else "-"
    return one.name, one.state.value, printable(one.number), printable(asked_by), _time(one.opened_at), due


def _head(one: Inquiry, now: datetime) -> list[tuple[str, str]]:
    late = "  OVERDUE" if _is_overdue(one, now) else ""
    asked = f"official {one.official}" if one.official else f"partner {one.partner}, which calls it {one.reference}"
    return [
        ("name", one.name),
        ("state", one.state.value),
        ("certificate", printable(f"{one.number} of {one.issuer}")),
        ("asked by", printable(asked)),
        ("since", _time(one.opened_at)),
        ("due", f"{_time(one.due_at)}{late}"),
        ("reminded", _time(one.reminded_at)),
        ("escalated", _time(one.escalated_at)),
    ]


def _lines(said: Utterance) -> list[tuple[str, str]]:
    """One contribution, each line of it without what could change the terminal."""
    head = f"{printable(said.operator)}, {_time(said.at)}, {said.assurance.value}, entry {said.entry}"
    content = "\n".join(map(printable, said.content.splitlines())) or "-"
    files = [
        ("", f"attached: {printable(file.name)} ({file.type[:40]}, {len(file.octets)} octets)") for file in said.files
    ]
    return [(said.turn.value, head), ("", content), *files]


def _write(folder: Path, one: Inquiry, thread: Sequence[Utterance]) -> None:
    """Write every attachment, or none where one is there already."""
    files = {
        folder / _safe(one, place, number, file): file.octets
        for place, said in enumerate(thread, 1)
        for number, file in enumerate(said.files, 1)
    }
    taken = [path for path in files if path.exists() or path.is_symlink()]
    if taken:
        raise PermanentError(f"{taken[0]}: is there already; name another folder")
    folder.mkdir(parents=True, exist_ok=True)
    for path, octets in files.items():
        with path.open("xb") as file:
            file.write(octets)


def _safe(one: Inquiry, place: int, number: int, file: File) -> str:
    """Return a name that leads nowhere else and hides nothing; its own ending stays."""
    plain = re.sub(r"[^\w.-]", "_", file.name.rpartition("/")[2])
    stem, dot, ending = plain.rpartition(".")
    short = stem[:_NAME_LENGTH] + dot + ending[:10] if stem else ending[:_NAME_LENGTH]
    return f"{one.name}-{place}.{number}-{short or 'file'}"


def _is_overdue(one: Inquiry, now: datetime) -> bool:
    return one.state is InquiryState.OPEN and one.due_at <= now


def _reader(context: click.Context) -> LedgerReader:
    return opened(LedgerReader(load(context).spool / "ledger.db"))


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None


def _time(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else "-"
