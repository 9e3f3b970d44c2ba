"""A ledger and a spool with a past: what status, metrics and the monthly report are looked at with."""

import json
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ecertmail.core.record import canonical, timestamp
from ecertmail.delivery import Attempt, Attempted, DeliveryState
from ecertmail.model import CertificateStatus
from ecertmail.store.ledger import SqliteLedger
from ecertmail.store.outbox import SqliteOutbox
from ecertmail.store.spool import SqliteSpool
from ecertmail.store.subscriptions import from_json
from ecertmail.subscription import Filter
from tests.builders import certificate, envelope, room, settle

SENT = Attempt(outcome=Attempted.SENT, reply="250 OK")
REFUSED = Attempt(outcome=Attempted.REFUSED, reply="550 no such user")


class Past:
    """Writes what a daemon would have written at any time."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.ledger = SqliteLedger(folder / "ledger.db")
        self.spool = SqliteSpool(folder / "spool.db")
        self.outbox = SqliteOutbox(self.ledger)

    def close(self) -> None:
        self.ledger.close()
        self.spool.close()

    def record(self, at: datetime, issuer: str, *numbers: str, outcome: str = "accepted", type: str = "851") -> None:  # noqa: A002 - the record's key
        """A message of a partner and the certificates in it."""
        status = CertificateStatus.ISSUED
        made = [certificate(number, type=type, status=status) for number in numbers]
        records: list[tuple[str, dict[str, Any]]] = [
            ("message", {"at": timestamp(at), "partner": issuer, "outcome": outcome})
        ]
        records += [
            ("certificate", {"at": timestamp(at), "issuer": issuer, "number": c.number, "type": type, "status": status})
            for c in made
        ]
        with self.ledger.transaction() as tx:
            entries = tx.append([(kind, canonical(record)) for kind, record in records])
            versions = [(entry, "certificate", c) for entry, c in zip(entries[1:], made, strict=True)]
            tx.put_versions(issuer, versions)

    def deliver(self, at: datetime, address: str, seconds: float, attempt: Attempt = SENT, kind: str = "push") -> None:
        """A mail that was staged at one time and sent, or refused, so many seconds later."""
        self.stage(at, address, kind)
        [delivery] = self.outbox.take_due(at, room(1))
        state = DeliveryState.DELIVERED if attempt is SENT else DeliveryState.FAILED
        settle(self.outbox, delivery, attempt, state, None, at + timedelta(seconds=seconds))

    def stage(self, at: datetime, address: str, kind: str = "push") -> None:
        with self.ledger.transaction() as tx:
            mail = tx.put_mail(f"<{at.timestamp()}-{address}@cn.example>", b"mail")
            tx.stage(mail, kind, address, "bounce@cn.example", at)

    def spooled(self, at: datetime, *ids: str) -> None:
        arrived = envelope()
        values = {name: getattr(arrived, name) for name in arrived.__slots__} | {"received_at": at}
        self.spool.add([(spool_id, type(arrived)(**values), b"mail") for spool_id in ids])

    def subscribe(self, at: datetime, subscription_id: str, **changes: Any) -> None:
        values = {
            "id": subscription_id, "address": f"{subscription_id}@customs.example", "name": "", "partner": "",
            "filter": asdict(Filter()), "bundle": "single", "max_certificates": 100, "max_octets": 1_000_000,
            "schedule": "immediately", "time_zone": "UTC", "state": "active", "reason": "",
        }  # fmt: skip
        with self.ledger.transaction() as tx:
            tx.subscriptions.add(from_json(json.loads(json.dumps({**values, **changes})), at), -1, None)
