"""A hostile mail, what must become of it, and the one test that every table goes through."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from ecertmail.delivery import Attempt, Attempted, Delivery, DeliveryState
from ecertmail.findings import FindingCode
from ecertmail.model import Outcome
from ecertmail.store.spool import SpoolReader
from tests.builders import NZ_ADDRESS, settle
from tests.flow.node import Node
from tests.hostile.mails import good


@dataclass(frozen=True, kw_only=True)
class Case:
    """One line of a table.

    `reverse_path` is what the transport said; `to` is the registered address of whoever is answered.
    """

    name: str
    mail: Callable[[], bytes]
    code: FindingCode | None = None
    outcome: Outcome = Outcome.QUARANTINED
    answered: bool = False
    reverse_path: str = NZ_ADDRESS
    to: str = NZ_ADDRESS


def stranger(name: str, mail: Callable[[], bytes], code: FindingCode) -> Case:
    """Nobody we know said this: set aside, and not a word to anybody."""
    return Case(name=name, mail=mail, code=code)


def refused(name: str, mail: Callable[[], bytes], code: FindingCode) -> Case:
    """A partner said it, and is told why not."""
    return Case(name=name, mail=mail, code=code, outcome=Outcome.REFUSED, answered=True)


def accepted(name: str, mail: Callable[[], bytes]) -> Case:
    """It looks odd, but it is a partner's word."""
    return Case(name=name, mail=mail, outcome=Outcome.ACCEPTED, answered=True)


def table(cases: Iterable[Case]) -> pytest.MarkDecorator:
    """Run a test for each case."""
    return pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in cases])


@dataclass(frozen=True, kw_only=True)
class Fate:
    """What became of one mail, as the operator can see it."""

    outcome: str
    codes: tuple[str, ...]
    certificates: int
    answers: tuple[str, ...]


def fate(node: Node, case: Case) -> Fate:
    before = len(node.records())
    mail = case.mail()
    [spool_id] = node.receive(mail, sender=case.reverse_path)
    node.run()
    records = node.records()[before:]
    reasons = [reason for name, reason in node.quarantined() if name == spool_id]
    codes = reasons + [code for record in records for code in _codes(record)]
    assert as_received(node, spool_id) == mail
    return Fate(
        outcome=str(records[0]["outcome"]) if records else _event(node, spool_id),
        codes=tuple(dict.fromkeys(codes)),
        certificates=sum(record["kind"] == "certificate" for record in records),
        answers=tuple(delivery.recipient for delivery in sent(node)),
    )


def sent(node: Node, ahead: timedelta = timedelta(hours=1)) -> list[Delivery]:
    """Send what waits to be sent, or is due so far ahead."""
    deliveries = node.receipts(ahead)
    for delivery in deliveries:
        attempt = Attempt(outcome=Attempted.SENT, reply="250")
        settle(node.outbox, delivery, attempt, DeliveryState.DELIVERED, None, node.clock())
    return deliveries


def expected(case: Case) -> Fate:
    return Fate(
        outcome=case.outcome.value,
        codes=(case.code.code,) if case.code else (),
        certificates=int(case.outcome is Outcome.ACCEPTED),
        answers=(case.to,) if case.answered else (),
    )


def assert_comes_to(node: Node, case: Case) -> None:
    """The mail meets its fate, the operator can look at it, and the next good mail is taken."""
    assert fate(node, case) == expected(case)
    assert_next_good_mail_is_taken(node)


def assert_next_good_mail_is_taken(node: Node) -> None:
    taken = fate(node, accepted("the next good mail", good))
    assert taken == expected(accepted("", good))
    assert node.status("NZ-GOOD") == "70"


def as_received(node: Node, spool_id: str) -> bytes:
    """What the operator exports of a mail: its octets, whatever became of it."""
    reader = SpoolReader(node.folder / "spool.db")
    row, octets = reader.get(spool_id)
    reader.close()
    assert row.state in {"archived", "quarantined"}
    return octets


def _event(node: Node, spool_id: str) -> str:
    """The outcome in the log; the operator's only trace of it but for the quarantine."""
    events = [event for _, event, facts in node.log.lines if facts.get("id") == spool_id]
    return events[-1].removeprefix("mail.")


def _codes(record: dict[str, object]) -> list[str]:
    found = record.get("findings", [])
    refusals = record.get("refused", [])
    assert isinstance(found, list)
    assert isinstance(refusals, list)
    return [*found, *(code for refusal in refusals for code in refusal["codes"])]
