"""What goes wrong on our side, sorted by one question: will trying again help?

A partner's mistakes are never exceptions; they are findings (`model.Finding`) that stand in the receipt.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ExitCode:
    """An exit code, what it means, and whether a daemon that ended with it can come back by itself."""

    code: int
    means: str
    restart_helps: bool = True


EXIT_CODES = (
    ExitCode(0, "done"),
    ExitCode(1, "anything else, and a question answered with no"),
    ExitCode(2, "wrong usage", restart_helps=False),
    ExitCode(3, "a check failed: a receipt, a ledger, a file to sign or to issue, a mailbox, the state of this node"),
    ExitCode(4, "not found"),
    ExitCode(5, "key trouble: wrong passphrase, unreadable key, another fingerprint", restart_helps=False),
    ExitCode(6, "database trouble: damaged, or of a newer version", restart_helps=False),
    ExitCode(75, "try again later: disk full, database locked, a file that cannot be read now, another ecertmail runs"),
    ExitCode(78, "wrong configuration; the text names file, line and key", restart_helps=False),
)
"""The one table of exit codes; the guide and `RestartPreventExitStatus` in the unit are compared with it."""


class EcertmailError(Exception):
    """Anything that ecertmail itself reports as failed."""

    exit_code = 1


class TemporaryError(EcertmailError):
    """Trying again later can help: a full disk, a locked database, a server that is away."""

    exit_code = 75  # EX_TEMPFAIL of sysexits.h


class PermanentError(EcertmailError):
    """Trying again changes nothing until somebody acts."""


class ConfigError(PermanentError):
    """The configuration, a partner file or a key file is wrong; the text names file, key and what would be right."""

    exit_code = 78  # EX_CONFIG of sysexits.h


class MailboxAwayError(TemporaryError):
    """A mailbox's server is away, broke the connection, or speaks so that it cannot be understood."""


class MailboxUnavailableError(MailboxAwayError):
    """A mailbox's server refused the login for a reason other than the credentials, or gave no reason.

    `explained` says whether it gave one.
    """

    def __init__(self, text: str, *, explained: bool) -> None:
        """Take the server's words."""
        super().__init__(text)
        self.explained = explained


class MailboxRefusedError(PermanentError):
    """A mailbox's server refused one command; the connection is still good."""


class MailboxLoginError(PermanentError):
    """A mailbox's server refused the login; trying again soon could lock the account."""


class NotFoundError(PermanentError):
    """What the operator asked for is not here."""

    exit_code = 4


class RemovedError(NotFoundError):
    """Retention removed the octets of a mail; its hash and the time are still there."""


class KeyringError(PermanentError):
    """A key cannot be generated, read, unlocked or used."""

    exit_code = 5


class PassphraseError(KeyringError):
    """The passphrase does not open the node's secret key."""


class StoreError(PermanentError):
    """A database is damaged, or of a newer version."""

    exit_code = 6


class WorkersError(TemporaryError):
    """No worker process can be started now."""


class StoreBusyError(TemporaryError):
    """A database cannot take a write now: disk full, locked, in the hand of another process, or an I/O error."""


class UnreadableError(TemporaryError):
    """A file is there and cannot be read now: no permission, too many open files, an I/O error."""


def unreadable(sentence: str, error: OSError) -> EcertmailError:
    """Return our error for a file that could not be read: lasting if it is not there, else temporary.

    Wrong permissions count as temporary: a daemon that is started again reads the file as soon as they are right.
    """
    lasting = isinstance(error, FileNotFoundError | IsADirectoryError | NotADirectoryError)
    return (ConfigError if lasting else UnreadableError)(f"{sentence} ({error.strerror or error})")
