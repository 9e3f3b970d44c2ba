"""What is recorded reaches subscribers: each certificate once, in the commit that moves the cursor."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from email import message_from_bytes
from itertools import count
from pathlib import Path
from urllib.parse import unquote

import pytest

from ecertmail.core import mime
from ecertmail.delivery import Delivery
from ecertmail.edge.openpgp import OpenPgpEngine
from ecertmail.edge.schedule import next_run
from ecertmail.errors import PermanentError
from ecertmail.flow.publish import Publisher
from ecertmail.message import SignedMessage
from ecertmail.parties import Authority, Encryption
from ecertmail.subscription import Bundle, Filter, Subscription, SubscriptionState
from tests.builders import (
    CHINA,
    NOW,
    batch_mail,
    certificates_xml,
    examiner,
    key_of,
    new_zealand,
    room,
    sps_xml,
    unexplained,
)
from tests.core.test_audience import SUBSCRIPTION
from tests.flow.fakes import Trouble
from tests.flow.node import SECRET, Node

DIGEST = replace(SUBSCRIPTION, max_certificates=100, created_at=NOW, ran_at=NOW, trusted_at=NOW)
LATER = NOW + timedelta(days=1)


class Desk:
    """China's node and its publisher."""

    def __init__(self, folder: Path) -> None:
        self.node = Node(folder)
        self.now = NOW
        serial = count()
        self.publisher = Publisher(
            authority=CHINA, partners={"nz": new_zealand()}, ledger=self.node.ledger, next_run=next_run, secret=SECRET,
            bounces_to_pause=3,
            new_message_id=lambda: f"<push-{next(serial)}@customs.example>", log=self.node.log,
        )  # fmt: skip

    def subscribe(self, subscription: Subscription = DIGEST, since: datetime | None = None) -> None:
        with self.node.ledger.transaction() as tx:
            tx.subscriptions.add(subscription, tx.next_index() - 1, since)

    def record(self, *numbers: str, status: str = "Approved") -> None:
        self.node.take(batch_mail(certificates_xml(*numbers, status=status), serial=f"{numbers[0]}-{status}"))

    def publish(self, now: datetime = LATER) -> int:
        return self.publisher.publish_due(self.node.examiner.openpgp, now)

    def pushed(self) -> list[Delivery]:
        due = self.node.outbox.take_due(LATER + timedelta(days=9), room(10_000))
        return [delivery for delivery in due if delivery.kind == "push"]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.node.close()


def signed(delivery: Delivery) -> SignedMessage:
    message = mime.read(delivery.octets)
    assert isinstance(message, SignedMessage)
    return message


def text(delivery: Delivery) -> str:
    leaves = mime.attachments(signed(delivery).signed_octets)
    assert isinstance(leaves, tuple)
    return leaves[0].data.decode()


def test_what_is_recorded_after_a_subscription_is_pushed_once(desk: Desk) -> None:
    desk.record("NZ-0")
    desk.subscribe()
    desk.record("NZ-1", "NZ-2")
    assert (desk.publish(), desk.publish()) == (1, 0)
    [delivery] = desk.pushed()
    assert delivery.recipient == DIGEST.address
    assert "NZ-1: ISSUED" in text(delivery)
    assert "NZ-2: ISSUED" in text(delivery)
    assert "NZ-0" not in text(delivery)


def test_a_subscription_can_begin_in_the_past(desk: Desk) -> None:
    desk.record("NZ-0")
    desk.subscribe(since=NOW - timedelta(days=1))
    assert desk.publish() == 1
    assert "NZ-0" in text(desk.pushed()[0])


def test_a_withdrawal_follows_the_certificate(desk: Desk) -> None:
    desk.subscribe(replace(DIGEST, filter=Filter(statuses=("70",))))
    desk.record("NZ-1")
    desk.publish()
    desk.record("NZ-1", status="Withdrawn")
    desk.publish()
    assert ["ISSUED" in text(d) for d in desk.pushed()] == [True, False]


def test_what_the_filter_holds_back_moves_the_cursor_and_is_not_looked_at_again(desk: Desk) -> None:
    desk.subscribe(replace(DIGEST, filter=Filter(importing=("JP",))))
    desk.record("NZ-1")
    assert desk.publish() == 0
    with desk.node.ledger.transaction() as tx:
        [subscription] = tx.subscriptions.all(SubscriptionState.ACTIVE)
        assert subscription.cursor == tx.next_index() - 1


