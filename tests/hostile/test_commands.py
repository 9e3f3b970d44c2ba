"""Commands count only in what a partner's key signed for this node, and never when they are merely carried along."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from ecertmail.core import command, compose, mime, outgoing
from ecertmail.findings import FindingCode as Code
from ecertmail.message import SignedMessage
from ecertmail.model import Outcome
from ecertmail.official import OfficialState
from ecertmail.subscription import Subscription, SubscriptionState
from tests.builders import AU_ADDRESS, CHINA, NOW, NZ_ADDRESS, key_of, letter, make_key
from tests.core.test_audience import SUBSCRIPTION
from tests.flow.node import Node
from tests.hostile.case import Case, assert_comes_to, refused, sent, stranger, table
from tests.hostile.keys import HOUR, NZ_KEYS
from tests.hostile.mails import attached, mixed, signed
from tests.hostile.packets import armour

FROM_TO = {"From": NZ_ADDRESS, "To": CHINA.address}
ORDER = "UNSUBSCRIBE post\nSUBSCRIBE mine\nOFFICIAL ADD eve address=eve@mpi.example name=Eve\n"
POST = replace(SUBSCRIPTION, id="nz-post", partner="nz", created_at=NOW, ran_at=NOW)


def part(*parts: bytes, head: Mapping[str, str] | None = None) -> bytes:
    return mixed(*parts, head=FROM_TO if head is None else head, kind='; hp="clear"')


def saying(text: str = ORDER, *more: bytes, head: Mapping[str, str] | None = None, **outer: str) -> Callable[[], bytes]:
    return lambda: signed(part=part(compose.text(text), *more, head=head), **outer)


ASKED = outgoing.command_mail(ORDER.splitlines(), letter(), key_of(NZ_ADDRESS).sign)
GOOD = part(compose.text(ORDER))


def by_old(name: str, **how: object) -> Callable[[], bytes]:
    return lambda: signed(armour(NZ_KEYS[name].primary.signature(GOOD, **how)), part=GOOD)  # type: ignore[arg-type]


def in_a_mail(content: bytes) -> bytes:
    return b"Content-Type: message/rfc822\r\n\r\n" + content


STRANGERS = (
    stranger("unsigned", lambda: compose.multipart("multipart/mixed", [compose.text(ORDER)], "x", FROM_TO),
             Code.NOT_SIGNED),
    stranger("signed by nobody we know", lambda: signed(make_key(NZ_ADDRESS).sign(GOOD), part=GOOD),
             Code.SIGNATURE_UNKNOWN_KEY),
    stranger("signed by another partner", lambda: signed(key_of(AU_ADDRESS).sign(GOOD), part=GOOD),
             Code.FROM_NOT_PARTNER),
    stranger("changed on the way", lambda: saying()().replace(b"UNSUBSCRIBE post", b"UNSUBSCRIBE host"),
             Code.SIGNATURE_BAD),
    stranger("the partner's signed mail inside an unsigned one",
             lambda: compose.multipart("multipart/mixed", [in_a_mail(saying()())], "x", FROM_TO), Code.NOT_SIGNED),
    stranger("a signed text in an unsigned mail",
             lambda: compose.multipart("multipart/mixed", [compose.text(ORDER), saying()()], "x", FROM_TO),
             Code.NOT_SIGNED),
)  # fmt: skip

REFUSED = (
    refused("without protected headers", lambda: signed(part=mixed(compose.text(ORDER))), Code.HEADERS_NOT_PROTECTED),
    refused("to another node", saying(head={**FROM_TO, "To": AU_ADDRESS}), Code.NOT_FOR_US),
    refused("to another node, and to us outside", saying(head={**FROM_TO, "To": AU_ADDRESS}, To=CHINA.address),
            Code.NOT_FOR_US),
    refused("to nobody", saying(head={"From": NZ_ADDRESS}), Code.HEADERS_NOT_PROTECTED),
    refused("eight days old", by_old("good", at=NOW - timedelta(days=8)), Code.SIGNATURE_STALE),
    refused("by a key that has expired since", by_old("expired", at=NOW - 2 * HOUR), Code.KEY_EXPIRED),
    refused("quoted", saying("".join(f"> {line}\n" for line in ORDER.splitlines())), Code.NO_BATCH),
    refused("below a greeting", saying(f"Dear colleagues,\n{ORDER}"), Code.NO_BATCH),
    refused("forwarded in the text", saying(f"-------- Forwarded Message --------\n{ORDER}"), Code.NO_BATCH),
    refused("forwarded as a mail", saying("FYI", in_a_mail(ASKED)), Code.NO_BATCH),
    refused("forwarded as a mail, without a word", lambda: signed(part=part(in_a_mail(ASKED))), Code.NO_BATCH),
    refused("in a second text", saying("Good day", compose.text(ORDER)), Code.NO_BATCH),
    refused("in HTML", lambda: signed(part=part(compose.text(ORDER).replace(b"text/plain", b"text/html"))),
            Code.NO_BATCH),
    refused("in an attached text", lambda: signed(part=part(compose.attachment(ORDER.encode(), "text/plain", "x.txt"))),
            Code.NO_BATCH),
    refused("in the subject", saying("Good day", Subject="UNSUBSCRIBE nz-post"), Code.NO_BATCH),
)  # fmt: skip


@pytest.fixture
def subscribed(node: Node) -> Node:
    with node.ledger.transaction() as tx:
        tx.subscriptions.add(POST, -1, None)
    return node


def subscriptions(node: Node) -> dict[str, Subscription]:
    with node.ledger.transaction() as tx:
        return {one.id: one for one in tx.subscriptions.all(*SubscriptionState)}


def officials(node: Node) -> list[str]:
    with node.ledger.transaction() as tx:
        return [one.id for one in tx.officials.all(*OfficialState)]


@table((*STRANGERS, *REFUSED))
def test_what_is_no_command_of_a_partner_to_this_node_changes_nothing(subscribed: Node, case: Case) -> None:
    assert_comes_to(subscribed, case)
    assert subscriptions(subscribed) == {POST.id: POST}
    assert officials(subscribed) == []


def test_the_same_commands_in_order_are_carried_out(subscribed: Node) -> None:
    done = Case(name="", mail=saying(), outcome=Outcome.COMMANDED, answered=True)
    assert_comes_to(subscribed, done)
    assert {name: one.state.value for name, one in subscriptions(subscribed).items()} == {
        "nz-post": "removed", "nz-mine": "active",
    }  # fmt: skip
    assert officials(subscribed) == ["nz-eve"]


def test_certificates_in_a_mail_count_more_than_commands(subscribed: Node) -> None:
    subscribed.take(saying(ORDER, attached())())
    assert subscribed.status("NZ-1") == "70"
    assert subscriptions(subscribed) == {POST.id: POST}


def test_an_out_of_office_note_that_quotes_commands_does_nothing_and_is_not_answered(subscribed: Node) -> None:
    away = f"I am away until Monday.\n\n> {ORDER}"
    subscribed.take(saying(away, Auto_Submitted="auto-replied")())
    assert sent(subscribed) == []
    assert subscriptions(subscribed) == {POST.id: POST}


def test_the_answer_goes_to_the_registered_address_whatever_the_mail_asks_for(subscribed: Node) -> None:
    subscribed.take(saying("STATUS", Reply_To="me@evil.example")())
    assert [answer.recipient for answer in sent(subscribed)] == [NZ_ADDRESS]


def test_an_answer_is_a_receipt_and_never_taken_for_commands(subscribed: Node) -> None:
    subscribed.take(saying("HELP")())
    answer = mime.read(sent(subscribed)[0].octets)
    assert isinstance(answer, SignedMessage)
    assert answer.content_type == "multipart/report"
    leaves = mime.attachments(answer.signed_octets)
    assert isinstance(leaves, tuple)
    assert command.read(leaves) == ()


def test_replies_have_their_limit_and_what_was_asked_is_done(subscribed: Node) -> None:
    subscribed.policy = replace(subscribed.policy, replies_per_hour=1)
    for serial, line in enumerate(("STATUS", "UNSUBSCRIBE post")):
        subscribed.take(outgoing.command_mail([line], letter(serial=str(serial)), key_of(NZ_ADDRESS).sign))
    assert len(sent(subscribed)) == 1
    assert ("warning", "mail.unanswered") in subscribed.log.events
    with subscribed.ledger.transaction() as tx:
        [alarm] = tx.alarms()
    assert (alarm.what, "raise [policy] replies_per_hour" in alarm.text) == ("replies:nz", True)
    assert subscriptions(subscribed)["nz-post"].state is SubscriptionState.REMOVED


@pytest.mark.parametrize(
    "text",
    ["SUBSCRIBE x " + "port=\"\"" * 3000, "STATUS \x00\x01", "SUBSCRIBE " + "é" * 9000, "SUBSCRIBE x " + "=" * 900,
     "RESEND x SINCE 0000-00-00", "RESEND x SINCE 0001-01-01", "SUBSCRIBE x schedule=\"* * * * 7/0\"",
     "SUBSCRIBE x schedule=\"" + "1," * 40 + " * * * *\"", "SUBSCRIBE x schedule=\"*/999999 * * * *\""],
    ids=range(9),
)  # fmt: skip
def test_hostile_commands_are_answered_and_stop_nobody(subscribed: Node, text: str) -> None:
    assert_comes_to(subscribed, Case(name="", mail=saying(text), outcome=Outcome.COMMANDED, answered=True))
    assert ("error", "mail.failed") not in subscribed.log.events
