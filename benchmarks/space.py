"""(i) Octets on disk for each certificate that a partner sends and four subscribers get, with and without retention."""

import io
import itertools
import sqlite3
import tempfile
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

from benchmarks import bare
from benchmarks.ratio import Ratio
from ecertmail.delivery import Attempt, Attempted, DeliveryState, Settled
from ecertmail.edge import log
from ecertmail.edge.schedule import next_run
from ecertmail.flow.publish import Publisher
from ecertmail.store.outbox import SqliteOutbox
from ecertmail.store.retention import SentRetention
from ecertmail.subscription import Bundle
from tests.builders import CHINA, NOW, batch_mail, certificates_xml, examiner, room, sps_xml
from tests.core.test_audience import SUBSCRIPTION

CERTIFICATES, AT_ONCE, LATER = 300, 10, NOW + timedelta(days=100)
SENT = Attempt(outcome=Attempted.SENT, reply="250 2.0.0 Ok: queued as 4fZ1Xk2qGzz1")


def measure() -> tuple[Ratio, Ratio]:
    """Exchange certificates, one in each mail; then remove what may be removed."""
    with tempfile.TemporaryDirectory(prefix="ecertmail-bench-") as name:
        folder = Path(name) / "node"
        node = bare.Node(folder)
        size = _exchange(node)
        kept = _kilobytes(folder)
        retention = SentRetention(node.ledger.db)
        retention.begin(LATER)
        while retention.step(LATER, LATER).more:
            pass
        while retention.give_back():
            pass
        removed = _kilobytes(folder)
    load = (
        f"kB for each certificate of {size / 1000:.1f} kB on average; a receipt, two single pushes and two digests of"
    )
    against = f"{load} {AT_ONCE}"
    return (
        Ratio(name="space-kept", value=kept, aim=25, higher_is_better=False, against=f"{against}; nothing removed"),
        Ratio(
            name="space-removed", value=removed, aim=15, higher_is_better=False, against=f"{against}; sent_days over"
        ),
    )


def _exchange(node: bare.Node) -> float:
    serial, outbox = itertools.count(), SqliteOutbox(node.ledger)
    publisher = Publisher(
        authority=CHINA, partners={}, ledger=node.ledger, next_run=next_run, secret=b"s" * 16, bounces_to_pause=3,
        new_message_id=lambda: f"<{next(serial)}@customs.example>", log=log.make("json", "info", io.StringIO()),
    )  # fmt: skip
    with node.ledger.transaction() as tx:
        for number in range(4):
            bundle = Bundle.SINGLE if number < 2 else Bundle.DIGEST
            one = replace(SUBSCRIPTION, id=f"s{number}", bundle=bundle, max_certificates=100, ran_at=NOW)
            tx.subscriptions.add(one, -1, None)
    documents = [_document(number) for number in range(CERTIFICATES)]
    for start in range(0, CERTIFICATES, AT_ONCE):
        chosen = range(start, start + AT_ONCE)
        node.fill([batch_mail(documents[number], serial=f"m{number}") for number in chosen], start)
        node.drain()
        publisher.publish_due(examiner().openpgp, NOW + timedelta(days=1))
        taken = outbox.take_due(LATER, room(1000))
        settled = (Settled(delivery=one, attempt=SENT, state=DeliveryState.DELIVERED, next_at=None) for one in taken)
        outbox.settle(list(settled), NOW)
    return sum(map(len, documents)) / CERTIFICATES


def _document(number: int) -> bytes:
    """One of three is an SPSCertificate of 8 kB, the others are flat ones of 1 kB."""
    if number % 3 == 0:
        return sps_xml(f"NZ-2026-{number:06}")
    return certificates_xml(f"NZ/{number}", title=f"Lamb, {sha256(str(number).encode()).hexdigest() * 9}")


def _kilobytes(folder: Path) -> float:
    """What both files take once their write-ahead logs are empty."""
    for name in ("ledger.db", "spool.db"):
        db = sqlite3.connect(folder / name)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        db.close()
    return sum((folder / name).stat().st_size for name in ("ledger.db", "spool.db")) / 1000 / CERTIFICATES
