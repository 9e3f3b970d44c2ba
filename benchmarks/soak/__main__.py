"""Run the soak: SOAK_MINUTES of mail (120), five a second, while the daemon's clock goes through SOAK_DAYS (10).

It prints a line each minute, then what is demanded and whether it is so, and fails if it is not.
"""

import json
import os
import smtplib
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from aiosmtpd.controller import Controller

from benchmarks.soak import gauges
from benchmarks.soak.gauges import HEAD, MB, Sample
from benchmarks.soak.traffic import WANG, Mail, Sink, Traffic
from benchmarks.soak.wall_clock import WallClock
from ecertmail.store.spool import SpoolReader
from tests import installation
from tests.builders import AU_ADDRESS, key_of
from tests.installation import Installation, free_port, until

MINUTES = float(os.environ.get("SOAK_MINUTES", "120"))
DAYS = float(os.environ.get("SOAK_DAYS", "10"))
A_SECOND = 5
LOOK_SECONDS = 10.0
SETTINGS = {
    "# messages_per_minute = 600": "1000000",
    "# replies_per_hour = 500": "1000000",
    "# bounces_to_pause = 3": "1000000",
    "# misses_to_alarm = 5": "1000000",
    "# sent_days = 0": "2",
    "# archive_days = 0": "2",
    "# quarantine_days = 0": "2",
}
SUBSCRIBERS = {
    "at-once": (),
    **{f"digest-{place}": ("--digest", "--schedule", f"{place * 10} * * * *") for place in range(4)},
    "daily": ("--digest", "--schedule", "0 6 * * *", "--time-zone", "Asia/Shanghai"),
    "au": ("--partner", "au", "--digest", "--schedule", "0 0 * * *"),
}


@dataclass
class Soak:
    """One daemon under load, and what was seen of it."""

    node: Installation
    clock: WallClock
    sink: Sink
    sent: Counter[str] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)
    numbers: set[str] = field(default_factory=set)
    samples: list[Sample] = field(default_factory=list)

    def run(self, traffic: Traffic) -> None:
        """Send for the whole time, five mails a second; a clock that goes on by jumps costs no mail."""
        begin = looked = time.monotonic()
        for place, (kind, mail) in enumerate(traffic.mails()):
            due, now = begin + place / A_SECOND, time.monotonic()
            if due - begin > MINUTES * 60:
                break
            time.sleep(max(due - now, 0))
            self.clock.move(self._shown(begin))
            self._send(kind, mail)
            if now - looked >= LOOK_SECONDS:
                looked = now
                self._look((now - begin) / 60)
        self._settle((time.monotonic() - begin) / 60)

    def _shown(self, begin: float) -> timedelta:
        part = (time.monotonic() - begin) / (MINUTES * 60)
        return timedelta(days=DAYS * part)

    def _send(self, kind: str, mail: Mail) -> None:
        try:
            with smtplib.SMTP("127.0.0.1", self.node.port, timeout=60) as smtp:
                smtp.sendmail(mail.sender, [mail.recipient], mail.octets)
        except smtplib.SMTPException as error:
            self.refused.append(f"{kind}: {error!r}")
        else:
            self.sent[kind] += 1
            self.numbers.update(mail.numbers)

    def _look(self, minute: float) -> None:
        process = self.node.process
        assert process is not None
        with closing(self.node.ledger()) as ledger:
            certificates = sum(ledger.counts("certificate").values())
        wal, databases = gauges.sizes(self.node.folder / "spool")
        sample = Sample(
            minute, DAYS * minute / MINUTES, self.sent.total(), gauges.memory(process.pid),
            gauges.children(process.pid), gauges.open_files(process.pid), wal, databases, certificates,
        )  # fmt: skip
        self.samples.append(sample)
        if len(self.samples) % 6 == 1:
            print(sample.line(), flush=True)

    def _settle(self, minute: float) -> None:
        """Wait until everything is decided, and look once more."""
        until(lambda: not self._waiting(), 300)
        self._look(minute)

    def _waiting(self) -> int:
        with closing(SpoolReader(self.node.folder / "spool/spool.db")) as spool:
            counts = spool.counts()
        return counts.get("spooled", 0) + counts.get("claimed", 0)

    def missing(self) -> list[str]:
        """Return the certificates of acknowledged mails that the ledger does not hold."""
        with closing(self.node.ledger()) as ledger:
            return sorted(number for number in self.numbers if not ledger.lookup(number))

    def quarantined(self) -> Counter[str]:
        """Count what was set aside, by reason."""
        with closing(SpoolReader(self.node.folder / "spool/spool.db")) as spool:
            return Counter(row.reason for row in spool.list(["quarantined"], 1_000_000))


