"""A daemon under fire: a socket that says exactly what it is told, a probe of its event loop, a watch on its memory.

Run as a program this module is the probe, or a daemon whose workers die of a mail's `X-Poison` line.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from ecertmail.core import mime, read_receipt
from ecertmail.core.read_receipt import Statement
from ecertmail.edge.workers import Examine
from ecertmail.message import Envelope, SignedMessage
from ecertmail.model import Examination
from ecertmail.store.spool import SpoolReader
from ecertmail.store.spool_rows import Row
from tests import installation
from tests.builders import CHINA, NZ_ADDRESS, batch_mail, certificates_xml
from tests.installation import Installation, Sink, until

# Reading what came of it


def said(receipt: bytes) -> Statement:
    message = mime.read(receipt)
    assert isinstance(message, SignedMessage)
    statement = read_receipt.statement(message.signed_octets)
    assert statement is not None
    return statement


def row(node: Installation, answer: str) -> Row:
    """The message that was stored under the id in a 250 answer."""
    assert answer.startswith("250 2.0.0 Stored as "), answer
    spool_id = answer.rsplit(" ", 1)[1]
    return next(row for row in node.spooled() if row.id == spool_id)


def decided(node: Installation, answer: str, seconds: float = 60) -> Row:
    """The same, once it is in the archive or in quarantine."""

    def look() -> Row | None:
        found = row(node, answer)
        return found if found.state in {"archived", "quarantined"} else None

    found = until(look, seconds)
    assert found is not None
    return found


def counts(node: Installation) -> dict[str, int]:
    reader = SpoolReader(node.folder / "spool/spool.db")
    found = reader.counts()
    reader.close()
    return found


def total(node: Installation) -> int:
    return sum(counts(node).values())


def good_mail(serial: str) -> bytes:
    return batch_mail(certificates_xml(f"NZ/GOOD-{serial}"), serial=f"good-{serial}")


def takes_a_good_mail(node: Installation, sink: Sink, serial: str, seconds: float = 30) -> None:
    """The next good mail is recorded and gets its receipt, and nobody else gets anything."""
    before = len(sink.mails)
    node.send(good_mail(serial))
    until(lambda: len(sink.mails) > before, seconds)
    [receipt] = [said(mail) for mail in sink.mails[before:]]
    assert (receipt.outcome, receipt.certificates[0].number) == ("accepted", f"NZ/GOOD-{serial}")


# Running one


@contextmanager
def running(template: Installation, folder: Path, **settings: str) -> Iterator[tuple[Installation, Sink]]:
    """China's daemon with a sink; `settings` are keys of ecertmail.toml, written as `key=value`."""
    with installation.running_sink() as (sink, port):
        made = installation.copy(template, folder, port)
        for key, value in settings.items():
            change(made, key, value)
        made.start()
        try:
            yield made, sink
        finally:
            made.stop()


def change(node: Installation, key: str, value: str) -> None:
    """Give a key that stands commented in the file, with whatever default, another value."""
    [line] = [line for line in node.file.read_text(encoding="utf-8").splitlines() if line.startswith(f"# {key} = ")]
    node.set(line, value)


def needs(program: str) -> None:
    """Skip where a program is missing; in CI that is a failure."""
    if any((Path(folder) / program).exists() for folder in os.environ.get("PATH", "").split(os.pathsep)):
        return
    if os.environ.get("ECERTMAIL_CI"):
        pytest.fail(f"{program} is missing; .ci/run installs it")
    pytest.skip(f"{program} is not installed")


# A client that sends exactly what it is told


class Wire:
    """One connection to the listener."""

    def __init__(self, port: int, source: str = "127.0.0.1") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 30, (source, 0))
        self._file = self.socket.makefile("rb")

    def __enter__(self) -> "Wire":
        self.greeting = self.answer()
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self.socket.close()

    def send(self, octets: bytes) -> None:
        self.socket.sendall(octets)

    def lines(self) -> list[str]:
        """One reply; a single empty line when the server has hung up."""
        lines = [self._line()]
        while lines[-1][3:4] == "-":
            lines.append(self._line())
        return lines

    def answer(self) -> str:
        """The last line of one reply."""
        return self.lines()[-1]

    def _line(self) -> str:
        try:
            return self._file.readline().decode().strip()
        except ConnectionError:
            return ""

    def ask(self, octets: bytes) -> str:
        self.send(octets + b"\r\n")
        return self.answer()

    def start_mail(self, sender: str = NZ_ADDRESS) -> None:
        assert self.ask(b"EHLO client.example").startswith("250")
        assert self.ask(f"MAIL FROM:<{sender}>".encode()).startswith("250")
        assert self.ask(f"RCPT TO:<{CHINA.address}>".encode()).startswith("250")
        assert self.ask(b"DATA").startswith("354")


class Dribbler(Thread):
    """A client that begins a mail, and then sends an octet a second for as long as it is let."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._port = port
        self.answer = ""
        self.seconds = 0.0
        self.start()

    def run(self) -> None:
        with Wire(self._port, "127.0.0.9") as wire:
            wire.start_mail()
            wire.socket.settimeout(1)
            begin = time.monotonic()
            while not self.answer and time.monotonic() - begin < 45:
                with suppress(OSError):
                    wire.send(b"x")
                    self.answer = wire.socket.recv(1000).decode()
            self.seconds = time.monotonic() - begin


class Bomb:
    """Messages encrypted to a node's key, as anybody can make them who has its public key."""

    def __init__(self, node: Installation) -> None:
        needs("gpg")
        self._home = node.folder / "stranger"
        self._home.mkdir(mode=0o700, exist_ok=True)
        self._key = self._home / "node.asc"
        self._key.write_bytes(_gpg(node.folder / "keys/gnupg", b"", "--armor", "--export", CHINA.address))

    def of_zeros(self, megabytes: int) -> bytes:
        return self._encrypt(bytes(megabytes << 20), "-z", "1")

    def around(self, packets: bytes) -> bytes:
        return self._encrypt(packets, "-z", "0", "--no-literal")

    def _encrypt(self, octets: bytes, *options: str) -> bytes:
        to = ("--armor", "--trust-model", "always", "--recipient-file", str(self._key), "--encrypt")
        return _gpg(self._home, octets, *options, *to)


