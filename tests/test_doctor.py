"""`ecertmail status` and `ecertmail doctor`: whatever is wrong is told, and if they say "good", it is."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from ecertmail.backup import last
from ecertmail.backup.last import LastBackup
from ecertmail.core.mailbox import Health, Trouble
from tests.builders import NZ_ADDRESS, key_of, make_key
from tests.installation import Installation
from tests.scenery import REFUSED, Past
from tests.small_disk import small_disk_at
from tests.test_systemd import SERVICE

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)
Make = Callable[[Installation, Past], None]


def status(installation: Installation) -> dict[str, Any]:
    return dict(json.loads(installation.cli("status", "--json").stdout))


def faults(installation: Installation) -> list[dict[str, Any]]:
    return list(status(installation)["faults"])


def raised(what: str) -> Make:
    def make(node: Installation, past: Past) -> None:
        with past.ledger.transaction() as tx:
            tx.raise_alarm(what, "its text", NOW)

    return make


def with_mailbox(node: Installation) -> None:
    (node.folder / "mail").mkdir()
    node.file.write_text(node.file.read_text() + f'\n[[mailbox]]\nmaildir = "{node.folder}/mail"\n')


def unread_mailbox(node: Installation, past: Past) -> None:
    with_mailbox(node)
    past.spool.fetched.told("main", Health(trouble=Trouble.LOGIN, error="login refused", failures=3, next_at=NOW))


def delayed(node: Installation, past: Past) -> None:
    with past.ledger.transaction() as tx:
        mail = tx.put_mail("<later@cn.example>", b"mail")
        tx.stage(mail, "receipt", NZ_ADDRESS, "", datetime.now(UTC) + HOUR)


def quota(node: Installation, past: Past) -> None:
    node.set("# replies_per_hour = 500", "2")
    for minute in range(2):
        past.deliver(datetime.now(UTC) - minute * timedelta(minutes=1), NZ_ADDRESS, 1, kind="receipt")


def quarantined(reason: str) -> Make:
    def make(node: Installation, past: Past) -> None:
        past.spooled(datetime.now(UTC), "aside")
        with sqlite3.connect(node.folder / "spool/spool.db") as db:
            db.execute("UPDATE message SET state='quarantined', reason=?, reverse_path=?", (reason, NZ_ADDRESS))
        db.close()

    return make


def subscriber_gone(_: Installation, past: Past) -> None:
    past.subscribe(NOW, "gone")
    past.deliver(NOW - HOUR, "gone@customs.example", 1, REFUSED)


WRONG: dict[str, tuple[Make, str, str, str]] = {
    "a receipt that failed for good": (
        lambda _, past: past.deliver(NOW - HOUR, NZ_ADDRESS, 1, REFUSED, "receipt"), "receipt-failed", "error",
        "ecertmail delivery show 1"),
    "an alarm about a delivery": (raised("delivery:17"), "alarm", "error", "ecertmail delivery show 17"),
    "an alarm about the smarthost": (raised("smarthost"), "alarm", "error", "ecertmail check-config --online"),
    "an alarm about a mailbox": (raised("mailbox:main"), "alarm", "error", "ecertmail mailbox test main"),
    "an alarm about the clock": (raised("clock"), "alarm", "warning", "timedatectl set-ntp true"),
    "an alarm of a kind that is new": (raised("strange:1"), "alarm", "warning", "ecertmail alarm close strange:1"),
    "a mailbox that is not read": (unread_mailbox, "mailbox", "error", "ecertmail mailbox test main"),
    "a mail without a verdict": (
        lambda _, past: past.spooled(NOW - HOUR, "waits"), "spool-waits", "error", "journalctl -u ecertmail"),
    "a delivery that waits": (
        lambda _, past: past.stage(NOW - 5 * HOUR, NZ_ADDRESS), "delivery-waits", "error", "ecertmail delivery list"),
    "a delayed receipt": (delayed, "delayed", "warning", "replies_per_hour"),
    "a partner that got as many mails as it may": (quota, "quota", "warning", "replies_per_hour"),
    "a clock that went back": (
        lambda _, past: past.spooled(datetime.now(UTC) + HOUR, "ahead"), "clock-back", "error", "timedatectl"),
    "a partner's mail in quarantine": (
        quarantined("not-signed"), "quarantine-partner", "warning", "ecertmail spool show aside"),
    "a mail that could not be processed": (quarantined("no-verdict"), "no-verdict", "error", "ecertmail spool show"),
    "a subscriber that waits": (
        lambda _, past: past.subscribe(NOW, "broker", state="pending"), "subscriber", "notice",
        "ecertmail subscriber approve broker"),
    "a subscriber whose mails come back": (
        subscriber_gone,
        "subscriber", "warning", "ecertmail delivery list --to gone@customs.example"),
}  # fmt: skip


@pytest.mark.parametrize(("make", "code", "severity", "remedy"), WRONG.values(), ids=WRONG.keys())
def test_status_names_each_trouble_and_what_mends_it(
    china: Installation, make: Make, code: str, severity: str, remedy: str
) -> None:
    past = Past(china.folder / "spool")
    make(china, past)
    past.close()
    seen = status(china)
    [fault] = [fault for fault in seen["faults"] if fault["code"] == code]
    assert (seen["good"], fault["severity"]) == (False, severity)
    assert remedy in fault["remedy"]
    assert fault["text"] in china.cli("status").output


def test_good_means_that_nothing_is_wrong(daemon: Installation) -> None:
    last.write(daemon.folder / "spool", LastBackup(made_at=NOW, path="/backup", octets=1))
    assert (status(daemon)["good"], status(daemon)["faults"]) == (True, [])
    assert daemon.cli("status").output.startswith("good\n")
    daemon.stop()
    assert daemon.cli("status").output.startswith("1 error; ")
    [fault] = faults(daemon)
    assert (fault["code"], "systemctl start ecertmail" in fault["remedy"]) == ("daemon", True)


def test_a_key_that_was_followed_by_another_is_no_error(china: Installation, tmp_path: Path) -> None:
    new = make_key(NZ_ADDRESS)
    (tmp_path / "new.asc").write_text(str(new.tsk.extract_certificate()))
    china.cli("partner", "keys", "end", "nz", key_of(NZ_ADDRESS).fingerprint, "2026-01-31")
    [ended] = [fault for fault in faults(china) if fault["code"] == "key-ended"]
    china.cli("partner", "keys", "add", "nz", str(tmp_path / "new.asc"), "--fingerprint", new.fingerprint)
    [followed] = [fault for fault in faults(china) if fault["code"] == "key-ended"]
    assert (ended["severity"], followed["severity"]) == ("error", "notice")


def test_many_alarms_of_one_kind_are_one_line(china: Installation) -> None:
    past = Past(china.folder / "spool")
    for number in range(20):
        raised(f"delivery:{number}")(china, past)
    past.close()
    [fault] = [fault for fault in faults(china) if fault["code"] == "alarm"]
    assert (fault["text"].startswith("20 alarms about delivery"), fault["remedy"]) == (True, "ecertmail alarm list")


def test_a_large_write_ahead_log_is_told(china: Installation) -> None:
    past = Past(china.folder / "spool")
    past.stage(NOW, NZ_ADDRESS)
    os.truncate(china.folder / "spool/ledger.db-wal", 101_000_000)  # what a log is that a reader kept from shrinking
    assert "wal" in {fault["code"] for fault in faults(china)}
    past.close()


def test_status_on_a_full_disk_says_so(china: Installation) -> None:
    Past(china.folder / "spool").close()
    with small_disk_at(china.folder / "spool", "50m"):
        done = china.cli("status")
    assert (done.exit_code, "the disk is full" in done.output) == (75, True)
    assert "ledger size" in done.output, "what can be read is shown all the same"


def newer(node: Installation) -> None:
    with sqlite3.connect(node.folder / "spool/ledger.db") as db:
        db.execute(
            "INSERT INTO _sqlite_migrations(migration_set, name, applied_at) VALUES ('ecertmail.ledger','m999_new','x')"
        )
    db.close()


def damaged(node: Installation) -> None:
    (node.folder / "spool/ledger.db").write_bytes(b"no database at all" * 1000)


def missing(node: Installation) -> None:
    shutil.rmtree(node.folder / "spool")


UNREADABLE = {
    "newer": (newer, 6, "was written by a newer ecertmail (it has m999_new)"),
    "damaged": (damaged, 6, "file is not a database"),
    "missing": (missing, 4, "is not there yet; `ecertmail serve` makes it"),
}


@pytest.mark.parametrize(("change", "code", "says"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_status_of_databases_that_cannot_be_read_says_why(
    china: Installation, change: Callable[[Installation], None], code: int, says: str
) -> None:
    Past(china.folder / "spool").close()
    change(china)
    done = china.cli("status")
    assert (done.exit_code, says in done.output) == (code, True), done.output
    assert status(china)["faults"][0]["exit_code"] == code
    assert china.cli("doctor").exit_code == 3


def test_a_spool_of_somebody_else_is_told_and_no_stack_trace(china: Installation) -> None:
    if os.geteuid():
        pytest.skip("only root can become somebody else")
    Past(china.folder / "spool").close()
    program = "import ecertmail.app, ecertmail.cli.service, os, sys; from ecertmail.cli import main; "
    program += "os.setuid(65534); main(sys.argv[1:])"  # what it imports may stand where only root may read
    with TemporaryDirectory() as folder:  # pytest's own folder is closed to others
        node = Path(folder) / "cn"
        shutil.copytree(china.folder, node, ignore=lambda _, names: [name for name in names if name.startswith("S.")])
        for path in (Path(folder), node, node / "partners"):
            path.chmod(0o755)
        command = [sys.executable, "-c", program, "-C", str(node / "ecertmail.toml"), "status"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    assert "Traceback" not in done.stderr, done.stderr
    assert (done.returncode, "belongs to root" in done.stdout) == (75, True), done.stdout + done.stderr


def test_doctor_tells_configuration_and_databases_in_one_list(china: Installation) -> None:
    past = Past(china.folder / "spool")
    past.deliver(NOW - HOUR, NZ_ADDRESS, 1, REFUSED, "receipt")
    past.close()
    (china.folder / "keys/passphrase").chmod(0o644)
    done = china.cli("doctor")
    places = [done.output.index(text) for text in ("the daemon does not run", "1 receipts", "can be read by others")]
    assert places == sorted(places), "the worst first"
    assert (done.exit_code, "    → chmod 600 " in done.output) == (3, True)
    shown = json.loads(china.cli("doctor", "--json").stdout)
    assert (shown["good"], shown["faults"][0]["severity"]) == (False, "error")


def test_doctor_looks_at_the_units_of_this_installation(
    china: Installation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    service = SERVICE.read_text().replace("/var/lib/ecertmail/ecertmail.toml", str(china.file))
    (tmp_path / "ecertmail.service").write_text(service)
    monkeypatch.setenv("SYSTEMD_UNIT_PATH", str(tmp_path))
    assert "unit-disabled" in codes(china)
    (tmp_path / "multi-user.target.wants").mkdir()
    (tmp_path / "multi-user.target.wants/ecertmail.service").symlink_to(tmp_path / "ecertmail.service")
    assert not [code for code in codes(china) if code.startswith("unit")]
    old = service.replace("RestartPreventExitStatus=2 5 6 78", "RestartPreventExitStatus=2 78")
    (tmp_path / "ecertmail.service").write_text(old)
    assert "unit-old" in codes(china)


def codes(installation: Installation) -> list[str]:
    return [fault["code"] for fault in json.loads(installation.cli("doctor", "--json").stdout)["faults"]]


def test_doctor_of_a_configuration_that_does_not_load_names_its_mistakes(china: Installation) -> None:
    china.file.write_text(china.file.read_text().replace("[log]", "[logging]"))
    done = china.cli("doctor")
    assert (done.exit_code, "did you mean 'log'?" in done.output) == (3, True)


def test_the_daily_report_tells_of_errors_every_day(china: Installation, sink: Any) -> None:
    past = Past(china.folder / "spool")
    past.deliver(NOW - HOUR, NZ_ADDRESS, 1, REFUSED, "receipt")
    past.close()
    china.set('# address = ""', '"operator@customs.example"')
    china.start()
    [mail] = sink.wait_for(1)
    text = mail.decode()
    assert "Subject: ecertmail: 2 problems" in text  # the other one is that there is no backup
    assert "1 receipts of the last 30 days failed for good" in text
    assert "mend it: ecertmail delivery show 1" in text


def test_a_ledger_of_a_newer_version_ends_the_daemon_at_once_and_changes_nothing(china: Installation) -> None:
    Past(china.folder / "spool").close()
    newer(china)
    before = (china.folder / "spool/spool.db").read_bytes()
    done = china.cli("serve")
    assert done.exit_code == 6
    assert "install that version, or restore the last backup made before" in done.output
    assert (china.folder / "spool/spool.db").read_bytes() == before


def test_a_file_that_cannot_be_read_now_is_no_wrong_configuration(china: Installation) -> None:
    """systemd never starts again what ends with 78; a file that comes back in five seconds must not cost the node."""
    (china.folder / "keys/passphrase").unlink()
    (china.folder / "keys/passphrase").symlink_to("passphrase")  # ELOOP
    assert china.cli("serve").exit_code == 75
    (china.folder / "keys/passphrase").unlink()
    assert china.cli("serve").exit_code == 78
