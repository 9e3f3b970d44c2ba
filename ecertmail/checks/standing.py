"""How a node stands now, read from its files: what waits, what was raised, whether the daemon answers, what is free."""

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import partial

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
    backup: LastBackup | None
    free: int | None
    log_octets: dict[str, int]
    seen: Overview | None = None
    mailboxes: tuple[Summary, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    delayed: tuple[Delayed, ...] = ()
    retention: tuple[space.Run, ...] = ()
    files: tuple[space.File, ...] = ()
    keys: tuple[KeyLife, ...] = ()
    unread: tuple[Fault, ...] = ()


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
    standing = Standing(
        daemon=_daemon(config) if daemon is None else daemon,
        backup=last.read(config.spool),
        free=storage.free_octets(config.spool),
        log_octets={name: _size(config, f"{name}-wal") for name in DATABASES},
    )
    for read in (partial(_with_databases, config, now), partial(_with_keys, config, keys)):
        try:
            standing = read(standing)
        except (EcertmailError, OSError) as error:
            standing = replace(standing, unread=(*standing.unread, *loading.faults_of(error)))
    return standing


def _with_databases(config: Config, now: datetime, standing: Standing) -> Standing:
    assemble.refuse_newer(config)
    return replace(
        standing,
        seen=overview.read(config.spool, now, receipt_addresses(config)),
        mailboxes=tuple(_mailboxes(config)),
        alarms=tuple(_alarms(config)),
        delayed=_delayed(config, now),
        retention=tuple(space.runs(config.spool)),
        files=tuple(space.files(config.spool)),
    )


def _with_keys(config: Config, known: tuple[KeyLife, ...] | None, standing: Standing) -> Standing:
    return replace(standing, keys=examining.key_lives(config) if known is None else known)


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
