"""The ledger to look at, read-only, also while the daemon runs."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ecertmail.conversation import Inquiry, InquiryState, Utterance
from ecertmail.core.merkle import root_hash
from ecertmail.model import Entry
from ecertmail.official import Decided, Official
from ecertmail.store import database, inquiries, officials, subscriptions
from ecertmail.store.inquiries import Listed
from ecertmail.subscription import Subscription


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
    decisions: tuple[Decided, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """A key that a partner offered in a mail signed with the key `signed_by`."""

    partner: str
    fingerprint: str
    signed_by: str
    at: str
    entry: int
    public_key: bytes = field(repr=False)


_FIELDS = ("issuer", "number", "status", "type", "profile", "issued_at", "exporting", "importing", "title")

_CURRENT = """
SELECT c.issuer, c.number, c.status, c.type, c.profile, c.issued_at, c.exporting, c.importing, c.title, c.entry,
  (SELECT max(entry) FROM version v WHERE v.number=c.number AND v.issuer=c.issuer AND v.kind<>'conflict'),
  (SELECT octets FROM version v WHERE v.number=c.number AND v.issuer=c.issuer AND v.kind='certificate'
   ORDER BY entry DESC LIMIT 1)
FROM certificate c
"""


class LedgerReader:
    """Reads through a connection of its own that never blocks the writer."""

    def __init__(self, path: Path) -> None:
        self._db = database.open_reader(path)
        # An older ecertmail made the file, and the service of this one has not run yet.
        self._has_officials = inquiries.is_there(self._db)

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
        return [
            Found(
                **dict(zip(_FIELDS, row, strict=True)),
                versions=tuple(self._versions(row[0], row[1])),
                decisions=tuple(self.decisions(row[0], row[1])),
            )
            for row in rows
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

    def entries(self) -> Iterator[Entry]:
        """Return the whole log."""
        for index, kind, record, leaf in self._db.execute("SELECT idx, kind, record, leaf FROM entry ORDER BY idx"):
            yield Entry(index=index, kind=kind, record=record, leaf=leaf)

    def records(self, kind: str) -> Iterator[tuple[int, bytes]]:
        """Return index and record of each entry of one kind, the oldest first."""
        yield from self._db.execute("SELECT idx, record FROM entry WHERE kind=? ORDER BY idx", (kind,))

    def stored_version(self, entry: int) -> tuple[str, str, str, str, str, str, bytes] | None:
        """Return kind, issuer, number, status, sha256, successor and octets of the version stored at an entry."""
        row = self._db.execute(
            "SELECT kind, issuer, number, status, sha256, replaced_by, octets FROM version WHERE entry=?", (entry,)
        ).fetchone()
        return None if row is None else tuple(row)

    def offers(self) -> list[Offered]:
        """Return every key that a partner offered, oldest first."""
        rows = self._db.execute(
            "SELECT o.partner, o.fingerprint, o.public_key, o.entry, e.record FROM key_offer o"
            " JOIN entry e ON e.idx=o.entry ORDER BY o.entry"
        )
        return [
            Offered(partner=partner, fingerprint=fingerprint, public_key=key, entry=entry, **_statement(record))
            for partner, fingerprint, key, entry, record in rows
        ]

    def subscriptions(self) -> list[Subscription]:
        """Return every subscription, removed ones too, the oldest first."""
        return [subscriptions.read(row) for row in self._db.execute(f"{subscriptions.SELECT} ORDER BY created_at, id")]

    def officials(self) -> list[Official]:
        """Return every official, suspended ones too, the oldest first."""
        return officials.officials(self._db) if self._has_officials else []

    def decided_by(self, official_id: str) -> tuple[int, Decided | None]:
        """Return how many decisions an official took, and the last."""
        return officials.decided_by(self._db, official_id) if self._has_officials else (0, None)

    def decisions(self, issuer: str, number: str) -> list[Decided]:
        """Return all decisions on a certificate, the oldest first."""
        return officials.decisions(self._db, issuer, number) if self._has_officials else []

    def decision_at(self, entry: int) -> Decided | None:
        """Return the decision that is stored for an entry."""
        return officials.decision_at(self._db, entry) if self._has_officials else None

    def stray_decisions(self) -> list[int]:
        """Return the entries of decisions that the log knows nothing of, or that name a wrong successor."""
        return officials.stray_decisions(self._db) if self._has_officials else []

    def inquiries(self, *states: InquiryState) -> list[Listed]:
        """Return the inquiries in these states, the newest first."""
        return inquiries.listed(self._db, *states)

    def conversation(self, inquiry_id: int) -> tuple[Inquiry, list[Utterance]] | None:
        """Return one inquiry and all that was said in it."""
        return inquiries.conversation(self._db, inquiry_id)

    def orphans(self) -> list[int]:
        """Return the entries of versions that the log has no entry for."""
        rows = self._db.execute("SELECT v.entry FROM version v LEFT JOIN entry e ON e.idx=v.entry WHERE e.idx IS NULL")
        return [int(entry) for (entry,) in rows]

    def current_rows(self) -> Iterator[tuple[Found, int, int | None, bytes]]:
        """Return each current certificate, its entry, the newest entry that changed it, and its newest octets."""
        for row in self._db.execute(_CURRENT):
            found = Found(**dict(zip(_FIELDS, row[: len(_FIELDS)], strict=True)), versions=())
            yield found, int(row[-3]), row[-2], bytes(row[-1] or b"")

    def unlisted(self) -> list[tuple[str, str]]:
        """Return (issuer, number) of certificates that have versions but no current row."""
        return self._db.execute(
            "SELECT DISTINCT issuer, number FROM version v WHERE kind<>'conflict' AND NOT EXISTS"
            " (SELECT 1 FROM certificate c WHERE c.number=v.number AND c.issuer=v.issuer)"
        ).fetchall()

    def _versions(self, issuer: str, number: str) -> Iterator[Version]:
        rows = self._db.execute(
            "SELECT v.entry, v.kind, v.status, v.sha256, v.replaced_by, e.record FROM version v"
            " JOIN entry e ON e.idx=v.entry WHERE v.issuer=? AND v.number=? ORDER BY v.entry",
            (issuer, number),
        )
        for entry, kind, status, sha256, replaced_by, record in rows:
            at = str(json.loads(record)["at"])
            yield Version(entry=entry, kind=kind, status=status, sha256=sha256, replaced_by=replaced_by, at=at)


def _statement(record: bytes) -> dict[str, str]:
    facts = json.loads(record)
    return {"signed_by": str(facts["key"]), "at": str(facts["at"])}
