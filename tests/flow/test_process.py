"""From a spooled mail to entries, receipt and delivery: once each, whatever fails in between."""

import base64
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from lxml import etree

from ecertmail.config import packaged
from ecertmail.core import mime, read_receipt
from ecertmail.core.read_receipt import Statement
from ecertmail.delivery import Delivery
from ecertmail.edge.openpgp import OpenPgpEngine
from ecertmail.errors import KeyringError, StoreBusyError
from ecertmail.message import SignatureStatus, SignedMessage
from ecertmail.parties import Partner, PinnedKey
from ecertmail.store.spool import SpoolReader
from tests.builders import (
    AU_ADDRESS,
    CHINA,
    NOW,
    NZ_ADDRESS,
    australia,
    batch_mail,
    certificates_xml,
    examiner,
    key_of,
    make_key,
    new_zealand,
    sps_replacement,
    sps_xml,
    unexplained,
)
from tests.flow.fakes import BrittleExaminer, Trouble
from tests.flow.node import Node

RECEIPT_SCHEMA = etree.XMLSchema(etree.parse(packaged("schemas") / "receipt/receipt.xsd"))


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path)
    yield made
    made.close()


def said(delivery: Delivery) -> Statement:
    """What a receipt says, after its signature was verified and its XML validated."""
    message = mime.read(delivery.octets)
    assert isinstance(message, SignedMessage)
    partner = Partner(
        id="cn", name="", country="CN", addresses=(CHINA.address,), issues_for=(), profiles=(),
        keys=(PinnedKey(fingerprint=key_of(CHINA.address).fingerprint),),
    )  # fmt: skip
    check = examiner(partner).openpgp.check(message.signed_octets, message.signature)
    assert check.status is SignatureStatus.GOOD
    leaves = mime.attachments(message.signed_octets)
    assert isinstance(leaves, tuple)
    [document] = [leaf.data for leaf in leaves if leaf.type == "application/xml"]
    RECEIPT_SCHEMA.assertValid(etree.fromstring(document))
    statement = read_receipt.statement(message.signed_octets)
    assert statement is not None
    return statement


def results(statement: Statement) -> list[tuple[str, str]]:
    return [(line.number, line.result) for line in statement.certificates]


# As it should be


def test_a_good_batch_is_recorded_and_answered(node: Node) -> None:
    mail = batch_mail(certificates_xml("NZ-1", "NZ-2"), sps_xml("NZ-3"))
    node.take(mail)
    assert node.states() == {"archived": 1}
    assert node.log_kinds() == ["message", "certificate", "certificate", "certificate"]
    [delivery] = node.receipts()
    assert (delivery.recipient, delivery.reverse_path, delivery.kind) == (NZ_ADDRESS, "", "receipt")
    statement = said(delivery)
    assert statement.outcome == "accepted"
    assert results(statement) == [("NZ-1", "recorded"), ("NZ-2", "recorded"), ("NZ-3", "recorded")]
    assert [line.entry for line in statement.certificates] == ["1", "2", "3"]
    assert statement.entry == "0"
    message = mime.read(mail)
    assert isinstance(message, SignedMessage)
    assert statement.mic == base64.b64encode(sha256(message.signed_octets).digest()).decode()
    assert node.log.events == [("info", "mail.accepted")]


def test_what_a_receipt_says_is_what_the_ledger_holds(node: Node) -> None:
    node.take(batch_mail(certificates_xml("NZ-1"), sps_xml("NZ-3")))
    [delivery] = node.receipts()
    for line in said(delivery).certificates:
        [found] = node.lookup(line.number)
        assert (found.issuer, found.status, found.versions[0].sha256) == ("nz", line.status, line.sha256)
        assert found.versions[0].entry == int(line.entry)


