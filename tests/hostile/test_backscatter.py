"""Ten thousand hostile, unsigned or unknown mails: not one mail leaves the node, counted where its mail goes."""

import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path

import pytest

from tests.builders import AU_ADDRESS, CHINA, NZ_ADDRESS, batch_mail, certificates_xml, key_of, make_key
from tests.hostile.daemon import Wire, counts, resident, running, takes_a_good_mail
from tests.installation import Installation, until

MAILS, CONNECTIONS, ROUNDS = 10_000, 10, 4
STRANGER = make_key(NZ_ADDRESS)
FROM = f"From: {NZ_ADDRESS}\r\nTo: {CHINA.address}\r\n".encode()
SIGNED = batch_mail(certificates_xml("NZ/FORGED"), serial="forged")
FOREIGN = batch_mail(certificates_xml("AU/FORGED"), sender=AU_ADDRESS, serial="foreign")
UNKNOWN = batch_mail(certificates_xml("NZ/FORGED"), sign=STRANGER.sign, serial="unknown")
ARMOR = re.compile(rb"-----BEGIN PGP SIGNATURE.*END PGP SIGNATURE-----", re.DOTALL)


def plain(head: bytes, body: bytes = b"Dear colleague,\r\n<certificates/>\r\n") -> bytes:
    return FROM + head + b"MIME-Version: 1.0\r\n\r\n" + body


def report(kind: bytes) -> bytes:
    status = b"Final-Recipient: rfc822; x@y.example\r\nAction: failed\r\nStatus: 5.1.1\r\n"
    body = b"--b\r\n\r\nIt failed.\r\n--b\r\nContent-Type: message/" + kind + b"\r\n\r\n" + status + b"\r\n--b--\r\n"
    return FROM + b"Content-Type: multipart/report; boundary=b; report-type=" + kind + b"\r\n\r\n" + body


Kind = tuple[str, bytes]
KINDS: dict[str, Kind] = {
    "unsigned": (NZ_ADDRESS, plain(b"Subject: Certificates\r\n")),
    "signed by a stranger in a partner's name": (NZ_ADDRESS, UNKNOWN),
    "signed by one who is no partner": (AU_ADDRESS, FOREIGN),
    "changed on the way": (NZ_ADDRESS, SIGNED.replace(b"attached as XML", b"Attached as XML")),
    "a partner's signature, another's From": (
        "x@y.example", SIGNED.replace(f"From: {NZ_ADDRESS}".encode(), b"From: <x@y.example>", 1)),
    "a partner's signature, two From": (NZ_ADDRESS, b"From: x@y.example\r\n" + SIGNED),
    "no signature in the signature": (NZ_ADDRESS, ARMOR.sub(b"no signature", SIGNED)),
    "a null sender": ("", plain(b"Subject: Returned mail\r\nAuto-Submitted: auto-replied\r\n")),
    "a mail system": ("MAILER-DAEMON@y.example", plain(b"Subject: Undelivered\r\n")),
    "an absence note": ("x@y.example", plain(b"Subject: Away\r\nAuto-Submitted: auto-replied (vacation)\r\n")),
    "a bounce": ("", report(b"delivery-status")),
    "a disposition notification": (NZ_ADDRESS, report(b"disposition-notification")),
    "a list": ("list-bounces@y.example", plain(b"List-Id: <l.y.example>\r\nPrecedence: list\r\n")),
    "asks for receipts": (NZ_ADDRESS, plain(b"Disposition-Notification-To: victim@y.example\r\n"
                                            b"Return-Receipt-To: victim@y.example\r\nReply-To: victim@y.example\r\n")),
    "clearsigned": (NZ_ADDRESS, plain(b"", b"-----BEGIN PGP SIGNED MESSAGE-----\r\n\r\nx\r\n")),
    "encrypted to nobody": (NZ_ADDRESS, plain(b"", b"-----BEGIN PGP MESSAGE-----\r\n\r\nx\r\n")),
    "ourselves": (CHINA.address, plain(b"").replace(NZ_ADDRESS.encode(), CHINA.address.encode(), 1)),
    "a signed mail inside": (NZ_ADDRESS, FROM + b"Content-Type: message/rfc822\r\n\r\n" + SIGNED),
    "text": (NZ_ADDRESS, b"no header, no mail\r\n"),
    "octets": (NZ_ADDRESS, bytes(set(range(256)) - {0, 10, 13}) * 3 + b"\r\n"),
}  # fmt: skip


def fire(port: int, kinds: Sequence[Kind]) -> int:
    """Send these over one connection, without waiting between the commands of a mail; return how many were taken."""
    taken = 0
    with Wire(port) as wire:
        assert wire.ask(b"EHLO client.example").startswith("250")
        for sender, octets in kinds:
            wire.send(f"MAIL FROM:<{sender}>\r\nRCPT TO:<{CHINA.address}>\r\nDATA\r\n".encode())
            answers = [wire.answer()[:3] for _ in range(3)]
            assert answers == ["250", "250", "354"]
            wire.send(octets + b".\r\n")
            taken += wire.answer().startswith("250")
    return taken


def in_parallel(node: Installation, mails: int) -> int:
    each = list(islice(cycle(KINDS.values()), mails // CONNECTIONS))
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        shares = [pool.submit(fire, node.port, each[n:] + each[:n]) for n in range(CONNECTIONS)]
        return sum(share.result() for share in shares)


def all_quarantined(node: Installation, mails: int) -> Callable[[], bool]:
    return lambda: counts(node) == {"quarantined": mails}


@pytest.mark.slow
def test_ten_thousand_mails_of_no_partner_make_the_node_send_nothing(template: Installation, tmp_path: Path) -> None:
    assert key_of(NZ_ADDRESS).fingerprint != STRANGER.fingerprint
    limits = {"messages_per_minute": "1000000", "commands": "1000000"}
    with running(template, tmp_path / "cn", **limits) as (node, sink):
        assert node.process is not None
        memory = []
        for done in range(1, ROUNDS + 1):
            assert in_parallel(node, MAILS // ROUNDS) == MAILS // ROUNDS
            until(all_quarantined(node, done * MAILS // ROUNDS), 120)
            memory.append(resident(node.process.pid))
        print(f"memory of the daemon after each {MAILS // ROUNDS} mails: {memory} MB")
        assert sink.mails == []
        assert node.ledger().size() == 0
        assert memory[-1] - memory[0] < 30, "it does not grow with what came in"
        takes_a_good_mail(node, sink, "after-10000")
        assert counts(node) == {"quarantined": MAILS, "archived": 1}
