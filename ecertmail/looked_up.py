"""What an official asks of the ledger, what the ledger knows of a number, and what was asked in vain."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A number that is asked for; `issuer` is a country code and `sha256` a hash where a printed copy carries them."""

    number: str
    issuer: str = ""
    sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One entry that changed a certificate; `sha256` is empty and `replaced_by` set when another one replaced it."""

    entry: int
    status: str
    sha256: str
    replaced_by: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A certificate that is recorded, and who it concerns."""

    number: str
    issuer: str
    exporting: str
    importing: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A certificate as it is recorded now, at `entry`, and its versions, the oldest first; conflicts are none."""

    number: str
    issuer: str
    status: str
    type: str
    issued_at: str
    exporting: str
    importing: str
    title: str
    entry: int
    versions: tuple[Recorded, ...]

    @property
    def sha256(self) -> str:
        """The hash of what its issuer sent last."""
        return next((version.sha256 for version in reversed(self.versions) if version.sha256), "")

    @property
    def replaced_by(self) -> str:
        """The number of its successor, or nothing."""
        return next((version.replaced_by for version in reversed(self.versions) if version.replaced_by), "")

    @property
    def recorded_at(self) -> datetime | None:
        """When it became what it is now."""
        return next((version.at for version in self.versions if version.entry == self.entry), None)


class LookUps(Protocol):
    """Looking up within one commit of the ledger; how long it takes does not depend on how much is recorded."""

    def find(self, number: str) -> list[Held]:
        """Return every certificate with this number, one for each issuer."""

    def existing(self, numbers: Iterable[str]) -> Sequence[Listed]:
        """Return those certificates that have one of these numbers, in the order of the numbers."""

    def put_miss(self, official: str, number: str, now: datetime) -> None:
        """Remember that an official asked for a number in vain; what is older than 90 days is forgotten."""

    def misses(self, official: str, since: datetime, most: int) -> int:
        """Count up to `most` what an official asked for in vain since then."""

    def misses_of(self, number: str, since: datetime, most: int) -> int:
        """Count up to `most` how often anybody asked for a number in vain since then."""


class LooksUp(Protocol):
    """The part of the ledger's transaction that is about looking up: a part of `ports.Transaction`."""

    @property
    def look_ups(self) -> LookUps:
        """Looking up, within this commit."""
