"""(c) The rate at which mails are accepted by SMTP: ours are on disk when 250 is said."""

import shutil
import smtplib
import subprocess
import threading
from collections.abc import Callable
from functools import partial

from benchmarks import server
from benchmarks.ratio import Ratio, compare
from ecertmail.store.spool import SpoolReader
from tests.builders import CHINA
from tests.installation import until

MAILS, CONNECTIONS, REPEATS, SIZE = 2000, 10, 7, 10_000


def measure() -> Ratio:
    """Compare with an aiosmtpd server that stores nothing, under the same load."""
    program = shutil.which("smtp-source", path="/usr/sbin:/usr/bin")
    with server.daemon() as ours, server.bare() as bare:
        # The mails are unsigned: they are accepted and quarantined, so that little else competes for the processors.
        load = _source(program) if program else _own
        # What is decided after 250 is waited for, so that it does not slow the bare server down in its turn.
        decided = partial(until, lambda: not ours.spooled("spooled", "claimed"), 60)
        value = 1 / compare(lambda: load(ours.port), lambda: load(bare), REPEATS, decided)
        spool = SpoolReader(ours.folder / "spool/spool.db")
        assert spool.counts() == {"quarantined": MAILS * REPEATS}  # none was lost on the way
        spool.close()
    client = "smtp-source" if program else "smtplib"
    load_of = f"{client}, {MAILS} mails of {SIZE} octets, {CONNECTIONS} connections"
    against = f"aiosmtpd that stores nothing; {load_of}, median of {REPEATS}"
    return Ratio(name="smtp-accept", value=value, aim=0.6, higher_is_better=True, against=against)


def _source(program: str) -> Callable[[int], None]:
    def load(port: int) -> None:
        command = [program, "-s", str(CONNECTIONS), "-m", str(MAILS), "-l", str(SIZE), "-d", "-f", "ecert@mpi.example",
                   "-t", CHINA.address, f"inet:127.0.0.1:{port}"]  # fmt: skip
        subprocess.run(command, check=True)

    return load


def _own(port: int) -> None:
    content = b"Subject: load\r\n\r\n" + (b"x" * 76 + b"\r\n") * (SIZE // 78)

    def send() -> None:
        with smtplib.SMTP("127.0.0.1", port) as smtp:
            for _ in range(MAILS // CONNECTIONS):
                smtp.sendmail("ecert@mpi.example", [CHINA.address], content)

    threads = [threading.Thread(target=send) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
