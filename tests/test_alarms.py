"""`ecertmail alarm`: listed, closed once, and raised again by what goes on."""

import json
from datetime import UTC, datetime

from ecertmail.store.ledger import SqliteLedger
from tests.installation import Installation

WHAT = "misses:li-wei"


def raise_alarm(installation: Installation) -> bool:
    ledger = SqliteLedger(installation.folder / "spool/ledger.db")
    with ledger.transaction() as tx:
        new = tx.raise_alarm(WHAT, "asked for five unknown numbers", datetime.now(UTC))
    ledger.close()
    return new


def test_an_alarm_is_listed_until_it_is_closed(china: Installation) -> None:
    assert raise_alarm(china)
    [alarm] = json.loads(china.cli("alarm", "list", "--json").stdout)
    assert (alarm["what"], alarm["text"]) == (WHAT, "asked for five unknown numbers")
    assert "five unknown numbers" in china.cli("alarm", "list").output
    assert china.cli("alarm", "close", WHAT).exit_code == 0
    assert json.loads(china.cli("alarm", "list", "--json").stdout) == []


def test_what_is_not_open_cannot_be_closed_and_what_goes_on_is_raised_again(china: Installation) -> None:
    missing = china.cli("alarm", "close", WHAT)
    assert (missing.exit_code, "see `ecertmail alarm list`" in missing.output) == (4, True)
    assert raise_alarm(china)
    assert china.cli("alarm", "close", WHAT).exit_code == 0
    assert raise_alarm(china)


def test_the_daemon_closes_it_when_one_runs(china: Installation) -> None:
    raise_alarm(china)
    china.start()
    assert china.cli("alarm", "close", WHAT).exit_code == 0
    assert json.loads(china.cli("alarm", "list", "--json").stdout) == []
