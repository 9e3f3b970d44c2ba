"""What both floors share: the bare libraries on the same bytes and the same file system."""

import io
import itertools
import sqlite3
from dataclasses import replace
from pathlib import Path

from lxml import etree

from ecertmail.config import packaged
from ecertmail.core import mime
from ecertmail.decider import CLAIM_AT_ONCE
from ecertmail.edge import log
from ecertmail.edge.schedule import next_run
from ecertmail.findings import Finding
from ecertmail.flow.command import Commander
from ecertmail.flow.leave import Leaver
from ecertmail.flow.process import Processor
from ecertmail.flow.reconcile import Reconciler
from ecertmail.flow.reply import Replier
from ecertmail.message import SignedMessage, Spooled
from ecertmail.store.ledger import SqliteLedger
from ecertmail.store.reader import LedgerReader
from ecertmail.store.spool import SqliteSpool
from tests.builders import CHINA, NOW, POLICY, envelope, examiner
from tests.flow.border import Border


def database(file: Path) -> sqlite3.Connection:
    """A table with a key and a blob, as durable as ours."""
    db = sqlite3.connect(file, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        db.execute(f"PRAGMA {pragma}")
    db.execute("CREATE TABLE row (id TEXT PRIMARY KEY, octets BLOB)")
    return db


def schema() -> etree.XMLSchema:
    """The compiled schema of the `certificates` format."""
    return etree.XMLSchema(file=str(packaged("schemas") / "certificates/certificates.xsd"))


def opened(mail: bytes) -> tuple[SignedMessage, bytes]:
    """A mail's signed message and its XML document."""
    message = mime.read(mail)
    assert isinstance(message, SignedMessage)
    leaves = mime.attachments(message.signed_octets)
    assert not isinstance(leaves, Finding)
    return message, next(leaf.data for leaf in leaves if leaf.filename)


class Node:
    """Spool, ledger and processor as the daemon has them, without the daemon."""

    def __init__(self, folder: Path) -> None:
        """Make both stores in a folder."""
        folder.mkdir()
        self._folder = folder
        serial = itertools.count()
        self.spool = SqliteSpool(folder / "spool.db")
        self.ledger = SqliteLedger(folder / "ledger.db")
        self._examiner = examiner()
        events = log.make("json", "info", io.StringIO())
        self._processor = Processor(
            spool=self.spool,
            ledger=self.ledger,
            replier=Replier(
                authority=CHINA,
                policy=replace(POLICY, replies_per_hour=1_000_000),
                log=events,
                new_message_id=lambda: f"<{next(serial)}@{folder.name}>",
            ),
            leaver=Leaver(authority=CHINA, secret=b"", new_message_id=str, log=events),
            reconciler=Reconciler(ledger=self.ledger, log=events),
            commander=Commander(next_run=next_run, log=events),
            desk=Border(events).desk,
            responder=Border(events).responder,
            log=events,
        )

    def fill(self, mails: list[bytes], first: int = 0) -> None:
        """Put mails into the spool, numbered from the first on."""
        self.spool.add([(f"mail-{number}", envelope(), mail) for number, mail in enumerate(mails, first)])

    def drain(self) -> None:
        """Decide everything that is spooled, as many at once as `app` does."""
        while claimed := self.spool.claim(NOW, CLAIM_AT_ONCE):
            begun = self._processor.begin(claimed, self._examiner)
            self._processor.decide_all(begun, self._examiner.openpgp, lambda: NOW)

    def claim(self) -> Spooled:
        """Take one message out of the spool."""
        return self.spool.claim(NOW, 1)[0]

    def decide(self, spooled: Spooled) -> None:
        """Decide one claimed message: examine, judge, commit."""
        facts = self._examiner.begin(spooled.envelope, spooled.octets)
        self._processor.decide(spooled, facts.result(), self._examiner.openpgp, NOW)

    def check(self, messages: int, certificates: int) -> None:
        """Make sure that the work was really done: a refusal would be quicker."""
        reader = LedgerReader(self._folder / "ledger.db")
        assert reader.counts("certificate") == {"70": certificates}
        assert reader.counts("delivery") == {"due": messages}
        reader.close()
