"""What becomes of a delivery after it was sent: answered, bounced, silent; each by the right word only, and once."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ecertmail.core import bounce, receipt
from ecertmail.core.compose import Draft
from ecertmail.core.verp import verp
from ecertmail.delivery import Attempt, Attempted, Delivery, DeliveryState
from ecertmail.errors import NotFoundError, PermanentError
from ecertmail.model import Outcome, Verdict
from ecertmail.parties import Authority
from ecertmail.store.deliveries import DeliveryReader, Shown
from tests.builders import (
    AU_ADDRESS,
    CHINA,
    NOW,
    NZ_ADDRESS,
    SHARED,
    envelope,
    examination,
    key_of,
    partner,
    room,
    settle,
    signed_message,
)
from tests.core.bounces import KINDS, NO_REPORTS, RECIPIENTS
from tests.flow.node import SECRET, Node

PUSH_ID = "<push-1@customs.example>"
MIC = "c29tZXRoaW5nIHNpZ25lZCBieSBDaGluYSwgMzIgb2M="
OCTETS = b"Subject: Certificates\r\n\r\npushed\r\n"
SENT = Attempt(outcome=Attempted.SENT, reply="250 OK")
HOUR = timedelta(hours=1)

ANCIENT = datetime(2000, 1, 1, tzinfo=UTC)


class Desk:
    """China's node, which has pushed mails."""

    def __init__(self, folder: Path) -> None:
        self.node = Node(folder)
        self.path = folder / "ledger.db"

    def push(self, recipient: str = NZ_ADDRESS, message_id: str = PUSH_ID, *, expects: bool = True) -> int:
        """Stage a push; return its number."""
        with self.node.ledger.transaction() as tx:
            mail = tx.put_mail(message_id, OCTETS, MIC)
            tx.stage(mail, "push", recipient, "", NOW, expects=expects)
            return tx.sent(message_id)[0].id

    def send(self, now: datetime = NOW, state: DeliveryState = DeliveryState.DELIVERED) -> list[Delivery]:
        """Send everything that is due."""
        taken = self.node.outbox.take_due(now, room(100))
        for delivery in taken:
            settle(self.node.outbox, delivery, SENT, state, None, now)
        return taken

    def pushed(self, recipient: str = NZ_ADDRESS, message_id: str = PUSH_ID, *, expects: bool = True) -> int:
        number = self.push(recipient, message_id, expects=expects)
        self.send()
        return number

    def take(self, mail: bytes, to: str = CHINA.address) -> None:
        self.node.spool.add([(f"r{len(self.node.log.lines)}", replace(envelope(""), recipients=(to,)), mail)])
        self.node.run()

    def look(self, hours: float) -> int:
        return self.node.reconciler.look(NOW + hours * HOUR)

    def command(self, do: str, number: int | str) -> None:
        self.node.reconciler.command({"do": f"delivery.{do}", "id": str(number)}, self.node.clock())

    def shown(self, number: int = 1) -> Shown:
        reader = DeliveryReader(self.path)
        shown = reader.show(number)
        reader.close()
        return shown

    def state(self, number: int = 1) -> tuple[str, str]:
        """The state of a delivery and the words of its open alarm."""
        shown = self.shown(number)
        return shown.row.state, shown.alarm.rpartition(": ")[2] if "bounced" not in shown.alarm else "bounced"

    def events(self, *names: str) -> list[str]:
        return [event for _, event in self.node.log.events if event in names]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.node.close()


def answer(
    message_id: str = PUSH_ID, mic: str = MIC, outcome: Outcome = Outcome.ACCEPTED, sender: str = NZ_ADDRESS
) -> bytes:
    """A receipt as a partner's node writes it, signed with the partner's key."""
    received = examination(
        message=signed_message(message_id=message_id, from_address=CHINA.address), mic=mic,
        partner=partner("cn", CHINA.address, "CN"),
    )  # fmt: skip
    authority = Authority(name="Partner", country="NZ", address=sender)
    draft = receipt.draft(authority, received, Verdict(outcome=outcome), 7, NOW, f"<r-{outcome}-{mic[:3]}@mpi.example>")
    return draft.signed(key_of(sender).sign(draft.part))