@pytest.mark.parametrize("state", [SubscriptionState.PENDING, SubscriptionState.PAUSED, SubscriptionState.REMOVED])
def test_only_an_active_subscription_is_sent_anything(desk: Desk, state: SubscriptionState) -> None:
    desk.subscribe(replace(DIGEST, state=state))
    desk.record("NZ-1")
    assert desk.publish() == 0


def test_what_came_during_a_pause_is_sent_at_resume(desk: Desk) -> None:
    desk.subscribe(replace(DIGEST, state=SubscriptionState.PAUSED))
    desk.record("NZ-1")
    desk.publish()
    with desk.node.ledger.transaction() as tx:
        tx.subscriptions.change(DIGEST.id, SubscriptionState.ACTIVE, "", NOW)
    assert desk.publish() == 1


def test_a_schedule_is_kept_and_an_outage_of_three_runs_is_caught_up_by_one(desk: Desk) -> None:
    desk.subscribe(replace(DIGEST, schedule="0 6 * * *", ran_at=NOW))
    desk.record("NZ-1", "NZ-2")
    run = next_run("0 6 * * *", "UTC", NOW)
    assert run is not None
    assert desk.publish(run - timedelta(seconds=1)) == 0
    assert desk.publish(run + timedelta(days=3)) == 1
    assert desk.publish(run + timedelta(days=3)) == 0
    desk.record("NZ-3")
    assert desk.publish(run + timedelta(days=3, hours=1)) == 0, "the next run is tomorrow"
    assert desk.publish(run + timedelta(days=4)) == 1


class DyingSigner(OpenPgpEngine):
    """Signs once, and then the power is cut."""

    def __init__(self) -> None:
        super().__init__({}, unexplained, key_of(CHINA.address).sign)
        self._trouble = Trouble(2, error=RuntimeError("power cut"))

    def sign(self, octets: bytes) -> bytes:
        self._trouble()
        return super().sign(octets)


def test_a_crash_while_staging_leaves_nothing_and_the_next_run_misses_nothing(desk: Desk) -> None:
    desk.subscribe(replace(DIGEST, bundle=Bundle.SINGLE))
    desk.record("NZ-1", "NZ-2")
    with pytest.raises(RuntimeError):
        desk.publisher.publish_due(DyingSigner(), LATER)
    assert desk.pushed() == []
    assert desk.publish() == 2
    assert len(desk.pushed()) == 2


def test_more_certificates_than_are_read_at_once_all_arrive(desk: Desk) -> None:
    desk.subscribe(replace(DIGEST, bundle=Bundle.DIGEST, max_certificates=500))
    desk.record(*(f"NZ-{number}" for number in range(1100)))
    assert desk.publish() == 3
    said = "".join(text(delivery) for delivery in desk.pushed())
    assert all(f"NZ-{number}: " in said for number in range(1100))


def test_both_formats_travel_in_one_mail(desk: Desk) -> None:
    desk.subscribe()
    desk.node.take(batch_mail(certificates_xml("NZ-1", "NZ-2"), sps_xml("NZ-3")))
    desk.publish()
    leaves = mime.attachments(signed(desk.pushed()[0]).signed_octets)
    assert isinstance(leaves, tuple)
    assert [leaf.type for leaf in leaves] == ["text/plain", "application/xml", "application/xml"]
    assert leaves[1].data.count(b"<certificate ") == 2


def test_a_node_takes_what_another_node_pushes_and_answers_with_a_receipt(desk: Desk, tmp_path: Path) -> None:
    """The whole way: New Zealand's node pushes to China's, which records it and answers, automatic as the mail is."""
    wellington = Authority(name="MPI", country="NZ", address="ecert@mpi.example")
    (tmp_path / "wellington").mkdir()
    there = Desk(tmp_path / "wellington")
    there.publisher = replace(there.publisher, authority=wellington)
    there.subscribe(replace(DIGEST, address=CHINA.address, partner="cn"))
    there.record("NZ-1")
    there.publisher.publish_due(signing_as(wellington.address), LATER)
    [push] = there.pushed()
    there.node.close()
    desk.node.take(push.octets)
    assert desk.node.status("NZ-1") == "70"
    [receipt] = desk.node.receipts()
    assert receipt.recipient == wellington.address
    assert json.dumps("signed+protected") in json.dumps(desk.node.records()[0])


def signing_as(address: str) -> OpenPgpEngine:
    return OpenPgpEngine({}, unexplained, key_of(address).sign)


