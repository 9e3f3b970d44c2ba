"""`ecertmail delivery` with and without the daemon, and alarms in `ecertmail status`."""

import json
from datetime import UTC, datetime, timedelta

import click
import pytest

from ecertmail.cli import main
from ecertmail.store.ledger import SqliteLedger
from tests.builders import NZ_ADDRESS
from tests.flow.test_reconcile import MIC, OCTETS, PUSH_ID, answer, dsn
from tests.installation import Installation, Sink, until

LONG_AGO = datetime.now(UTC) - timedelta(days=3)


def push(installation: Installation) -> None:
    """Stage what the publisher would."""
    ledger = SqliteLedger(installation.folder / "spool/ledger.db")
    with ledger.transaction() as tx:
        tx.stage(tx.put_mail(PUSH_ID, OCTETS, MIC), "push", NZ_ADDRESS, "", LONG_AGO, expects=True)
    ledger.close()


def shown(installation: Installation, number: int = 1) -> dict[str, object]:
    row: dict[str, object] = json.loads(installation.cli("delivery", "show", str(number), "--json").stdout)["delivery"]
    return row


def test_a_delivery_is_listed_cancelled_and_not_found_without_the_daemon(china: Installation) -> None:
    push(china)
    [listed] = json.loads(china.cli("delivery", "list", "--json").stdout)
    assert (listed["id"], listed["state"], listed["recipient"], listed["expects"]) == (1, "due", NZ_ADDRESS, True)
    assert "Certificates" in china.cli("delivery", "show", "1").output
    assert china.cli("delivery", "list", "--to", "nobody", "--all", "--json").stdout == "[]\n"
    retried = china.cli("delivery", "retry", "1")
    assert (retried.exit_code, "only bounced, deferred, expired, failed can be retried" in retried.output) == (1, True)
    assert json.loads(china.cli("delivery", "cancel", "1", "--json").stdout) == {"id": 1, "done": "is cancelled"}
    assert json.loads(china.cli("delivery", "list", "--json").stdout) == []
    assert [row["state"] for row in json.loads(china.cli("delivery", "list", "--all", "--json").stdout)] == [
        "cancelled"
    ]
    for command in ("show", "retry", "cancel", "close"):
        assert china.cli("delivery", command, "99").exit_code == 4
    assert china.cli("delivery", "show", "x").exit_code == 2


def test_a_list_says_when_it_was_cut_and_all_is_everything(china: Installation) -> None:
    ledger = SqliteLedger(china.folder / "spool/ledger.db")
    with ledger.transaction() as tx:
        for number in range(60):
            tx.stage(tx.put_mail(f"<{number}@x>", OCTETS, MIC), "push", NZ_ADDRESS, "", LONG_AGO)
    ledger.close()
    for options, count, cut in (((), 50, True), (("-n", "60"), 60, False), (("--all",), 60, False)):
        listed = china.cli("delivery", "list", "--json", *options)
        assert (len(json.loads(listed.stdout)), "newest 50" in listed.stderr) == (count, cut), options
    assert "newest 2" in china.cli("delivery", "list", "--all", "-n", "2").stderr


def test_a_push_bounces_is_retried_and_acknowledged_while_the_daemon_runs(china: Installation, sink: Sink) -> None:
    push(china)
    china.start()
    sink.wait_for(1)
    until(lambda: shown(china)["state"] == "delivered")
    assert china.send(dsn(), sender="").startswith("250")
    until(lambda: shown(china)["state"] == "bounced")
    status = json.loads(china.cli("status", "--json").stdout)
    assert [alarm.split()[0] for alarm in status["alarms"]] == ["delivery:1"]
    assert "bounced: 5.1.1" in china.cli("status").output
    assert china.cli("delivery", "cancel", "1").exit_code == 1
    assert china.cli("delivery", "retry", "1").exit_code == 0
    first, second = sink.wait_for(2)
    assert first == second
    until(lambda: shown(china)["state"] == "delivered")
    china.send(answer())
    until(lambda: shown(china)["state"] == "acknowledged")
    assert json.loads(china.cli("status", "--json").stdout)["alarms"] == []
    for event in ("delivery.bounced", "alarm.raised", "mail.report", "delivery.due", "alarm.cleared", "mail.receipt"):
        assert event in china.log
    tries = json.loads(china.cli("delivery", "show", "1", "--json").stdout)["tries"]
    assert [one["outcome"] for one in tries] == ["sent", "bounced", "sent", "answered"]


@pytest.mark.parametrize("hours", ["24.0", "12.0"])
def test_an_alarm_before_the_reminder_is_a_mistake_in_the_configuration(china: Installation, hours: str) -> None:
    china.set("# alarm_after_hours = 48.0", hours)
    checked = china.cli("check-config")
    assert checked.exit_code == 78
    assert "alarm_after_hours must be more than remind_after_hours" in checked.output


def test_the_group_explains_itself_with_examples() -> None:
    group = main.get_command(click.Context(main), "delivery")
    assert sorted(group.commands) == ["cancel", "close", "list", "retry", "show"]  # type: ignore[union-attr]
