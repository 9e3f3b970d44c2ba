"""Databases as earlier versions left them: `tests/data/ledgers` has a file for each schema in this project's history.

Run as a program with commits, it makes such a file for each: it takes that version out of git, lets its own commands
and its own daemon work, and keeps both databases. A new schema needs one more: `python -m tests.old_ledgers HEAD`.
"""

import json
import os
import re
import signal
import smtplib
import sqlite3
import subprocess
import sys
import tarfile
import time
from contextlib import closing
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.builders import CHINA, DATA, NZ_ADDRESS, batch_mail, certificates_xml, key_of
from tests.installation import Sink, free_port, listens, running_sink, until

LEDGERS = DATA / "ledgers"
NUMBERS = ("NZ/1", "NZ/2", "NZ/3")
_ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class OldLedger:
    """One file: spool.db and ledger.db, with what `ledger verify` of its version said."""

    file: Path

    def unpack(self, spool: Path) -> tuple[int, str]:
        """Put the databases into a folder and return size and root of the log."""
        spool.mkdir(exist_ok=True)
        with tarfile.open(self.file) as archive:
            archive.extractall(spool, filter="data")
        facts = json.loads((spool / "facts.json").read_text(encoding="ascii"))
        return facts["size"], facts["root"]


def all_ledgers() -> list[OldLedger]:
    """Return every file, the oldest version first."""
    return [OldLedger(file) for file in sorted(LEDGERS.glob("*.tar.xz"))]


class OldVersion:
    """A version of this project, taken out of git, with an installation of its own."""

    def __init__(self, commit: str, folder: Path, sink_port: int) -> None:
        self.tree, self.home = folder / "tree", folder / "home"
        self.tree.mkdir()
        octets = subprocess.run(["git", "-C", _ROOT, "archive", commit], check=True, capture_output=True).stdout
        with tarfile.open(fileobj=BytesIO(octets)) as archive:
            archive.extractall(self.tree, filter="data")
        self.port = free_port()
        arguments = ("--name", CHINA.name, "--country", "CN", "--address", CHINA.address)
        self._run("init", str(self.home), *arguments)
        key = key_of(NZ_ADDRESS)
        (folder / "nz.asc").write_text(str(key.tsk.extract_certificate()), encoding="ascii")
        self.cli("partner", "add", "nz", str(folder / "nz.asc"), "--name", "MPI", "--country", "NZ", "--address",
                 NZ_ADDRESS, "--fingerprint", key.fingerprint)  # fmt: skip
        file = self.home / "ecertmail.toml"
        text = re.sub(r"(?m)^# port = 2525$", f"port = {self.port}", file.read_text(encoding="utf-8"))
        file.write_text(re.sub(r"(?m)^# port = 25$", f"port = {sink_port}", text), encoding="utf-8")

    def cli(self, *arguments: str) -> str:
        return self._run("-C", str(self.home / "ecertmail.toml"), *arguments)

    def work(self) -> None:
        """Record certificates, quarantine a mail, keep receipts that cannot be sent, and stop."""
        process = subprocess.Popen(
            [sys.executable, "-m", "ecertmail", "-C", str(self.home / "ecertmail.toml"), "serve"],
            cwd=self.tree, env=self._environment, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        until(lambda: listens(self.port), 60)
        with smtplib.SMTP("127.0.0.1", self.port) as smtp:
            for number in NUMBERS:
                smtp.sendmail(NZ_ADDRESS, [CHINA.address], batch_mail(certificates_xml(number), serial=number))
            smtp.sendmail("x@y.example", [CHINA.address], b"From: x@y.example\r\nSubject: hello\r\n\r\nhello\r\n")
        ledger = self.home / "spool/ledger.db"
        until(lambda: self._count(ledger, "SELECT count(*) FROM attempt") >= len(NUMBERS), 60)
        until(lambda: self._count(self.home / "spool/spool.db", "SELECT count(*) FROM message WHERE reason<>''"), 60)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0

    def keep(self, file: Path) -> None:
        """Leave one decided message claimed, as a crash between the two commits does, and pack the databases."""
        facts = json.loads(self.cli("ledger", "verify", "--json"))
        with closing(sqlite3.connect(self.home / "spool/spool.db", isolation_level=None)) as db:
            db.execute("UPDATE message SET state='claimed', claims=1 WHERE seq=1")
        kept = json.dumps({"size": facts["size"], "root": facts["root"]})
        (self.home / "spool/facts.json").write_text(kept, encoding="ascii")
        with tarfile.open(file, "w:xz") as archive:
            for name in ("spool.db", "ledger.db"):
                with closing(sqlite3.connect(self.home / "spool" / name)) as db:
                    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                archive.add(self.home / "spool" / name, name)
            archive.add(self.home / "spool/facts.json", "facts.json")

    @property
    def _environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(self.tree)}

    def _run(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "ecertmail", *arguments]
        done = subprocess.run(
            command, cwd=self.tree, env=self._environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _count(self, file: Path, statement: str) -> int:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as db:
            return int(db.execute(statement).fetchone()[0])


def make(commit: str, number: int) -> Path:
    """Make the file of one version."""
    sink = Sink()
    sink.refuse = ["451 later"] * 1000
    file = LEDGERS / f"{number:02}-{commit}.tar.xz"
    with TemporaryDirectory() as folder, running_sink(sink) as (_, port):
        version = OldVersion(commit, Path(folder), port)
        version.work()
        version.keep(file)
    return file


if __name__ == "__main__":
    LEDGERS.mkdir(exist_ok=True)
    first = len(all_ledgers()) + 1
    for place, name in enumerate(sys.argv[1:]):
        began = time.monotonic()
        made = make(name, first + place)
        sys.stdout.write(f"{made.name}: {made.stat().st_size} octets, {time.monotonic() - began:.0f} s\n")