def test_two_partners_may_use_the_same_number(node: Node) -> None:
    node.take(batch_mail(certificates_xml("1")), batch_mail(certificates_xml("1", country="AU"), sender=AU_ADDRESS))
    assert [found.issuer for found in node.lookup("1")] == ["au", "nz"]
    assert [delivery.recipient for delivery in node.receipts()] == [NZ_ADDRESS, AU_ADDRESS]


def test_a_partial_batch_records_the_good_and_says_where_the_bad_are_bad(node: Node) -> None:
    document = certificates_xml("NZ-1", "NZ-2", "NZ-3").replace(b'id="NZ-2" status="Approved"', b'id="NZ-2" status="?"')
    node.take(batch_mail(document, certificates_xml("NZ-4", country="AU"), b"<a>"))
    assert node.log_kinds() == ["message", "certificate", "certificate"]
    [delivery] = node.receipts()
    statement = said(delivery)
    assert statement.outcome == "partial"
    assert results(statement) == [
        ("NZ-1", "recorded"),
        ("NZ-2", "refused"),
        ("NZ-3", "recorded"),
        ("NZ-4", "refused"),
        ("", "refused"),
    ]
    reasons = [line.findings[0].partition(":")[0] for line in statement.certificates if line.findings]
    assert reasons == ["schema-invalid", "country-not-allowed", "xml-malformed"]
    assert [refused["number"] for refused in node.records()[0]["refused"]] == ["NZ-2", "NZ-4", ""]  # type: ignore[attr-defined]


REFUSED = {
    "no XML": ((), "no-batch"),
    "a profile that is not agreed": ((sps_xml(),), "profile-not-agreed"),
    "a DOCTYPE": ((b'<!DOCTYPE a SYSTEM "http://127.0.0.1/">' + certificates_xml("NZ-1"),), "xml-doctype"),
    "an unknown root": ((b"<receipt/>",), "profile-unknown"),
}


