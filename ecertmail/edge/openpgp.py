"""OpenPGP: facts about signatures, our own signature, encryption; no policy here, `core/judge.py` decides.

`pysequoia` does the per-message work in-process, a hundred times faster than a gpg process and stricter. It does not
say why it refuses, so a refused signature is shown to gpg once, to tell a forged one from one by an expired key. Nor
does it tell the date of a signature inside an encrypted message, so gpg takes off the encryption and leaves packets.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import pysequoia

from ecertmail.core.openpgp import signature_packets
from ecertmail.errors import KeyringError
from ecertmail.message import Decrypted, SignatureCheck, SignatureStatus

_SECRET = (pysequoia.packet.Tag.SecretKey, pysequoia.packet.Tag.SecretSubkey)

_WEAK_HASHES = ("SHA1", "MD5", "RIPEMD")
_RSA, _DSA = (1, 2, 3), 17

Explain = Callable[[bytes, bytes, str], SignatureStatus]
Unwrap = Callable[[bytes], bytes | None]


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A parsed public key file: the primary fingerprint in 40 upper-case hex digits, and every key id in it.

    `weak_ids` are those of DSA keys and of RSA keys under 2048 bits.
    """

    fingerprint: str
    key_ids: frozenset[str]
    weak_ids: frozenset[str]
    expires_at: datetime | None
    revoked: bool
    cert: pysequoia.Cert
    octets: bytes


def read_public_key(octets: bytes) -> PublicKey:
    """Parse one public key, armoured or binary.

    Raises:
        KeyringError: it is not exactly one readable OpenPGP public key.
    """
    try:
        certs = pysequoia.Cert.split_bytes(octets)
        secret = any(packet.tag in _SECRET for packet in pysequoia.packet.PacketPile.from_bytes(octets))
        keys = [_public_key(cert) for cert in certs]
    except Exception as error:  # pysequoia raises bare exceptions, also for keys below its policy
        raise KeyringError(f"not an OpenPGP key that can be relied on: {_first_line(error)}") from error
    if secret:
        raise KeyringError("it holds a SECRET key; ask for the public one, and have the secret one revoked")
    if len(keys) != 1:
        raise KeyringError(f"it must hold exactly one public key, but holds {len(keys)}")
    return keys[0]


def _public_key(cert: pysequoia.Cert) -> PublicKey:
    packets = [p for p in pysequoia.packet.PacketPile.from_bytes(bytes(cert)) if p.fingerprint and p.key_id]
    return PublicKey(
        fingerprint=cert.fingerprint.upper(),
        key_ids=frozenset(name for packet in packets for name in _names(packet)),
        weak_ids=frozenset(name for packet in packets if _is_weak(packet.body) for name in _names(packet)),
        expires_at=cert.expiration,
        revoked=cert.is_revoked,
        cert=cert,
        octets=bytes(cert),
    )


def _names(packet: pysequoia.packet.Packet) -> tuple[str, str]:
    return str(packet.fingerprint).upper(), str(packet.key_id).upper()


def _is_weak(key: bytes) -> bool:
    """Version, four octets of time, the algorithm, and the bit length of the first number (RFC 9580 section 5.5.2)."""
    return key[5] == _DSA or (key[5] in _RSA and int.from_bytes(key[6:8], "big") < 2048)


def encrypt_to(key: PublicKey, octets: bytes) -> bytes:
    """Return an armoured OpenPGP message that only the owner of this key can read.

    Raises:
        KeyringError: the key is revoked, or has no encryption subkey that is valid now.
    """
    if key.revoked:
        raise KeyringError(f"the key {key.fingerprint} is revoked")
    try:
        return bytes(pysequoia.encrypt(octets, recipients=[key.cert]))
    except Exception as error:
        raise KeyringError(f"nothing can be encrypted to {key.fingerprint}: {_first_line(error)}") from error


