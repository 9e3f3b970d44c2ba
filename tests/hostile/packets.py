"""OpenPGP packets put together by hand: keys and signatures that no honest program makes (RFC 9580, version 4)."""

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.builders import NOW

ED25519 = 22
MD5, SHA1, RIPEMD, SHA256, SHA512 = 1, 2, 3, 8, 10
_NAMES = {MD5: "md5", SHA1: "sha1", RIPEMD: "ripemd160", SHA256: "sha256", SHA512: "sha512"}
CERTIFY, SIGN, ENCRYPT = 1, 2, 12
SUPERSEDED, COMPROMISED, RETIRED = 1, 2, 3
BORN = NOW - timedelta(days=30)


def packet(tag: int, body: bytes) -> bytes:
    return bytes([0xC0 | tag, 0xFF]) + len(body).to_bytes(4, "big") + body


def armour(data: bytes, kind: bytes = b"SIGNATURE") -> bytes:
    """Armour with its checksum, without which gpg 2.2 finds no end."""
    crc = 0xB704CE
    for octet in data:
        crc ^= octet << 16
        for _ in range(8):
            crc = (crc << 1) ^ (0x1864CFB if crc & 0x800000 else 0)
    checksum = base64.b64encode(crc.to_bytes(3, "big"))
    begin, end = b"-----BEGIN PGP " + kind + b"-----\n\n", b"-----END PGP " + kind + b"-----\n"
    return begin + base64.encodebytes(data) + b"=" + checksum + b"\n" + end


def subpacket(kind: int, data: bytes) -> bytes:
    return bytes([255]) + (len(data) + 1).to_bytes(4, "big") + bytes([kind]) + data


def seconds(value: datetime | timedelta) -> bytes:
    number = value.timestamp() if isinstance(value, datetime) else value.total_seconds()
    return int(number).to_bytes(4, "big")


def _number(octets: bytes) -> bytes:
    value = int.from_bytes(octets, "big")
    return value.bit_length().to_bytes(2, "big") + octets.lstrip(b"\0")


@dataclass(frozen=True)
class Secret:
    """One Ed25519 key, primary or not."""

    created: datetime = BORN
    private: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def body(self) -> bytes:
        point = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        oid = bytes.fromhex("092B06010401DA470F01")
        return b"\x04" + seconds(self.created) + bytes([ED25519]) + oid + _number(b"\x40" + point)

    @property
    def hashed(self) -> bytes:
        return b"\x99" + len(self.body).to_bytes(2, "big") + self.body

    @property
    def fingerprint(self) -> bytes:
        return hashlib.sha1(self.hashed, usedforsecurity=False).digest()

    def signature(
        self,
        octets: bytes,
        *more: bytes,
        kind: int = 0,
        at: datetime | None = NOW,
        digest: int = SHA512,
        issuer: bytes | None = None,
        unhashed: bytes = b"",
    ) -> bytes:
        """A signature packet over these octets; `issuer` is whose fingerprint it names, empty for nobody's."""
        named = self.fingerprint if issuer is None else issuer
        parts = [subpacket(2, seconds(at))] if at else []
        parts += [subpacket(33, b"\x04" + named), subpacket(16, named[-8:])] if named else []
        area = b"".join([*parts, *more])
        head = bytes([4, kind, ED25519, digest]) + len(area).to_bytes(2, "big") + area
        made = hashlib.new(_NAMES[digest], usedforsecurity=False)
        made.update(octets + head + b"\x04\xff" + len(head).to_bytes(4, "big"))
        signed = self.private.sign(made.digest())
        return packet(
            2,
            head + len(unhashed).to_bytes(2, "big") + unhashed + made.digest()[:2]
            + _number(signed[:32]) + _number(signed[32:]),
        )  # fmt: skip


@dataclass(frozen=True)
class Forged:
    """A whole key: what it may do, how long it lives, what hangs on it."""

    user_id: bytes = b"New Zealand <ecert@mpi.example>"
    flags: int = CERTIFY | SIGN
    lives: timedelta | None = None
    primary: Secret = field(default_factory=Secret)
    extra: tuple[bytes, ...] = ()
    revocation: bytes = b""

    @property
    def public(self) -> bytes:
        known = self.primary.hashed + b"\xb4" + len(self.user_id).to_bytes(4, "big") + self.user_id
        facts = [subpacket(27, bytes([self.flags]))]
        facts += [subpacket(9, seconds(self.lives))] if self.lives else []
        own = self.primary.signature(known, *facts, kind=0x13, at=BORN)
        return b"".join([packet(6, self.primary.body), self.revocation, packet(13, self.user_id), own, *self.extra])

    @property
    def fingerprint(self) -> str:
        return self.primary.fingerprint.hex().upper()


def bound(
    primary: Secret,
    subkey: Secret,
    flags: int = SIGN,
    lives: timedelta | None = None,
    back: bool = True,
    revoked: tuple[datetime, int] | None = None,
) -> bytes:
    """A subkey packet and what binds it, with or without the subkey's own consent."""
    both = primary.hashed + subkey.hashed
    facts = [subpacket(27, bytes([flags]))]
    facts += [subpacket(9, seconds(lives))] if lives else []
    if back:
        consent = subkey.signature(both, kind=0x19, at=BORN)
        facts.append(subpacket(32, consent[6:]))
    made = packet(14, subkey.body) + primary.signature(both, *facts, kind=0x18, at=BORN)
    if revoked is None:
        return made
    at, reason = revoked
    return made + primary.signature(both, subpacket(29, bytes([reason])), kind=0x28, at=at)


def revocation(primary: Secret, at: datetime, reason: int) -> bytes:
    return primary.signature(primary.hashed, subpacket(29, bytes([reason])), kind=0x20, at=at)


def in_the_year(year: int) -> datetime:
    return datetime(year, 1, 1, tzinfo=UTC)
