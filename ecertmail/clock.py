"""The clock of the machine, read in this one place."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the present, in UTC; the daemon and the commands hand it down as an argument."""
    return datetime.now(UTC)  # noqa: TID251 - the one place
