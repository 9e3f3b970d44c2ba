"""A node whose clock is changed while time goes on: `real` is the time that passes, `now` what the clock shows."""

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from itertools import count
from pathlib import Path

from ecertmail.core.states import after_attempt
from ecertmail.delivery import Attempt, Attempted, Delivery, Settled
from ecertmail.edge.schedule import next_run
from ecertmail.flow.clock import ClockWatch
from ecertmail.flow.publish import Publisher
from ecertmail.flow.reconcile import Reconciler
from ecertmail.flow.report import Reporter
from ecertmail.store.spool import SpoolReader
from tests.builders import CHINA, batch_mail, certificates_xml, room
from tests.core.test_audience import SUBSCRIPTION
from tests.flow.node import SECRET, Node

BEGIN = datetime(2026, 3, 2, 12, 10, tzinfo=UTC)
STEP = timedelta(hours=1)
BACKOFF = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 120, 240))
GIVE_UP = timedelta(days=5)
OPERATOR = "operator@customs.example"
AT_ONCE, DAILY, PARTNER, AWAY = (f"{name}@customs.example" for name in ("at-once", "daily", "partner", "away"))


class ClockedNode(Node):
    """China's node with a clock that tests set."""

    now = BEGIN

    def clock(self) -> datetime:
        return self.now


class Clocked:
    """Everything in a node that waits for a time, looked at every hour; `sent` is what came out, and when."""

    def __init__(self, folder: Path) -> None:
        self.node, self.real, serial = ClockedNode(folder), BEGIN, count()
        self.seen = SpoolReader(folder / "spool.db")
        self.offset = timedelta()
        self.away: set[str] = set()
        self.sent: defaultdict[str, list[tuple[datetime, Delivery]]] = defaultdict(list)
        ledger, log = self.node.ledger, self.node.log
        self.reconciler = Reconciler(ledger=ledger, log=log)
        self.watch = ClockWatch(ledger=ledger, longest_wait=max(BACKOFF), log=log)

        def new_id() -> str:
            return f"<{next(serial)}@customs.example>"

        self.publisher = Publisher(
            authority=CHINA, partners={}, ledger=ledger, next_run=next_run, secret=SECRET, bounces_to_pause=3,
            new_message_id=new_id, log=log,
        )  # fmt: skip
        self.reporter = Reporter(
            authority=CHINA, operator=OPERATOR, at=time(7), ledger=ledger, quarantine=self.seen, new_message_id=new_id,
            log=log,
        )  # fmt: skip

    @property
    def now(self) -> datetime:
        return self.real + self.offset

    def close(self) -> None:
        self.seen.close()
        self.node.close()

    def subscribe(self, address: str, schedule: str) -> None:
        one = replace(
            SUBSCRIPTION, id=address.partition("@")[0], address=address, schedule=schedule, max_certificates=100,
            created_at=self.now, ran_at=self.now, trusted_at=self.now,
        )  # fmt: skip
        with self.node.ledger.transaction() as tx:
            tx.subscriptions.add(one, tx.next_index() - 1, None)

    def push(self, recipient: str) -> None:
        """Stage a push that expects an answer."""
        with self.node.ledger.transaction() as tx:
            mail = tx.put_mail(f"<push-{recipient}>", b"Subject: Certificates\r\n\r\n")
            tx.stage(mail, "push", recipient, "", self.now, expects=True)

    def record(self, number: str) -> None:
        self.node.take(batch_mail(certificates_xml(number), serial=number))

    def quarantine(self) -> str:
        """Take a stranger's mail; return what the daily report says of it."""
        [spool_id] = self.node.take(b"From: someone@stranger.example\r\n\r\nnot signed\r\n")
        return f"  {spool_id}  not-signed"

    def set_clock(self, jump: timedelta) -> None:
        self.offset += jump
        self.node.now = self.now

    def live(self, during: timedelta, step: timedelta = STEP) -> None:
        """Let time pass, and do what the daemon does."""
        end = self.real + during
        while self.real < end:
            self.real += step
            self.node.now = self.now
            self._look()

    def _look(self) -> None:
        openpgp = self.node.examiner.openpgp
        self.watch.look(self.now)
        self.reconciler.look(self.now)
        self.publisher.publish_due(openpgp, self.now)
        self.reporter.report_if_due((), openpgp, self.now)
        for delivery in self.node.outbox.take_due(self.now, room(1000)):
            self._send(delivery)

    def _send(self, delivery: Delivery) -> None:
        outcome = Attempted.TEMPORARY if delivery.recipient in self.away else Attempted.SENT
        if outcome is Attempted.SENT:
            self.sent[delivery.recipient].append((self.real, delivery))
        state, next_at = after_attempt(outcome, delivery.attempts + 1, self.now, BACKOFF, GIVE_UP)
        settled = Settled(delivery=delivery, attempt=Attempt(outcome=outcome, reply=""), state=state, next_at=next_at)
        self.node.outbox.settle([settled], self.now)

    def times(self, recipient: str, word: str = "") -> list[datetime]:
        """Return when mails with a word in them were sent to somebody."""
        return [real for real, delivery in self.sent[recipient] if word.encode() in delivery.octets]

    def alarms(self) -> list[str]:
        with self.node.ledger.transaction() as tx:
            return [alarm.what for alarm in tx.alarms()]