def dsn(action: str = "failed", recipient: str = NZ_ADDRESS, status: str = "5.1.1", message_id: str = PUSH_ID) -> bytes:
    lines = (
        "From: MAILER-DAEMON@mx.example", "Subject: Undelivered", "MIME-Version: 1.0",
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"', "",
        "--b", "Content-Type: message/delivery-status", "", "Reporting-MTA: dns; mx.example", "",
        f"Final-Recipient: rfc822; {recipient}", f"Action: {action}", f"Status: {status}",
        "--b", "Content-Type: text/rfc822-headers", "", f"Message-ID: {message_id}", "--b--", "",
    )  # fmt: skip
    return "\r\n".join(lines).encode()


def mdn(disposition: str = "manual-action/MDN-sent-manually; displayed", mic: str = "") -> bytes:
    lines = (
        "From: li@mpi.example", "Subject: Read", "MIME-Version: 1.0",
        'Content-Type: multipart/report; report-type=disposition-notification; boundary="b"', "",
        "--b", "Content-Type: message/disposition-notification", "", f"Final-Recipient: rfc822; {NZ_ADDRESS}",
        f"Original-Message-ID: {PUSH_ID}", f"Disposition: {disposition}",
        *((f"Received-content-MIC: {mic}, sha-256",) if mic else ()), "--b--", "",
    )  # fmt: skip
    return "\r\n".join(lines).encode()


# Receipts

RECEIPTS = {
    "accepted": (answer(), ("acknowledged", "")),
    "accepted in part": (answer(outcome=Outcome.PARTIAL), ("acknowledged", "")),
    "refused": (answer(outcome=Outcome.REFUSED), ("acknowledged", "refused by partner")),
    "other octets": (answer(mic="A" * 43 + "="), ("delivered", "a receipt came for other octets than were sent")),
    "another mail": (answer("<push-2@customs.example>"), ("delivered", "")),
    "another partner": (answer(sender=AU_ADDRESS), ("delivered", "")),
}


@pytest.mark.parametrize(("mail", "expected"), RECEIPTS.values(), ids=RECEIPTS.keys())
def test_a_receipt_closes_the_delivery_whose_octets_it_names(
    desk: Desk, mail: bytes, expected: tuple[str, str]
) -> None:
    desk.pushed()
    desk.take(mail)
    assert desk.state() == expected
    assert desk.node.states() == {"archived": 1}
    assert desk.node.log_kinds() == ["receipt"]


def test_a_receipt_signed_by_a_stranger_closes_nothing(desk: Desk) -> None:
    desk.pushed()
    desk.take(answer(sender="ecert@nobody.example"))
    assert (desk.state(), desk.node.states()) == (("delivered", ""), {"quarantined": 1})


def test_a_partners_receipt_that_is_too_old_is_no_report_either(desk: Desk) -> None:
    """What a signature does not stand for is not taken as nobody's word instead."""
    desk.pushed()
    desk.node.policy = replace(desk.node.policy, signature_age=timedelta(days=-1))
    desk.take(answer())
    assert (desk.state(), desk.node.states()) == (("delivered", ""), {"quarantined": 1})


def test_the_right_receipt_clears_the_alarm_of_a_wrong_one(desk: Desk) -> None:
    desk.pushed()
    desk.take(answer(mic="A" * 43 + "="))
    desk.take(answer())
    assert desk.state() == ("acknowledged", "")
    assert desk.events("alarm.raised", "alarm.cleared") == ["alarm.raised", "alarm.cleared"]


def test_a_receipt_that_is_faster_than_the_servers_answer_counts(desk: Desk) -> None:
    """The daemon has not written down the 250 yet when the receipt is there."""
    desk.push()
    [delivery] = desk.node.outbox.take_due(NOW, room(10))
    desk.take(answer())
    settle(desk.node.outbox, delivery, SENT, DeliveryState.DELIVERED, None, NOW)
    assert desk.state() == ("acknowledged", "")


def test_a_crash_between_the_two_commits_acknowledges_once(desk: Desk) -> None:
    desk.pushed()
    mail = answer()
    desk.take(mail)
    desk.take(mail)
    assert desk.events("delivery.acknowledged") == ["delivery.acknowledged"]


# Reports

