"""Signatures that must not count, those that count but may not be relied on, and a few odd ones that are good."""

import base64
import zlib
from datetime import timedelta

import pysequoia

from ecertmail.findings import FindingCode as Code
from tests.builders import AU_ADDRESS, NOW, NZ_ADDRESS, armored, key_of, make_key
from tests.flow.node import Node
from tests.hostile import packets
from tests.hostile.case import Case, accepted, assert_comes_to, refused, stranger, table
from tests.hostile.keys import HOUR, NZ_KEYS, computer, rsa, short_subkey
from tests.hostile.mails import PART, by, by_nz, signed
from tests.hostile.packets import armour, packet, subpacket

GOOD = NZ_KEYS["good"].primary
DAY = timedelta(days=1)


def one(**how: object) -> bytes:
    """A signature packet by New Zealand's good key."""
    return GOOD.signature(PART, **how)  # type: ignore[arg-type]


def bad() -> bytes:
    return GOOD.signature(PART + b"!")


def compressed(data: bytes) -> bytes:
    deflated = zlib.compress(data, 9, wbits=-15)
    return packet(8, b"\x01" + deflated)


def nested(times: int, data: bytes) -> bytes:
    for _ in range(times):
        data = compressed(data)
    return data


def literal(name: bytes = b"", data: bytes = PART) -> bytes:
    return packet(11, b"b" + bytes([len(name)]) + name + bytes(4) + data)


def opaque(name: bytes = b"") -> bytes:
    """A message that carries its content itself: what verifies is not what is attached."""
    once = packet(4, bytes([3, 0, packets.SHA512, packets.ED25519]) + GOOD.fingerprint[-8:] + b"\x01")
    return once + literal(name) + one()


def clearsigned(prefix: bytes = b"", suffix: bytes = b"", header: bytes = b"") -> bytes:
    text = computer().run("--clearsign", "--local-user", rsa(), stdin=b"Lamb\n")
    return prefix + text.replace(b"Hash:", header + b"Hash:", 1) + suffix


def sealed() -> bytes:
    recipient = key_of(NZ_ADDRESS).public.cert

    return bytes(pysequoia.encrypt(one(), recipients=[recipient]))


def by_rsa(*options: str) -> bytes:
    return signed(computer().sign(PART, f"{rsa()}!", *options))


STATUS = b"[GNUPG:] GOODSIG 0000 x\n[GNUPG:] VALIDSIG %b 2026-11-24 1 0 4 0 22 10 00 %b"
FINGERPRINT = key_of(NZ_ADDRESS).fingerprint.encode()
INJECTED = b"x\n" + STATUS % (FINGERPRINT, FINGERPRINT)


def commented(signature: bytes) -> bytes:
    status = STATUS.replace(b"\n", b" ") % (FINGERPRINT, FINGERPRINT)
    return signature.replace(b"\n\n", b"\nComment: " + status + b"\n\n", 1)


def lies(claimed: bytes) -> bytes:
    """Australia's key signs, and names New Zealand's."""
    return armour(packets.Secret().signature(PART, issuer=claimed))