def _gpg(home: Path, octets: bytes, *arguments: str) -> bytes:
    command = ["gpg", "--homedir", str(home), "--batch", "--no-tty", "--quiet", *arguments]
    return subprocess.run(command, input=octets, capture_output=True, check=True).stdout


# Watching it


class Probe:
    """Another process that says NOOP every 20 ms and writes down when, and how long the answer took.

    It is a process, so that what the tests do meanwhile does not count.
    """

    def __init__(self, port: int, file: Path) -> None:
        self._file = file
        command = [sys.executable, "-m", "tests.hostile.daemon", "probe", str(port), str(file)]
        self._process = subprocess.Popen(command)
        until(lambda: file.exists() and file.stat().st_size > 0)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)

    def since(self, begin: float) -> list[float]:
        """The answer times in milliseconds of what was asked after `begin`, by time.monotonic()."""
        assert self._process.poll() is None, "the probe was hung up on"
        time.sleep(0.1)
        return [took for at, took in self._pairs() if at >= begin]

    def between(self, begin: float, but: Sequence[tuple[float, float]]) -> list[float]:
        """All answer times since `begin`, but those in some spans of time; the longest last."""
        kept = (pair for pair in self._pairs() if not any(start <= pair[0] <= end for start, end in but))
        return sorted(took for at, took in kept if at >= begin)

    def _pairs(self) -> list[tuple[float, float]]:
        lines = self._file.read_text(encoding="ascii").rpartition("\n")[0].splitlines()
        pairs = (line.split() for line in lines)
        return [(float(at), 1000 * float(took)) for at, took in pairs]


def probe(port: int, file: Path) -> None:
    """Ask for ever, with a new connection before one command was said too often in the old one."""
    with file.open("w", encoding="ascii", buffering=1) as out:
        while True:
            with Wire(port) as wire:
                for _ in range(900):
                    begin = time.monotonic()
                    assert wire.ask(b"NOOP").startswith("250")
                    out.write(f"{begin} {time.monotonic() - begin}\n")
                    time.sleep(0.02)


def resident(pid: int) -> int:
    """Megabytes of memory that a process holds."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0
    return (pages * os.sysconf("SC_PAGE_SIZE")) >> 20


def descendants(pid: int) -> set[int]:
    """All processes that descend from this one, without zombies."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            after = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        if after[0] != "Z":
            parents[int(stat.parent.name)] = int(after[1])
    found, new = set[int](), {pid}
    while new:
        found |= new
        new = {child for child, parent in parents.items() if parent in found} - found
    return found - {pid}


class Memory:
    """Looks every 20 ms how much memory the daemon and each process below it hold, and keeps the most."""

    def __init__(self, pid: int) -> None:
        self.daemon, self.workers = 0, 0
        self._pid, self._over = pid, Event()
        self._thread = Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        below, looks = set[int](), 0
        while not self._over.wait(0.02):
            looks += 1
            below = descendants(self._pid) if looks % 10 == 1 else below
            self.daemon = max(self.daemon, resident(self._pid))
            self.workers = max([self.workers, *map(resident, below)])

    def stop(self) -> None:
        self._over.set()
        self._thread.join()


# Workers that die of what they read


def obey(octets: bytes) -> None:
    """Do to this process what a message's X-Poison line says."""
    if b"X-Poison: exit\r\n" in octets:
        os._exit(9)
    if b"X-Poison: kill\r\n" in octets:
        os.kill(os.getpid(), signal.SIGKILL)
    if b"X-Poison: memory\r\n" in octets:
        raise AssertionError(len(bytearray(1 << 30)))
    if b"X-Poison: sleep\r\n" in octets:
        time.sleep(60)


def only_obeying() -> Examine:
    """An examiner without keys and schemas."""

    def examine(envelope: Envelope, octets: bytes) -> Examination:
        obey(octets)
        return Examination(envelope=envelope, octets_sha256=f"{os.getpid()}")

    return examine


def obeying(materials: Any) -> Examine:
    """The daemon's own examiner, which obeys first."""
    from ecertmail.examining import examiner  # here, because that is where workers are told to look

    real = examiner(materials).examine

    def examine(envelope: Envelope, octets: bytes) -> Examination:
        obey(octets)
        return real(envelope, octets)

    return examine


POISONED = (sys.executable, "-m", "tests.hostile.daemon", "poisoned")


def poison(kind: str, serial: str) -> bytes:
    """A mail that would be good if reading it did not harm the reader."""
    return b"X-Poison: " + kind.encode() + b"\r\n" + good_mail(serial)


def _main(arguments: list[str]) -> None:
    if arguments[0] == "probe":
        probe(int(arguments[1]), Path(arguments[2]))
    from ecertmail import examining
    from ecertmail.cli import main

    # By its name, for a worker knows this file not as the program that it is here.
    examining.__dict__["_in_worker"] = import_module("tests.hostile.daemon").obeying
    main(arguments[4:])  # what stands before would start the real one: python -m ecertmail


if __name__ == "__main__":
    _main(sys.argv[1:])
