"""An official's mail as the desk takes it: from what was read of it to the signed letter that waits to be sent."""

import io
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import NoReturn

from ecertmail.core.reply import quote
from ecertmail.edge import log
from ecertmail.edge.templates import JinjaTemplates
from ecertmail.flow.deciding import Deciding
from ecertmail.flow.desk import Desk
from ecertmail.flow.look_up import LookUps
from ecertmail.flow.offer import Offers
from ecertmail.flow.post import Post
from ecertmail.model import Examination, Outcome
from ecertmail.official import Official, Written
from ecertmail.parties import Demands
from ecertmail.store.ledger import SqliteLedger
from tests.builders import CHINA, NOW, POLICY, envelope, examiner


def _never(*_: object) -> NoReturn:
    raise AssertionError("a look-up decides nothing")


@dataclass(frozen=True, slots=True)
class Visitor:
    """One official who looks up, and the desk with a real ledger behind it."""

    ledger: SqliteLedger
    desk: Desk
    official: Official
    serial: Iterator[int]

    @staticmethod
    def of(ledger: SqliteLedger, look_ups: LookUps, official: Official) -> "Visitor":
        """Register the official, and open the desk."""
        with ledger.transaction() as tx:
            tx.officials.add(official)
        events, serial = log.make("json", "info", io.StringIO()), itertools.count()
        post = Post(
            authority=CHINA, policy=replace(POLICY, replies_per_hour=10**6), templates=JinjaTemplates(quote.ABOVE),
            secret=bytes(16), life=timedelta(days=30), new_message_id=lambda: f"<{next(serial)}@customs.example>",
            log=events,
        )  # fmt: skip
        deciding = Deciding(
            partners=look_ups.partners, look_ups=look_ups, opens=_never, settles=_never, announce=_never,
            remark_length=4000, log=events,
        )  # fmt: skip
        desk = Desk(
            post=post, deciding=deciding, look_ups=look_ups, offers=Offers(post=post, look_ups=look_ups),
            answered=_never, demands=lambda _: Demands(), log=events,
        )  # fmt: skip
        return Visitor(ledger, desk, official, itertools.count())

    def verify(self, number: str) -> None:
        """Ask for one number in a mail; the answer is committed."""
        serial = next(self.serial)
        written = Written(
            sender=self.official.address, recipients=frozenset({CHINA.address}), subject=f"VERIFY {number}",
            message_id=f"<{serial}@desk.example>", text="",
        )  # fmt: skip
        examination = Examination(
            envelope=envelope(self.official.address), octets_sha256=f"{serial:064x}", written=written
        )
        with self.ledger.transaction() as tx:
            outcome = self.desk.take(tx, f"spool-{serial}", examination, _OPENPGP, NOW)
        assert outcome is Outcome.WRITTEN


_OPENPGP = examiner().openpgp
