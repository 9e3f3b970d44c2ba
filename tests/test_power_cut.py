"""A power cut directly after a command, or while the daemon or a backup runs: what was said to be done is there."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.builders import CHINA, NZ_ADDRESS, Key, batch_mail, certificates_xml, key_of, make_key
from tests.disk import Disk, mounted
from tests.installation import Installation, free_port, until

pytestmark = pytest.mark.slow


@pytest.fixture
def disk() -> Iterator[Disk]:
    with TemporaryDirectory(dir="/tmp") as folder, mounted(Path(folder, "disk")) as made:
        yield made


@pytest.fixture
def node(disk: Disk) -> Iterator[Installation]:
    """An installation on the disk, made by the real command."""
    made = Installation(disk.folder / "cn", free_port())
    run("init", made.folder, "--name", CHINA.name, "--country", "CN", "--address", CHINA.address)
    yield made
    made.stop(9)


@pytest.fixture
def partnered(node: Installation, disk: Disk) -> Installation:
    """The same with a partner, ports of its own, and everything that was written so far on disk."""
    add_partner(node)
    node.set("# port = 2525", str(node.port))
    os.sync()
    return node


def run(*arguments: object) -> str:
    """Run a command as a process of its own: it must leave no open file on the disk."""
    command = [sys.executable, "-m", "ecertmail", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    small = "check-config" in command  # it says that the small disk is nearly full
    assert done.returncode in ({0, 3} if small else {0}), done.stdout + done.stderr
    return done.stdout


def key_file(disk_folder: Path, key: Key) -> Path:
    """A partner's key as it comes by post: not on the disk that loses power."""
    file = disk_folder.parent / f"{key.fingerprint}.asc"
    file.write_text(str(key.tsk.extract_certificate()), encoding="ascii")
    return file


def add_partner(node: Installation) -> None:
    key = key_of(NZ_ADDRESS)
    run("-C", node.file, "partner", "add", "nz", key_file(node.folder.parent, key), "--name", "MPI", "--country", "NZ",
        "--address", NZ_ADDRESS, "--fingerprint", key.fingerprint)  # fmt: skip


def half_written(node: Installation) -> list[Path]:
    """Files that are empty or still have a temporary name; the lock and a new WAL have no content."""
    files = [path for path in node.folder.rglob("*") if path.is_file()]
    full = {"lock", "daemon.log", "spool.db-wal", "ledger.db-wal"}
    return [path for path in files if path.suffix == ".tmp" or (path.stat().st_size == 0 and path.name not in full)]


def recorded(node: Installation, number: str) -> None:
    """Wait until a certificate is in the ledger, and let go of the file."""

    def look() -> bool:
        ledger = node.ledger()
        try:
            return bool(ledger.lookup(number))
        finally:
            ledger.close()

    until(look, 60)


def starts(node: Installation) -> None:
    """The configuration is good, nothing is half-written, and the daemon is ready."""
    run("-C", node.file, "check-config")
    assert half_written(node) == []
    node.start()


def test_after_init_the_node_starts(node: Installation, disk: Disk) -> None:
    disk.cut()
    node.set("# port = 2525", str(node.port))
    starts(node)


def test_after_partner_add_the_partner_is_there(node: Installation, disk: Disk) -> None:
    os.sync()
    add_partner(node)
    disk.cut()
    assert [partner["id"] for partner in json.loads(run("-C", node.file, "partner", "list", "--json"))] == ["nz"]
    node.set("# port = 2525", str(node.port))
    starts(node)


def test_after_keys_add_the_new_key_is_there_and_the_old_one_too(partnered: Installation, disk: Disk) -> None:
    new = make_key(NZ_ADDRESS)
    run(
        "-C",
        partnered.file,
        "partner",
        "keys",
        "add",
        "nz",
        key_file(disk.folder, new),
        "--fingerprint",
        new.fingerprint,
        "--from",
        "2027-01-01",
    )
    disk.cut()
    listed = run("-C", partnered.file, "partner", "keys", "list", "--json")
    assert all(key.fingerprint in listed for key in (new, key_of(NZ_ADDRESS)))
    starts(partnered)


@pytest.mark.parametrize("busy", [False, True])
def test_after_the_start_the_node_starts_again(partnered: Installation, disk: Disk, busy: bool) -> None:
    partnered.start()
    if busy:
        partnered.send(batch_mail(certificates_xml("NZ/1")))
        recorded(partnered, "NZ/1")
    disk.cut()
    partnered.stop(9)
    starts(partnered)
    if busy:
        recorded(partnered, "NZ/1")


def test_every_mail_that_was_acknowledged_before_the_cut_is_recorded(partnered: Installation, disk: Disk) -> None:
    partnered.start()
    for number in range(10):
        assert partnered.send(batch_mail(certificates_xml(f"NZ/{number}"), serial=str(number))).startswith("250 ")
    disk.cut()
    partnered.stop(9)
    starts(partnered)
    for number in range(10):
        recorded(partnered, f"NZ/{number}")


def test_after_a_backup_it_is_whole_and_restores_a_node_that_starts(partnered: Installation, disk: Disk) -> None:
    partnered.start()
    partnered.send(batch_mail(certificates_xml("NZ/1")))
    recorded(partnered, "NZ/1")
    made = json.loads(run("-C", partnered.file, "backup", disk.folder / "backups", "--json"))["path"]
    disk.cut()
    partnered.stop(9)
    starts(partnered)
    partnered.stop()
    new = Installation(disk.folder / "new", partnered.port)
    run("restore", made, "--to", new.folder)
    disk.cut()
    starts(new)
    recorded(new, "NZ/1")
    new.stop(9)


@pytest.mark.parametrize("seconds", [0.0, 0.05, 0.2])
def test_during_a_backup_nothing_is_left_that_looks_whole_and_is_not(
    partnered: Installation, disk: Disk, seconds: float
) -> None:
    partnered.start()
    partnered.stop()
    shelf = disk.folder / "backups"
    command = [sys.executable, "-m", "ecertmail", "-C", str(partnered.file), "backup", str(shelf)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        until(shelf.exists)
        time.sleep(seconds)
        disk.cut()
        process.kill()
    for whole in shelf.glob("ecertmail-*"):
        run("restore", whole, "--to", disk.folder / "new")
    starts(partnered)
    run("-C", partnered.file, "backup", shelf)
    assert not list(shelf.glob(".ecertmail-*"))