def demands(soak: Soak) -> Iterator[tuple[str, bool]]:
    """Yield what is demanded, with the number found, and whether it is so."""
    samples, last = soak.samples, soak.samples[-1]
    quarter = [sample for sample in samples if sample.minute >= last.minute * 0.75]
    peak = max(sample.rss for sample in samples) / MB
    more = gauges.growth(samples, lambda sample: sample.rss) / MB
    files = gauges.growth(samples, lambda sample: sample.files)
    each = last.databases / max(last.certificates, 1) / 1000
    missing = soak.missing()
    yield f"main process at most 130 MB: {peak:.1f} MB", peak <= 130
    yield f"main process grows by at most 1 MB in the last quarter: {more:.1f} MB", more <= 1
    yield f"open files do not grow in the last quarter: {files:+.0f}", files <= 2
    yield (
        f"write-ahead logs at most 20 MB in the last quarter: {max(s.wal for s in quarter) / MB:.1f} MB",
        (max(sample.wal for sample in quarter) <= 20 * MB),
    )
    yield f"at most 15 kB a certificate: {each:.1f} kB", each <= 15
    yield f"certificates of acknowledged mails that are missing: {len(missing)} {missing[:5]}", not missing
    yield f"mails refused: {len(soak.refused)} {soak.refused[:3]}", not soak.refused
    yield "the hashes of the ledger", soak.node.cli("ledger", "verify").exit_code == 0


@contextmanager
def daemon(folder: Path, sink: Sink) -> Iterator[Installation]:
    """Run a daemon that sends to the sink, with partners, subscribers and an official."""
    controller = Controller(sink, hostname="127.0.0.1", port=free_port())
    controller.start()
    node = installation.copy(installation.make(folder / "template"), folder / "node", controller.port)
    _furnish(node)
    node.start()
    try:
        yield node
    finally:
        node.stop()
        controller.stop()


def _furnish(node: Installation) -> None:
    for commented, value in SETTINGS.items():
        node.set(commented, value)
    key = key_of(AU_ADDRESS)
    (node.folder / "au.asc").write_text(str(key.tsk.extract_certificate()), encoding="ascii")
    _done(
        node, "partner", "add", "au", str(node.folder / "au.asc"), "--name", "DAFF", "--country", "AU", "--address",
        AU_ADDRESS, "--fingerprint", key.fingerprint,
    )  # fmt: skip
    _done(node, "official", "add", "wang", "--address", WANG, "--name", "Wang Wei")
    for name, options in SUBSCRIBERS.items():
        address = AU_ADDRESS if name == "au" else f"{name}@customs.example"
        _done(node, "subscriber", "add", name, "--address", address, *options)


def _done(node: Installation, *arguments: str) -> None:
    result = node.cli(*arguments)
    assert result.exit_code == 0, result.output


def main() -> int:
    """Run the soak; return 0 if everything is as demanded."""
    clock = WallClock.here()
    with tempfile.TemporaryDirectory(prefix="ecertmail-soak-") as name:
        if clock is None:  # begin anew with a clock that can be moved
            clock = WallClock.make(Path(name))
            command = [sys.executable, "-m", "benchmarks.soak"]
            return subprocess.run(command, env=os.environ | clock.environment, check=False).returncode
        sink = Sink()
        with daemon(Path(name), sink) as node:
            soak = Soak(node, clock, sink)
            print(f"{MINUTES:g} minutes, {A_SECOND} mails a second, {DAYS:g} days of the clock\n{HEAD}", flush=True)
            soak.run(Traffic(sink, (node.folder / "keys/node.asc").read_bytes()))
            print(f"sent: {json.dumps(soak.sent)}; the daemon sent {sink.count}")
            print(f"in quarantine: {json.dumps(soak.quarantined())}")
            verdicts = list(demands(soak))
    for words, good in verdicts:
        print(f"{'good' if good else 'BAD '}  {words}")
    return 0 if all(good for _, good in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