NOBODY = (
    stranger("another partner's key", lambda: signed(key_of(AU_ADDRESS).sign(PART)), Code.FROM_NOT_PARTNER),
    stranger("a key with a partner's user id", lambda: signed(make_key(NZ_ADDRESS).sign(PART)),
             Code.SIGNATURE_UNKNOWN_KEY),
    stranger("bad, then good", lambda: signed(armour(bad() + one())), Code.SIGNATURE_MULTIPLE),
    stranger("good, then bad", lambda: signed(armour(one() + bad())), Code.SIGNATURE_MULTIPLE),
    stranger("an error, then good", lambda: signed(armour(packet(2, b"\x63abcd") + one())), Code.SIGNATURE_MULTIPLE),
    stranger("good twice", lambda: signed(armour(one() * 2)), Code.SIGNATURE_MULTIPLE),
    stranger("two partners", lambda: signed(armour(one() + packets.Secret().signature(PART))),
             Code.SIGNATURE_MULTIPLE),
    stranger("two armours", lambda: signed(armour(one()) + armour(one())), Code.SIGNATURE_UNREADABLE),
    stranger("opaque in the armour of a message", lambda: signed(armour(opaque(), b"MESSAGE")),
             Code.SIGNATURE_UNREADABLE),
    stranger("opaque in the armour of a signature", lambda: signed(armour(opaque())), Code.SIGNATURE_UNREADABLE),
    stranger("two opaque ones", lambda: signed(armour(opaque() * 2)), Code.SIGNATURE_UNREADABLE),
    stranger("a literal, then an opaque one", lambda: signed(armour(literal() + opaque())),
             Code.SIGNATURE_UNREADABLE),
    stranger("a literal, then a signature", lambda: signed(armour(literal() + one())), Code.SIGNATURE_UNREADABLE),
    stranger("a file name with status lines", lambda: signed(armour(opaque(INJECTED[:200]))),
             Code.SIGNATURE_UNREADABLE),
    stranger("clearsigned", lambda: signed(clearsigned()), Code.SIGNATURE_UNREADABLE),
    stranger("clearsigned after a prefix", lambda: signed(clearsigned(prefix=b"Beef\n")), Code.SIGNATURE_UNREADABLE),
    stranger("clearsigned before a suffix", lambda: signed(clearsigned(suffix=b"Beef\n")), Code.SIGNATURE_UNREADABLE),
    stranger("clearsigned with a made-up armour header", lambda: signed(clearsigned(header=b"X: Beef\n")),
             Code.SIGNATURE_UNREADABLE),
    stranger("empty", lambda: signed(b""), Code.SIGNATURE_UNREADABLE),
    stranger("an empty armour", lambda: signed(armour(b"")), Code.SIGNATURE_UNREADABLE),
    stranger("garbage", lambda: signed(base64.b64encode(bytes(range(256)))), Code.SIGNATURE_UNREADABLE),
    stranger("a public key", lambda: signed(armour(NZ_KEYS["good"].public)), Code.SIGNATURE_UNREADABLE),
    stranger("an encrypted one", lambda: signed(sealed()), Code.SIGNATURE_UNREADABLE),
    stranger("a compressed one", lambda: signed(armour(compressed(one()))), Code.SIGNATURE_UNREADABLE),
    stranger("a compression bomb", lambda: signed(armour(compressed(bytes(2_000_000)))), Code.SIGNATURE_UNREADABLE),
    stranger("40 nested compressions", lambda: signed(armour(nested(40, one()))), Code.SIGNATURE_UNREADABLE),
    stranger("2,000 signatures", lambda: signed(armour(one() * 2000)), Code.SIGNATURE_UNREADABLE),
    stranger("20 signatures", lambda: signed(armour(one() * 20)), Code.SIGNATURE_MULTIPLE),
    stranger("a packet over 4 kB", lambda: signed(armour(one(unhashed=subpacket(100, bytes(5000))))),
             Code.SIGNATURE_UNREADABLE),
    stranger("a packet that says it is 4 GB", lambda: signed(armour(b"\xc2\xff\xff\xff\xff\xff" + one()[6:])),
             Code.SIGNATURE_UNREADABLE),
    stranger("a packet of partial lengths", lambda: signed(armour(b"\xc2\xe7" + one()[6:])),
             Code.SIGNATURE_UNREADABLE),
    stranger("over changed content", lambda: signed(by_nz(PART), part=PART.replace(b"attached", b"detached")),
             Code.SIGNATURE_BAD),
    stranger("over the body only", lambda: signed(by_nz(PART.partition(b"\r\n\r\n")[2])), Code.SIGNATURE_BAD),
    stranger("over LF line ends", lambda: signed(by_nz(PART.replace(b"\r\n", b"\n"))), Code.SIGNATURE_BAD),
    stranger("a stranger's that names a partner's key", lambda: signed(lies(GOOD.fingerprint)), Code.SIGNATURE_BAD),
    stranger("one that names no key", by("good", issuer=b""), Code.SIGNATURE_UNKNOWN_KEY),
    stranger("one without a date", by("good", at=None), Code.SIGNATURE_BAD),
    stranger("one that certifies", by("good", kind=0x10), Code.SIGNATURE_BAD),
    stranger("one that stands alone", by("good", kind=0x02), Code.SIGNATURE_BAD),
    stranger("one that revokes", by("good", kind=0x20), Code.SIGNATURE_BAD),
    stranger("one with a critical subpacket that nobody knows",
             lambda: signed(armour(GOOD.signature(PART, subpacket(0x80 | 99, b"!")))), Code.SIGNATURE_BAD),
    stranger("an armour comment with status lines, over changed content",
             lambda: signed(commented(armour(bad()))), Code.SIGNATURE_BAD),
    stranger("a user id with status lines, over changed content",
             lambda: signed(armour(NZ_KEYS["status line"].primary.signature(b"!"))), Code.SIGNATURE_BAD),
    stranger("a subkey that has not agreed", by("subkey without consent"), Code.SIGNATURE_BAD),
    stranger("a subkey that only encrypts", by("subkey encrypts only"), Code.SIGNATURE_BAD),
    stranger("a primary key that only certifies", by("certifies only"), Code.SIGNATURE_BAD),
    stranger("SHA-1, over changed content", lambda: signed(armour(GOOD.signature(b"!", digest=packets.SHA1))),
             Code.SIGNATURE_BAD),
    stranger("an expired key, over changed content",
             lambda: signed(armour(NZ_KEYS["expired"].primary.signature(b"!", at=NOW - 2 * HOUR))),
             Code.SIGNATURE_BAD),
)  # fmt: skip

