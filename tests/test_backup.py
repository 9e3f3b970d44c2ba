"""Backup and restore by the command line: what was acknowledged before a backup is there after a restore."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from ecertmail.backup import last, restore
from ecertmail.store.audit import faults
from tests import backups
from tests.builders import batch_mail, certificates_xml
from tests.installation import Installation, Sink, until


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """Where backups are kept."""
    return tmp_path / "backups"


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder with a short path: that of a socket has at most 107 octets."""
    with TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


def test_a_busy_node_is_lost_and_comes_back_with_all_that_was_acknowledged_before_the_backup(
    daemon: Installation, sink: Sink, shelf: Path
) -> None:
    traffic = backups.Traffic(daemon, "busy")
    traffic.start()
    until(lambda: len(traffic.acknowledged) >= 20, 60)
    before = dict(traffic.acknowledged)
    made = backups.backup(daemon, shelf)
    until(lambda: len(traffic.acknowledged) > len(before) + 5, 60)
    traffic.stop()
    backups.wipe(daemon)

    restored = backups.restore(made)
    assert restored.exit_code == 0, restored.output
    assert "the node can start" in restored.output
    daemon.start()
    until(lambda: daemon.spooled("spooled", "claimed") == [], 60)
    until(lambda: set(daemon.ledger().counts("delivery")) == {"delivered"}, 60)
    ledger = daemon.ledger()
    assert [number for number in before if not ledger.lookup(number)] == []
    assert list(faults(ledger)) == []
    assert daemon.cli("ledger", "verify").exit_code == 0


def test_what_came_after_the_backup_is_sent_again_and_recorded_once(
    daemon: Installation, sink: Sink, shelf: Path
) -> None:
    early, late = (batch_mail(certificates_xml(number), serial=number) for number in ("NZ/early", "NZ/late"))
    daemon.send(early)
    sink.wait_for(1)
    made = backups.backup(daemon, shelf)
    daemon.send(late)
    sink.wait_for(2)
    backups.wipe(daemon)
    assert backups.restore(made).exit_code == 0
    daemon.start()
    assert daemon.ledger().lookup("NZ/late") == []
    for mail in (early, late):
        daemon.send(mail)
    sink.wait_for(4)
    assert [len(daemon.ledger().lookup(number)[0].versions) for number in ("NZ/early", "NZ/late")] == [1, 1]


def test_nothing_is_between_the_copies_of_spool_and_ledger(daemon: Installation, shelf: Path) -> None:
    """A message that left the spool before its copy is in the ledger's copy: the spool is copied first."""
    traffic = backups.Traffic(daemon, "order")
    traffic.start()
    until(lambda: traffic.acknowledged)
    for number in range(15):
        before = set(traffic.acknowledged.values())
        made = backups.backup(daemon, shelf / str(number))
        assert before <= backups.spooled_in(made)
        assert backups.lost_in(made) == set()
    traffic.stop()


def test_the_folder_says_when_it_was_made_and_nobody_else_can_read_it(daemon: Installation, shelf: Path) -> None:
    made = backups.backup(daemon, shelf)
    assert made.parent == shelf
    assert datetime.strptime(made.name, "ecertmail-%Y%m%dT%H%M%SZ")  # noqa: DTZ007 - only its form
    modes = {path.is_dir(): path.stat().st_mode & 0o077 for path in [made, *made.rglob("*")]}
    assert modes == {True: 0, False: 0}
    assert not [path.name for path in made.rglob("*") if path.name.endswith(("-wal", "-shm", ".lock", ".tmp"))]


def test_a_backup_can_be_made_while_no_daemon_runs_and_before_the_first_start(china: Installation, shelf: Path) -> None:
    made = backups.backup(china, shelf)
    shutil.rmtree(china.folder)
    assert backups.restore(made).exit_code == 0
    china.start()
    china.stop()
    assert backups.backup(china, shelf / "again").is_dir()


