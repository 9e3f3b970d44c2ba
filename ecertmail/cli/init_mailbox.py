"""What `ecertmail init --mailbox` writes: a mailbox that is read, its submission port, and no open port."""

import json
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import click

from ecertmail import durable
from ecertmail.core.mailbox import Tls

_Command = TypeVar("_Command", bound=Callable[..., Any])
_PASSWORD = "keys/mailbox-password"  # noqa: S105 - the name of a file
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_OPTIONS = (
    click.option("--mailbox", "wanted", is_flag=True, help="Read a mailbox, send by submission, open no port."),
    click.option("--imap-host", help="With --mailbox: the IMAP server."),
    click.option("--imap-tls", type=click.Choice(["implicit", "starttls"]), default="implicit", show_default=True),
    click.option("--username", help="With --mailbox: who logs in; by default --address."),
    click.option("--password-file", type=_FILE, help="With --mailbox: where the password stands; else it is asked."),
    click.option("--token-command", help="With --mailbox: instead of a password, what prints an OAuth2 access token."),
    click.option("--submission-host", help="With --mailbox: the server that takes outgoing mail."),
    click.option("--submission-port", type=int, default=587, show_default=True, help="587, or 465 for implicit TLS."),
)


def options(command: _Command) -> _Command:
    """Give a command the options of a mailbox."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """What an operator knows about the mailbox; `password` is empty where a token command is given."""

    imap_host: str
    imap_tls: Tls
    username: str
    password: str
    token_command: tuple[str, ...]
    submission_host: str
    submission_port: int

    def write_password(self, folder: Path) -> None:
        """Write the password into a file that only its owner reads."""
        if self.password:
            durable.write(folder / _PASSWORD, f"{self.password}\n".encode())

    def write_into(self, text: str) -> str:
        """Give the keys of the sample file their values."""
        marks = ("\n[listen]", "\n[limits]", "\n[send]", "\n[paths]", "\n# [[mailbox]]\n")
        cuts = [0, *(text.index(mark) for mark in marks), len(text)]
        head, listen, limits, send, rest, mailbox = (text[a:b] for a, b in pairwise(cuts))
        login: dict[str, object] = {"username": self.username}
        login |= {"oauth2_token_command": self.token_command} if self.token_command else {"password_file": _PASSWORD}
        at_once = self.submission_port == 465  # TLS from the first octet (RFC 8314 section 7.3)
        submission = {
            "host": self.submission_host, "port": self.submission_port, "implicit_tls": at_once,
            "starttls": "never" if at_once else "required",
        }  # fmt: skip
        return "".join(
            [
                head, _set(listen, {"enabled": False}), limits, _set(send, submission | login), rest,
                _set(mailbox, {"host": self.imap_host, "tls": self.imap_tls} | login),
            ]
        ).replace("\n# [[mailbox]]\n", "\n[[mailbox]]\n")  # fmt: skip


def chosen(address: str, given: Mapping[str, Any]) -> Mailbox | None:
    """Return the mailbox that the options describe, and ask for what they leave open; None without --mailbox."""
    if not given["wanted"]:
        return None
    host = given["imap_host"] or click.prompt("IMAP server of the mailbox")
    command = tuple(shlex.split(given["token_command"] or ""))
    file: Path | None = given["password_file"]
    password = file.read_text(encoding="utf-8").strip() if file else ""
    if not command and not password:
        password = click.prompt("Password of the mailbox", hide_input=True)
    return Mailbox(
        imap_host=host,
        imap_tls=Tls(given["imap_tls"]),
        username=given["username"] or address,
        password=password,
        token_command=command,
        submission_host=given["submission_host"] or click.prompt("Submission server", default=host),
        submission_port=given["submission_port"],
    )


def _set(section: str, values: Mapping[str, object]) -> str:
    """Give commented keys of one section a value; JSON's strings, numbers and lists are TOML's too."""
    for key, value in values.items():
        line = f"{key} = {json.dumps(value, ensure_ascii=False)}"
        section, count = re.subn(rf"(?m)^# {key} = .*$", lambda _, line=line: line, section)  # type: ignore[misc]
        assert count == 1, key  # noqa: S101 - the sample has every key once, which `make check` checks
    return section
