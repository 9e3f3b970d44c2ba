"""A ledger that an older ecertmail made: it can be read before the service has run, and nothing is lost then."""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlite_utils import Database

from ecertmail.conversation import InquiryState
from ecertmail.official import OfficialState
from ecertmail.store import database, inquiries
from ecertmail.store.audit import faults
from ecertmail.store.ledger import SqliteLedger
from ecertmail.store.ledger_schema import migrations
from ecertmail.store.reader import LedgerReader


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "ledger.db"
    database = Database(str(made))
    migrations.apply(database, stop_before="m008_officials")
    database.execute("INSERT INTO certificate VALUES ('nz','NZ-1','70','','certificates','','NZ','CN','Lamb',0)")
    database.conn.commit()
    database.close()
    return made


def test_what_is_not_there_yet_is_empty(path: Path) -> None:
    reader = LedgerReader(path)
    assert (reader.officials(), reader.decided_by("li-wei"), reader.decisions("nz", "NZ-1")) == ([], (0, None), [])
    assert (reader.inquiries(*InquiryState), reader.conversation(1)) == ([], None)
    with closing(database.open_reader(path)) as db:
        assert inquiries.counted(db, datetime.now(UTC)).open == 0
    assert [found.decisions for found in reader.lookup("NZ-1")] == [()]
    assert not any("decision" in fault or "official" in fault for fault in faults(reader))
    reader.close()


def test_the_service_adds_what_is_missing(path: Path) -> None:
    ledger = SqliteLedger(path)
    with ledger.transaction() as tx:
        assert tx.officials.all(*OfficialState) == []
        assert [held.title for held in tx.look_ups.find("NZ-1")] == ["Lamb"]
    ledger.close()
