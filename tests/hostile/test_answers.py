"""Who is answered, and who never is (RFC 3834, MAIL.md section 3), and when a withheld receipt goes out after all."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecertmail.core import compose
from ecertmail.findings import FindingCode as Code
from ecertmail.model import Outcome
from ecertmail.store.ledger import SqliteLedger
from tests.builders import (
    AU_ADDRESS,
    CHINA,
    NOW,
    NZ_ADDRESS,
    batch_mail,
    certificates_xml,
    make_key,
    staged,
)
from tests.flow.node import Node
from tests.hostile.case import Case, accepted, assert_comes_to, sent, stranger, table
from tests.hostile.keys import NZ_KEYS
from tests.hostile.mails import HEAD, PART, attached, mixed, signed
from tests.hostile.packets import SHA1, armour

EVIL = "evil@x.example"


def head(*lines: str, part: bytes = PART) -> Callable[[], bytes]:
    return lambda: "".join(f"{line}\r\n" for line in lines).encode() + signed(part=part)


def silent(name: str, *lines: str, part: bytes = PART, reverse_path: str = NZ_ADDRESS) -> Case:
    mail = head(*lines, part=part)
    return Case(name=name, mail=mail, outcome=Outcome.ACCEPTED, reverse_path=reverse_path)


def asking(where: str) -> bytes:
    """A signed part whose protected header asks for a receipt."""
    fields = {"From": NZ_ADDRESS, "To": CHINA.address, "Disposition-Notification-To": where}
    return mixed(attached(), head=fields, kind='; hp="clear"')


NEVER = (
    silent("a null return path", reverse_path=""),
    silent("another program's answer", "Auto-Submitted: auto-replied"),
    silent("a program's own mail", "Auto-Submitted: auto-generated"),
    silent("a notification", "Auto-Submitted: auto-notified"),
    silent("a keyword of tomorrow", "Auto-Submitted: auto-dreamt"),
    silent("a keyword in capitals", "Auto-Submitted: AUTO-REPLIED"),
    silent("a keyword with parameters", "Auto-Submitted: auto-replied; owner-email=x@x.example"),
    silent("a keyword after a comment", "Auto-Submitted: (no) auto-replied"),
    silent("a keyword after nested comments", "Auto-Submitted: (no (no)) auto-replied"),
    silent("a folded keyword", "Auto-Submitted:\r\n auto-replied"),
    silent("two keywords", "Auto-Submitted: no", "Auto-Submitted: auto-replied"),
    silent("bulk", "Precedence: bulk"),
    silent("junk", "Precedence: junk"),
    silent("a list", "Precedence: list"),
    silent("bulk in capitals", "Precedence: BULK"),
    silent("a list by its id", "List-Id: <certificates.mpi.example>"),
    silent("a list by where to post", "List-Post: <mailto:certificates@mpi.example>"),
    silent("a mail system", reverse_path="MAILER-DAEMON@mpi.example"),
    silent("a mail system in small letters", reverse_path="mailer-daemon@mpi.example"),
    silent("the node's own return path", reverse_path=CHINA.address),
    silent("the node's own return path in capitals", reverse_path=CHINA.address.upper()),
    silent("what went through the node", f"X-Loop: {CHINA.address}"),
    silent("what went through the node, in capitals", f"X-Loop: {CHINA.address.upper()}"),
    silent("what went through other nodes and this one", "X-Loop: x@x.example", f"X-Loop: {CHINA.address}"),
    silent("31 servers", *["Received: from relay.example"] * 31),
    silent("a program that asks for a receipt to elsewhere", "Auto-Submitted: auto-generated", part=asking(EVIL)),
    silent("a program that asks for a receipt to another partner", "Auto-Submitted: auto-generated",
           part=asking(AU_ADDRESS)),
    silent("an answer that asks for a receipt", "Auto-Submitted: auto-replied", part=asking(NZ_ADDRESS)),
    silent("a program that asks outside the signature", "Auto-Submitted: auto-generated",
           f"Disposition-Notification-To: {NZ_ADDRESS}"),
    silent("a list that asks for a receipt", "List-Id: <x.example>", part=asking(NZ_ADDRESS)),
)  # fmt: skip

ALWAYS = (
    accepted("a person", head("Auto-Submitted: no")),
    accepted("a person with a comment", head("Auto-Submitted: (really) no (program)")),
    accepted("a person in capitals", head("Auto-Submitted: NO")),
    accepted("a first-class mail", head("Precedence: first-class")),
    accepted("30 servers", head(*["Received: from relay.example"] * 30)),
    accepted("what went through another node", head("X-Loop: ecert@other.example")),
    accepted("who unsubscribes from a list", head("List-Unsubscribe: <mailto:x@x.example>")),
    accepted("a Reply-To, which gets nothing", head(f"Reply-To: {EVIL}")),
    accepted("a Reply-To of another partner, which gets nothing", head(f"Reply-To: {AU_ADDRESS}")),
    accepted("a receipt asked for elsewhere, which gets nothing", head(part=asking(EVIL))),
    accepted("a program that asks for a receipt to its registered address (a service, not a reply)",
             head("Auto-Submitted: auto-generated", part=asking(NZ_ADDRESS))),
    replace(accepted("a return path elsewhere, which gets nothing", head()), reverse_path=EVIL),
)  # fmt: skip


@table(NEVER)
def test_what_must_not_be_answered_is_recorded_in_silence(node: Node, case: Case) -> None:
    assert_comes_to(node, case)
    assert ("warning", "mail.unanswered") in node.log.events


@table(ALWAYS)
def test_what_may_be_answered_is_answered_at_the_registered_address(node: Node, case: Case) -> None:
    assert_comes_to(node, case)
    assert ("warning", "mail.unanswered") not in node.log.events


def receipt(kind: str = "", head: dict[str, str] | None = None) -> bytes:
    """What a partner sends as a receipt, with a certificate in it that nobody shall read."""
    return compose.multipart(f"multipart/report; report-type=disposition-notification{kind}", [attached()], "r", head)


ELSEWHERE = receipt('; hp="clear"', {"From": NZ_ADDRESS, "To": AU_ADDRESS})
RECEIPTS = (
    Case(name="a receipt", mail=lambda: signed(part=receipt()), outcome=Outcome.RECEIPT),
    stranger("a receipt for another node", lambda: signed(part=ELSEWHERE), Code.NOT_FOR_US),
    stranger("a receipt by an expired key", lambda: by_expired(receipt()), Code.KEY_EXPIRED),
    stranger("a receipt by a stranger", lambda: signed(make_key(NZ_ADDRESS).sign(receipt()), part=receipt()),
             Code.SIGNATURE_UNKNOWN_KEY),
    stranger("an unsigned receipt", lambda: receipt(head=HEAD), Code.NOT_SIGNED),
    stranger("a receipt signed with SHA-1", lambda: by_weak(receipt()), Code.SIGNATURE_WEAK),
)  # fmt: skip


def by_expired(part: bytes) -> bytes:
    return signed(armour(NZ_KEYS["expired"].primary.signature(part)), part=part)


def by_weak(part: bytes) -> bytes:
    return signed(armour(NZ_KEYS["good"].primary.signature(part, digest=SHA1)), part=part)


@table(RECEIPTS)
def test_a_receipt_is_never_answered_whatever_is_wrong_with_it(node: Node, case: Case) -> None:
    assert_comes_to(node, case)


@pytest.mark.parametrize("lines", ["Auto-Submitted: auto-replied", "Precedence: bulk", "List-Id: <x.example>"])
def test_a_withheld_receipt_goes_out_when_the_mail_comes_without_what_stood_in_the_way(node: Node, lines: str) -> None:
    mail = signed()
    node.take(f"{lines}\r\n".encode() + mail)
    assert sent(node) == []
    node.take(mail)
    assert [delivery.recipient for delivery in sent(node)] == [NZ_ADDRESS]
    assert node.log_kinds() == ["message", "certificate"]


def test_a_receipt_withheld_for_a_null_return_path_goes_out_when_there_is_one(node: Node) -> None:
    mail = signed()
    node.receive(mail, sender="")
    node.run()
    assert sent(node) == []
    node.take(mail)
    assert [delivery.recipient for delivery in sent(node)] == [NZ_ADDRESS]


def test_a_repetition_that_must_not_be_answered_is_not(node: Node) -> None:
    mail = signed()
    node.take(mail)
    assert len(sent(node)) == 1
    node.take(b"Precedence: bulk\r\n" + mail, b"Auto-Submitted: auto-replied\r\n" + mail)
    assert sent(node) == []


NOT_AHEAD = timedelta(0)


def test_receipts_for_certificates_beyond_the_limit_of_an_address_are_late_and_none_is_missing(node: Node) -> None:
    node.policy = replace(node.policy, replies_per_hour=3)
    node.take(*(batch_mail(certificates_xml(f"NZ-{n}"), serial=str(n)) for n in range(8)))
    assert node.log_kinds() == ["message", "certificate"] * 8
    assert [len(sent(node, timedelta(hours=hours))) for hours in range(4)] == [3, 3, 2, 0]
    assert node.log.events.count(("warning", "receipt.delayed")) == 5
    assert ("warning", "mail.unanswered") not in node.log.events


@given(limit=st.integers(1, 4), gaps=st.lists(st.integers(0, 3000).map(lambda s: timedelta(seconds=s)), max_size=20))
@settings(max_examples=30, deadline=None)
def test_no_hour_sees_more_deliveries_than_the_limit(limit: int, gaps: list[timedelta]) -> None:
    hour, now, turns = timedelta(hours=1), NOW, []
    with TemporaryDirectory() as folder, closing(SqliteLedger(Path(folder) / "ledger.db")) as ledger:
        for number, gap in enumerate(gaps):
            now += gap
            with ledger.transaction() as tx:
                turns.append(max(tx.turn(NZ_ADDRESS, limit, hour), now))
                staged(tx, NZ_ADDRESS, f"<{number}@cn.example>", b"receipt", turns[-1])
    assert turns == sorted(turns)
    assert all(later - first >= hour for first, later in zip(turns, turns[limit:], strict=False))


def test_pushes_to_the_same_address_do_not_delay_its_receipts(node: Node) -> None:
    node.policy = replace(node.policy, replies_per_hour=1)
    with node.ledger.transaction() as tx:
        for number in range(5):
            tx.stage(tx.put_mail(f"<{number}@cn.example>", b""), "push", NZ_ADDRESS, "", node.clock())
    node.take(signed())
    assert "receipt" in [delivery.kind for delivery in sent(node, NOT_AHEAD)]


def test_a_mail_repeated_a_thousand_times_has_one_receipt_that_waits(node: Node) -> None:
    node.policy = replace(node.policy, replies_per_hour=3)
    mail = signed()
    for _ in range(3):
        node.take(mail)
        sent(node, NOT_AHEAD)
    node.take(*[mail] * 100)
    assert len(sent(node, timedelta(hours=9))) == 1
    assert node.log.events.count(("warning", "receipt.delayed")) == 1


def test_repetitions_count_towards_the_limit_of_an_address(node: Node) -> None:
    node.policy = replace(node.policy, replies_per_hour=3)
    answers = 0
    for _ in range(6):
        node.take(signed())
        answers += len(sent(node, NOT_AHEAD))
    assert answers == 3


def test_one_address_at_its_limit_does_not_silence_another(node: Node) -> None:
    node.policy = replace(node.policy, replies_per_hour=1)
    mails = [batch_mail(certificates_xml(f"NZ-{n}"), serial=str(n)) for n in range(3)]
    node.take(*mails, batch_mail(certificates_xml("AU-1", country="AU"), sender=AU_ADDRESS))
    assert [delivery.recipient for delivery in sent(node, NOT_AHEAD)] == [NZ_ADDRESS, AU_ADDRESS]


def test_what_is_sent_says_that_a_program_made_it_and_cannot_bounce_back(node: Node) -> None:
    node.take(signed())
    [delivery] = sent(node)
    head, _, _ = delivery.octets.partition(b"\r\n\r\n")
    assert delivery.reverse_path == ""
    assert b"\r\nAuto-Submitted: auto-replied" in head
    assert f"\r\nX-Loop: {CHINA.address}".encode() in head
    assert b"\r\nIn-Reply-To: <1@mpi.example>" in head
