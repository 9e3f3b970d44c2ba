"""Envelope senders at the running daemon: a failure report finds its way in, and nobody guesses the way."""

import smtplib

import dkim
import pytest

from ecertmail import assemble, config
from ecertmail.core.verp import verp
from ecertmail.errors import ConfigError
from tests.builders import CHINA, batch_mail, certificates_xml
from tests.edge.test_dkim import dns, pem
from tests.installation import Installation, Sink

LOCAL, _, DOMAIN = CHINA.address.partition("@")
REPORT = b"Subject: Undelivered Mail Returned to Sender\r\n\r\nNo such user.\r\n"


def bounce_address(node: Installation, number: int = 17, mailbox: str = CHINA.address) -> str:
    return verp(mailbox, number, assemble.bounce_secret(config.load(node.file)))


def hand_in(node: Installation, recipient: str) -> int:
    """Send a failure report to an address and return what the daemon said of the address."""
    with smtplib.SMTP("127.0.0.1", node.port, timeout=30) as smtp:
        smtp.ehlo()
        smtp.mail("")
        code, _ = smtp.rcpt(recipient)
        if code == 250:
            assert smtp.data(REPORT)[0] == 250
    return code


def test_a_report_to_an_envelope_sender_of_ours_is_taken_and_to_a_guessed_one_is_not(daemon: Installation) -> None:
    good = bounce_address(daemon)
    tag = good.partition(".")[2].partition("@")[0]
    others = {
        good.replace("+b17.", "+b18."),
        good.replace(tag, "a" * 12),
        good.replace(tag, tag[:-1]),
        good.replace(DOMAIN, "elsewhere.example"),
        good.replace(DOMAIN, f"{DOMAIN}.elsewhere.example"),
        good.replace(f"{LOCAL}+", "other+"),
        good.replace("+", "%"),
        f"{LOCAL}+anything@{DOMAIN}",
        bounce_address(daemon, mailbox=f"other@{DOMAIN}"),
    }
    assert {hand_in(daemon, address) for address in (good, good.upper())} == {250}
    assert {hand_in(daemon, address) for address in others} == {550}
    assert len(daemon.spooled()) == 2


def test_another_passphrase_makes_other_addresses(china: Installation) -> None:
    before = bounce_address(china)
    (china.folder / "keys/passphrase").write_text("another one\n", encoding="ascii")
    assert bounce_address(china) != before


def test_an_address_without_room_for_a_tag_is_told(china: Installation) -> None:
    text = china.file.read_text(encoding="utf-8")
    china.file.write_text(text.replace(CHINA.address, f"{'long' * 15}@{DOMAIN}"), encoding="utf-8")
    with pytest.raises(ConfigError, match="too long for bounces"):
        bounce_address(china)


def with_dkim(node: Installation, octets: bytes, mode: int = 0o600) -> None:
    node.set('# domain = ""', f'"{DOMAIN}"')
    node.set('# selector = ""', '"s2026"')
    key = node.folder / "keys/dkim.pem"
    key.write_bytes(octets)
    key.chmod(mode)


@pytest.mark.parametrize(
    ("octets", "mode", "said"),
    [(b"no key", 0o600, "no RSA private key"), (pem(), 0o644, "chmod 600")],
)
def test_check_config_looks_at_the_dkim_key(china: Installation, octets: bytes, mode: int, said: str) -> None:
    with_dkim(china, octets, mode)
    done = china.cli("check-config")
    assert (done.exit_code, said in done.output) == (78, True), done.output


def test_a_domain_without_a_selector_is_told(china: Installation) -> None:
    china.set('# domain = ""', f'"{DOMAIN}"')
    done = china.cli("check-config")
    assert (done.exit_code, "set together" in done.output) == (78, True), done.output


def test_receipts_leave_with_a_signature_of_the_domain(china: Installation, sink: Sink) -> None:
    with_dkim(china, pem())
    assert china.cli("check-config").exit_code == 0
    china.start()
    china.send(batch_mail(certificates_xml("NZ/1")))
    [receipt] = sink.wait_for(1)
    assert (dkim.verify(receipt, dnsfunc=dns()), sink.senders) == (True, ["<>"])