def test_a_partner_that_must_be_encrypted_to_is_sent_nothing_in_clear(desk: Desk) -> None:
    required = new_zealand(encrypt=Encryption.REQUIRED)
    desk.publisher = replace(desk.publisher, partners={"nz": required})
    desk.node.examiner = examiner(required)
    desk.subscribe(replace(DIGEST, partner="nz", address=required.addresses[0]))
    desk.record("NZ-1")
    assert desk.publish() == 1
    [push] = desk.pushed()
    assert isinstance(mime.read(push.octets), mime.Encrypted)
    assert b"NZ-1" not in push.octets


def test_a_partner_whose_key_cannot_be_encrypted_to_waits_and_the_others_do_not(desk: Desk) -> None:
    required = new_zealand(encrypt=Encryption.REQUIRED, keys=())
    desk.publisher = replace(desk.publisher, partners={"nz": required})
    desk.subscribe(replace(DIGEST, id="nz", partner="nz"))
    desk.subscribe(replace(DIGEST, id="post"))
    desk.record("NZ-1")
    assert desk.publish() == 1
    assert ("error", "push.failed") in desk.node.log.events


def test_an_id_is_used_once(desk: Desk) -> None:
    desk.subscribe()
    with pytest.raises(PermanentError, match="is taken"):
        desk.subscribe()


def leaving(subject: str, sender: str = "me@home.example") -> bytes:
    return f"From: {sender}\r\nTo: {CHINA.address}\r\nSubject: {subject}\r\n\r\n".encode()


def test_whoever_got_a_push_can_leave_with_the_subject_that_stands_in_it(desk: Desk) -> None:
    desk.subscribe()
    desk.record("NZ-1")
    desk.publish()
    [push] = desk.pushed()
    header = message_from_bytes(push.octets)["List-Unsubscribe"]
    subject = unquote(str(header).partition("subject=")[2].rstrip(">"))
    assert subject in text(push)
    desk.node.take(leaving(f"Re: {subject}"))
    desk.record("NZ-2")
    assert desk.publish() == 0
    answers = [d for d in desk.node.receipts() if d.kind == "notice"]
    assert [d.recipient for d in answers] == [DIGEST.address], "whoever asked"
    assert desk.node.records()[-1]["kind"] != "message"
    desk.node.take(leaving(subject))
    assert [reason for _, reason in desk.node.quarantined()] == ["not-signed"], "once is enough"


@pytest.mark.parametrize(
    "subject", ["UNSUBSCRIBE shanghai aaaaaaaaaaaa", "UNSUBSCRIBE shanghai", "UNSUBSCRIBE other aaaaaaaaaaaa", "STOP"]
)
def test_nobody_leaves_for_somebody_else(desk: Desk, subject: str) -> None:
    desk.subscribe()
    desk.node.take(leaving(subject, DIGEST.address))
    desk.record("NZ-1")
    assert desk.publish() == 1
    assert len(desk.node.quarantined()) == 1


def bounce(desk: Desk, *days: int) -> None:
    """Let a push bounce for good on these days, counted from now."""
    with desk.node.ledger.transaction() as tx:
        mail = tx.put_mail(f"<bounced-{days}@customs.example>", b"", "")
        tx.stage(mail, "push", DIGEST.address, "", NOW)
    with closing(sqlite3.connect(desk.node.folder / "ledger.db")) as db, db:
        for day in days:
            at = (NOW + timedelta(days=day)).isoformat()
            db.execute("INSERT INTO attempt SELECT max(id), ?, 'bounced', '' FROM delivery", (at,))


def test_an_address_that_bounces_on_three_days_is_paused_and_somebody_hears_of_it(desk: Desk) -> None:
    desk.subscribe()
    desk.record("NZ-1")
    bounce(desk, 1, 2)
    assert desk.publish() == 1
    bounce(desk, 3)
    desk.record("NZ-2")
    assert desk.publish() == 0
    with desk.node.ledger.transaction() as tx:
        [paused] = tx.subscriptions.all(SubscriptionState.PAUSED)
        assert paused.reason == "its address bounced on 3 days"
        assert [alarm.what for alarm in tx.alarms()] == ["subscriber:shanghai"]


def test_after_a_person_resumed_it_old_bounces_count_no_more(desk: Desk) -> None:
    desk.subscribe()
    desk.record("NZ-1")
    bounce(desk, 1, 2, 3)
    assert desk.publish() == 0
    with desk.node.ledger.transaction() as tx:
        tx.subscriptions.change(DIGEST.id, SubscriptionState.ACTIVE, "", NOW + timedelta(days=4))
    assert desk.publish() == 1
