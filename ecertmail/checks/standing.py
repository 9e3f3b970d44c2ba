"""How a node stands now, read from its files: what waits, what was raised, whether the daemon answers, what is free."""

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ecertmail import assemble, examining
from ecertmail.backup import last
from ecertmail.backup.last import LastBackup
from ecertmail.checks import loading, storage
from ecertmail.config import Config
from ecertmail.delivery import Alarm
from ecertmail.edge import control
from ecertmail.errors import EcertmailError
from ecertmail.fault import Fault
from ecertmail.parties import KeyLife
from ecertmail.store import overview, space
from ecertmail.store.deliveries import Delayed, DeliveryReader
from ecertmail.store.fetched import FetchedReader, Summary
from ecertmail.store.overview import Overview

DATABASES = ("spool.db", "ledger.db")
_ANSWER_SECONDS = 10.0


class Daemon(StrEnum):
    """Whether the daemon runs."""

    RUNNING = "running"
    STOPPED = "not running"
    SILENT = "does not answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a node stands.

    `seen` is None where the databases could not be read, and `unread` says why. `free` is in octets, None where it is
    unknown; `log_octets` is the size of each database's write-ahead log.
    """

    daemon: Daemon
    seen: Overview | None
    mailboxes: tuple[Summary, ...]
    alarms: tuple[Alarm, ...]
    delayed: tuple[Delayed, ...]
    backup: LastBackup | None
    retention: tuple[space.Run, ...]
    files: tuple[space.File, ...]
    keys: tuple[KeyLife, ...]
    free: int | None
    log_octets: dict[str, int]
    unread: tuple[Fault, ...]


def look(
    config: Config, now: datetime, daemon: Daemon | None = None, keys: tuple[KeyLife, ...] | None = None
) -> Standing:
    """Look at everything that shows how a node stands; what cannot be read is a fault and hides nothing else.

    Args:
        config: of the node.
        now: the time.
        daemon: whether the daemon runs, if that is known; else it is asked.
        keys: when keys end, if that is known; else GnuPG is asked.
    """
    unread: list[Fault] = []
    seen: Overview | None = None
    mailboxes: tuple[Summary, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    delayed: tuple[Delayed, ...] = ()
    runs: tuple[space.Run, ...] = ()
    files: tuple[space.File, ...] = ()
    lives: tuple[KeyLife, ...] = ()
    try:
        assemble.refuse_newer(config)
        seen = overview.read(config.spool, now, receipt_addresses(config))
        mailboxes, alarms = tuple(_mailboxes(config)), tuple(_alarms(config))
        delayed = _delayed(config, now)
        runs, files = tuple(space.runs(config.spool)), tuple(space.files(config.spool))
    except (EcertmailError, OSError) as error:
        unread += loading.faults_of(error)
    try:
        lives = examining.key_lives(config) if keys is None else keys
    except (EcertmailError, OSError) as error:
        unread += loading.faults_of(error)
    return Standing(
        daemon=_daemon(config) if daemon is None else daemon,
        seen=seen,
        mailboxes=mailboxes,
        alarms=alarms,
        delayed=delayed,
        backup=last.read(config.spool),
        retention=runs,
        files=files,
        keys=lives,
        free=storage.free_octets(config.spool),
        log_octets={name: _size(config, f"{name}-wal") for name in DATABASES},
        unread=tuple(unread),
    )


def receipt_addresses(config: Config) -> list[str]:
    """Return the addresses that receipts go to."""
    return [signer.receipt_address for signer in config.signers]


def _daemon(config: Config) -> Daemon:
    try:
        answer = control.ask(config.spool / "control.sock", {"do": "ping"}, _ANSWER_SECONDS)
    except EcertmailError:
        return Daemon.SILENT
    return Daemon.STOPPED if answer is None else Daemon.RUNNING


def _mailboxes(config: Config) -> Iterable[Summary]:
    with closing(FetchedReader(config.spool / "spool.db")) as reader:
        return [reader.summary(section.name) for section in config.settings.mailbox]


def _alarms(config: Config) -> Iterable[Alarm]:
    with closing(DeliveryReader(config.spool / "ledger.db")) as reader:
        return reader.alarms()


def _delayed(config: Config, now: datetime) -> tuple[Delayed, ...]:
    with closing(DeliveryReader(config.spool / "ledger.db")) as reader:
        found = reader.delayed(now)
    return () if found is None else (found,)


def _size(config: Config, name: str) -> int:
    try:
        return (config.spool / name).stat().st_size
    except OSError:
        return 0