REPORTS = {
    "a hard bounce": (dsn(), ("bounced", "bounced")),
    "given up after days": (dsn(status="4.4.7"), ("bounced", "bounced")),
    "a delay": (dsn("delayed", status="4.4.1"), ("delivered", "")),
    "relayed": (dsn("relayed", status="2.0.0"), ("delivered", "")),
    "expanded": (dsn("expanded", status="2.0.0"), ("delivered", "")),
    "delivered": (dsn("delivered", status="2.0.0"), ("delivered", "")),
    "read by a person": (mdn(), ("acknowledged", "")),
    "processed with our MIC": (mdn("a/b; processed", MIC), ("acknowledged", "")),
    "processed with another MIC": (
        mdn("a/b; processed", "A" * 43 + "="),
        ("delivered", "a receipt came for other octets than were sent"),
    ),
    "deleted unread": (mdn("manual-action/MDN-sent-manually; deleted"), ("delivered", "")),
}


@pytest.mark.parametrize(("mail", "expected"), REPORTS.values(), ids=REPORTS.keys())
def test_a_report_about_our_delivery_is_understood_archived_and_in_no_log(
    desk: Desk, mail: bytes, expected: tuple[str, str]
) -> None:
    desk.pushed()
    desk.take(mail)
    assert desk.state() == expected
    assert (desk.node.states(), desk.node.log_kinds(), desk.node.receipts()) == ({"archived": 1}, [], [])


FOREIGN = {
    "another mail": dsn(message_id="<push-2@customs.example>"),
    "no mail": dsn(message_id=""),
    "another recipient": dsn(recipient=AU_ADDRESS),
}


@pytest.mark.parametrize("mail", FOREIGN.values(), ids=FOREIGN.keys())
def test_a_report_about_nothing_of_ours_is_quarantined(desk: Desk, mail: bytes) -> None:
    desk.pushed()
    desk.take(mail)
    assert (desk.state(), desk.node.states()) == (("delivered", ""), {"quarantined": 1})


def test_a_report_to_the_deliverys_own_address_counts_without_a_message_id(desk: Desk) -> None:
    number = desk.pushed()
    desk.take(dsn(message_id="", recipient="forwarded@elsewhere.example"), to=verp(CHINA.address, number, SECRET))
    assert desk.state() == ("bounced", "bounced")


@pytest.mark.parametrize("name", ["To", "Delivered-To", "X-Original-To"])
def test_a_report_out_of_a_mailbox_names_the_deliverys_own_address_in_its_header(desk: Desk, name: str) -> None:
    """Nothing is known of its envelope; but whoever can name the tag has had the mail."""
    number = desk.pushed()
    desk.take(f"{name}: <{verp(CHINA.address, number, SECRET)}>\r\n".encode() + dsn(message_id=""))
    assert desk.state() == ("bounced", "bounced")


def test_a_forged_tag_counts_for_nothing(desk: Desk) -> None:
    number = desk.pushed()
    local, _, domain = verp(CHINA.address, number, b"another secret!!").partition("@")
    desk.take(dsn(message_id=""), to=f"{local}@{domain}")
    assert (desk.state(), desk.node.states()) == (("delivered", ""), {"quarantined": 1})


def test_without_a_secret_no_tag_counts(desk: Desk) -> None:
    number = desk.pushed()
    desk.node.reconciler = replace(desk.node.reconciler, secret=b"")
    desk.take(dsn(message_id=""), to=verp(CHINA.address, number, b""))
    assert desk.state() == ("delivered", "")


def test_of_two_deliveries_only_the_one_that_the_report_names_bounces(desk: Desk) -> None:
    first, second = desk.pushed(), desk.pushed(AU_ADDRESS, "<push-2@customs.example>")
    desk.take(dsn(recipient=AU_ADDRESS, message_id="<push-2@customs.example>"))
    assert (desk.state(first), desk.state(second)) == (("delivered", ""), ("bounced", "bounced"))


def test_delayed_and_then_answered_is_answered(desk: Desk) -> None:
    desk.pushed()
    desk.take(dsn("delayed", status="4.4.1"))
    desk.take(answer())
    assert desk.state() == ("acknowledged", "")
    assert desk.events("delivery.reported", "delivery.acknowledged", "alarm.raised") == [
        "delivery.reported",
        "delivery.acknowledged",
    ]


