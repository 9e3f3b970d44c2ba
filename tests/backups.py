"""Backups as an operator makes them: by the command line, read again from its JSON."""

import json
import shutil
import sqlite3
import threading
from pathlib import Path

from click.testing import CliRunner, Result

from ecertmail.cli import main
from tests.builders import batch_mail, certificates_xml
from tests.installation import Installation


def backup(node: Installation, folder: Path, *options: str) -> Path:
    """Make a backup and return its folder."""
    done = node.cli("backup", str(folder), "--json", *options)
    assert done.exit_code == 0, done.output
    return Path(json.loads(done.stdout)["path"])


def restore(made: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["restore", str(made), *options])


def wipe(node: Installation) -> None:
    """Lose the machine: whatever the daemon had in hand is gone with its folder."""
    node.stop(9)
    shutil.rmtree(node.folder)


def spooled_in(made: Path) -> set[str]:
    """The ids of all messages in the spool of a backup."""
    return _column(made / "folder/spool/spool.db", "SELECT id FROM message")


def decided_in(made: Path) -> set[str]:
    """The ids of all messages that the ledger of a backup has decided."""
    return _column(made / "folder/spool/ledger.db", "SELECT spool_id FROM message")


def lost_in(made: Path) -> set[str]:
    """The ids of messages that the copied spool takes for decided and the copied ledger does not know."""
    archived = _column(made / "folder/spool/spool.db", "SELECT id FROM message WHERE state='archived'")
    return archived - decided_in(made)


def _column(file: Path, statement: str) -> set[str]:
    db = sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)
    try:
        return {value for (value,) in db.execute(statement)}
    finally:
        db.close()


class Traffic(threading.Thread):
    """A partner that sends certificates one after the other, and remembers what was acknowledged."""

    def __init__(self, node: Installation, prefix: str, pause: float = 0.0) -> None:
        super().__init__()
        self._node, self._prefix, self._pause = node, prefix, pause
        self._enough = threading.Event()
        self.acknowledged: dict[str, str] = {}
        """The spool id of each certificate number."""

    def run(self) -> None:
        while not self._enough.wait(self._pause):
            number = f"NZ/{self._prefix}/{len(self.acknowledged)}"
            answer = self._node.send(batch_mail(certificates_xml(number), serial=number))
            self.acknowledged[number] = answer.rsplit(" ", 1)[1]

    def stop(self) -> None:
        self._enough.set()
        self.join(60)
