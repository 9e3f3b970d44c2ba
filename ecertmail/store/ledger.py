"""The ledger: an append-only log, the current state derived from it, and the outbox, in one SQLite file.

Entries, certificates, receipt and deliveries of one message commit together, or nothing of them does. Triggers refuse
UPDATE and DELETE on the log and on certificate versions; `ecertmail ledger verify` finds who went around them.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from sqlite3 import Cursor

from ecertmail.core.merkle import leaf_hash
from ecertmail.message import KeyOffer
from ecertmail.model import Certificate, CertificateStatus, Earlier, Known, Outcome
from ecertmail.store import answers, clock, database, inquiries, look_up, officials, subscriptions
from ecertmail.store.database import iso
from ecertmail.store.ledger_schema import migrations
from ecertmail.store.mail import MailTransaction
from ecertmail.store.peers import PeerTransaction


class SqliteLedger:
    """The one writer of the ledger."""

    def __init__(self, path: Path) -> None:
        self.db = database.Writer(path, migrations)

    def close(self) -> None:
        """Close the file."""
        self.db.close()

    @contextmanager
    def transaction(self) -> Iterator["LedgerTransaction"]:
        """Open the one writing transaction; leaving it commits, an exception rolls back."""
        with self.db.writing() as cursor:
            yield LedgerTransaction(cursor)


class LedgerTransaction(answers.AnswersTransaction, MailTransaction, PeerTransaction):
    """What may be read and written in one commit."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        self._given: list[int] = []

    def decided(self, spool_id: str) -> bool:
        """Say whether this spooled message is in the ledger already: a crash came between the two commits."""
        return self._one("SELECT 1 FROM message WHERE spool_id=?", spool_id) is not None

    def earlier(self, fingerprint: str, mic: str) -> Earlier | None:
        """Return what became of the same signed octets of the same key before, the last time."""
        row = self._one(
            "SELECT outcome, mail FROM message WHERE fingerprint=? AND mic=? ORDER BY entry DESC LIMIT 1",
            fingerprint,
            mic,
        )
        if row is None:
            return None
        return Earlier(outcome=Outcome(str(row[0])), mail=None if row[1] is None else int(str(row[1])))

    def known(self, issuer: str, numbers: Iterable[str]) -> dict[str, Known]:
        """Return what is recorded of these certificate numbers of one issuer."""
        wanted = json.dumps(list(numbers))
        rows = self._cursor.execute(
            "SELECT c.number, c.status, v.status, v.sha256 FROM certificate c JOIN version v USING (issuer, number)"
            " WHERE c.issuer=? AND c.number IN (SELECT value FROM json_each(?)) AND v.kind='certificate'",
            (issuer, wanted),
        )
        found: dict[str, Known] = {}
        for number, current, status, sha256 in rows:
            before = found[number].versions if number in found else ()
            version = (CertificateStatus(status), sha256)
            found[number] = Known(status=CertificateStatus(current), versions=(*before, version))
        awaited = self._cursor.execute(
            "SELECT number, successor FROM awaited WHERE issuer=? AND number IN (SELECT value FROM json_each(?))",
            (issuer, wanted),
        )
        for number, successor in awaited:
            found.setdefault(number, Known(status=None, successor=successor))
        return found

    def next_index(self) -> int:
        """Return the index that the next appended record gets; the first is 0."""
        row = self._one("SELECT coalesce(max(idx) + 1, 0) FROM entry")
        return int(str(row[0])) if row else 0

    def append(self, records: Sequence[tuple[str, bytes]]) -> range:
        """Append (kind, canonical record) pairs to the log and return their indexes."""
        first = self.next_index()
        self._cursor.executemany(
            "INSERT INTO entry VALUES (?,?,?,?)",
            [(first + i, kind, record, leaf_hash(record)) for i, (kind, record) in enumerate(records)],
        )
        return range(first, first + len(records))

    def put_versions(self, issuer: str, versions: Sequence[tuple[int, str, Certificate]]) -> None:
        """Store certificate versions as (entry, kind, certificate); those of kind `certificate` become current."""
        self._cursor.executemany(
            "INSERT INTO version VALUES (?,?,?,?,?,?,'',?)",
            [(entry, kind, issuer, c.number, c.status.value, c.sha256, c.octets) for entry, kind, c in versions],
        )
        self._cursor.executemany(
            "INSERT OR REPLACE INTO certificate VALUES (?,?,?,?,?,?,?,?,?,?)",
            [
                (issuer, c.number, c.status.value, c.type, c.profile, c.issued_at, c.exporting_country,
                 c.importing_country, c.title, entry)
                for entry, kind, c in versions
                if kind == "certificate"
            ],
        )  # fmt: skip

    def put_replaced(self, issuer: str, replaced: Sequence[tuple[int, str, str]]) -> None:
        """Mark certificates as replaced, as (entry, old number, new number), unless a later entry says otherwise."""
        status = CertificateStatus.REPLACED.value
        self._cursor.executemany(
            "INSERT INTO version VALUES (?,'replaced',?,?,?,'',?,x'')",
            [(entry, issuer, old, status, new) for entry, old, new in replaced],
        )
        self._cursor.executemany(
            "UPDATE certificate SET status=?, entry=? WHERE issuer=? AND number=? AND entry<?",
            [(status, entry, issuer, old, entry) for entry, old, _ in replaced],
        )

    def put_awaited(self, issuer: str, awaited: Sequence[tuple[str, str]]) -> None:
        """Remember (number, successor) of certificates that are to be replaced as soon as they come."""
        self._cursor.executemany(
            "INSERT OR IGNORE INTO awaited VALUES (?,?,?)", [(old, issuer, new) for old, new in awaited]
        )

    def put_offer(self, entry: int, partner: str, offer: KeyOffer) -> None:
        """Store a key that a partner offered, for the operator to confirm or to leave."""
        self._cursor.execute(
            "INSERT INTO key_offer VALUES (?,?,?,?)", (entry, partner, offer.fingerprint, offer.public_key)
        )

    def put_message(self, spool_id: str, entry: int, facts: Mapping[str, str | int | None]) -> None:
        """Store that a spooled message was decided; `facts` are partner, fingerprint, mic, outcome and mail."""
        self._cursor.execute(
            "INSERT INTO message VALUES (:spool_id,:entry,:partner,:fingerprint,:mic,:outcome,:mail)",
            {"spool_id": spool_id, "entry": entry, **facts},
        )

    def stage(
        self, mail: int, kind: str, recipient: str, reverse_path: str, now: datetime, *, expects: bool = False
    ) -> bool:
        """Add a delivery of a stored mail, unless one of it waits already; say whether it was added."""
        at = iso(now)
        self._cursor.execute(
            "INSERT INTO delivery(mail,kind,recipient,reverse_path,state,attempts,created_at,next_at,reply,expects)"
            " SELECT ?,?,?,?,'due',0,?,?,'',? WHERE NOT EXISTS"
            " (SELECT 1 FROM delivery WHERE mail=? AND state IN ('due','deferred','sending'))",
            (mail, kind, recipient, reverse_path, at, at, expects, mail),
        )
        return self._cursor.rowcount > 0

    def told(self) -> dict[str, datetime]:
        """Return what the operator was told already, and when."""
        rows = self._cursor.execute("SELECT what, at FROM told")
        return {what: datetime.fromisoformat(at) for what, at in rows}

    def told_upto(self) -> int:
        """Return up to which place in the spool the operator was told of the quarantine; -1 before the first time."""
        row = self._one("SELECT coalesce(max(upto), -1) FROM told")
        return int(str(row[0])) if row else -1

    def tell(self, what: Iterable[str], upto: int, now: datetime) -> None:
        """Remember that the operator was told, and of the quarantine up to which place in the spool."""
        rows = [(one, iso(now), upto) for one in what]
        self._cursor.executemany("INSERT OR REPLACE INTO told(what, at, upto) VALUES (?,?,?)", rows)

    @property
    def subscriptions(self) -> subscriptions.SubscriptionTable:
        """The subscriptions, within this commit."""
        return subscriptions.SubscriptionTable(self._cursor)

    @property
    def clock(self) -> clock.ClockTable:
        """What is remembered of the clock, within this commit."""
        return clock.ClockTable(self._cursor)

    @property
    def officials(self) -> officials.OfficialTable:
        """Officials, tickets and decisions, within this commit."""
        return officials.OfficialTable(self._cursor, self._given)

    @property
    def inquiries(self) -> inquiries.InquiryTable:
        """Conversations, within this commit."""
        return inquiries.InquiryTable(self._cursor)

    @property
    def look_ups(self) -> look_up.LookUpTable:
        """Looking up, within this commit."""
        return look_up.LookUpTable(self._cursor)

    def _one(self, statement: str, *values: str) -> tuple[object, ...] | None:
        row = self._cursor.execute(statement, values).fetchone()
        return None if row is None else tuple(row)
