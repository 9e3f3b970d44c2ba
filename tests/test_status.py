"""`ecertmail status` and `ecertmail report`, as the operator reads them."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from ecertmail.backup import last
from ecertmail.backup.last import LastBackup
from ecertmail.cli import standing
from ecertmail.store.inquiries import Waiting
from ecertmail.store.overview import Overview
from tests.installation import Installation
from tests.scenery import REFUSED, Past

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def busy(china: Installation) -> Installation:
    """An installation whose daemon stopped three hours ago with work in hand."""
    past = Past(china.folder / "spool")
    past.spooled(NOW - 3 * HOUR, "waits")
    past.record(datetime(2026, 2, 3, 12, tzinfo=UTC), "nz", "NZ-1", "NZ-2")
    past.deliver(datetime(2026, 2, 3, 12, tzinfo=UTC), "ecert@mpi.example", 4, kind="receipt")
    past.deliver(NOW - 48 * HOUR, "gone@customs.example", 1, REFUSED)
    past.stage(NOW - 2 * HOUR, "post@customs.example")
    past.subscribe(NOW, "gone")
    past.subscribe(NOW, "broker", state="pending", reason="its domain belongs to no partner")
    past.subscribe(NOW, "post", schedule="0 6 * * *", time_zone="Asia/Shanghai")
    past.subscribe(NOW, "never", schedule="0 0 30 2 *")
    past.close()
    return china


def test_status_tells_scripts_what_waits_what_comes_and_who_has_problems(busy: Installation) -> None:
    shown = busy.cli("status", "--json")
    facts = json.loads(shown.stdout)
    assert (facts["daemon"], facts["spool"], facts["deliveries"]) == (
        "not running", {"spooled": 1}, {"delivered": 1, "due": 1, "failed": 1},
    )  # fmt: skip
    assert 0 <= facts["oldest_spooled_seconds"] - 3 * 3600 < 3600  # NOW is when the tests began
    assert 0 <= facts["oldest_delivery_seconds"] - 2 * 3600 < 3600
    assert [run["id"] for run in facts["next_runs"]] == ["post", "never"]
    assert facts["next_runs"][0]["at"].endswith("T06:00:00+08:00")
    assert facts["next_runs"][1]["at"] == "never"
    assert facts["problems"] == [
        {"id": "broker", "state": "pending", "reason": "its domain belongs to no partner", "deliveries": ""},
        {"id": "gone", "state": "", "reason": "", "deliveries": "1 failed in 30 days"},
    ]


def told(installation: Installation) -> list[str]:
    """The lines of `ecertmail status`, blanks squeezed."""
    lines = installation.cli("status").output.splitlines()
    return [" ".join(re.sub(r"h \d+ min", "h some min", line).split()) for line in lines]


def test_status_tells_people_the_same(busy: Installation) -> None:
    lines = told(busy)
    assert lines[0] == "2 errors, 1 warning; `ecertmail doctor` says what mends them"
    for line in (
        "oldest spooled 3 h some min",
        "oldest delivery 2 h some min",
        "subscriber trouble broker pending its domain belongs to no partner",
        "gone 1 failed in 30 days",
        "ledger size 3",
    ):
        assert line in lines


def test_status_of_a_node_without_work_says_so(daemon: Installation) -> None:
    lines = told(daemon)
    assert lines[0] == "good"
    for line in ("oldest spooled nothing waits", "next runs none", "subscriber trouble none", "delayed 0"):
        assert line in lines


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3600, "1 h 0 min"), (86399, "23 h 59 min"), (90000, "1 d 1 h")],
)
def test_an_age_is_told_in_its_largest_units(seconds: int, expected: str) -> None:
    assert standing.words("oldest_spooled_seconds", seconds) == expected


def test_a_long_list_is_cut_for_people() -> None:
    runs = [{"id": f"s{n}", "at": "never"} for n in range(7)]
    assert str(standing.words("next_runs", runs)).splitlines()[-1] == "and 2 more; see --json"


def test_a_clock_that_was_set_back_makes_no_negative_age() -> None:
    later = Overview(
        spool={}, oldest_message=NOW + HOUR, deliveries={}, oldest_delivery=None, certificates={}, ledger_size=0,
        subscriptions=(), trouble={}, alarms=0, officials={}, inquiries=Waiting(open=0, overdue=0),
    )  # fmt: skip
    assert standing.facts(later, NOW)["oldest_spooled_seconds"] == 0


def test_the_report_is_text_json_and_a_page(busy: Installation) -> None:
    text = busy.cli("report", "--month", "2026-02")
    assert text.exit_code == 0, text.output
    assert "2026-02-03  2" in text.output
    assert "receipt  1       1 delivered  4.0 s" in text.output
    sections = json.loads(busy.cli("report", "--month", "2026-02", "--json").stdout)
    assert sections[1] == {
        "title": "Certificates by authority", "head": ["AUTHORITY", "RECORDED"], "rows": [["MPI", "2"]],
        "plot": [["MPI", 2]], "over_time": False,
    }  # fmt: skip
    file = busy.folder / "report.html"
    assert busy.cli("report", "--month", "2026-02", "--html", str(file)).exit_code == 0
    html = file.read_text(encoding="utf-8")
    assert html.startswith("<!doctype html>")
    assert html.count("<svg") == 6


def test_a_report_that_cannot_be_made_overwrites_nothing(china: Installation) -> None:
    file = china.folder / "report.html"
    file.write_text("the last one")
    missing = china.cli("report", "--month", "2026-02", "--html", str(file))
    assert (missing.exit_code, file.read_text()) == (4, "the last one")
    assert china.cli("report", "--month", "2026-13").exit_code == 2


def test_status_shows_what_retention_keeps_and_how_large_the_databases_are(busy: Installation) -> None:
    assert json.loads(busy.cli("status", "--json").stdout)["retention"] == []
    busy.set("# sent_days = 0", "90")
    facts = json.loads(busy.cli("status", "--json").stdout)
    assert facts["retention"] == [{"what": "sent", "days": 90}]
    assert {file["name"] for file in facts["databases"]} == {"ledger.db", "spool.db"}
    assert "retention sent mails are kept 90 days" in told(busy)


def test_the_age_of_the_last_backup_is_shown_and_an_old_one_is_a_warning(busy: Installation) -> None:
    assert "last backup never" in told(busy)
    for age, warned in ((timedelta(hours=20), False), (timedelta(days=4), True)):
        last.write(busy.folder / "spool", LastBackup(made_at=NOW - age, path="/backup", octets=1))
        faults = json.loads(busy.cli("status", "--json").stdout)["faults"]
        assert ("backup" in {fault["code"] for fault in faults}) is warned
