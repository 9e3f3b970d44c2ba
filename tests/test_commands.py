"""Commands by mail with the real daemon, made ready by the command line of a partner that has no installation."""

import json
from pathlib import Path

import pytest

from ecertmail.core import mime, outgoing
from ecertmail.message import SignedMessage
from tests.builders import CHINA, NZ_ADDRESS, Gpg, batch_mail, certificates_xml, key_of, letter
from tests.installation import Installation, Sink, until


def text(mail: bytes) -> str:
    message = mime.read(mail)
    assert isinstance(message, SignedMessage)
    leaves = mime.attachments(message.signed_octets)
    assert isinstance(leaves, tuple)
    return leaves[0].data.decode()


def commands(*lines: str, serial: str) -> bytes:
    return outgoing.command_mail(lines, letter(serial=serial), key_of(NZ_ADDRESS).sign)


@pytest.mark.slow
def test_a_partner_subscribes_is_pushed_asks_again_and_leaves(daemon: Installation, sink: Sink) -> None:
    daemon.send(commands("SUBSCRIBE post importing=CN", "SUBSCRIBE broker me@broker.example", serial="1"))
    answer = text(sink.wait_for(1)[0])
    assert "nz-post is ACTIVE" in answer
    assert "nz-broker is PENDING" in answer

    daemon.send(batch_mail(certificates_xml("NZ-1")))
    assert any("NZ-1: ISSUED" in text(mail) for mail in sink.wait_for(3))
    daemon.send(commands("RESEND post SINCE 2026-01-01", "STATUS", serial="2"))
    again = [text(mail) for mail in sink.wait_for(5)[3:]]
    assert any("1 certificate now" in said and "nz-broker: PENDING" in said for said in again)
    assert any("NZ-1: ISSUED" in said for said in again)

    assert daemon.cli("subscriber", "approve", "nz-broker").exit_code == 0
    assert "NZ-1: ISSUED" in text(sink.wait_for(6)[5])
    daemon.send(commands("UNSUBSCRIBE post", "UNSUBSCRIBE broker", serial="3"))
    assert "nz-post has ended" in text(sink.wait_for(7)[6])
    until(lambda: "subscriber.changed" in daemon.log)
    assert json.loads(daemon.cli("subscriber", "list", "--json").output) == []
    assert daemon.cli("ledger", "verify").exit_code == 0


def test_the_command_line_makes_a_mail_that_a_node_carries_out(
    daemon: Installation, sink: Sink, tmp_path: Path
) -> None:
    gpg, key = Gpg(tmp_path / "gpg"), key_of(NZ_ADDRESS)
    gpg.run("--import", stdin=str(key.tsk).encode())
    out = tmp_path / "ask.eml"
    made = daemon.cli(
        "command", "SUBSCRIBE post importing=CN digest", "STATUS", "--to", CHINA.address, "--from", NZ_ADDRESS,
        "--key", key.fingerprint, "--home", str(gpg.home), "-o", str(out),
    )  # fmt: skip
    gpg.stop()
    assert made.exit_code == 0, made.output
    daemon.send(out.read_bytes())
    assert "nz-post: ACTIVE" in text(sink.wait_for(1)[0])


def test_the_command_line_says_what_is_wrong_before_anything_is_signed(china: Installation) -> None:
    for lines, words in ((("SUBSCRIBE",), "Right is: SUBSCRIBE"), (("Hello",), "is no command"),
                         (("STATUS\nHELP",), "stands alone"), (("STATUS",) * 11, "at most 10")):  # fmt: skip
        refused = china.cli("command", *lines, "--to", CHINA.address)
        assert (refused.exit_code, words in refused.output) == (3, True), refused.output