class OpenPgpEngine:
    """Checks signatures against the given keys, signs and decrypts with the node's key, encrypts to the given keys."""

    def __init__(
        self,
        keys: Mapping[str, PublicKey],
        explain: Explain,
        signer: pysequoia.PySigner | None = None,
        unwrap: Unwrap | None = None,
        *,
        both: bool = False,
    ) -> None:
        """Take the keys by fingerprint and what GnuPG is for.

        `explain` is GnuPG's opinion on a signature, asked when Sequoia refuses it, and with `both` always; `unwrap`
        takes one layer of encryption off.
        """
        self._keys = keys
        self._by_id = {key_id: key for key in keys.values() for key_id in key.key_ids}
        self._explain = explain
        self._signer = signer
        self._unwrap = unwrap
        self._both = both

    def check(self, signed: bytes, signature: bytes) -> SignatureCheck:
        """Report what one detached signature is worth.

        Args:
            signed: the exact octets that were signed.
            signature: the armoured signature as it stood in its MIME part.
        """
        packets = signature_packets(signature)
        if packets is None:
            return SignatureCheck(status=SignatureStatus.UNREADABLE)
        if len(packets) != 1:
            return SignatureCheck(status=SignatureStatus.MULTIPLE)
        try:
            sig = pysequoia.Sig.from_bytes(packets[0])
            algorithm = f"{sig.key_algorithm} with {sig.hash_algorithm}"
        except Exception:  # noqa: BLE001 - pysequoia raises bare exceptions for what it cannot parse
            return SignatureCheck(status=SignatureStatus.UNREADABLE)
        issuer = (sig.issuer_fingerprint or sig.issuer_key_id or "").upper()
        key = self._by_id.get(issuer)
        if key is None:
            return SignatureCheck(status=SignatureStatus.UNKNOWN_KEY, fingerprint=issuer)
        return self._check_by(key, sig, algorithm, signed, signature)

    def sign(self, octets: bytes) -> bytes:
        """Return an armoured detached SHA-512 signature over these octets with the node's key."""
        if self._signer is None:
            raise KeyringError("the node's secret key is not loaded")
        return pysequoia.sign(self._signer, octets, mode=pysequoia.SignatureMode.DETACHED)

    def decrypt(self, ciphertext: bytes) -> Decrypted | None:
        """Return what was encrypted to the node's key, or None if that cannot be told."""
        packets = self._unwrap(ciphertext) if self._unwrap else None
        try:
            return None if packets is None else _decrypted(packets)
        except Exception:  # noqa: BLE001 - pysequoia raises bare exceptions for what it cannot parse
            return None

    def encrypt(self, octets: bytes, fingerprints: Sequence[str]) -> bytes | None:
        """Encrypt to the first of these keys that can be encrypted to now; None if there is none."""
        for key in filter(None, map(self._keys.get, fingerprints)):
            with contextlib.suppress(KeyringError):
                return encrypt_to(key, octets)
        return None

    def fingerprint(self, public_key: bytes) -> str:
        """Return the primary fingerprint of one public key, or the empty string if it is anything else."""
        try:
            return read_public_key(public_key).fingerprint
        except KeyringError:
            return ""

    def _check_by(
        self, key: PublicKey, sig: pysequoia.Sig, algorithm: str, signed: bytes, armored: bytes
    ) -> SignatureCheck:
        return SignatureCheck(
            status=self._status(key, sig, signed, armored),
            fingerprint=key.fingerprint,
            signed_at=sig.created,
            key_expires_at=key.expires_at,
            algorithm=algorithm.replace("PublicKeyAlgorithm.", "").replace("HashAlgorithm.", ""),
        )

    def _status(self, key: PublicKey, sig: pysequoia.Sig, signed: bytes, armored: bytes) -> SignatureStatus:
        try:
            valid = pysequoia.verify(signed, store=lambda _: [key.cert], signature=sig).valid_sigs
        except Exception:  # noqa: BLE001 - pysequoia says "no valid signatures" and no more
            return self._refused(key, sig, self._explain(signed, armored, key.fingerprint))
        if len(valid) != 1 or valid[0].certificate.upper() != key.fingerprint:
            return SignatureStatus.BAD
        if key.revoked:
            return SignatureStatus.KEY_REVOKED
        second = self._explain(signed, armored, key.fingerprint) if self._both else SignatureStatus.GOOD
        agreed = {SignatureStatus.GOOD, SignatureStatus.KEY_EXPIRED, SignatureStatus.KEY_REVOKED}
        return second if second in agreed else SignatureStatus.DISPUTED

    def _refused(self, key: PublicKey, sig: pysequoia.Sig, second: SignatureStatus) -> SignatureStatus:
        """Sequoia refused what GnuPG may take: by its policy on algorithms, or because one of the two is wrong."""
        if second is not SignatureStatus.GOOD:
            return second
        by_weak = {(sig.issuer_fingerprint or "").upper(), (sig.issuer_key_id or "").upper()} & key.weak_ids
        weak = by_weak or any(name in str(sig.hash_algorithm) for name in _WEAK_HASHES)
        return SignatureStatus.DISPUTED if self._both and not weak else SignatureStatus.WEAK


def _decrypted(octets: bytes) -> Decrypted | None:
    """Read a literal message, perhaps with one signature around it, and nothing else (RFC 9580 section 10.3)."""
    tags = pysequoia.packet.Tag
    packets = [p for p in pysequoia.packet.PacketPile.from_bytes(octets) if p.tag != tags.CompressedData]
    kinds = [packet.tag for packet in packets]
    if kinds == [tags.Literal]:
        return Decrypted(content=bytes(packets[0].literal_data or b""))
    if kinds != [tags.OnePassSig, tags.Literal, tags.Signature]:
        return None
    signature = pysequoia.armor(bytes(packets[2]), pysequoia.ArmorKind.Signature)
    armored = signature.encode() if isinstance(signature, str) else bytes(signature)
    return Decrypted(content=bytes(packets[1].literal_data or b""), signature=armored)


def load_signer(secret_key: bytes, passphrase: str) -> pysequoia.PySigner:
    """Unlock the node's signing key, as exported by `GnupgKeyring.secret_key`.

    Raises:
        KeyringError: the passphrase is wrong or the key cannot sign now.
    """
    try:
        return pysequoia.Tsk.from_bytes(secret_key).signer(passphrase or None)
    except Exception as error:
        raise KeyringError(f"the node's key cannot be used to sign: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    """Sequoia puts a stack trace into its messages; the first line is the message."""
    return str(error).partition("\n")[0]
