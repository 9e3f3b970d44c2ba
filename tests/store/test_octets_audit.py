"""What `ledger verify` says of the octets of mails: damage is named, and what retention removed is no difference."""

from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from ecertmail.core.packing import Held, pack
from ecertmail.core.record import canonical
from ecertmail.delivery import Attempt, Attempted, DeliveryState
from ecertmail.message import SpoolEnd
from ecertmail.store import octets_audit, space
from ecertmail.store.deliveries import DeliveryReader
from ecertmail.store.ledger import SqliteLedger
from ecertmail.store.outbox import SqliteOutbox
from ecertmail.store.retention import ReceivedRetention, Retention, SentRetention, What
from ecertmail.store.spool import SpoolReader, SqliteSpool
from tests.builders import NOW, certificate, envelope, room, settle

OCTETS = b"From: a@cn.example\r\n\r\n" + b"words " * 100
LATER = NOW + timedelta(days=31)


class Stores:
    """One mail that was sent with a certificate, and one message that was archived and one that was quarantined."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ledger = SqliteLedger(folder / "ledger.db")
        self.spool = SqliteSpool(folder / "spool.db")
        with self.ledger.transaction() as tx:
            record = canonical({"octets": sha256(OCTETS).hexdigest()})
            entries = tx.append([("message", record), ("certificate", b"{}")])
            tx.put_versions("nz", [(entries[1], "certificate", certificate())])
            held = [Held(entries[1], certificate().octets)]
            tx.stage(tx.put_mail("<1@cn>", OCTETS + certificate().octets, "", held), "push", "a@nz", "", NOW)
            facts = {"partner": "nz", "fingerprint": "F", "mic": "m", "outcome": "accepted", "mail": None}
            tx.put_message("recorded", entries[0], facts)
        outbox = SqliteOutbox(self.ledger)
        [delivery] = outbox.take_due(NOW, room(1))
        settle(outbox, delivery, Attempt(outcome=Attempted.SENT, reply=""), DeliveryState.DELIVERED, None, NOW)
        self.spool.add([(name, envelope(), OCTETS) for name in ("recorded", "repeated", "strange")])
        self.spool.claim(NOW, 10)
        self.spool.finish([SpoolEnd(id="recorded"), SpoolEnd(id="repeated"), SpoolEnd(id="strange", reason="x")], NOW)

    def faults(self) -> list[str]:
        return list(octets_audit.faults(self.folder))

    def close(self) -> None:
        self.ledger.close()
        self.spool.close()


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    made = Stores(tmp_path)
    yield made
    made.close()


def all_removed(stores: Stores) -> None:
    ledger = stores.folder / "ledger.db"
    kinds: tuple[Retention, ...] = (
        SentRetention(stores.ledger.db),
        ReceivedRetention(stores.spool.db, What.ARCHIVED, ledger),
        ReceivedRetention(stores.spool.db, What.QUARANTINED, ledger),
    )
    for one in kinds:
        one.begin(LATER)
        one.step(NOW + timedelta(days=1), LATER)
        one.end(LATER)


def test_whole_stores_have_no_faults(stores: Stores) -> None:
    assert stores.faults() == []


def test_what_retention_removed_is_counted_and_no_fault(stores: Stores) -> None:
    all_removed(stores)
    assert stores.faults() == []
    assert space.removed(stores.folder) == {What.SENT: 1, What.ARCHIVED: 1, What.QUARANTINED: 1}
    runs = {one.what: (one.removed, one.octets, one.ended_at) for one in space.runs(stores.folder)}
    size = len(OCTETS)
    assert runs == {
        What.SENT: (1, size + len(certificate().octets), LATER),
        What.ARCHIVED: (1, size, LATER),
        What.QUARANTINED: (1, size, LATER),
    }


def test_both_files_tell_their_size_and_what_is_free(stores: Stores) -> None:
    with stores.ledger.db.writing() as cursor:
        cursor.execute("INSERT INTO told(what, at) VALUES (hex(zeroblob(50000)), '')")
    with stores.ledger.db.writing() as cursor:
        cursor.execute("DELETE FROM told")
    assert [(one.name, one.free > 100_000, one.gives_back) for one in space.files(stores.folder)] == [
        ("ledger.db", True, True), ("spool.db", False, True),
    ]  # fmt: skip


DAMAGE = {
    "another text": ("UPDATE mail_content SET octets=?", pack(b"other")),
    "no packed mail": ("UPDATE mail_content SET octets=?", b"other"),
    "nothing": ("DELETE FROM mail_content WHERE octets<>?", b""),
}


@pytest.mark.parametrize(("statement", "value"), DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_mail_is_named_and_never_sent(stores: Stores, statement: str, value: bytes) -> None:
    with stores.ledger.db.writing() as cursor:
        cursor.execute(statement, (value,))
        cursor.execute("UPDATE delivery SET state='due', next_at=created_at")
    [fault] = stores.faults()
    assert fault.startswith("mail 1: its stored octets are damaged")
    assert SqliteOutbox(stores.ledger).take_due(NOW, room(1)) == []
    reader = DeliveryReader(stores.folder / "ledger.db")
    shown = reader.show(1)
    reader.close()
    assert (shown.row.state, shown.octets) == ("failed", b"")
    assert shown.row.reply.startswith("its stored octets are damaged")


def test_octets_that_the_log_knows_otherwise_are_named(stores: Stores) -> None:
    with stores.spool.db.writing() as cursor:
        cursor.execute("UPDATE message SET packing=0, sha256=?", (sha256(b"forged").hexdigest(),))
        cursor.execute("UPDATE content SET octets=?", (b"forged",))
    assert stores.faults() == ["message recorded: the stored octets do not match the hash in the log"]


def test_a_damaged_message_goes_to_quarantine_and_holds_up_no_other(tmp_path: Path) -> None:
    told: list[str] = []
    spool = SqliteSpool(tmp_path / "spool.db", told.append)
    spool.add([(name, envelope(), OCTETS) for name in ("damaged", "good")])
    with spool.db.writing() as cursor:
        cursor.execute("UPDATE content SET octets=x'00' WHERE seq=1")
    assert [one.id for one in spool.claim(NOW, 10)] == ["good"]
    assert told == ["damaged"]
    reader = SpoolReader(tmp_path / "spool.db")
    assert (reader.row("damaged").state, reader.row("damaged").reason) == ("quarantined", "no-verdict")
    reader.close()
    spool.close()