def test_two_reports_about_one_delivery_are_one_bounce(desk: Desk) -> None:
    desk.pushed()
    desk.take(dsn())
    desk.take(dsn(status="5.7.1"))
    assert desk.events("delivery.bounced", "alarm.raised") == ["delivery.bounced", "alarm.raised"]
    assert desk.node.states() == {"archived": 2}


def test_a_receipt_outweighs_a_bounce_before_it_and_after_it(desk: Desk) -> None:
    desk.pushed()
    for mail in (dsn(), answer(), dsn(status="5.7.1")):
        desk.take(mail)
    assert desk.state() == ("acknowledged", "")


def test_that_somebody_read_what_needs_no_answer_is_no_acknowledgement(desk: Desk) -> None:
    desk.pushed(expects=False)
    desk.take(mdn())
    assert desk.state() == ("delivered", "")


def test_a_signed_mail_is_never_looked_at_as_a_report(desk: Desk) -> None:
    """Not even a bounce that somebody signed and sent to the delivery's own address."""
    number = desk.pushed()
    part = dsn().partition(b"MIME-Version: 1.0\r\n")[2]
    mail = Draft(header={"From": "MAILER-DAEMON@mx.example", "Subject": "Undelivered"}, part=part, message_id="<x@mx>")
    desk.take(mail.signed(key_of("ecert@nobody.example").sign(part)), to=verp(CHINA.address, number, SECRET))
    assert (desk.state(), desk.node.states()) == (("delivered", ""), {"quarantined": 1})


def test_a_bounce_of_our_own_report_to_the_operator_raises_no_alarm(desk: Desk) -> None:
    with desk.node.ledger.transaction() as tx:
        tx.stage(tx.put_mail(PUSH_ID, OCTETS), "report", NZ_ADDRESS, "", NOW)
    desk.send()
    desk.take(dsn())
    assert desk.state() == ("bounced", "")