def test_only_the_newest_are_kept_and_those_of_other_nodes_stay(china: Installation, shelf: Path) -> None:
    old = backups.backup(china, shelf)
    for number in range(3):
        shutil.copytree(old, shelf / f"ecertmail-2026010{number + 1}T000000Z")
    other = shelf / "ecertmail-20251231T000000Z"
    shutil.copytree(old, other)
    text = (other / "manifest.json").read_text(encoding="utf-8")
    (other / "manifest.json").write_text(text.replace("ecert@customs.example", "ecert@other.example"), encoding="utf-8")
    until(lambda: datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ") not in old.name)
    newest = backups.backup(china, shelf, "--keep", "2")
    assert {path.name for path in shelf.iterdir()} == {".lock", other.name, old.name, newest.name}


def test_what_a_killed_backup_left_looks_like_no_backup_and_is_cleared_away(china: Installation, shelf: Path) -> None:
    half = shelf / ".ecertmail-20260101T000000Z"
    (half / "folder").mkdir(parents=True)
    made = backups.backup(china, shelf)
    assert {path.name for path in shelf.iterdir()} == {".lock", made.name}


def test_a_full_disk_leaves_nothing_and_the_older_backup_stays(
    china: Installation, shelf: Path, tmp_path: Path
) -> None:
    china.start()
    china.stop()
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "x", small], check=False, capture_output=True)
    if mounted.returncode:
        pytest.skip("only root can mount a small disk")
    try:
        done = china.cli("backup", str(small))
        assert (done.exit_code, [path.name for path in small.iterdir()]) == (75, [".lock"])
        assert "a backup needs" in done.output
        filled = without_looking_at_free_space(china, small)
        assert (filled.returncode, [path.name for path in small.iterdir()]) == (75, [".lock"]), filled.stderr
        assert "full" in filled.stderr or "No space left" in filled.stderr
    finally:
        subprocess.run(["umount", small], check=True)
    assert last.read(china.folder / "spool") is None


