"""The memory of mailboxes: one commit with the mail itself, and enough to do the right thing after any crash."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from ecertmail.core.mailbox import Health, LeftOut, Trouble
from ecertmail.message import Envelope, Origin, Place, SpoolEnd
from ecertmail.model import Outcome
from ecertmail.store.fetched import FetchedReader
from ecertmail.store.ledger import SqliteLedger
from ecertmail.store.outcomes import Outcomes
from ecertmail.store.spool import SpoolReader, SqliteSpool
from tests.builders import NOW, envelope

INBOX = Place(mailbox="main", folder="INBOX", validity=1)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[SqliteSpool]:
    made = SqliteSpool(tmp_path / "spool.db")
    yield made
    made.close()


def from_mailbox(uid: int, place: Place = INBOX) -> Envelope:
    return replace(envelope(), origin=Origin(place=place, uid=f"{uid:010d}"))


def stored(tmp_path: Path) -> list[str]:
    reader = SpoolReader(tmp_path / "spool.db")
    rows = reader.list(("spooled", "archived", "quarantined"), 100)
    reader.close()
    return [row.id for row in reversed(rows)]


def test_a_mail_and_where_it_came_from_are_remembered_together(spool: SqliteSpool, tmp_path: Path) -> None:
    assert spool.add([("m1", from_mailbox(1), b"one"), ("m2", envelope(), b"by SMTP")]) == {}
    assert stored(tmp_path) == ["m1", "m2"]
    assert spool.fetched.to_do(INBOX) == [("0000000001", "m1")]
    assert spool.fetched.unknown(INBOX, ["0000000001", "0000000002"]) == ["0000000002"]


def test_a_failed_commit_leaves_neither(spool: SqliteSpool, tmp_path: Path) -> None:
    spool.add([("m1", envelope(), b"one")])
    with pytest.raises(Exception, match="UNIQUE"):
        spool.add([("m2", from_mailbox(2), b"two"), ("m1", from_mailbox(1), b"one")])
    assert (stored(tmp_path), spool.fetched.to_do(INBOX)) == (["m1"], [])


def test_the_same_content_is_stored_once_also_within_one_commit(spool: SqliteSpool, tmp_path: Path) -> None:
    other = replace(INBOX, folder="Other")
    assert spool.add([("m1", from_mailbox(1), b"one"), ("m2", from_mailbox(1, other), b"one")]) == {"m2": "m1"}
    assert spool.add([("m3", from_mailbox(9), b"one")]) == {"m3": "m1"}
    assert stored(tmp_path) == ["m1"]
    assert spool.fetched.to_do(INBOX) == [("0000000001", "m1"), ("0000000009", "m1")]
    assert spool.fetched.to_do(other) == [("0000000001", "m1")]


def test_mail_by_smtp_is_stored_as_often_as_it_comes(spool: SqliteSpool, tmp_path: Path) -> None:
    spool.add([("m1", envelope(), b"one"), ("m2", envelope(), b"one")])
    assert stored(tmp_path) == ["m1", "m2"]


def test_what_is_done_is_not_to_do_and_still_known(spool: SqliteSpool) -> None:
    spool.add([("m1", from_mailbox(1), b"one")])
    spool.fetched.done(INBOX, ["0000000001"])
    assert spool.fetched.to_do(INBOX) == []
    assert spool.fetched.unknown(INBOX, ["0000000001"]) == []


def test_a_change_of_uidvalidity_is_seen_once_and_ends_what_was_to_do_under_the_old_one(spool: SqliteSpool) -> None:
    new = replace(INBOX, validity=2)
    assert spool.fetched.enter(INBOX) is False
    spool.add([("m1", from_mailbox(1), b"one")])
    assert spool.fetched.enter(INBOX) is False
    assert spool.fetched.enter(new) is True
    assert (spool.fetched.to_do(INBOX), spool.fetched.unknown(new, ["0000000001"])) == ([], ["0000000001"])
    spool.add([("m2", from_mailbox(1, new), b"one")])
    assert spool.fetched.enter(new) is False


def test_what_was_left_out_is_listed_by_reason_and_can_still_be_stored(spool: SqliteSpool) -> None:
    origin = Origin(place=INBOX, uid="0000000001")
    spool.fetched.leave_out(origin, LeftOut.UNREADABLE, NOW)
    assert spool.fetched.left_out(INBOX, LeftOut.UNREADABLE) == ["0000000001"]
    assert spool.fetched.left_out(INBOX, LeftOut.OVERSIZE) == []
    spool.add([("m1", from_mailbox(1), b"one")])
    assert spool.fetched.left_out(INBOX, LeftOut.UNREADABLE) == []


def test_health_and_counts_are_there_to_look_at(spool: SqliteSpool, tmp_path: Path) -> None:
    health = Health(polled_at=NOW, trouble=Trouble.LOGIN, error="no", failures=3, next_at=NOW + timedelta(hours=1))
    spool.fetched.told("main", health)
    spool.add([("m1", from_mailbox(1), b"one"), ("m2", from_mailbox(2), b"two")])
    spool.fetched.done(INBOX, ["0000000001"])
    spool.fetched.leave_out(Origin(place=INBOX, uid="0000000003"), LeftOut.OVERSIZE, NOW)
    reader = FetchedReader(tmp_path / "spool.db")
    summary = reader.summary("main")
    assert (summary.health, summary.fetched, summary.to_do, summary.left_out) == (health, 2, 1, 1)
    assert reader.summary("other").health == Health()
    reader.close()
    assert spool.fetched.health("main") == health


def test_outcomes_are_known_when_both_files_have_them(spool: SqliteSpool, tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.db")
    outcomes = Outcomes(tmp_path / "spool.db", tmp_path / "ledger.db")
    spool.add([(f"m{n}", envelope(), b"x") for n in range(4)])
    assert outcomes.of("m1") is None
    facts = {"partner": "nz", "fingerprint": "F", "mic": "M", "outcome": "refused", "mail": None}
    with ledger.transaction() as tx:
        tx.put_message("m1", tx.append([("message", b"{}")])[0], facts)
    assert outcomes.of("m1") is None, "the spool still has it in hand"
    spool.finish([SpoolEnd(id="m1"), SpoolEnd(id="m2"), SpoolEnd(id="m3", reason="not-signed")], NOW)
    assert [outcomes.of(f"m{n}") for n in (1, 2, 3)] == [Outcome.REFUSED, Outcome.REPEATED, Outcome.QUARANTINED]
    spool.drop("m3")
    assert outcomes.of("m3") is Outcome.QUARANTINED
    outcomes.close()
    ledger.close()
