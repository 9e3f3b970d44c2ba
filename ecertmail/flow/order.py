"""One command of one partner, and what all commands have in common when they are carried out."""

import re
from dataclasses import dataclass
from datetime import datetime

from ecertmail.parties import Partner
from ecertmail.ports import Transaction
from ecertmail.subscription import Command

LONGEST_ID = 41


class WrongError(ValueError):
    """Why it cannot be done; nothing was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One command of one partner, what it is carried out with, and how many certificates it may look at."""

    tx: Transaction
    spool_id: str
    partner: Partner
    command: Command
    now: datetime
    most: int


def full_id(name: str, partner: Partner) -> str:
    """Return the ID with the partner's before it, whether it was written or not."""
    prefix = re.sub("[^a-z0-9]", "-", partner.id.lower()) + "-"
    return name if name.startswith(prefix) else prefix + name


def new_id(name: str, partner: Partner) -> str:
    """Return the full ID for something new.

    Raises:
        WrongError: it is too long.
    """
    made = full_id(name, partner)
    if len(made) > LONGEST_ID:
        raise WrongError(f"{made} has more than {LONGEST_ID} characters; choose a shorter ID.")
    return made
