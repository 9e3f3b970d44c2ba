"""(g) The rate at which stored deliveries are sent, each attempt written down: against the same octets and no books."""

import asyncio
import io
import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import aiosmtplib

from benchmarks.ratio import Ratio, compare
from ecertmail.delivery import DeliveryState
from ecertmail.edge import log
from ecertmail.edge.smtp_out import Smarthost, SmarthostSender
from ecertmail.flow.deliver import Deliverer
from ecertmail.flow.hand import Hand
from ecertmail.store.ledger import SqliteLedger
from ecertmail.store.outbox import SqliteOutbox
from ecertmail.store.reader import LedgerReader
from tests.builders import NOW
from tests.installation import free_port, listens, until

_AS_NOBODY = ["-u", "nobody"] if os.getuid() == 0 else []  # smtp-sink does not run as root
MAILS, DOMAINS, CONNECTIONS, SIZE, REPEATS = 2000, 50, 4, 10_000, 7
CONTENT = b"Subject: load\r\n\r\n" + (b"x" * 76 + b"\r\n") * (SIZE // 78)
RECIPIENTS = [f"post-{number}@border-{number % DOMAINS}.example" for number in range(MAILS)]


def measure() -> Ratio:
    """Compare a deliverer with a full outbox with aiosmtplib in a loop, over as many connections to `smtp-sink`."""
    with _sink() as port, tempfile.TemporaryDirectory(prefix="ecertmail-bench-") as name:
        ledgers = (_filled(Path(name) / f"{serial}.db") for serial in itertools.count())
        full = [next(ledgers) for _ in range(REPEATS)]
        run = iter(full)
        value = 1 / compare(lambda: asyncio.run(_ours(*next(run), port)), lambda: asyncio.run(_bare(port)), REPEATS)
        for path, ledger in full:
            reader = LedgerReader(path)
            assert reader.counts("delivery") == {DeliveryState.DELIVERED: MAILS}  # none was forgotten on the way
            reader.close()
            ledger.close()
    load = f"{MAILS} mails of {SIZE} octets to {DOMAINS} domains, {CONNECTIONS} connections"
    against = f"aiosmtplib in a loop; {load}, smtp-sink, median of {REPEATS}"
    return Ratio(name="fan-out", value=value, aim=0.7, higher_is_better=True, against=against)


def _filled(path: Path) -> tuple[Path, SqliteLedger]:
    ledger = SqliteLedger(path)
    with ledger.transaction() as tx:
        for number, recipient in enumerate(RECIPIENTS):
            tx.stage(tx.put_mail(f"<{number}@bench>", CONTENT), "receipt", recipient, "", NOW)
    return path, ledger


async def _ours(_: Path, ledger: SqliteLedger, port: int) -> None:
    sender = SmarthostSender(
        Smarthost(
            host="127.0.0.1", port=port, hostname="bench", starttls="never", implicit_tls=False, tls_context=None,
            username="", password="", timeout=30,
        )
    )  # fmt: skip
    with ThreadPoolExecutor(1) as thread:
        deliverer = Deliverer(
            outbox=SqliteOutbox(ledger), sender=sender, run=partial(_in, thread), clock=lambda: NOW,
            backoff=(timedelta(1),), give_up=timedelta(1), hand=Hand(CONNECTIONS, 2), news=asyncio.Event(),
            log=log.make("json", "info", io.StringIO()),
        )  # fmt: skip
        assert await deliverer.deliver_due() == MAILS
        await sender.close()


async def _in(thread: ThreadPoolExecutor, call: Callable[[], Any]) -> Any:
    return await asyncio.get_running_loop().run_in_executor(thread, call)


async def _bare(port: int) -> None:
    left = iter(RECIPIENTS)

    async def connection() -> None:
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False, timeout=30) as client:
            for recipient in left:
                await client.sendmail("", [recipient], CONTENT)

    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))


@contextmanager
def _sink() -> Iterator[int]:
    program, port = shutil.which("smtp-sink", path="/usr/sbin:/usr/bin"), free_port()
    assert program, "the benchmark needs Postfix's smtp-sink"
    process = subprocess.Popen([program, *_AS_NOBODY, f"127.0.0.1:{port}", "100"])
    try:
        until(lambda: listens(port))
        yield port
    finally:
        process.terminate()
        process.wait()
