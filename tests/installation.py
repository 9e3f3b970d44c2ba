"""A real installation in a folder, a real daemon on loopback, and a real sink for what it sends."""

import os
import shutil
import signal
import smtplib
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from aiosmtpd.controller import Controller
from click.testing import CliRunner, Result

from ecertmail.cli import main
from ecertmail.edge import control
from ecertmail.store.reader import LedgerReader
from ecertmail.store.spool import SpoolReader
from ecertmail.store.spool_rows import Row
from tests.builders import CHINA, NZ_ADDRESS, key_of

_T = TypeVar("_T")


@dataclass
class Installation:
    """China's installation, with New Zealand as its partner."""

    folder: Path
    port: int = 0
    sink_port: int = 0
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    readers: list[LedgerReader] = field(default_factory=list, repr=False)

    @property
    def file(self) -> Path:
        return self.folder / "ecertmail.toml"

    @property
    def log(self) -> str:
        return (self.folder / "daemon.log").read_text(encoding="utf-8")

    def cli(self, *arguments: str, stdin: str | None = None) -> Result:
        """Run a command in this process."""
        return CliRunner().invoke(main, ["-C", str(self.file), *arguments], input=stdin)

    def set(self, commented: str, value: str) -> None:
        """Give a key that stands commented in the file a value."""
        text, mark, mailbox = self.file.read_text(encoding="utf-8").partition("\n# [[mailbox]]")
        assert text.count(f"\n{commented}") == 1, commented
        key = commented.removeprefix("# ").partition(" = ")[0]
        changed = text.replace(f"\n{commented}", f"\n{key} = {value}")
        self.file.write_text(changed + mark + mailbox, encoding="utf-8")

    def start(self, *wrapper: str) -> None:
        """Start the daemon and wait until it answers."""
        command = [*wrapper, sys.executable, "-m", "ecertmail", "-C", str(self.file), "serve"]
        with (self.folder / "daemon.log").open("ab") as log:
            self.process = subprocess.Popen(command, stderr=log, env={**os.environ, "NO_COLOR": "1"})
        until(self._answers, 30)

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log
        if not self.port:
            return control.ask(self.folder / "spool/control.sock", {"do": "ping"}) is not None
        return listens(self.port)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End the daemon with a signal and return its exit code; close what was opened to look at its ledger."""
        while self.readers:
            self.readers.pop().close()
        process, self.process = self.process, None
        if process is None:
            return 0
        process.send_signal(number)
        return process.wait(30)

    def send(self, octets: bytes, sender: str = NZ_ADDRESS) -> str:
        """Send a mail to the daemon as a partner would and return the answer."""
        with smtplib.SMTP("127.0.0.1", self.port, timeout=30) as smtp:
            smtp.ehlo()
            smtp.mail(sender)
            smtp.rcpt(CHINA.address)
            code, reply = smtp.data(octets)
        return f"{code} {reply.decode()}"

    def spooled(self, *states: str) -> list[Row]:
        reader = SpoolReader(self.folder / "spool/spool.db")
        rows = reader.list(states or ("spooled", "claimed", "quarantined", "archived"), 10_000)
        reader.close()
        return rows

    def ledger(self) -> LedgerReader:
        """Open the ledger to look at; it is closed when the daemon is stopped."""
        self.readers.append(LedgerReader(self.folder / "spool/ledger.db"))
        return self.readers[-1]


class Sink:
    """A mail server that takes everything and remembers it; `refuse` makes it answer otherwise."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []
        self.senders: list[str] = []
        self.refuse: list[str] = []

    def wait_for(self, count: int) -> list[bytes]:
        """Wait until at least so many mails came and return all."""
        return until(lambda: self.mails if len(self.mails) >= count else [])

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Any
    ) -> str:
        if self.refuse:
            return self.refuse.pop(0)
        self.mails.append(envelope.original_content)
        self.senders.append(envelope.mail_from)
        return "250 OK"


@contextmanager
def running_sink(sink: Sink | None = None) -> Iterator[tuple[Sink, int]]:
    """Run a sink on a free port."""
    sink = sink or Sink()
    controller = Controller(sink, hostname="127.0.0.1", port=free_port())
    controller.start()
    yield sink, controller.port
    controller.stop()


def make(folder: Path) -> Installation:
    """Make China's installation with New Zealand as partner."""
    arguments = ["init", str(folder), "--name", CHINA.name, "--country", "CN", "--address", CHINA.address]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    installation = Installation(folder)
    key = key_of(NZ_ADDRESS)
    key_file = folder / "nz.asc"
    key_file.write_text(str(key.tsk.extract_certificate()), encoding="ascii")
    added = installation.cli(
        "partner", "add", "nz", str(key_file), "--name", "MPI", "--country", "NZ", "--address", NZ_ADDRESS,
        "--fingerprint", key.fingerprint,
    )  # fmt: skip
    assert added.exit_code == 0, added.output
    return installation


def copy(template: Installation, folder: Path, sink_port: int) -> Installation:
    """Copy an installation and give it ports of its own."""
    shutil.copytree(template.folder, folder, ignore=lambda _, names: [n for n in names if n.startswith("S.")])
    installation = Installation(folder, free_port(), sink_port)
    installation.set("# port = 2525", str(installation.port))
    text = installation.file.read_text(encoding="utf-8")
    text = text.replace("# port = 25\n", f"port = {sink_port}\n").replace(
        '# starttls = "when-offered"', 'starttls = "never"'
    )
    installation.file.write_text(text, encoding="utf-8")
    return installation


def until(seen: Callable[[], _T], seconds: float = 20) -> _T:
    """Wait until something is seen and return it."""
    end = time.monotonic() + seconds
    while not (result := seen()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
    return result


def listens(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])
