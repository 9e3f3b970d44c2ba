"""The node's secret key, taken out of its protection so that Sequoia can read it whichever GnuPG exported it.

GnuPG from 2.3 on writes the whole width of the curve, such as 256, as the bit count of an elliptic-curve secret number,
also where its leading bits are 0. RFC 9580 section 3.2 counts from the first bit that is 1, and Sequoia refuses any
other count. The wrong count stands inside the encrypted part of the packet, so the packet is opened first.
"""

import hashlib
import hmac

from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from ecertmail.core.packets import Packet, first
from ecertmail.errors import KeyringError, PassphraseError

_PUBLIC = {5: 6, 7: 14}  # the types of secret and public keys, and of secret and public subkeys
_GNU = 101  # GnuPG's own kind of S2K: there is no secret here
_PUBLIC_NUMBERS = {1: 2, 2: 2, 3: 2, 16: 3, 17: 4}  # RSA, Elgamal, DSA
_ECDH, _ECDSA, _EDDSA = 18, 19, 22
_AES_KEY_OCTETS = {7: 16, 8: 24, 9: 32}
_HASHES = {2: "sha1", 8: "sha256", 9: "sha384", 10: "sha512", 11: "sha224"}
_SALT = 8


def unlocked(key: bytes, passphrase: str) -> bytes:
    """Return a secret key with its numbers in clear and counted right, for use in memory only.

    A stub in place of a secret, of a key that is on a card or kept elsewhere, becomes a public key, so that Sequoia
    does not choose it. A packet with a protection that is not known here stays as it is.

    Raises:
        PassphraseError: the passphrase does not open the key.
        KeyringError: these are no OpenPGP packets.
    """
    packets = []
    while key:
        packet = first(key)
        if packet is None:
            raise KeyringError("the node's key cannot be used to sign: it is damaged")
        octets, key = key[: packet.size], key[packet.size :]
        packets.append(_clear(packet, passphrase) or octets)
    return b"".join(packets)


def _clear(packet: Packet, passphrase: str) -> bytes | None:
    """Return a secret-key packet without protection, or None where it must stay as it is."""
    body = packet.body
    if packet.tag not in _PUBLIC or body[:1] != b"\x04":
        return None
    end = _public_part(body)
    if end and body[end] in {254, 255} and body[end + 2] == _GNU:
        return _packet(_PUBLIC[packet.tag], body[:end])
    numbers = _numbers(body[end:], passphrase) if end else None
    if numbers is None:
        return None
    counted = _counted(numbers)
    return _packet(packet.tag, body[:end] + b"\0" + counted + _sum(counted))


def _packet(tag: int, body: bytes) -> bytes:
    return bytes([0xC0 | tag, 0xFF]) + len(body).to_bytes(4, "big") + body


def _public_part(body: bytes) -> int:
    """Return where the public part ends; 0 for an algorithm whose secret is not made of MPIs."""
    algorithm, at = body[5], 6
    if algorithm in {_ECDH, _ECDSA, _EDDSA}:
        at = _after_mpi(body, at + 1 + body[at])  # the curve's identifier, then the point
        return at + 1 + body[at] if algorithm == _ECDH else at  # the key derivation's parameters
    if algorithm not in _PUBLIC_NUMBERS:
        return 0
    for _ in range(_PUBLIC_NUMBERS[algorithm]):
        at = _after_mpi(body, at)
    return at


def _after_mpi(octets: bytes, at: int) -> int:
    return at + 2 + (int.from_bytes(octets[at : at + 2], "big") + 7) // 8


def _numbers(protected: bytes, passphrase: str) -> bytes | None:
    """Return the secret MPIs in clear, without checksum; None for a protection that is not known here."""
    usage = protected[0]
    if usage == 0:
        return protected[1:-2]
    cipher, kind, name = protected[1], protected[2], _HASHES.get(protected[3], "")
    if usage not in {254, 255} or cipher not in _AES_KEY_OCTETS or kind not in {0, 1, 3} or not name:
        return None
    salt_end = 4 + (_SALT if kind else 0)
    start = salt_end + (kind == 3)
    octets = _octets_to_hash(protected[salt_end]) if kind == 3 else 0
    key = _string_to_key(passphrase.encode(), protected[4:salt_end], octets, name, _AES_KEY_OCTETS[cipher])
    decryptor = Cipher(AES(key), CFB(protected[start : start + 16])).decryptor()
    clear = decryptor.update(protected[start + 16 :]) + decryptor.finalize()
    numbers, check = (clear[:-20], clear[-20:]) if usage == 254 else (clear[:-2], clear[-2:])
    right = hashlib.sha1(numbers, usedforsecurity=False).digest() if usage == 254 else _sum(numbers)
    if not hmac.compare_digest(right, check):
        raise PassphraseError("the node's key cannot be used to sign: the passphrase is wrong")
    return numbers


def _octets_to_hash(coded: int) -> int:
    return (16 + (coded & 15)) << ((coded >> 4) + 6)


def _string_to_key(passphrase: bytes, salt: bytes, octets: int, name: str, size: int) -> bytes:
    """Make a key from a passphrase (RFC 9580 section 3.7.1): simple, salted, or iterated over so many octets."""
    once = salt + passphrase
    whole, rest = divmod(max(octets, len(once)), len(once)) if once else (0, 0)
    key = b""
    while len(key) < size:
        context = hashlib.new(name, bytes(len(key) // hashlib.new(name).digest_size), usedforsecurity=False)
        context.update(once * whole + once[:rest])
        key += context.digest()
    return key[:size]


def _counted(numbers: bytes) -> bytes:
    """Write each MPI with the count of its bits from the first one that is set (RFC 9580 section 3.2)."""
    counted = b""
    while numbers:
        end = _after_mpi(numbers, 0)
        value = int.from_bytes(numbers[2:end], "big")
        counted += value.bit_length().to_bytes(2, "big") + value.to_bytes((value.bit_length() + 7) // 8, "big")
        numbers = numbers[end:]
    return counted


def _sum(octets: bytes) -> bytes:
    return (sum(octets) & 0xFFFF).to_bytes(2, "big")