def without_looking_at_free_space(node: Installation, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Another program fills the disk after the backup has looked."""
    program = [
        "import shutil, collections; from ecertmail.cli import main",
        "shutil.disk_usage = lambda _: collections.namedtuple('Usage', 'free')(1 << 40)",
        f"main(['-C', {str(node.file)!r}, 'backup', {str(folder)!r}])",
    ]
    return subprocess.run([sys.executable, "-c", "; ".join(program)], capture_output=True, text=True, check=False)


def test_a_damaged_database_is_told_and_makes_no_backup(china: Installation, shelf: Path) -> None:
    china.start()
    china.send(batch_mail(certificates_xml(*(f"NZ/{n}" for n in range(50)))))
    until(lambda: china.spooled("archived"))
    china.stop()
    octets = bytearray((china.folder / "spool/ledger.db").read_bytes())
    octets[8192 : len(octets) // 2] = bytes(len(octets) // 2 - 8192)
    (china.folder / "spool/ledger.db").write_bytes(octets)
    done = china.cli("backup", str(shelf))
    assert done.exit_code == 6, done.output
    assert [path.name for path in shelf.iterdir()] == [".lock"]


def test_an_entry_that_was_changed_is_told_and_makes_no_backup(daemon: Installation, sink: Sink, shelf: Path) -> None:
    daemon.send(batch_mail(certificates_xml("NZ/1")))
    sink.wait_for(1)
    daemon.stop()
    with sqlite3.connect(daemon.folder / "spool/ledger.db") as db:
        db.execute("DROP TRIGGER entry_no_update")
        db.execute("UPDATE entry SET record=x'00' WHERE idx=1")
    db.close()
    done = daemon.cli("backup", str(shelf))
    assert done.exit_code == 6
    assert "entry 1 is damaged" in done.output


def test_a_passphrase_that_cannot_be_read_is_no_backup(china: Installation, shelf: Path) -> None:
    (china.folder / "keys/passphrase").unlink()
    done = china.cli("backup", str(shelf))
    assert done.exit_code == 78
    assert "without it the backup would be worth nothing" in done.output
    assert "systemctl start ecertmail-backup.service" in done.output
    assert not shelf.exists()


def test_a_passphrase_that_is_a_credential_is_in_the_backup(
    china: Installation, shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (china.folder / "keys/passphrase").rename(credentials / "passphrase")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    made = backups.backup(china, shelf)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    shutil.rmtree(china.folder)
    assert backups.restore(made).exit_code == 0
    assert (china.folder / "keys/passphrase").read_bytes() == (credentials / "passphrase").read_bytes()
    assert (china.folder / "keys/passphrase").stat().st_mode & 0o777 == 0o600


def test_files_that_wait_to_be_issued_are_in_it(china: Installation, shelf: Path) -> None:
    waiting = china.folder / "spool/issue"
    waiting.mkdir()
    (waiting / "one.xml").write_bytes(b"<x/>")
    (waiting / "half.tmp").write_bytes(b"<x")
    made = backups.backup(china, shelf)
    assert [path.name for path in (made / "folder/spool/issue").iterdir()] == ["one.xml"]


def test_a_file_that_is_named_by_two_paths_is_in_it_once(china: Installation, shelf: Path) -> None:
    china.set('# passphrase_file = "keys/passphrase"', '"partners/../keys/passphrase"')
    made = backups.backup(china, shelf)
    named = [entry["path"] for entry in json.loads((made / "manifest.json").read_text(encoding="utf-8"))["files"]]
    assert named.count("folder/keys/passphrase") == 1


def test_a_folder_that_would_be_copied_into_itself_is_refused(china: Installation) -> None:
    done = china.cli("backup", str(china.folder / "keys/backups"))
    assert (done.exit_code, "choose another one" in done.output) == (78, True)


def test_two_backups_at_once_into_one_folder_do_not_meet(china: Installation, shelf: Path) -> None:
    shelf.mkdir()
    holder = [
        sys.executable,
        "-c",
        f"import fcntl; f=open({str(shelf / '.lock')!r},'a'); fcntl.flock(f,2); print(1,flush=True); input()",
    ]
    with subprocess.Popen(holder, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        done = china.cli("backup", str(shelf))
        process.communicate(b"\n")
    assert (done.exit_code, "another backup is being made" in done.output) == (75, True)


def test_the_age_of_the_last_backup_is_known(china: Installation, shelf: Path) -> None:
    assert last.read(china.folder / "spool") is None
    made = backups.backup(china, shelf)
    known = last.read(china.folder / "spool")
    assert known is not None
    assert known.path == str(made)
    assert abs((datetime.now(UTC) - known.made_at).total_seconds()) < 60
    (china.folder / "spool/last-backup.json").write_bytes(b"{")
    assert last.read(china.folder / "spool") is None


# Restoring


def test_an_installation_that_is_there_is_never_overwritten(china: Installation, shelf: Path) -> None:
    made = backups.backup(china, shelf)
    before = china.file.read_bytes()
    china.file.write_bytes(before + b"# mine\n")
    done = backups.restore(made)
    assert done.exit_code == 78
    assert "--to" in done.output
    assert china.file.read_bytes() == before + b"# mine\n"


@pytest.mark.parametrize("where", ["partners/nz.toml", "spool/ledger.db"])
def test_another_file_in_one_of_the_places_is_never_overwritten(china: Installation, shelf: Path, where: str) -> None:
    china.start()
    china.stop()
    made = backups.backup(china, shelf)
    shutil.rmtree(china.folder)
    (china.folder / where).parent.mkdir(parents=True)
    (china.folder / where).write_bytes(b"mine")
    done = backups.restore(made)
    assert (done.exit_code, "exists already with other content" in done.output) == (78, True)
    assert [path for path in china.folder.rglob("*") if path.is_file()] == [china.folder / where]


@pytest.mark.parametrize("damage", ["changed", "missing"])
def test_a_damaged_backup_restores_nothing_and_names_the_file(china: Installation, shelf: Path, damage: str) -> None:
    made = backups.backup(china, shelf)
    file = made / "folder/partners/nz.toml"
    if damage == "changed":
        file.write_bytes(file.read_bytes() + b"\n")
    else:
        file.unlink()
    shutil.rmtree(china.folder)
    done = backups.restore(made)
    assert done.exit_code == 3
    assert f"{file}: is " in done.output
    assert not china.folder.exists()


@pytest.mark.parametrize(
    ("text", "code", "sentence"),
    [
        (None, 4, "is no backup of ecertmail"),
        ("{", 6, "is damaged"),
        ('{"format": 2, "ecertmail": "9.0"}', 6, "was made by ecertmail 9.0; restore it with that version"),
    ],
)
def test_what_is_no_backup_is_told(tmp_path: Path, text: str | None, code: int, sentence: str) -> None:
    if text is not None:
        (tmp_path / "manifest.json").write_text(text, encoding="utf-8")
    done = backups.restore(tmp_path)
    assert (done.exit_code, sentence in done.output) == (code, True), done.output


def test_a_backup_with_a_path_that_leads_out_of_it_is_refused(china: Installation, shelf: Path) -> None:
    made = backups.backup(china, shelf)
    manifest = made / "manifest.json"
    manifest.write_text(manifest.read_text(encoding="utf-8").replace("folder/partners/nz.toml", "folder/../../x"))
    assert backups.restore(made).exit_code == 6


def test_a_restore_that_was_cut_off_goes_on_when_it_is_repeated(china: Installation, shelf: Path) -> None:
    made = backups.backup(china, shelf)
    shutil.rmtree(china.folder)
    assert backups.restore(made).exit_code == 0
    china.file.unlink()  # it comes last, so a machine that lost power in the middle has none
    (china.folder / "keys/passphrase").unlink()
    assert backups.restore(made).exit_code == 0
    assert china.cli("check-config").exit_code == 0


def test_a_configuration_that_cannot_start_is_told(china: Installation, shelf: Path) -> None:
    china.set('# certificate = ""', '"cert.pem"')
    (china.folder / "cert.pem").write_bytes(b"no certificate")
    made = backups.backup(china, shelf)
    shutil.rmtree(china.folder)
    done = backups.restore(made)
    assert done.exit_code == 78
    assert "everything is back, but must be mended" in done.output


def test_files_from_elsewhere_go_back_to_where_they_were(china: Installation, shelf: Path, tmp_path: Path) -> None:
    spread = spread_out(china, tmp_path / "elsewhere")
    china.start()
    china.stop()
    made = backups.backup(china, shelf)
    for path in (china.folder, tmp_path / "elsewhere"):
        shutil.rmtree(path)
    assert backups.restore(made).exit_code == 0
    assert [path for path in spread if not path.exists()] == []
    china.start()


def test_with_to_everything_is_below_one_folder_and_the_configuration_says_so(
    china: Installation, shelf: Path, short: Path
) -> None:
    spread_out(china, short / "x")
    china.start()
    china.stop()
    made = backups.backup(china, shelf)
    for path in (china.folder, short / "x"):
        shutil.rmtree(path)
    new = Installation(short / "new", china.port, china.sink_port)
    done = backups.restore(made, "--to", str(new.folder))
    assert done.exit_code == 0, done.output
    assert not china.folder.exists()
    assert not (short / "x").exists()
    assert json.loads(new.cli("partner", "list", "--json").stdout)[0]["id"] == "nz"
    assert "# The GnuPG home that holds it" in new.file.read_text(encoding="utf-8"), "comments stay"
    (new.folder / "spool").mkdir(exist_ok=True)  # only the log of this test's daemon goes there
    new.start()
    new.stop()
    assert not china.folder.exists()


def spread_out(node: Installation, elsewhere: Path) -> list[Path]:
    """Move databases, partners, a partner's key and the passphrase out of the installation's folder."""
    elsewhere.mkdir()
    node.set('# spool = "spool"', f'"{elsewhere}/state"')
    node.set('# partners = "partners"', f'"{elsewhere}/partners"')
    node.set('# passphrase_file = "keys/passphrase"', f'"{elsewhere}/secret/passphrase"')
    (elsewhere / "secret").mkdir()
    shutil.move(node.folder / "partners", elsewhere / "partners")
    shutil.move(node.folder / "keys/passphrase", elsewhere / "secret/passphrase")
    partner = elsewhere / "partners/nz.toml"
    key = next((elsewhere / "partners").glob("*.asc"))
    key.rename(elsewhere / "secret/nz.asc")
    text = partner.read_text(encoding="utf-8").replace(f'"{key.name}"', f'"{elsewhere}/secret/nz.asc"')
    partner.write_text(text, encoding="utf-8")
    return [partner, elsewhere / "secret/nz.asc", elsewhere / "secret/passphrase", elsewhere / "state"]


def test_root_gives_everything_to_the_user_who_had_it(china: Installation, shelf: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files to another user")
    china.start()
    china.stop()
    os.chown(china.folder / "spool", 65534, 65534)
    made = backups.backup(china, shelf)
    shutil.rmtree(china.folder)
    restore.put_back(restore.plan(made, None), int)
    assert {path.stat().st_uid for path in [china.folder, *china.folder.rglob("*")]} == {65534}
