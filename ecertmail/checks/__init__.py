"""What is wrong with this node, found by small functions, one file for each family; each fault names what mends it."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

from ecertmail.checks import keys, listener, loading, parties, permissions, schedules, smarthost, storage
from ecertmail.config import Config
from ecertmail.errors import EcertmailError
from ecertmail.fault import Fault, Harm, by_harm

Check = Callable[[Config, datetime], Iterable[Fault]]

TOLERATED: tuple[Check, ...] = (
    parties.faults,
    keys.faults,
    smarthost.faults,
    listener.faults,
    permissions.faults,
    storage.faults,
    schedules.faults,
)
"""What the daemon starts with all the same: it logs each fault once, and `ecertmail check-config` reports it."""


def tolerated(config: Config, now: datetime) -> list[Fault]:
    """Return what is wrong with a configuration that loads, in order of harm."""
    return by_harm(fault for check in TOLERATED for fault in _found(check, config, now))


def _found(check: Check, config: Config, now: datetime) -> list[Fault]:
    """Run one check; what it cannot look at is a fault and hides nothing else."""
    try:
        return list(check(config, now))
    except (EcertmailError, OSError) as error:
        return [replace(fault, harm=Harm.LATER) for fault in loading.faults_of(error)]


def configuration(config: Config, now: datetime) -> list[Fault]:
    """Return everything that is wrong with a configuration, what keeps the daemon from starting first."""
    return by_harm([*loading.faults(config), *tolerated(config, now)])
