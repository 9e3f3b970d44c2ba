"""`[retention]` in a running node: what an operator sets, what is removed, what commands say of it, and kill -9."""

import json
import signal
from datetime import UTC, datetime, timedelta

import pytest

from ecertmail.delivery import Attempt, Attempted, DeliveryState
from ecertmail.message import SpoolEnd
from ecertmail.store import octets_audit, space
from ecertmail.store.ledger import SqliteLedger
from ecertmail.store.outbox import SqliteOutbox
from ecertmail.store.retention import What
from ecertmail.store.spool import SqliteSpool
from tests.builders import NZ_ADDRESS, batch_mail, certificates_xml, envelope, room, settle
from tests.installation import Installation, Sink, until

LONG_AGO = datetime.now(UTC).replace(microsecond=0) - timedelta(days=400)
OCTETS = b"Subject: pushed\r\n\r\n" + b"words " * 100
REFUSED = Attempt(outcome=Attempted.REFUSED, reply="550 no such user")


def fill(installation: Installation, mails: int) -> None:
    """Write what a daemon would have written long ago: mails that failed, and messages that recorded nothing."""
    ledger = SqliteLedger(installation.folder / "spool/ledger.db")
    with ledger.transaction() as tx:
        for number in range(mails):
            tx.stage(tx.put_mail(f"<{number}@cn>", OCTETS), "push", NZ_ADDRESS, "", LONG_AGO)
    outbox = SqliteOutbox(ledger)
    for delivery in outbox.take_due(LONG_AGO, room(mails, of_each=mails)):
        settle(outbox, delivery, REFUSED, DeliveryState.FAILED, None, LONG_AGO)
    ledger.close()
    spool = SqliteSpool(installation.folder / "spool/spool.db")
    spool.add([("repeated", envelope(), OCTETS), ("strange", envelope(), OCTETS)])
    spool.claim(LONG_AGO, 10)
    spool.finish([SpoolEnd(id="repeated"), SpoolEnd(id="strange", reason="not-signed")], LONG_AGO)
    spool.close()


def removed(installation: Installation) -> dict[What, int]:
    return space.removed(installation.folder / "spool")


@pytest.fixture
def filled(china: Installation) -> Installation:
    fill(china, 3)
    return china


def keep(installation: Installation, days: int) -> None:
    for key in ("sent_days", "archive_days", "quarantine_days"):
        installation.set(f"# {key} = 0", str(days))


def test_nothing_is_removed_until_the_operator_says_so(filled: Installation, sink: Sink) -> None:
    filled.start()
    filled.send(batch_mail(certificates_xml("NZ/1")))
    sink.wait_for(1)
    assert set(removed(filled).values()) == {0}
    assert "retention.done" not in filled.log


def test_commands_say_plainly_what_was_removed(filled: Installation, sink: Sink) -> None:
    keep(filled, 90)
    filled.start()
    until(lambda: filled.log.count("retention.done") == 3)
    assert removed(filled) == {What.SENT: 3, What.ARCHIVED: 1, What.QUARANTINED: 1}
    for command in (("spool", "export", "repeated"), ("spool", "release", "strange"), ("delivery", "retry", "1")):
        told = filled.cli(*command)
        assert (told.exit_code, "removed by retention on" in told.output) == (4, True), told.output
    for command in (("spool", "show", "repeated"), ("delivery", "show", "1")):
        told = filled.cli(*command)
        assert (told.exit_code, "removed by retention on" in told.output) == (0, True), told.output
    assert "removed by retention" in json.loads(filled.cli("delivery", "show", "1", "--json").stdout)["gone"]
    verified = filled.cli("ledger", "verify")
    assert (verified.exit_code, "3 sent, 1 archived, 1 quarantined" in verified.output) == (0, True), verified.output
    assert filled.cli("spool", "drop", "strange", "--yes").exit_code == 0


def test_what_recorded_something_stays_with_its_receipt(china: Installation, sink: Sink) -> None:
    keep(china, 1)
    china.start()
    mail = batch_mail(certificates_xml("NZ/1"))
    china.send(mail)
    [receipt] = sink.wait_for(1)
    china.send(mail)
    assert sink.wait_for(2) == [receipt, receipt]


def test_a_kill_in_the_middle_leaves_each_mail_whole_or_removed(china: Installation) -> None:
    fill(china, 900)
    keep(china, 90)
    china.start()
    until(lambda: removed(china)[What.SENT] >= 100)
    china.stop(signal.SIGKILL)
    assert 100 <= removed(china)[What.SENT] < 900
    assert list(octets_audit.faults(china.folder / "spool")) == []
    china.start()
    until(lambda: china.log.count("retention.done") == 3, 60)
    [sent] = [one for one in space.runs(china.folder / "spool") if one.what is What.SENT]
    assert (sent.removed, sent.octets, removed(china)[What.SENT]) == (900, 900 * len(OCTETS), 900)
    assert china.cli("ledger", "verify").exit_code == 0


def test_compacting_needs_the_daemon_to_stop(filled: Installation) -> None:
    filled.start()
    told = filled.cli("ledger", "compact")
    assert (told.exit_code, "another ecertmail is running" in told.output) == (75, True)
    filled.stop()
    for name in ("ledger", "spool"):
        told = filled.cli(name, "compact")
        assert (told.exit_code, f"{name}.db" in told.output) == (0, True), told.output


@pytest.mark.parametrize("days", ["-1", "1.5"])
def test_days_are_whole_numbers(china: Installation, days: str) -> None:
    china.set("# sent_days = 0", days)
    checked = china.cli("check-config")
    assert (checked.exit_code, "sent_days" in checked.output) == (78, True)