def test_days_with_bounces_are_counted_since_the_last_answer(desk: Desk) -> None:
    for day in range(4):
        number = desk.push(message_id=f"<d{day}@customs.example>")
        with desk.node.ledger.transaction() as tx:
            tx.note(number, "bounced", "550", NOW + timedelta(days=day // 2))
            tx.note(number, "undelivered", "450", NOW + timedelta(days=9))
    with desk.node.ledger.transaction() as tx:
        assert (tx.bounced_days(NZ_ADDRESS, ANCIENT), tx.bounced_days(AU_ADDRESS, ANCIENT)) == (2, 0)
        [sent] = tx.sent("<d0@customs.example>")
        tx.move(sent, DeliveryState.ACKNOWLEDGED, NOW + HOUR)
        assert tx.bounced_days(NZ_ADDRESS, ANCIENT) == 1


# Bounces as they are

BOUNCES = SHARED / "mail/bounces/data"
needs_bounces = pytest.mark.skipif(not BOUNCES.is_dir(), reason="../shared/data/mail/bounces is not here")


def real(name: str) -> bytes:
    return (BOUNCES / f"{name}.txt").read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


@needs_bounces
def test_no_real_bounce_is_unnoticed_that_comes_to_the_deliverys_own_address(desk: Desk) -> None:
    states = {}
    for name, (recipient, *_) in RECIPIENTS.items():
        number = desk.pushed(recipient, f"<{name}@customs.example>")
        desk.take(real(name), to=verp(CHINA.address, number, SECRET))
        states[name] = desk.shown(number).row.state
    assert states == {name: "delivered" if name in KINDS else "bounced" for name in RECIPIENTS}
    assert len(desk.events("delivery.reported")) == len(KINDS)
    assert desk.node.states() == {"archived": len(RECIPIENTS)}


@needs_bounces
def test_no_real_bounce_is_unnoticed_that_brings_our_message_id_back(desk: Desk) -> None:
    """Most bring none back, and are known by their own address alone."""
    states: dict[tuple[str, str], str] = {}
    for name, recipients in RECIPIENTS.items():
        theirs = bounce.read(real(name))[0].message_id
        for recipient in recipients if theirs else ():
            ours = f"<{len(states)}@customs.example>"
            number = desk.pushed(recipient, ours)
            desk.take(real(name).replace(theirs.encode(), ours.encode()))
            states[name, recipient] = desk.shown(number).row.state
    assert states == {(name, recipient): "delivered" if name in KINDS else "bounced" for name, recipient in states}
    assert len(states) == 16
    assert desk.node.states() == {"archived": len(states)}


@needs_bounces
@pytest.mark.parametrize("name", sorted(NO_REPORTS))
def test_a_reply_is_no_bounce_even_at_the_deliverys_own_address(desk: Desk, name: str) -> None:
    number = desk.pushed()
    desk.take(real(name), to=verp(CHINA.address, number, SECRET))
    assert (desk.state(), desk.node.states()) == (("delivered", ""), {"quarantined": 1})


# Silence


def test_silence_is_reminded_of_once_with_the_same_octets_and_then_an_alarm_that_a_late_answer_closes(
    desk: Desk,
) -> None:
    desk.pushed()
    assert (desk.look(23), desk.look(24), desk.look(25)) == (0, 1, 0)
    [again] = desk.send(NOW + 25 * HOUR)
    assert (again.id, again.message_id, again.octets) == (1, PUSH_ID, OCTETS)
    assert (desk.look(26), desk.state()) == (0, ("reminded", ""))
    assert (desk.look(47), desk.state()) == (0, ("reminded", ""))
    assert (desk.look(49), desk.state()) == (0, ("alarmed", "no answer, and none to a reminder"))
    assert desk.look(1000) == 0
    desk.take(answer())
    assert desk.state() == ("acknowledged", "")
    assert desk.events("delivery.silent", "delivery.reminded", "delivery.alarmed", "alarm.raised", "alarm.cleared") == [
        "delivery.silent", "delivery.reminded", "delivery.alarmed", "alarm.raised", "alarm.cleared",
    ]  # fmt: skip


def test_what_expects_no_answer_or_has_one_is_never_sent_again(desk: Desk) -> None:
    desk.pushed(expects=False)
    desk.pushed(message_id="<push-2@customs.example>")
    desk.take(answer("<push-2@customs.example>"))
    assert (desk.look(24), desk.look(1000), desk.events("alarm.raised")) == (0, 0, [])


def test_a_clock_that_jumps_a_year_reminds_before_it_alarms(desk: Desk) -> None:
    desk.pushed()
    year = 365 * 24
    assert desk.look(year) == 1
    desk.send(NOW + year * HOUR)
    assert (desk.look(year + 1), desk.state()) == (0, ("reminded", ""))
    assert (desk.look(0), desk.state()) == (0, ("reminded", ""))
    assert (desk.look(year + 24), desk.state()[0]) == (0, "alarmed")


def test_an_answer_before_the_reminder_went_out_stops_it(desk: Desk) -> None:
    desk.pushed()
    desk.look(24)
    desk.take(answer())
    assert desk.send(NOW + 25 * HOUR) == []
    assert desk.state() == ("acknowledged", "")


# The operator


def test_a_bounced_delivery_is_sent_again_with_the_same_octets_and_waits_anew(desk: Desk) -> None:
    desk.pushed()
    desk.take(dsn())
    desk.command("retry", 1)
    [again] = desk.send(NOW + 30 * HOUR)
    assert (again.message_id, again.octets, again.attempts) == (PUSH_ID, OCTETS, 0)
    assert (desk.look(31), desk.look(54)) == (0, 1)


def test_only_what_has_failed_is_retried_and_only_what_waits_is_cancelled(desk: Desk) -> None:
    number = desk.push()
    with pytest.raises(
        PermanentError, match="delivery 1 is due; only bounced, deferred, expired, failed can be retried"
    ):
        desk.command("retry", number)
    desk.command("cancel", number)
    assert (desk.state(), desk.send()) == (("cancelled", ""), [])
    for do in ("cancel", "retry"):
        with pytest.raises(PermanentError):
            desk.command(do, number)
    for unknown in (2, "x", "9" * 30):
        with pytest.raises(NotFoundError):
            desk.command("retry", unknown)


def test_an_alarm_that_no_answer_can_close_is_closed_by_a_person(desk: Desk) -> None:
    desk.pushed()
    desk.take(answer(outcome=Outcome.REFUSED))
    desk.command("close", 1)
    assert desk.state() == ("acknowledged", "")
