"""Trouble of our own: a full disk, a locked or garbled database, a mail too large. Nothing is lost, all is told."""

import os
import smtplib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders import CHINA, NZ_ADDRESS, batch_mail, certificates_xml
from tests.installation import Installation, Sink, until
from tests.small_disk import small_disk_at


@pytest.fixture
def small_spool(china: Installation) -> Iterator[Path]:
    """The spool folder on a file system of 1 MB, which the tables of an empty ledger fit in."""
    with small_disk_at(china.folder / "spool", "1m") as folder:
        yield folder
        china.stop()


def test_a_full_disk_is_451_and_when_there_is_room_again_the_mail_gets_in(
    china: Installation, sink: Sink, small_spool: Path
) -> None:
    china.start()
    (small_spool / "ballast").write_bytes(b"x" * (os.statvfs(small_spool).f_bavail * 4096))
    big = batch_mail(*(certificates_xml(f"NZ/{n}", title="x" * 200) for n in range(40)))
    assert china.send(big) == "451 4.3.0 Temporary failure, please try again later"
    assert "smtp.failed" in china.log
    (small_spool / "ballast").unlink()
    assert china.send(batch_mail(certificates_xml("NZ/1"))).startswith("250")
    sink.wait_for(1)
    assert len(china.spooled()) == 1


def test_a_locked_ledger_delays_but_loses_nothing(daemon: Installation, sink: Sink) -> None:
    other = sqlite3.connect(daemon.folder / "spool/ledger.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert daemon.send(batch_mail(certificates_xml("NZ/1"))).startswith("250")
    until(
        lambda: "process.waiting" in daemon.log, 90
    )  # each of the daemon's loops waits 5 s for the lock, one after the other
    assert daemon.spooled()[0].state == "spooled"
    other.execute("ROLLBACK")
    other.close()
    sink.wait_for(1)
    assert daemon.ledger().lookup("NZ/1")[0].status == "70"
    assert daemon.spooled()[0].claims == 1, "our trouble does not count as a claim"


def test_a_mail_of_30_megabytes_is_refused_and_the_next_gets_in(daemon: Installation, sink: Sink) -> None:
    huge = b"From: x@y.example\r\n\r\n" + b"0123456789ABCDEF" * 62 + b"\r\n"
    with smtplib.SMTP("127.0.0.1", daemon.port) as smtp:
        smtp.ehlo()
        smtp.mail(NZ_ADDRESS)
        smtp.rcpt(CHINA.address)
        code, _ = smtp.data(huge * 30_000)
        assert code == 552
        smtp.mail(NZ_ADDRESS)
        smtp.rcpt(CHINA.address)
        assert smtp.data(batch_mail(certificates_xml("NZ/1")))[0] == 250
    sink.wait_for(1)


def test_a_garbled_database_is_told_and_left_alone(china: Installation) -> None:
    file = china.folder / "spool/ledger.db"
    file.write_bytes(b"this is no database" * 1000)
    serve = china.cli("serve")
    assert serve.exit_code == 6
    assert "restore it from a backup or move it away" in serve.output
    assert file.read_bytes().startswith(b"this is no database")
