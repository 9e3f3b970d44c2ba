"""Known peers: addresses that verified mail of partners came from, and no others."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from ecertmail.flow.peers import KnownPeers
from ecertmail.store import peers
from ecertmail.store.ledger import SqliteLedger
from tests.builders import NOW, envelope

DAY = timedelta(days=1)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    opened = SqliteLedger(tmp_path / "ledger.db")
    yield opened
    opened.close()


def came(ledger: SqliteLedger, known: KnownPeers, address: str, days: float = 0, source: str = "smtp") -> None:
    with ledger.transaction() as tx:
        known.came(tx, "nz", replace(envelope(), peer=address, source=source), NOW + days * DAY)


def test_a_peer_is_known_from_its_first_verified_mail_on_and_after_a_restart(ledger: SqliteLedger) -> None:
    known = KnownPeers()
    assert "192.0.2.1" not in known
    came(ledger, known, "192.0.2.1")
    assert "192.0.2.1" in known
    assert "192.0.2.1" in KnownPeers(peers.read(ledger.db))


def test_a_network_of_version_6_is_one_peer(ledger: SqliteLedger) -> None:
    known = KnownPeers()
    came(ledger, known, "2001:db8:1:2::25")
    assert list(peers.read(ledger.db)) == ["2001:db8:1:2::/64"]


def test_mail_out_of_a_mailbox_tells_no_address(ledger: SqliteLedger) -> None:
    came(ledger, KnownPeers(), "192.0.2.1", source="imap")
    came(ledger, KnownPeers(), "")
    assert peers.read(ledger.db) == {}


@pytest.mark.parametrize(("days", "written"), [(0.5, 0), (1, 1), (-2, -2)])
def test_a_peer_is_written_down_once_a_day(ledger: SqliteLedger, days: float, written: float) -> None:
    known = KnownPeers()
    came(ledger, known, "192.0.2.1")
    came(ledger, known, "192.0.2.1", days)
    assert peers.read(ledger.db) == {"192.0.2.1": NOW + written * DAY}


def test_only_the_newest_addresses_of_a_partner_are_remembered(ledger: SqliteLedger) -> None:
    known = KnownPeers()
    for number in range(peers.MOST + 2):
        came(ledger, known, f"192.0.2.{number}", number / 10)
    left = peers.read(ledger.db)
    assert len(left) == peers.MOST
    assert {"192.0.2.0", "192.0.2.1"}.isdisjoint(left)