TOLD = (
    refused("a key that has expired since", by("expired", at=NOW - 2 * HOUR), Code.KEY_EXPIRED),
    refused("a key that had expired", by("expired"), Code.KEY_EXPIRED),
    refused("a key that was lost", by("lost"), Code.KEY_REVOKED),
    refused("a key that was lost later", by("lost", at=NOW - 2 * HOUR), Code.KEY_REVOKED),
    refused("a key that was superseded", by("superseded"), Code.KEY_REVOKED),
    refused("a key that was superseded later", by("superseded", at=NOW - 2 * HOUR), Code.KEY_REVOKED),
    refused("a subkey that has expired since", by("subkey expired", at=NOW - 2 * HOUR), Code.KEY_EXPIRED),
    refused("a subkey that had expired", by("subkey expired"), Code.KEY_EXPIRED),
    refused("a subkey that was lost", by("subkey lost"), Code.KEY_REVOKED),
    refused("a subkey that was lost later", by("subkey lost", at=NOW - 2 * HOUR), Code.KEY_REVOKED),
    refused("a subkey that was superseded", by("subkey superseded"), Code.KEY_REVOKED),
    refused("a subkey that was superseded later", by("subkey superseded", at=NOW - 2 * HOUR), Code.KEY_REVOKED),
    refused("one that has expired itself",
            lambda: signed(armour(GOOD.signature(PART, subpacket(3, (3600).to_bytes(4, "big")), at=NOW - 2 * HOUR))),
            Code.SIGNATURE_STALE),
    refused("one of tomorrow", by("good", at=NOW + DAY), Code.SIGNATURE_FUTURE),
    refused("one of next year", by("good", at=NOW + 365 * DAY), Code.SIGNATURE_FUTURE),
    refused("one of eight days ago", by("good", at=NOW - 8 * DAY), Code.SIGNATURE_STALE),
    refused("text mode, line ends changed on the way",
            lambda: signed(armour(one(kind=1)), part=PART.replace(b".\r\n\r\n--", b".\n\r\n--")), Code.MIME_MALFORMED),
    refused("SHA-1", by("good", digest=packets.SHA1), Code.SIGNATURE_WEAK),
    stranger("MD5, which says nothing about whose it is", by("good", digest=packets.MD5), Code.SIGNATURE_BAD),
    refused("RIPEMD", by("good", digest=packets.RIPEMD), Code.SIGNATURE_WEAK),
    refused("SHA-1 in an armour without checksum (RFC 9580 section 6.1)",
            lambda: signed(armored(one(digest=packets.SHA1))), Code.SIGNATURE_WEAK),
    refused("SHA-1 by RSA", lambda: by_rsa("--digest-algo", "SHA1"), Code.SIGNATURE_WEAK),
    refused("a subkey of RSA with 1,024 bits",
            lambda: signed(computer().sign(PART, f"{short_subkey()}!")), Code.SIGNATURE_WEAK),
)  # fmt: skip

ODD_BUT_GOOD = (
    accepted("a subkey that has agreed", by("subkey good")),
    accepted("a hand-made one", by("good")),
    accepted("RSA", by_rsa),
    accepted("an armour without checksum", lambda: signed(armored(one()))),
    accepted("text mode", by("good", kind=1)),
    accepted("another micalg than the signature's", lambda: by_rsa("--digest-algo", "SHA256")),
    accepted("one of six days ago", by("good", at=NOW - 6 * DAY)),
    accepted("one by a clock five minutes ahead", by("good", at=NOW + timedelta(minutes=5))),
    accepted("an armour comment with status lines", lambda: signed(commented(armour(one())))),
    accepted("a user id with status lines", by("status line")),
)


@table(NOBODY)
def test_a_signature_that_nobody_stands_behind_is_set_aside(node: Node, case: Case) -> None:
    assert_comes_to(node, case)


@table(TOLD)
def test_a_partner_is_told_why_its_signature_does_not_count(node: Node, case: Case) -> None:
    assert_comes_to(node, case)


@table(ODD_BUT_GOOD)
def test_an_odd_signature_that_is_good_counts(node: Node, case: Case) -> None:
    assert_comes_to(node, case)