@pytest.mark.parametrize(("documents", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_a_partners_mail_that_cannot_be_used_is_answered_with_the_reason(
    node: Node, documents: tuple[bytes, ...], code: str
) -> None:
    node.examiner = examiner(new_zealand(profiles=("certificates",)))
    node.take(batch_mail(*documents))
    assert (node.states(), node.log_kinds()) == ({"archived": 1}, ["message"])
    [delivery] = node.receipts()
    statement = said(delivery)
    reasons = [*statement.findings, *(finding for line in statement.certificates for finding in line.findings)]
    assert (statement.outcome, [reason.partition(":")[0] for reason in reasons]) == ("refused", [code])
    assert node.log.events == [("warning", "mail.refused")]


# Whose word it is not

STRANGERS = {
    "unsigned": (b"From: ecert@mpi.example\r\n\r\n" + certificates_xml("NZ-1"), "not-signed"),
    "nonsense": (b"\x00\xff", "mime-malformed"),
    "changed after signing": (
        batch_mail(certificates_xml("NZ-1")).replace(b"Electronic export", b"Electronic import"),
        "signature-bad",
    ),
    "by a key that nobody has": (
        batch_mail(certificates_xml("NZ-1"), sign=make_key(NZ_ADDRESS).sign),
        "signature-unknown-key",
    ),
    "by another partner's key": (
        batch_mail(certificates_xml("NZ-1"), sign=key_of(AU_ADDRESS).sign),
        "from-not-partner",
    ),
    "without a signature in it": (batch_mail(certificates_xml("NZ-1"), sign=lambda _: b""), "signature-unreadable"),
}


@pytest.mark.parametrize(("mail", "reason"), STRANGERS.values(), ids=STRANGERS.keys())
def test_a_mail_that_no_partner_stands_behind_is_set_aside_without_a_word(node: Node, mail: bytes, reason: str) -> None:
    good = batch_mail(certificates_xml("NZ-9"), serial="9")
    ids = node.take(mail, good)
    assert node.quarantined() == [(ids[0], reason)]
    assert node.log_kinds() == ["message", "certificate"]
    assert [results(said(delivery)) for delivery in node.receipts()] == [[("NZ-9", "recorded")]]
    assert node.log.events[0] == ("warning", "mail.quarantined")


def test_a_quarantined_mail_keeps_its_octets_and_can_be_processed_again(node: Node) -> None:
    """The operator adds the missing partner and releases the mail."""
    mail = batch_mail(certificates_xml("NZ-1"))
    node.examiner = examiner(replace(new_zealand(), addresses=(AU_ADDRESS,)), keys=[key_of(NZ_ADDRESS)])
    [spool_id] = node.take(mail)
    reader = SpoolReader(node.folder / "spool.db")
    assert reader.get(spool_id)[1] == mail
    reader.close()
    node.examiner = examiner()
    node.spool.release(spool_id, node.clock())
    node.run()
    assert node.states() == {"archived": 1}
    assert node.status("NZ-1") == "70"


# Again


def test_the_same_octets_are_answered_with_the_same_octets_and_recorded_once(node: Node) -> None:
    mail = batch_mail(certificates_xml("NZ-1"))
    node.take(mail)
    [first] = node.receipts()
    for again in (b"Received: from a relay\r\n" + mail, mail):
        node.take(again)
        [answer] = node.receipts()
        assert (answer.octets, answer.message_id, answer.recipient) == (
            first.octets,
            first.message_id,
            first.recipient,
        )
    assert node.log_kinds() == ["message", "certificate"]
    assert node.states() == {"archived": 3}
    assert node.log.events[1:] == [("info", "mail.repeated")] * 2


def test_a_hundred_repetitions_at_once_bring_one_answer(node: Node) -> None:
    """Somebody who has a copy of a partner's mail cannot make us flood the partner."""
    mail = batch_mail(certificates_xml("NZ-1"))
    node.take(*[mail] * 100)
    assert node.log_kinds() == ["message", "certificate"]
    assert len(node.receipts()) == 1
    assert node.states() == {"archived": 100}


def test_a_repetition_of_what_was_refused_for_good_is_not_recorded_again(node: Node) -> None:
    mail = batch_mail(b"<unknown/>")
    node.take(mail)
    [first] = node.receipts()
    node.take(mail)
    [again] = node.receipts()
    assert (node.log_kinds(), again.octets) == (["message"], first.octets)


def test_the_same_certificate_in_a_new_mail_is_a_duplicate(node: Node) -> None:
    node.take(batch_mail(certificates_xml("NZ-1")))
    node.take(batch_mail(certificates_xml("NZ-1"), serial="2"))
    assert node.log_kinds() == ["message", "certificate", "message"]
    first, second = map(said, node.receipts())
    assert (results(second), second.outcome) == ([("NZ-1", "duplicate")], "accepted")
    assert first.certificates[0].sha256 == second.certificates[0].sha256


def test_a_refused_mail_may_be_sent_again_after_the_cause_was_mended(node: Node) -> None:
    """A refusal is not final: the same octets are judged anew."""
    mail = batch_mail(sps_xml("NZ-1"))
    node.examiner = examiner(new_zealand(profiles=("certificates",)))
    node.take(mail)
    node.examiner = examiner()
    node.take(mail)
    assert [said(delivery).outcome for delivery in node.receipts()] == ["refused", "accepted"]
    assert node.log_kinds() == ["message", "message", "certificate"]


def test_the_same_octets_under_another_partners_signature_are_not_a_repetition(node: Node) -> None:
    document = certificates_xml("1", country="CK")
    node.examiner = examiner(new_zealand(issues_for=("CK",)), replace(new_zealand(), id="ck", addresses=(AU_ADDRESS,),
                             keys=australia().keys, issues_for=("CK",)))  # fmt: skip
    node.take(batch_mail(document), batch_mail(document, sender=AU_ADDRESS))
    assert node.log_kinds() == ["message", "certificate"] * 2


# A certificate's life


def test_other_content_is_a_conflict_that_is_recorded_and_changes_nothing(node: Node) -> None:
    node.take(batch_mail(certificates_xml("NZ-1")))
    node.take(batch_mail(certificates_xml("NZ-1", title="Beef"), serial="2"))
    assert node.log_kinds() == ["message", "certificate", "message", "conflict"]
    [found] = node.lookup("NZ-1")
    assert (found.title, found.status) == ("Lamb", "70")
    assert [version.kind for version in found.versions] == ["certificate", "conflict"]
    statement = said(node.receipts()[1])
    assert (statement.outcome, results(statement)) == ("refused", [("NZ-1", "conflict")])
    assert statement.certificates[0].entry == "3"


def test_a_conflicting_version_does_not_become_a_duplicate_by_insisting(node: Node) -> None:
    for serial, title in enumerate(["Lamb", "Beef", "Beef", "Lamb"]):
        node.take(batch_mail(certificates_xml("NZ-1", title=title), serial=str(serial)))
    answers = [results(said(delivery))[0][1] for delivery in node.receipts()]
    assert answers == ["recorded", "conflict", "conflict", "duplicate"]


def test_a_withdrawal_is_recorded_and_final(node: Node) -> None:
    for serial, status in enumerate(["Approved", "Revoked", "Pending", "Revoked"]):
        node.take(batch_mail(certificates_xml("NZ-1", status=status), serial=str(serial)))
    answers = [results(said(delivery))[0][1] for delivery in node.receipts()]
    assert answers == ["recorded", "recorded", "refused", "duplicate"]
    [found] = node.lookup("NZ-1")
    assert (found.status, [version.status for version in found.versions]) == ("40", ["70", "40"])


def test_a_replacement_makes_the_old_one_replaced_in_the_same_commit(node: Node) -> None:
    node.take(batch_mail(sps_xml("NZ-1")))
    node.take(batch_mail(sps_replacement("NZ-2", "NZ-1"), serial="2"))
    assert node.log_kinds() == ["message", "certificate", "message", "certificate", "replaced"]
    assert (node.status("NZ-1"), node.status("NZ-2")) == ("44", "70")
    [old] = node.lookup("NZ-1")
    assert (old.versions[-1].replaced_by, old.versions[-1].entry) == ("NZ-2", 4)
    statement = said(node.receipts()[1])
    assert statement.certificates[0].findings[0].startswith("replaces:")


def test_a_certificate_and_its_replacement_may_come_in_one_mail(node: Node) -> None:
    node.take(batch_mail(sps_xml("NZ-1"), sps_replacement("NZ-2", "NZ-1")))
    assert (node.status("NZ-1"), node.status("NZ-2")) == ("44", "70")


def test_a_replaced_certificate_can_be_withdrawn(node: Node) -> None:
    node.take(batch_mail(sps_xml("NZ-1"), sps_replacement("NZ-2", "NZ-1")))
    node.take(batch_mail(sps_xml("NZ-1", status="40"), serial="2"))
    assert node.status("NZ-1") == "40"


def test_replaced_and_then_withdrawn_in_one_mail_is_withdrawn(node: Node) -> None:
    """A withdrawal cannot be undone, not by the order in which a commit writes its rows either."""
    node.take(batch_mail(sps_xml("NZ-1")))
    node.take(batch_mail(sps_replacement("NZ-2", "NZ-1"), sps_xml("NZ-1", status="40"), serial="2"))
    assert results(said(node.receipts()[1])) == [("NZ-2", "recorded"), ("NZ-1", "recorded")]
    assert node.status("NZ-1") == "40"


def test_a_replacement_of_something_never_seen_is_recorded_with_a_warning(node: Node) -> None:
    node.take(batch_mail(sps_replacement("NZ-2", "NZ-1")))
    assert node.lookup("NZ-1") == []
    [delivery] = node.receipts()
    assert said(delivery).certificates[0].findings[0].startswith("replaced-unknown:")


@pytest.mark.parametrize("together", [True, False], ids=["in one mail", "in two mails"])
def test_a_replacement_that_overtook_what_it_replaces_replaces_it_when_it_comes(node: Node, together: bool) -> None:
    documents = [sps_replacement("NZ-2", "NZ-1"), sps_xml("NZ-1")]
    mails = (
        [batch_mail(*documents)]
        if together
        else [batch_mail(document, serial=str(n)) for n, document in enumerate(documents)]
    )
    node.take(*mails)
    assert (node.status("NZ-1"), node.status("NZ-2")) == ("44", "70")
    line = said(node.receipts()[-1]).certificates[-1]
    assert (line.result, line.findings[0].partition(":")[0]) == ("recorded", "replaced-already")
    assert [version.kind for version in node.lookup("NZ-1")[0].versions] == ["certificate", "replaced"]
    assert "replaced" in node.log_kinds()


def test_a_partner_cannot_replace_the_certificate_of_another(node: Node) -> None:
    node.take(batch_mail(sps_xml("1")))
    document = sps_replacement("2", "1").replace(b"<ram:ID>NZ</ram:ID>", b"<ram:ID>AU</ram:ID>")
    node.take(batch_mail(document, sender=AU_ADDRESS))
    assert node.status("1") == "70"


# Receipts


def sample_receipt(sender: str) -> bytes:
    """A minimal signed multipart/report."""
    part = (
        b'Content-Type: multipart/report; report-type=disposition-notification; boundary="r"\r\n\r\n'
        b"--r\r\nContent-Type: text/plain\r\n\r\nAccepted\r\n--r--\r\n"
    )
    signature = key_of(sender).sign(part).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return (
        b"From: " + sender.encode() + b"\r\nMessage-ID: <receipt@x>\r\n"
        b'Content-Type: multipart/signed; protocol="application/pgp-signature"; boundary="s"\r\n\r\n'
        b"--s\r\n" + part + b"\r\n--s\r\nContent-Type: application/pgp-signature\r\n\r\n" + signature + b"\r\n--s--\r\n"
    )


def test_a_partners_receipt_is_recorded_and_never_answered(node: Node) -> None:
    node.take(sample_receipt(NZ_ADDRESS))
    assert (node.states(), node.log_kinds(), node.receipts()) == ({"archived": 1}, ["receipt"], [])


def test_a_receipt_that_comes_again_is_not_recorded_again(node: Node) -> None:
    """MAIL.md section 2, rule 8: what was seen before is not processed; a replay must not make the ledger grow."""
    node.take(sample_receipt(NZ_ADDRESS))
    node.take(sample_receipt(NZ_ADDRESS))
    assert (node.log_kinds(), node.receipts()) == (["receipt"], [])


def test_a_forged_receipt_is_set_aside(node: Node) -> None:
    node.take(sample_receipt(NZ_ADDRESS).replace(b"Accepted", b"Refused!"))
    assert (node.states(), node.log_kinds()) == ({"quarantined": 1}, [])


def test_a_receipt_by_an_expired_key_is_never_answered(node: Node) -> None:
    """Else two nodes whose keys have both expired would refuse each other's refusals without an end."""
    public = replace(key_of(NZ_ADDRESS).public, expires_at=NOW - timedelta(days=1))
    engine = OpenPgpEngine({public.fingerprint: public}, unexplained, key_of(CHINA.address).sign)
    node.examiner = replace(node.examiner, openpgp=engine)
    node.take(sample_receipt(NZ_ADDRESS))
    assert node.receipts() == []


# When something fails


def twenty() -> list[bytes]:
    return [batch_mail(certificates_xml(f"NZ-{number}"), serial=str(number)) for number in range(20)]


def assert_each_once(node: Node, mails: int) -> None:
    """Everything in the ledger once, with one receipt each, and nothing left in the spool."""
    assert node.states() == {"archived": mails}
    assert sorted(node.log_kinds()) == ["certificate"] * mails + ["message"] * mails
    receipts = node.receipts()
    assert len({delivery.message_id for delivery in receipts}) == len(receipts) == mails


def test_a_crash_between_the_two_commits_is_healed_by_running_again(node: Node) -> None:
    node.receive(*twenty())
    node.spool.finishing = Trouble(1, error=SystemExit())
    with pytest.raises(SystemExit):
        node.run()
    assert node.states() == {"claimed": 20}
    assert node.spool.recover(node.clock()) == 20
    node.run()
    assert_each_once(node, 20)


def test_a_ledger_that_is_busy_loses_nothing_and_counts_no_claim(node: Node) -> None:
    node.receive(*twenty())
    node.before = Trouble(1)
    with pytest.raises(StoreBusyError):
        node.run()
    assert node.states() == {"spooled": 20}
    assert [spooled.claims for spooled in node.spool.claim(node.clock(), 100)] == [1] * 20


@pytest.mark.parametrize("call", [1, 2, 10, 20])
def test_a_ledger_that_is_busy_for_a_moment_is_tried_again_without_a_restart(node: Node, call: int) -> None:
    node.receive(*twenty())
    node.before = Trouble(call)
    node.run_through_trouble()
    assert_each_once(node, 20)


@pytest.mark.parametrize("call", [1, 2, 10, 20])
def test_a_ledger_that_commits_and_says_it_failed_records_once(node: Node, call: int) -> None:
    node.receive(*twenty())
    node.after = Trouble(call)
    node.run_through_trouble()
    assert_each_once(node, 20)


@pytest.mark.parametrize("calls", [(1,), (1, 2)], ids=["once", "twice"])
def test_a_spool_that_cannot_be_written_afterwards_is_tried_again_without_a_restart(
    node: Node, calls: tuple[int, ...]
) -> None:
    """The trouble is ours: what is in the ledger already is never set aside as if it had no verdict."""
    node.receive(b"nonsense", *twenty())
    node.spool.finishing = Trouble(*calls)
    node.run_through_trouble()
    assert node.states() == {"archived": 20, "quarantined": 1}
    assert [reason for _, reason in node.quarantined()] == ["mime-malformed"]
    assert len({delivery.message_id for delivery in node.receipts()}) == 20


def test_both_stores_failing_at_once_loses_nothing(node: Node) -> None:
    node.receive(*twenty())
    node.before, node.spool.finishing = Trouble(10), Trouble(1)
    node.run_through_trouble()
    assert_each_once(node, 20)


def test_a_message_that_breaks_the_reader_stops_no_other_and_ends_in_quarantine(node: Node) -> None:
    node.examiner = BrittleExaminer(examiner(), b"X-Poison")  # type: ignore[assignment]
    ids = node.take(b"X-Poison: 1\r\n" + twenty()[0], *twenty()[1:])
    assert node.states() == {"archived": 19, "quarantined": 1}
    assert node.quarantined() == [(ids[0], "no-verdict")]
    assert node.log.events.count(("error", "mail.failed")) == 3
    assert sorted(node.log_kinds()) == ["certificate"] * 19 + ["message"] * 19


def test_an_exception_in_the_middle_of_a_commit_leaves_nothing_of_it(node: Node) -> None:
    """The receipt cannot be signed: no entry, no certificate, no mail, and the message waits without losing a claim."""
    nz = key_of(NZ_ADDRESS).public
    engine = OpenPgpEngine({nz.fingerprint: nz}, unexplained, None)
    node.examiner = replace(node.examiner, openpgp=engine)
    with pytest.raises(KeyringError):
        node.take(batch_mail(certificates_xml("NZ-1")))
    assert (node.log_kinds(), node.receipts(), node.lookup("NZ-1")) == ([], [], [])
    assert node.states() == {"spooled": 1}


def test_the_log_names_no_content(node: Node) -> None:
    node.take(batch_mail(certificates_xml("NZ-1", title="Secret sauce")), batch_mail(b"<Secret/>", serial="2"))
    assert "Secret" not in repr(node.log.lines)
