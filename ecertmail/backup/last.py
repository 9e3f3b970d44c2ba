"""When the last backup was made: a small file beside the databases, for `ecertmail status` and whoever else asks."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from ecertmail import durable

_NAME = "last-backup.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class LastBackup:
    """When a backup of this node was last made, where it is, and how many octets it has."""

    made_at: datetime
    path: str
    octets: int


def read(spool: Path) -> LastBackup | None:
    """Return the last backup of the node whose databases are in this folder; None if none was made.

    A file that cannot be read counts as none: it says nothing about a backup.
    """
    try:
        values = json.loads((spool / _NAME).read_bytes())
        return LastBackup(**{**values, "made_at": datetime.fromisoformat(values["made_at"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write(spool: Path, backup: LastBackup) -> None:
    """Remember a backup; root may make one, and the node's user must be able to read the file."""
    values = {**asdict(backup), "made_at": backup.made_at.isoformat()}
    durable.write(spool / _NAME, json.dumps(values).encode() + b"\n", durable.READABLE)
