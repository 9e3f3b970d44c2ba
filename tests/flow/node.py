"""China's node without daemon and sockets: real stores, a clock that goes on by itself, and troubles on demand."""

import json
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

from ecertmail.delivery import Delivery
from ecertmail.edge.schedule import next_run
from ecertmail.errors import TemporaryError
from ecertmail.flow.command import Commander
from ecertmail.flow.examine import Examiner
from ecertmail.flow.leave import Leaver
from ecertmail.flow.process import Processor
from ecertmail.flow.reconcile import Reconciler
from ecertmail.flow.reply import Replier
from ecertmail.store.audit import faults
from ecertmail.store.ledger import SqliteLedger
from ecertmail.store.outbox import SqliteOutbox
from ecertmail.store.reader import Found, LedgerReader
from ecertmail.store.spool import SpoolReader
from tests.builders import CHINA, NZ_ADDRESS, POLICY, envelope, examiner, present, room
from tests.flow.border import Border
from tests.flow.fakes import BrittleSpool, Log, Trouble, TroubledLedger

SECRET = b"sixteen octets!!"


class Node:
    """China's node on two real files, without sockets and threads; time goes on by a second for each look."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.began = present()
        self.spool = BrittleSpool(folder / "spool.db")
        self.ledger = SqliteLedger(folder / "ledger.db")
        self.outbox = SqliteOutbox(self.ledger)
        self.log = Log()
        self.examiner: Examiner = examiner()
        self.policy = POLICY
        self.looked_at = 5000
        self.nodes: frozenset[str] = frozenset()
        self.reconciler = Reconciler(ledger=self.ledger, log=self.log, bounces_to=CHINA.address, secret=SECRET)
        self.before, self.after = Trouble(), Trouble()
        self.spool.finishing = Trouble()
        self._ids, self._ticks, self._received = count(1), count(1), count(1)
        self.border = Border(self.log)

    def clock(self) -> datetime:
        return self.began + timedelta(seconds=next(self._ticks))

    def receive(self, *mails: bytes, sender: str = NZ_ADDRESS) -> list[str]:
        ids = [f"m{next(self._received)}" for _ in mails]
        self.spool.add([(spool_id, envelope(sender), mail) for spool_id, mail in zip(ids, mails, strict=True)])
        return ids

    def run(self) -> None:
        """What the daemon does with what waits, until nothing waits."""
        replier = Replier(
            authority=CHINA,
            policy=self.policy,
            new_message_id=lambda: f"<receipt-{next(self._ids)}@customs.example>",
            log=self.log,
        )
        processor = Processor(
            spool=self.spool,
            ledger=TroubledLedger(self.ledger, self.before, self.after),
            replier=replier,
            leaver=Leaver(authority=CHINA, secret=SECRET, new_message_id=replier.new_message_id, log=self.log),
            reconciler=self.reconciler,
            commander=Commander(next_run=next_run, log=self.log, looked_at=self.looked_at, nodes=self.nodes),
            desk=self.border.desk,
            responder=self.border.responder,
            log=self.log,
        )
        while claimed := self.spool.claim(self.clock(), 100):
            begun = processor.begin(claimed, self.examiner)
            processor.decide_all(begun, self.examiner.openpgp, self.clock)

    def run_through_trouble(self) -> None:
        """The daemon waits and goes on after a temporary failure."""
        for _ in range(9):
            try:
                return self.run()
            except TemporaryError:
                continue
        raise AssertionError("the trouble does not end")

    def take(self, *mails: bytes) -> list[str]:
        ids = self.receive(*mails)
        self.run()
        return ids

    def receipts(self, ahead: timedelta = timedelta(hours=1)) -> list[Delivery]:
        """All deliveries that are due so far ahead, or were looked at before; taking them changes their state."""
        self.outbox.recover(self.clock())
        return sorted(self.outbox.take_due(self.clock() + ahead, room(1000)), key=lambda one: one.id)

    def states(self) -> dict[str, int]:
        reader = SpoolReader(self.folder / "spool.db")
        counts = reader.counts()
        reader.close()
        return counts

    def quarantined(self) -> list[tuple[str, str]]:
        reader = SpoolReader(self.folder / "spool.db")
        rows = reader.list(["quarantined"], 100)
        reader.close()
        return sorted((row.id, row.reason) for row in rows)

    def log_kinds(self) -> list[str]:
        reader = LedgerReader(self.folder / "ledger.db")
        kinds = [entry.kind for entry in reader.tail(1000)]
        assert list(faults(reader)) == []
        reader.close()
        return kinds

    def records(self) -> list[dict[str, object]]:
        reader = LedgerReader(self.folder / "ledger.db")
        records = [json.loads(entry.record) for entry in reader.tail(1000)]
        reader.close()
        return records

    def lookup(self, number: str) -> list[Found]:
        reader = LedgerReader(self.folder / "ledger.db")
        found = reader.lookup(number)
        reader.close()
        return found

    def status(self, number: str) -> str:
        [found] = self.lookup(number)
        return found.status

    def close(self) -> None:
        self.spool.close()
        self.ledger.close()
