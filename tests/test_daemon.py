"""The whole daemon from the outside: mail in by SMTP, ledger and receipt out."""

import sqlite3
from contextlib import closing
from email import message_from_bytes
from pathlib import Path

import pytest

from ecertmail.core import mime, read_receipt
from ecertmail.core.read_receipt import Statement
from ecertmail.message import SignedMessage
from ecertmail.store import mail
from tests.builders import NZ_ADDRESS, batch_mail, certificates_xml, make_key, sps_xml
from tests.installation import Installation, Sink, until


def said(receipt: bytes) -> Statement:
    message = mime.read(receipt)
    assert isinstance(message, SignedMessage)
    statement = read_receipt.statement(message.signed_octets)
    assert statement is not None
    return statement


def quarantined(daemon: Installation) -> str:
    return until(lambda: daemon.spooled("quarantined"))[0].reason


def test_a_signed_batch_is_recorded_and_answered_with_a_receipt(daemon: Installation, sink: Sink) -> None:
    assert daemon.send(batch_mail(certificates_xml("NZ/1"), sps_xml("NZ 2"))).startswith("250 2.0.0 Stored as")
    receipt = sink.wait_for(1)[0]
    assert said(receipt).outcome == "accepted"
    assert [(line.number, line.result) for line in said(receipt).certificates] == [
        ("NZ/1", "recorded"),
        ("NZ 2", "recorded"),
    ]
    assert sink.senders == ["<>"] or sink.senders == [""]
    assert message_from_bytes(receipt)["To"] == NZ_ADDRESS
    assert daemon.ledger().lookup("NZ/1")[0].status == "70"


def test_the_same_mail_again_gets_the_same_receipt_and_changes_nothing(daemon: Installation, sink: Sink) -> None:
    mail = batch_mail(certificates_xml("NZ/1"))
    daemon.send(mail)
    sink.wait_for(1)
    daemon.send(b"Received: by a relay; Tue, 24 Nov 2026 08:00:00 +0000\r\n" + mail)
    sink.wait_for(2)
    assert sink.mails[0] == sink.mails[1]
    assert daemon.ledger().size() == 2


def test_good_certificates_of_a_batch_are_recorded_and_bad_ones_refused(daemon: Installation, sink: Sink) -> None:
    daemon.send(batch_mail(certificates_xml("NZ/1"), certificates_xml("AU/1", country="AU"), b"<certificates/>"))
    statement = said(sink.wait_for(1)[0])
    assert statement.outcome == "partial"
    assert [line.result for line in statement.certificates] == ["recorded", "refused", "refused"]
    assert statement.certificates[1].findings[0].startswith("country-not-allowed")


FORGER = make_key(NZ_ADDRESS)

