"""The shape of `[[mailbox]]` in ecertmail.toml, and which of its keys go together."""

from typing import Annotated

from pydantic import Field, model_validator

from ecertmail.core.mailbox import After, Tls
from ecertmail.fields import Port, Positive, Section

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class MailboxSection(Section):
    """[[mailbox]]: a mailbox that is read, at a provider or as a maildir on this machine."""

    name: Annotated[str, Field(pattern="^[a-z0-9][a-z0-9-]*$")] = "main"
    host: str = ""
    port: Port = 0
    tls: Tls = Tls.IMPLICIT
    ca_file: str = ""
    username: str = ""
    password_file: str = ""
    oauth2_token_file: str = ""
    oauth2_token_command: tuple[str, ...] = ()
    maildir: str = ""
    folders: Annotated[tuple[str, ...], Field(min_length=1)] = ("INBOX",)
    after: After = After.FLAG
    move_to: str = ""
    refused_to: str = ""
    interval_seconds: Positive = 300.0
    idle: bool = True

    @model_validator(mode="after")
    def _right(self) -> "MailboxSection":
        if mistake := mistake_in(self):
            raise ValueError(mistake)
        return self

    @property
    def server_port(self) -> int:
        """The port, by default that of IMAP with TLS from the first octet or of plain IMAP."""
        return self.port or (993 if self.tls is Tls.IMPLICIT else 143)


def mistake_in(mailbox: MailboxSection) -> str:
    """Say what is wrong in one mailbox, or nothing."""
    secrets = (mailbox.password_file, mailbox.oauth2_token_file, mailbox.oauth2_token_command)
    targets = {mailbox.move_to, mailbox.refused_to} - {""}
    rules = (
        (bool(mailbox.host) == bool(mailbox.maildir), "either host or maildir must be set"),
        (
            mailbox.host and (not mailbox.username or sum(map(bool, secrets)) != 1),
            "username and one of password_file, oauth2_token_file and oauth2_token_command must be set",
        ),
        (
            mailbox.host and mailbox.tls is Tls.NEVER and mailbox.host not in _LOOPBACK,
            'tls = "never" is for this machine only (host 127.0.0.1, ::1 or localhost); use "implicit" or "starttls"',
        ),
        ((mailbox.after is After.MOVE) != bool(mailbox.move_to), 'after = "move" and move_to must be set together'),
        (targets & {*mailbox.folders}, "move_to and refused_to must not be among the folders that are read"),
    )
    return next((mistake for wrong, mistake in rules if wrong), "")


def different(mailboxes: tuple[MailboxSection, ...]) -> tuple[MailboxSection, ...]:
    """Refuse two mailboxes with one name."""
    names = [mailbox.name for mailbox in mailboxes]
    if len(set(names)) < len(names):
        raise ValueError("each mailbox must have a name of its own, for it is remembered under it")
    return mailboxes
