"""Files that an older ecertmail made, whose mails are stored as they are: no row is rewritten, all is readable."""

import time
from pathlib import Path

import pytest
from sqlite_utils import Database

from ecertmail.store import ledger_schema, octets_audit, space
from ecertmail.store import spool as spool_store
from ecertmail.store.database import iso
from ecertmail.store.deliveries import DeliveryReader
from ecertmail.store.ledger import SqliteLedger
from ecertmail.store.outbox import SqliteOutbox
from ecertmail.store.spool import SpoolReader, SqliteSpool
from tests.builders import NOW, room

OCTETS = b"From: a@cn.example\r\n\r\nwords\r\n"
STAGED = (
    "INSERT INTO delivery(mail,kind,recipient,reverse_path,state,attempts,created_at,next_at,reply)"
    " VALUES (1,'push','a@nz.example','','due',0,?,?,'')"
)
RECEIVED = (
    "INSERT INTO message(id,state,claims,received_at,reverse_path,recipients,source,peer,size,reason,detail,changed_at)"
    " VALUES ('m1','spooled',0,?,'','','smtp','',?,'','',?)"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    ledger = Database(str(tmp_path / "ledger.db"))
    ledger_schema.migrations.apply(ledger, stop_before="m009_retention")
    ledger.execute("INSERT INTO mail(message_id, octets) VALUES ('<1@cn>', ?)", [OCTETS])
    ledger.execute(STAGED, [iso(NOW)] * 2)
    ledger.conn.commit()
    ledger.close()
    spool = Database(str(tmp_path / "spool.db"))
    spool_store.migrations.apply(spool, stop_before="m004_retention")
    spool.execute(RECEIVED, [iso(NOW), len(OCTETS), iso(NOW)])
    spool.execute("INSERT INTO content VALUES (1, ?)", [OCTETS])
    spool.conn.commit()
    spool.close()
    return tmp_path


def readable(folder: Path) -> None:
    deliveries, spool = DeliveryReader(folder / "ledger.db"), SpoolReader(folder / "spool.db")
    assert deliveries.show(1).octets == OCTETS
    assert spool.get("m1")[1] == OCTETS
    deliveries.close()
    spool.close()
    assert list(octets_audit.faults(folder)) == []
    assert set(space.removed(folder).values()) == {0}
    assert space.runs(folder) == []


def test_it_is_read_before_and_after_the_service_has_run(folder: Path) -> None:
    readable(folder)
    SqliteLedger(folder / "ledger.db").close()
    SqliteSpool(folder / "spool.db").close()
    readable(folder)
    assert [one.gives_back for one in space.files(folder)] == [False, False]


def test_what_waits_goes_out_and_is_decided_with_the_same_octets(folder: Path) -> None:
    ledger, spool = SqliteLedger(folder / "ledger.db"), SqliteSpool(folder / "spool.db")
    assert [one.octets for one in SqliteOutbox(ledger).take_due(NOW, room(10))] == [OCTETS]
    assert [one.octets for one in spool.claim(NOW, 10)] == [OCTETS]
    ledger.close()
    spool.close()


def test_the_migration_rewrites_no_mail(folder: Path) -> None:
    """20,000 mails of 10 kB are 200 MB; columns and empty tables are added in a moment."""
    old = Database(str(folder / "ledger.db"))
    rows = ((f"<{number}@cn>", bytes(10_000)) for number in range(20_000, 40_000))
    old.conn.executemany("INSERT INTO mail(message_id, octets) VALUES (?,?)", rows)
    old.conn.commit()
    old.close()
    start = time.process_time()
    SqliteLedger(folder / "ledger.db").close()
    assert time.process_time() - start < 1