HOSTILE = {
    "unsigned": (b"From: ecert@mpi.example\r\nSubject: x\r\n\r\n<certificates/>\r\n", "not-signed"),
    "unknown key with the partner's name": (
        batch_mail(certificates_xml("NZ/9"), sign=FORGER.sign),
        "signature-unknown-key",
    ),
    "one octet changed": (
        batch_mail(certificates_xml("NZ/9")).replace(b"attached as XML", b"Attached as XML"),
        "signature-bad",
    ),
    "another From": (
        batch_mail(certificates_xml("NZ/9")).replace(b"From: ecert@mpi", b"From: ceo@mpi", 1),
        "from-not-partner",
    ),
    "two From headers": (b"From: ecert@mpi.example\r\n" + batch_mail(certificates_xml("NZ/9")), "from-malformed"),
    "not MIME": (b"\r\n\r\n\r\n", "not-signed"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_what_no_partner_signed_is_quarantined_unanswered_and_unrecorded(
    daemon: Installation, sink: Sink, case: str
) -> None:
    octets, reason = HOSTILE[case]
    daemon.send(octets)
    assert quarantined(daemon) == reason
    daemon.send(batch_mail(certificates_xml("NZ/1"), serial="good"))
    sink.wait_for(1)
    assert said(sink.mails[0]).certificates[0].number == "NZ/1"
    assert len(sink.mails) == 1
    assert daemon.ledger().size() == 2
    assert daemon.ledger().lookup("NZ/9") == []


DOCTYPE = b'<?xml version="1.0"?><!DOCTYPE certificates [<!ENTITY x SYSTEM "file:///etc/passwd">]><certificates>&x;</certificates>'

REFUSED = {
    "not XML": (b"hello", "xml-malformed"),
    "wrong schema": (b"<certificates><certificate/></certificates>", "schema-invalid"),
    "DOCTYPE": (DOCTYPE, "xml-doctype"),
    "two with one number": (certificates_xml("NZ/1", "NZ/1"), "number-twice"),
    "another country": (certificates_xml("AU/1", country="AU"), "country-not-allowed"),
    "unknown format": (b"<invoice/>", "profile-unknown"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_partner_did_wrong_is_told_and_not_recorded(daemon: Installation, sink: Sink, case: str) -> None:
    octets, code = REFUSED[case]
    daemon.send(batch_mail(octets))
    statement = said(sink.wait_for(1)[0])
    assert statement.outcome == "refused"
    assert statement.certificates[0].findings[0].startswith(code + ":")
    assert daemon.ledger().counts("certificate") == {}


def test_a_conflict_is_refused_and_a_withdrawal_is_final(daemon: Installation, sink: Sink) -> None:
    steps = [
        (sps_xml("NZ/1"), "recorded"),
        (sps_xml("NZ/1").replace(b"BOP 26/17", b"BOP 26/18"), "conflict"),
        (sps_xml("NZ/1", status="40"), "recorded"),
        (sps_xml("NZ/1", status="39"), "refused"),
        (sps_xml("NZ/1"), "duplicate"),
    ]
    for serial, (octets, _) in enumerate(steps):
        daemon.send(batch_mail(octets, serial=str(serial)))
        sink.wait_for(serial + 1)
    results = [said(mail).certificates[0].result for mail in sink.mails]
    assert results == [result for _, result in steps]
    found = daemon.ledger().lookup("NZ/1")[0]
    assert (found.status, [version.kind for version in found.versions]) == (
        "40",
        ["certificate", "conflict", "certificate"],
    )


def test_a_receipt_of_a_partner_is_kept_and_never_answered(daemon: Installation, sink: Sink) -> None:
    mail = batch_mail(certificates_xml("NZ/1"))
    daemon.send(mail)
    receipt_of_china = sink.wait_for(1)[0]
    daemon.send(receipt_of_china)
    assert quarantined(daemon) == "signature-unknown-key"
    assert len(sink.mails) == 1


def test_the_daemon_that_is_released_a_message_processes_it_again(daemon: Installation, sink: Sink) -> None:
    forger_now_known = make_key("ecert@new.example")
    daemon.send(
        batch_mail(certificates_xml("FJ/1", country="FJ"), sender=forger_now_known.address, sign=forger_now_known.sign)
    )
    assert quarantined(daemon) == "signature-unknown-key"
    key_file = daemon.folder / "fj.asc"
    key_file.write_text(str(forger_now_known.tsk.extract_certificate()), encoding="ascii")
    added = daemon.cli("partner", "add", "fj", str(key_file), "--name", "Fiji", "--country", "FJ", "--address",
                       forger_now_known.address, "--fingerprint", forger_now_known.fingerprint)  # fmt: skip
    assert added.exit_code == 0, added.output
    daemon.process.send_signal(1)  # type: ignore[union-attr]
    until(lambda: "reload.done" in daemon.log)
    released = daemon.cli("spool", "release", daemon.spooled("quarantined")[0].id)
    assert released.exit_code == 0, released.output
    assert said(sink.wait_for(1)[0]).outcome == "accepted"


def test_a_refused_delivery_is_tried_again_with_the_same_octets(daemon: Installation, sink: Sink) -> None:
    sink.refuse.append("451 try later")
    daemon.send(batch_mail(certificates_xml("NZ/1")))
    until(lambda: "delivery.deferred" in daemon.log)
    daemon.stop()
    with closing(sqlite3.connect(daemon.folder / "spool/ledger.db")) as db, db:
        before = mail.octets(db, 1)
        db.execute("UPDATE delivery SET next_at='2026-01-01T00:00:00+00:00'")
    db.close()
    daemon.start()
    assert sink.wait_for(1) == [before]


def test_a_second_daemon_on_the_same_installation_refuses_to_start(daemon: Installation) -> None:
    second = daemon.cli("serve")
    assert second.exit_code == 75
    assert "another ecertmail is running" in second.output


def test_no_secret_and_no_content_is_logged(daemon: Installation, sink: Sink) -> None:
    daemon.send(batch_mail(certificates_xml("NZ/1", title="Secret lamb")))
    sink.wait_for(1)
    passphrase = (daemon.folder / "keys/passphrase").read_text(encoding="ascii").strip()
    assert passphrase not in daemon.log
    assert "Secret lamb" not in daemon.log
    assert "partner=nz" in daemon.log


def test_sigterm_ends_it_well_and_leaves_nothing_behind(daemon: Installation) -> None:
    assert daemon.stop() == 0
    assert "stop.done" in daemon.log
    assert not list(Path(daemon.folder / "keys/gnupg").glob("S.gpg-agent"))
