"""Ledgers of every earlier version go on under this one; one of a newer version is refused, with the way out."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ecertmail.clock import now
from ecertmail.core.record import canonical
from ecertmail.errors import StoreError
from ecertmail.store import database
from ecertmail.store.audit import faults
from ecertmail.store.ledger import SqliteLedger
from ecertmail.store.reader import LedgerReader
from ecertmail.store.spool import SpoolReader, SqliteSpool
from tests.backups import backup, restore
from tests.builders import batch_mail, certificates_xml
from tests.installation import Installation, Sink, until
from tests.old_ledgers import NUMBERS, OldLedger, all_ledgers

LEDGERS = all_ledgers()
LANDED = [ledger for ledger in LEDGERS if ledger.file.name[:2] in {"01", "05", "12", "13"}]
"""The very first, and those after which new users could have come."""


def name(ledger: OldLedger) -> str:
    return ledger.file.name.partition(".")[0]


def schema(file: Path) -> set[str]:
    with closing(database.open_reader(file)) as db:
        return {" ".join(sql.split()) for (sql,) in db.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")}


def objects(file: Path) -> set[str]:
    with closing(database.open_reader(file)) as db:
        return {row[0] for row in db.execute("SELECT type || ' ' || name FROM sqlite_master WHERE sql IS NOT NULL")}


@pytest.mark.parametrize("ledger", LEDGERS, ids=name)
def test_the_log_of_an_earlier_ledger_is_unchanged_and_whole(ledger: OldLedger, tmp_path: Path) -> None:
    noted = ledger.unpack(tmp_path)
    SqliteLedger(tmp_path / "ledger.db").close()
    reader = LedgerReader(tmp_path / "ledger.db")
    assert (reader.size(), reader.root(reader.size()).hex()) == noted
    assert list(faults(reader)) == []
    assert [len(reader.lookup(number)) for number in NUMBERS] == [1, 1, 1]
    reader.close()


@pytest.mark.parametrize("ledger", LEDGERS, ids=name)
def test_an_earlier_spool_gives_back_what_was_claimed_and_keeps_the_rest(ledger: OldLedger, tmp_path: Path) -> None:
    ledger.unpack(tmp_path)
    spool = SqliteSpool(tmp_path / "spool.db")
    assert spool.recover(now()) == 1
    reader = SpoolReader(tmp_path / "spool.db")
    assert reader.counts() == {"spooled": 1, "archived": len(NUMBERS) - 1, "quarantined": 1}
    ids = [row.id for row in reader.list(["archived", "quarantined", "spooled"], 10)]
    assert all(reader.get(spool_id)[1].count(b"From: ") for spool_id in ids)
    reader.close()
    spool.close()


@pytest.mark.parametrize("ledger", LEDGERS, ids=name)
def test_after_the_upgrade_it_has_every_table_index_and_trigger_of_a_new_one(ledger: OldLedger, tmp_path: Path) -> None:
    ledger.unpack(tmp_path / "old")
    for folder in (tmp_path / "old", tmp_path / "new"):
        folder.mkdir(exist_ok=True)
        SqliteLedger(folder / "ledger.db").close()
        SqliteSpool(folder / "spool.db").close()
    for file in ("ledger.db", "spool.db"):
        assert objects(tmp_path / "new" / file) <= objects(tmp_path / "old" / file)


@pytest.mark.parametrize("ledger", LEDGERS, ids=name)
def test_the_upgraded_log_is_append_only(ledger: OldLedger, tmp_path: Path) -> None:
    ledger.unpack(tmp_path)
    opened = SqliteLedger(tmp_path / "ledger.db")
    with opened.transaction() as tx:
        assert tx.append([("test", canonical({"kind": "test"}))]).start == tx.next_index() - 1
    for statement in (
        "DELETE FROM entry",
        "UPDATE entry SET kind='x'",
        "INSERT OR REPLACE INTO entry SELECT * FROM entry",
    ):
        with pytest.raises(StoreError, match="append-only"), opened.db.writing() as cursor:
            cursor.execute(statement)
    opened.close()


@pytest.mark.parametrize("ledger", LANDED, ids=name)
def test_the_daemon_goes_on_with_an_earlier_ledger_and_spool(
    china: Installation, sink: Sink, ledger: OldLedger
) -> None:
    size, root = ledger.unpack(china.folder / "spool")
    china.start()
    china.send(batch_mail(certificates_xml("NZ/new")))
    sink.wait_for(len(NUMBERS) + 1)  # the receipts that waited, and the new one
    until(lambda: china.spooled("spooled", "claimed") == [])
    verified = china.cli("ledger", "verify", "--size", str(size), "--root", root)
    assert verified.exit_code == 0, verified.output
    assert [len(china.ledger().lookup(number)[0].versions) for number in NUMBERS] == [1, 1, 1]
    assert china.cli("status").exit_code == 0


@pytest.mark.parametrize("ledger", LEDGERS[-1:], ids=name)
def test_a_ledger_that_is_not_upgraded_yet_is_backed_up_and_restored(
    china: Installation, sink: Sink, tmp_path: Path, ledger: OldLedger
) -> None:
    ledger.unpack(china.folder / "spool")
    before = schema(china.folder / "spool/ledger.db")
    made = backup(china, tmp_path / "backups")
    (china.folder / "spool").rename(china.folder / "upgraded")
    china.file.rename(china.folder / "ecertmail.toml.old")
    assert restore(made).exit_code == 0
    assert schema(china.folder / "spool/ledger.db") == before


@pytest.mark.parametrize("file", ["ledger.db", "spool.db"])
def test_a_downgrade_ends_at_once_and_says_which_backup_to_restore(
    china: Installation, tmp_path: Path, file: str
) -> None:
    china.start()
    china.stop()
    made = backup(china, tmp_path / "before")
    with closing(sqlite3.connect(china.folder / "spool" / file)) as db, db:
        row = (f"ecertmail.{file.removesuffix('.db')}", "m999_new", "2026-12-01 08:15:00.123456+00:00")
        db.execute("INSERT INTO _sqlite_migrations(migration_set, name, applied_at) VALUES (?,?,?)", row)
    after = backup(china, tmp_path / "after")
    served = china.cli("serve")
    assert served.exit_code == 6
    assert "restore the last backup made before 2026-12-01 08:15 UTC" in served.output
    assert "ecertmail restore" in served.output
    china.folder.rename(tmp_path / "newer")
    refused = restore(after)
    assert (refused.exit_code, "newer ecertmail" in refused.output) == (6, True)
    assert not china.folder.exists()
    assert restore(made).exit_code == 0
    china.start()
