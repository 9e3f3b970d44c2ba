"""DKIM: what dkimpy itself says of our signatures, with the DNS in a dictionary."""

import base64
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from ecertmail.edge.dkim import DkimSigner
from ecertmail.edge.smtp_out import SmarthostSender
from tests.edge.test_smtp_out import OCTETS, delivery, smarthost
from tests.installation import running_sink

NAME = b"s2026._domainkey.customs.example."


@cache
def key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def pem(bits: int = 2048, form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    return key(bits).private_bytes(Encoding.PEM, form, NoEncryption())


def dns(bits: int = 2048) -> Callable[..., bytes | None]:
    public = key(bits).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    records = {NAME: b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)}

    def txt(name: bytes, timeout: int = 5) -> bytes | None:
        return records.get(name)

    return txt


def signer(octets: bytes) -> DkimSigner:
    return DkimSigner("customs.example", "s2026", octets)


def good(mail: bytes) -> bool:
    return bool(dkim.verify(mail, dnsfunc=dns()))


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
async def test_a_mail_goes_out_with_a_signature_before_its_stored_octets(form: PrivateFormat) -> None:
    with running_sink() as (sink, port):
        out = SmarthostSender(replace(smarthost(port), signature=signer(pem(form=form)).header))
        await out.send(delivery())
        await out.close()
    [mail] = sink.mails
    assert (good(mail), mail.endswith(b"\r\n" + OCTETS)) == (True, True)


def test_every_try_of_a_delivery_is_signed_alike() -> None:
    first, again = (signer(pem()).header(delivery()) for _ in range(2))
    assert first == again
    assert b"t=%d;" % int(delivery().created_at.timestamp()) in first


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Subject: ", b"Subject: no "),
        (b"\r\nMIME-Version: 1.0", b"\r\nMIME-Version: 1.1"),
        (b"a line with a dot", b"another line"),
        (b"From: ", b"From: thief@evil.example\r\nFrom: "),
        (b"From: ", b"List-Unsubscribe: <mailto:thief@evil.example>\r\nFrom: "),
    ],
)
def test_a_change_on_the_way_breaks_it(old: bytes, new: bytes) -> None:
    mail = signer(pem()).header(delivery()) + OCTETS
    head, mark, rest = mail.partition(OCTETS[:20])
    assert old in OCTETS
    assert good(mail)
    assert not good(head + (mark + rest).replace(old, new, 1))


def test_header_fields_that_relays_add_do_not_break_it() -> None:
    assert good(b"Received: from a relay\r\n" + signer(pem()).header(delivery()) + OCTETS)


@pytest.mark.parametrize("octets", [b"", b"no key", pem().replace(b"M", b"A"), pem(512 * 2)[:300]])
def test_what_is_no_key_is_told(octets: bytes) -> None:
    with pytest.raises(ValueError, match="no RSA private key"):
        signer(octets)
