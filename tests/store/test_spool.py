"""The spool on a real file: what is accepted survives, is taken once, and gets out only by a decision."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ecertmail.errors import NotFoundError, StoreBusyError, StoreError
from ecertmail.message import SpoolEnd
from ecertmail.store.spool import SpoolReader, SqliteSpool
from ecertmail.store.spool_rows import MAX_OCTETS
from tests.builders import envelope

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
OCTETS = b"From: a@b.example\r\n\r\n\x00\xff\n\r"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool.db"


@pytest.fixture
def spool(path: Path) -> Iterator[SqliteSpool]:
    made = SqliteSpool(path)
    yield made
    made.close()


@pytest.fixture
def reader(spool: SqliteSpool, path: Path) -> Iterator[SpoolReader]:
    made = SpoolReader(path)
    yield made
    made.close()


def add(spool: SqliteSpool, *ids: str) -> None:
    spool.add([(spool_id, envelope(), OCTETS + spool_id.encode()) for spool_id in ids])


def claim(spool: SqliteSpool, limit: int = 100) -> list[str]:
    return [spooled.id for spooled in spool.claim(NOW, limit)]


def archive(spool: SqliteSpool, *ids: str) -> None:
    spool.finish([SpoolEnd(id=spool_id) for spool_id in ids], NOW)


def quarantine(spool: SqliteSpool, spool_id: str) -> None:
    spool.finish([SpoolEnd(id=spool_id, reason="not-signed", detail="why")], NOW)


# In and out


def test_a_message_comes_out_as_it_went_in(spool: SqliteSpool) -> None:
    sent = replace(envelope(), recipients=("a@cn.example", "b@cn.example"), received_at=NOW)
    spool.add([("m1", sent, OCTETS)])
    [spooled] = spool.claim(NOW, 10)
    assert (spooled.id, spooled.envelope, spooled.octets, spooled.claims) == ("m1", sent, OCTETS, 1)


@pytest.mark.parametrize("recipients", [(), ("a@cn.example",)], ids=["none", "one"])
def test_an_envelope_keeps_its_recipients(spool: SqliteSpool, recipients: tuple[str, ...]) -> None:
    spool.add([("m1", replace(envelope(), recipients=recipients, reverse_path=""), b"")])
    [spooled] = spool.claim(NOW, 10)
    assert (spooled.envelope.recipients, spooled.envelope.reverse_path) == (recipients, "")


def test_the_oldest_are_taken_first_and_no_more_than_asked_for(spool: SqliteSpool) -> None:
    add(spool, "m3", "m1", "m2")
    assert claim(spool, 2) == ["m3", "m1"]


def test_messages_that_arrive_together_are_stored_all_or_none(spool: SqliteSpool, reader: SpoolReader) -> None:
    add(spool, "m1")
    with pytest.raises(StoreError):
        add(spool, "m2", "m1", "m3")
    assert reader.counts() == {"spooled": 1}


def test_what_was_added_is_there_after_the_process_was_killed(path: Path) -> None:
    """The child commits and dies without closing anything."""
    child = (
        "import os, sys; from pathlib import Path; from ecertmail.store.spool import SqliteSpool;"
        "from tests.builders import envelope; spool = SqliteSpool(Path(sys.argv[1]));"
        "spool.add([('m1', envelope(), b'octets')]); spool.claim(envelope().received_at, 1);"
        "spool.add([('m2', envelope(), b'octets')]); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", child, str(path)], check=False).returncode == -9
    spool = SqliteSpool(path)
    assert spool.recover(NOW) == 1
    assert claim(spool) == ["m1"]
    archive(spool, "m1")
    assert claim(spool) == ["m2"]
    spool.close()


def test_the_file_is_closed_to_others(spool: SqliteSpool, path: Path) -> None:
    assert path.stat().st_mode & 0o777 == 0o600


# Claims


def test_what_is_archived_is_not_taken_again_and_stays_readable(spool: SqliteSpool, reader: SpoolReader) -> None:
    add(spool, "m1", "m2")
    claim(spool)
    archive(spool, "m1", "m2")
    assert claim(spool) == []
    row, octets = reader.get("m1")
    assert (row.state, octets) == ("archived", OCTETS + b"m1")


def test_giving_back_without_blame_does_not_count(spool: SqliteSpool, reader: SpoolReader) -> None:
    add(spool, "m1", "m2")
    for _ in range(10):
        assert claim(spool) == ["m1", "m2"]
        spool.unclaim(["m1", "m2"])
    assert reader.counts() == {"spooled": 2}


def test_three_claims_without_a_verdict_set_a_message_aside_and_the_next_is_taken(
    spool: SqliteSpool, reader: SpoolReader
) -> None:
    add(spool, "poison")
    for _ in range(3):
        assert claim(spool) == ["poison"]
        spool.retry(["poison"])
    add(spool, "good")
    assert claim(spool) == ["good"]
    row, octets = reader.get("poison")
    assert (row.state, row.reason, octets) == ("quarantined", "no-verdict", OCTETS + b"poison")


def test_a_message_that_was_claimed_before_goes_alone(spool: SqliteSpool) -> None:
    """If it kills the process again, it costs no other message a claim."""
    add(spool, "m1", "m2", "m3")
    claim(spool, 2)
    spool.retry(["m1", "m2"])
    taken = []
    while ids := claim(spool):
        taken.append(ids)
        archive(spool, *ids)
    assert taken == [["m1"], ["m2"], ["m3"]]


def test_a_message_that_kills_the_process_costs_the_others_one_claim_at_most(path: Path) -> None:
    """Each round is a process that claims and dies; the message in the middle is the one that kills."""
    spool = SqliteSpool(path)
    add(spool, *[f"m{number}" for number in range(9)])
    for _ in range(40):
        ids = claim(spool)
        if "m4" in ids:
            spool.close()
            spool = SqliteSpool(path)
            spool.recover(NOW)
        else:
            archive(spool, *ids)
    spool.close()
    reader = SpoolReader(path)
    assert reader.counts() == {"archived": 8, "quarantined": 1}
    assert reader.get("m4")[0].reason == "no-verdict"
    reader.close()


def test_what_a_dead_process_had_in_hand_is_taken_again_and_its_claim_counts(spool: SqliteSpool) -> None:
    add(spool, "m1")
    claim(spool)
    assert spool.recover(NOW) == 1
    [spooled] = spool.claim(NOW, 10)
    assert spooled.claims == 2


# Quarantine


def test_a_quarantined_message_keeps_octets_and_reason(spool: SqliteSpool, reader: SpoolReader) -> None:
    add(spool, "m1")
    claim(spool)
    quarantine(spool, "m1")
    row, octets = reader.get("m1")
    assert (row.state, row.reason, row.detail, row.size) == ("quarantined", "not-signed", "why", len(octets))
    assert claim(spool) == []


def test_a_released_message_is_new_again(spool: SqliteSpool) -> None:
    add(spool, "m1")
    claim(spool)
    quarantine(spool, "m1")
    spool.release("m1", NOW)
    [spooled] = spool.claim(NOW, 10)
    assert (spooled.id, spooled.claims) == ("m1", 1)


def test_a_dropped_message_is_gone(spool: SqliteSpool, reader: SpoolReader) -> None:
    add(spool, "m1")
    quarantine(spool, "m1")
    spool.drop("m1")
    assert reader.counts() == {}
    with pytest.raises(NotFoundError, match="m1"):
        reader.get("m1")


@pytest.mark.parametrize("state", ["spooled", "claimed", "archived", "nowhere"])
def test_only_what_is_quarantined_can_be_released_or_dropped(
    spool: SqliteSpool, reader: SpoolReader, state: str
) -> None:
    if state != "nowhere":
        add(spool, "m1")
    if state in {"claimed", "archived"}:
        claim(spool)
    if state == "archived":
        archive(spool, "m1")
    before = reader.counts()
    with pytest.raises(NotFoundError, match="m1"):
        spool.release("m1", NOW)
    with pytest.raises(NotFoundError, match="m1"):
        spool.drop("m1")
    assert reader.counts() == before


# Looking at it


def test_a_reader_sees_what_is_committed_while_the_writer_writes(spool: SqliteSpool, reader: SpoolReader) -> None:
    add(spool, "m1")
    assert reader.counts() == {"spooled": 1}
    add(spool, "m2")
    claim(spool, 1)
    assert reader.counts() == {"spooled": 1, "claimed": 1}


def test_a_list_is_newest_first_and_of_the_states_asked_for(spool: SqliteSpool, reader: SpoolReader) -> None:
    add(spool, "m1", "m2", "m3", "m4")
    archive(spool, "m2")
    assert [row.id for row in reader.list(["spooled"], 2)] == ["m4", "m3"]
    assert [row.id for row in reader.list(["archived", "spooled"], 10)] == ["m4", "m3", "m2", "m1"]
    assert reader.list([], 10) == []


def test_times_keep_their_zone(spool: SqliteSpool, reader: SpoolReader) -> None:
    received = NOW + timedelta(milliseconds=123)
    spool.add([("m1", replace(envelope(), received_at=received), b"")])
    assert reader.get("m1")[0].envelope.received_at == received


# Trouble with the disk


def test_a_locked_database_says_try_again_and_works_afterwards(spool: SqliteSpool, path: Path) -> None:
    """It waits five seconds first."""
    add(spool, "m1")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreBusyError, match=r"spool\.db.*locked"):
        add(spool, "m2")
    other.execute("ROLLBACK")
    other.close()
    add(spool, "m2")
    assert claim(spool) == ["m1", "m2"]


def test_a_full_disk_says_try_again_keeps_what_was_there_and_works_afterwards(small_disk: Path) -> None:
    spool = SqliteSpool(small_disk / "spool.db")
    stored: list[str] = []

    def fill() -> None:
        for number in range(100):
            spool.add([(f"m{number}", envelope(), bytes(20_000))])
            stored.append(f"m{number}")

    with pytest.raises(StoreBusyError, match=r"spool\.db.*full"):
        fill()
    assert 0 < len(stored) < 25
    reader = SpoolReader(small_disk / "spool.db")
    assert [row.id for row in reversed(reader.list(["spooled"], 100))] == stored
    reader.close()
    subprocess.run(["mount", "-o", "remount,size=4m", str(small_disk)], check=True)
    add(spool, "after")
    assert claim(spool) == [*stored, "after"]
    spool.close()


def test_a_read_only_disk_says_try_again(small_disk: Path) -> None:
    path = small_disk / "spool.db"
    spool = SqliteSpool(path)
    add(spool, "m1")
    spool.close()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(StoreBusyError, match=r"spool\.db"):
        SqliteSpool(path)


def test_no_more_octets_are_taken_at_once_than_fit_into_memory(spool: SqliteSpool) -> None:
    big = b"x" * (MAX_OCTETS // 2)
    spool.add([(name, envelope(), big) for name in ("m1", "m2", "m3")])
    assert claim(spool, 10) == ["m1", "m2"]


def test_a_change_of_state_does_not_write_the_octets_again(tmp_path: Path) -> None:
    spool = SqliteSpool(tmp_path / "spool.db")
    spool.add([("m1", envelope(), bytes(10_000_000))])
    before = (tmp_path / "spool.db-wal").stat().st_size
    spool.claim(NOW, 1)
    spool.finish([SpoolEnd(id="m1")], NOW)
    assert (tmp_path / "spool.db-wal").stat().st_size - before < 1_000_000
    spool.close()
