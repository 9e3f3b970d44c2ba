"""Subscriptions that partners manage by signed mail: each only its own, each mail once, each answered."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from ecertmail.core import mime, outgoing, read_receipt
from ecertmail.delivery import Delivery
from ecertmail.message import SignedMessage
from ecertmail.subscription import Bundle, Filter, Subscription, SubscriptionState
from tests.builders import (
    AU_ADDRESS,
    NOW,
    NZ_ADDRESS,
    australia,
    batch_mail,
    certificates_xml,
    examiner,
    key_of,
    letter,
    new_zealand,
)
from tests.flow.test_publish import DIGEST, Desk
from tests.hostile.case import sent

BOX = "post@mpi.example"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.node.close()


def mail(*lines: str, sender: str = NZ_ADDRESS, serial: str = "ask") -> bytes:
    return outgoing.command_mail(lines, letter(sender, serial), key_of(sender).sign)


def ask(desk: Desk, *lines: str, sender: str = NZ_ADDRESS, serial: str = "ask") -> str:
    """Send commands and return the text of the answer."""
    desk.node.receive(mail(*lines, sender=sender, serial=serial), sender=sender)
    desk.node.run()
    answer = sent(desk.node)[-1]
    assert answer.recipient == sender
    return said(answer)


def said(answer: Delivery) -> str:
    message = mime.read(answer.octets)
    assert isinstance(message, SignedMessage)
    leaves = mime.attachments(message.signed_octets)
    assert isinstance(leaves, tuple)
    return leaves[0].data.decode()


def subscriptions(desk: Desk) -> dict[str, Subscription]:
    with desk.node.ledger.transaction() as tx:
        return {one.id: one for one in tx.subscriptions.all(*SubscriptionState)}


def kinds(desk: Desk) -> list[str]:
    return [str(record["kind"]) for record in desk.node.records()]


def test_a_partner_subscribes_at_home_and_is_sent_what_comes(desk: Desk) -> None:
    desk.record("NZ-0")
    text = ask(desk, f'SUBSCRIBE harbour {BOX} importing=CN digest schedule="0 6 * * *" zone=Asia/Shanghai')
    assert "nz-harbour is ACTIVE" in text
    assert "importing CN" in text
    one = subscriptions(desk)["nz-harbour"]
    assert (one.address, one.partner, one.state) == (BOX, "nz", SubscriptionState.ACTIVE)
    assert (one.filter, one.bundle) == (Filter(importing=("CN",), concerning=("NZ",)), Bundle.DIGEST)
    assert (one.schedule, one.time_zone) == ("0 6 * * *", "Asia/Shanghai")
    desk.record("NZ-1")
    assert desk.publish(NOW + timedelta(days=2)) == 1
    assert "NZ-0" not in said(desk.pushed()[0])


def test_the_mail_and_each_change_are_in_the_ledger(desk: Desk) -> None:
    ask(desk, "SUBSCRIBE a", "STATUS", "UNSUBSCRIBE a", "HELP")
    message, *changes = desk.node.records()
    assert (message["kind"], message["outcome"]) == ("message", "commanded")
    assert [(one["subscription"], one["state"]) for one in changes] == [("nz-a", "active"), ("nz-a", "removed")]
    assert ("info", "mail.commanded") in desk.node.log.events
    assert desk.node.log_kinds() == kinds(desk)


def test_without_an_address_the_registered_one_is_meant(desk: Desk) -> None:
    ask(desk, "SUBSCRIBE nz-harbour")
    assert subscriptions(desk)["nz-harbour"].address == NZ_ADDRESS


@pytest.mark.parametrize("address", ["me@home.example", "post@sub.mpi.example", "post@mpi.example.org", AU_ADDRESS])
def test_an_address_elsewhere_waits_for_the_operator(desk: Desk, address: str) -> None:
    text = ask(desk, f"SUBSCRIBE broker {address}")
    assert "PENDING until the operator" in text
    desk.record("NZ-1")
    assert desk.publish() == 0
    with desk.node.ledger.transaction() as tx:
        tx.subscriptions.change("nz-broker", SubscriptionState.ACTIVE, "", NOW)
    assert desk.publish() == 1


def test_the_state_of_every_own_subscription_is_told(desk: Desk) -> None:
    desk.subscribe(replace(DIGEST, id="nz-old", partner="nz", state=SubscriptionState.PAUSED))
    desk.subscribe(replace(DIGEST, id="au-theirs", partner="au"))
    desk.record("NZ-1", "NZ-2")
    text = ask(desk, "SUBSCRIBE new", "STATUS")
    assert f"nz-old: PAUSED, {DIGEST.address}, digest immediately, nothing yet, 2 certificates waiting" in text
    assert f"nz-new: ACTIVE, {NZ_ADDRESS}, single immediately, up to {NOW:%Y-%m-%d}, 0 certificates waiting" in text
    assert "au-theirs" not in text
    assert "au-theirs: ACTIVE" in ask(desk, "STATUS", sender=AU_ADDRESS)


def test_who_has_no_subscription_is_told_so(desk: Desk) -> None:
    assert "You have no subscriptions." in ask(desk, "STATUS")


def test_help_names_every_command(desk: Desk) -> None:
    text = ask(desk, "HELP")
    for word in ("SUBSCRIBE ID", "UNSUBSCRIBE ID", "STATUS", "RESEND ID SINCE", "HELP"):
        assert word in text


def test_what_was_recorded_since_a_day_is_sent_again_to_that_subscription_only(desk: Desk) -> None:
    desk.subscribe(replace(DIGEST, id="nz-a", partner="nz", filter=Filter(importing=("CN",))))
    desk.subscribe(replace(DIGEST, id="nz-b", partner="nz"))
    desk.record("NZ-1", "NZ-2")
    assert (desk.publish(), len(desk.pushed())) == (2, 2)
    text = ask(desk, f"RESEND a SINCE {NOW - timedelta(days=1):%Y-%m-%d}")
    assert "with the next run: 2 certificates now" in text
    assert desk.publish() == 1
    assert "NZ-1: ISSUED" in said(desk.pushed()[0])
    assert desk.node.records()[-1]["since"] == f"{NOW - timedelta(days=1):%Y-%m-%d}"


def test_a_day_to_come_leaves_nothing_out(desk: Desk) -> None:
    desk.subscribe(replace(DIGEST, id="nz-a", partner="nz"))
    desk.record("NZ-1")
    assert "1 certificate now" in ask(desk, "RESEND a SINCE 2999-01-01")
    assert desk.publish() == 1


def test_what_does_not_pass_the_filter_is_not_counted(desk: Desk) -> None:
    desk.subscribe(replace(DIGEST, id="nz-a", partner="nz", filter=Filter(importing=("JP",))))
    desk.record("NZ-1")
    assert "0 certificates now" in ask(desk, "RESEND a SINCE 2020-01-01")


def test_after_the_end_an_id_can_be_used_anew_from_now_on(desk: Desk) -> None:
    ask(desk, "SUBSCRIBE a importing=JP", "UNSUBSCRIBE a")
    desk.record("NZ-1")
    ask(desk, "SUBSCRIBE a", serial="again")
    assert subscriptions(desk)["nz-a"].filter == Filter(concerning=("NZ",))
    assert desk.publish() == 0


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("SUBSCRIBE a", "nz-a exists; UNSUBSCRIBE it first"),
        ("SUBSCRIBE taken", "nz-taken cannot be used; choose another ID"),
        ('SUBSCRIBE b schedule="daily"', "is no schedule"),
        ('SUBSCRIBE b schedule="0 6 * * *" zone=Mars', "is no time zone"),
        ('SUBSCRIBE b schedule="0 6 * * *" zone=Asia', "is no time zone"),
        ('SUBSCRIBE b schedule="0 6 31 2 *"', "never comes"),
        ('SUBSCRIBE b schedule="0 6 * * 0-99999999999"', "is no schedule"),
        ("UNSUBSCRIBE b", "You have no subscription b. Yours: nz-a."),
        ("RESEND b SINCE 2026-01-01", "You have no subscription b"),
        ("UNSUBSCRIBE", "Right is: UNSUBSCRIBE ID"),
    ],
)
def test_what_cannot_be_done_is_told_and_the_rest_is_done(desk: Desk, line: str, words: str) -> None:
    desk.subscribe(replace(DIGEST, id="nz-a", partner="nz"))
    desk.subscribe(replace(DIGEST, id="nz-taken", partner=""))
    text = ask(desk, line, "SUBSCRIBE good")
    assert words in text
    assert f"{line}: NOT DONE" in text
    assert "nz-good is ACTIVE" in text
    assert set(subscriptions(desk)) == {"nz-a", "nz-taken", "nz-good"}


def test_there_is_a_limit_on_how_many(desk: Desk) -> None:
    for number in range(100):
        desk.subscribe(replace(DIGEST, id=f"nz-{number}", partner="nz"))
    assert "You have 100 subscriptions" in ask(desk, "SUBSCRIBE more")


@pytest.mark.parametrize("line", ["UNSUBSCRIBE {}", "RESEND {} SINCE 2020-01-01", "SUBSCRIBE {}"])
@pytest.mark.parametrize("name", ["au-post", "nz-au", "plain"])
def test_a_partner_cannot_touch_what_is_another_ones_whatever_its_id(desk: Desk, line: str, name: str) -> None:
    theirs = replace(DIGEST, id=name, partner="au" if name != "plain" else "")
    desk.subscribe(theirs)
    desk.record("NZ-1")
    desk.publish()
    before = subscriptions(desk)[name]
    ask(desk, line.format(name))
    assert subscriptions(desk)[name] == before


def test_a_partner_whose_id_begins_with_anothers_gets_nothing_of_it(desk: Desk) -> None:
    desk.node.examiner = examiner(new_zealand(), australia(id="nz-au"))
    ask(desk, "SUBSCRIBE au-post")
    assert "You have no subscription post" in ask(desk, "UNSUBSCRIBE post", sender=AU_ADDRESS)
    assert "cannot be used" in ask(desk, "SUBSCRIBE post", sender=AU_ADDRESS, serial="2")
    assert subscriptions(desk)["nz-au-post"].partner == "nz"


def test_an_operators_id_for_a_partner_is_the_partners_too(desk: Desk) -> None:
    desk.subscribe(replace(DIGEST, id="shanghai", partner="nz"))
    assert "shanghai has ended" in ask(desk, "UNSUBSCRIBE shanghai")


def test_a_repeated_mail_gets_the_same_answer_and_changes_nothing(desk: Desk) -> None:
    first = mail("SUBSCRIBE a")
    desk.node.take(first)
    ask(desk, "UNSUBSCRIBE a", serial="2")
    [state] = [one.state for one in subscriptions(desk).values()]
    before = desk.node.records()
    desk.node.take(first, first)
    again = sent(desk.node)
    assert len({answer.octets for answer in again}) == 1
    assert "nz-a is ACTIVE" in said(again[0]), "as it was then"
    assert [one.state for one in subscriptions(desk).values()] == [state] == [SubscriptionState.REMOVED]
    assert desk.node.records() == before


def test_a_program_reads_the_answer_in_the_receipt(desk: Desk) -> None:
    desk.node.take(mail("SUBSCRIBE a", "UNSUBSCRIBE b"))
    message = mime.read(sent(desk.node)[0].octets)
    assert isinstance(message, SignedMessage)
    assert message.subject == "Done: 1 of 2 commands"
    statement = read_receipt.statement(message.signed_octets)
    assert statement is not None
    assert statement.outcome == "commanded"
    assert [line.partition("\n")[0] for line in statement.commands] == ["SUBSCRIBE a: done", "UNSUBSCRIBE b: NOT DONE"]


def test_a_great_backlog_is_not_counted_to_its_end(desk: Desk) -> None:
    desk.node.looked_at = 8
    desk.record(*(f"NZ-{number}" for number in range(9)))
    for name in ("nz-a", "nz-b"):
        desk.subscribe(replace(DIGEST, id=name, partner="nz", cursor=-1), since=NOW - timedelta(days=1))
    text = ask(desk, "RESEND a SINCE 2020-01-01", "STATUS")
    assert "4 certificates or more now" in text
    assert text.count("2 certificates or more waiting") == 2


def test_a_partners_id_becomes_part_of_an_id_as_plain_letters(desk: Desk) -> None:
    desk.node.examiner = examiner(new_zealand(id="NZ_Mpi"), australia(id="a" * 30))
    assert "nz-mpi-post is ACTIVE" in ask(desk, "SUBSCRIBE post")
    assert "has more than 41 characters" in ask(desk, "SUBSCRIBE long-name-12", sender=AU_ADDRESS)
    assert subscriptions(desk)["nz-mpi-post"].partner == "NZ_Mpi"


def test_a_partner_that_subscribes_by_itself_is_sent_only_what_concerns_its_countries(desk: Desk) -> None:
    """Whatever it asks for: what Australia sends to China is none of New Zealand's business."""
    ask(desk, "SUBSCRIBE all exporting=AU")
    ask(desk, "SUBSCRIBE everything")
    foreign = batch_mail(certificates_xml("AU-1", country="AU"), sender=AU_ADDRESS)
    desk.node.take(foreign)
    assert desk.node.status("AU-1") == "70"
    assert desk.publish() == 0
    desk.record("NZ-1")
    assert desk.publish() == 1
