"""The ledger to look at, read-only, also while the daemon runs."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ecertmail.core.merkle import leaf_hash, root_hash
from ecertmail.core.xml import digest
from ecertmail.model import Entry
from ecertmail.store import database


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One recorded version of a certificate, a conflict with it, or its replacement."""

    entry: int
    kind: str
    status: str
    sha256: str
    replaced_by: str
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A certificate as `ecertmail lookup` shows it."""

    issuer: str
    number: str
    status: str
    type: str
    profile: str
    issued_at: str
    exporting: str
    importing: str
    title: str
    versions: tuple[Version, ...]


class LedgerReader:
    """Reads through a connection of its own that never blocks the writer."""

    def __init__(self, path: Path) -> None:
        self._db = database.open_reader(path)

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def lookup(self, number: str) -> list[Found]:
        """Return every certificate with this number, one for each issuer."""
        rows = self._db.execute(
            "SELECT issuer, number, status, type, profile, issued_at, exporting, importing, title"
            " FROM certificate WHERE number=? ORDER BY issuer",
            (number,),
        ).fetchall()
        names = ("issuer", "number", "status", "type", "profile", "issued_at", "exporting", "importing", "title")
        return [
            Found(**dict(zip(names, row, strict=True)), versions=tuple(self._versions(row[0], row[1]))) for row in rows
        ]

    def octets(self, entry: int) -> bytes:
        """Return the canonical XML of the certificate version recorded at this entry, or nothing."""
        row = self._db.execute("SELECT octets FROM version WHERE entry=?", (entry,)).fetchone()
        return bytes(row[0]) if row else b""

    def tail(self, count: int) -> list[Entry]:
        """Return the newest entries, oldest of them first."""
        rows = self._db.execute("SELECT idx, kind, record, leaf FROM entry ORDER BY idx DESC LIMIT ?", (count,))
        return [Entry(index=i, kind=k, record=r, leaf=h) for i, k, r, h in reversed(rows.fetchall())]

    def size(self) -> int:
        """Return the number of entries."""
        return int(self._db.execute("SELECT count(*) FROM entry").fetchone()[0])

    def root(self, size: int) -> bytes:
        """Return the RFC 6962 root over the first `size` entries, from the stored leaf hashes."""
        return root_hash(leaf for (leaf,) in self._db.execute("SELECT leaf FROM entry ORDER BY idx LIMIT ?", (size,)))

    def counts(self, table: str) -> dict[str, int]:
        """Return how many certificates are in each status (`certificate`) or deliveries in each state (`delivery`)."""
        column = {"certificate": "status", "delivery": "state"}[table]
        return dict(self._db.execute(f"SELECT {column}, count(*) FROM {table} GROUP BY 1"))  # noqa: S608

    def faults(self, progress: Callable[[int], object] = int) -> Iterator[str]:
        """Recompute everything that hashes promise, and name each entry that does not hold."""
        expected = 0
        for index, record, leaf in self._db.execute("SELECT idx, record, leaf FROM entry ORDER BY idx"):
            if index != expected:
                yield f"entry {expected} is missing"
            expected = index + 1
            progress(1)
            if leaf_hash(record) != leaf:
                yield f"entry {index}: the record does not match its leaf hash"
        yield from self._certificate_faults()

    def _certificate_faults(self) -> Iterator[str]:
        """Compare the tables that people are answered from with the log that is hashed."""
        rows = self._db.execute(
            "SELECT e.idx, e.record, v.issuer, v.number, v.status, v.sha256, v.octets"
            " FROM entry e LEFT JOIN version v ON v.entry=e.idx WHERE e.kind IN ('certificate','conflict','replaced')"
        )
        for index, record, issuer, number, status, sha256, octets in rows:
            said = json.loads(record)
            if (said["issuer"], said["number"], said["status"]) != (issuer, number, status):
                yield f"entry {index}: the stored version does not match the log"
            elif said.get("sha256", "") != sha256 or (sha256 and sha256 != digest(octets)):
                yield f"entry {index}: the stored certificate does not match the hash in the log"
        stale = self._db.execute(
            "SELECT c.issuer, c.number FROM certificate c JOIN version v ON v.entry=c.entry WHERE v.status<>c.status"
        )
        yield from (
            f"certificate {number} of {issuer}: its current status is not the log's" for issuer, number in stale
        )

    def _versions(self, issuer: str, number: str) -> Iterator[Version]:
        rows = self._db.execute(
            "SELECT v.entry, v.kind, v.status, v.sha256, v.replaced_by, e.record FROM version v"
            " JOIN entry e ON e.idx=v.entry WHERE v.issuer=? AND v.number=? ORDER BY v.entry",
            (issuer, number),
        )
        for entry, kind, status, sha256, replaced_by, record in rows:
            at = str(json.loads(record)["at"])
            yield Version(entry=entry, kind=kind, status=status, sha256=sha256, replaced_by=replaced_by, at=at)
