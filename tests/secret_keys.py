"""Secret keys as GnuPG 2.3 and later export them: whole octets counted, also where leading bits are 0."""

import hashlib
from dataclasses import dataclass
from os import urandom

import pysequoia
from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from ecertmail.core.packets import first

OCTETS = 32
_KEY_OCTETS = {7: 16, 8: 24, 9: 32}
_HASHES = {2: "sha1", 8: "sha256", 10: "sha512"}


@dataclass(frozen=True)
class Protection:
    """How a secret key is protected: the usage octet, the codes of cipher and digest, and the kind of S2K."""

    usage: int = 254
    cipher: int = 7
    digest: int = 2
    kind: int = 3
    count: int = 96


def exported(tsk: pysequoia.Tsk, passphrase: str, protection: Protection) -> bytes:
    """Write a Curve25519 key that Sequoia made as GnuPG 2.4 exports it."""
    publics = [
        p.body for p in pysequoia.packet.PacketPile.from_bytes(bytes(tsk.extract_certificate())) if p.fingerprint
    ]
    octets, out = bytes(tsk), b""
    while octets:
        packet = first(octets)
        assert packet is not None
        whole, octets = octets[: packet.size], octets[packet.size :]
        if packet.tag in {5, 7}:
            public = publics.pop(0)
            clear = packet.body[len(public) + 1 : -2]
            body = public + _protected(_widened(clear), passphrase, protection)
            whole = bytes([0xC0 | packet.tag, 0xFF]) + len(body).to_bytes(4, "big") + body
        out += whole
    return out


def stub(tsk: pysequoia.Tsk) -> bytes:
    """Write the key as GnuPG exports one that is on a card: its secret is the card's serial number."""
    out = b""
    for packet in pysequoia.packet.PacketPile.from_bytes(bytes(tsk.extract_certificate())):
        if not packet.fingerprint:
            out += bytes(packet)
            continue
        body = packet.body + bytes([255, 0, 101, 0]) + b"GNU\x02\x10" + bytes(16)
        tag = 7 if out else 5
        out += bytes([0xC0 | tag, 0xFF]) + len(body).to_bytes(4, "big") + body
    return out


def _widened(mpi: bytes) -> bytes:
    return (8 * OCTETS).to_bytes(2, "big") + mpi[2:].rjust(OCTETS, b"\0")


def _protected(mpi: bytes, passphrase: str, how: Protection) -> bytes:
    checksum = (sum(mpi) & 0xFFFF).to_bytes(2, "big")
    if not how.usage:
        return b"\0" + mpi + checksum
    salt, iv = urandom(8), urandom(16)
    check = hashlib.sha1(mpi, usedforsecurity=False).digest() if how.usage == 254 else checksum
    specifier = bytes([how.kind, how.digest]) + (salt if how.kind else b"") + bytes([how.count] * (how.kind == 3))
    encryptor = Cipher(AES(_key(passphrase, salt, how)), CFB(iv)).encryptor()
    return bytes([how.usage, how.cipher]) + specifier + iv + encryptor.update(mpi + check) + encryptor.finalize()


def _key(passphrase: str, salt: bytes, how: Protection) -> bytes:
    once = (salt if how.kind else b"") + passphrase.encode()
    octets = max((16 + (how.count & 15)) << ((how.count >> 4) + 6), len(once)) if how.kind == 3 else len(once)
    hashed = (once * (octets // len(once) + 1))[:octets]
    digests = (hashlib.new(_HASHES[how.digest], bytes(n) + hashed).digest() for n in range(4))
    return b"".join(digests)[: _KEY_OCTETS[how.cipher]]
