"""OpenPGP: facts about signatures, and our own signature; no policy here, `core/judge.py` decides.

`pysequoia` does the per-message work in-process, a hundred times faster than a gpg process and stricter. It does not
say why it refuses, so a refused signature is shown to gpg once, to tell a forged one from one by an expired key.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import pysequoia

from ecertmail.core.openpgp import signature_packets
from ecertmail.errors import KeyringError
from ecertmail.model import SignatureCheck, SignatureStatus

_SECRET = (pysequoia.packet.Tag.SecretKey, pysequoia.packet.Tag.SecretSubkey)

Explain = Callable[[bytes, bytes, str], SignatureStatus]


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A parsed public key file: the primary fingerprint in 40 upper-case hex digits, and every key id in it."""

    fingerprint: str
    key_ids: frozenset[str]
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
    ids = {
        value.upper()
        for packet in pysequoia.packet.PacketPile.from_bytes(bytes(cert))
        if packet.fingerprint and packet.key_id
        for value in (packet.fingerprint, packet.key_id)
    }
    return PublicKey(cert.fingerprint.upper(), frozenset(ids), cert.expiration, cert.is_revoked, cert, bytes(cert))


class OpenPgpEngine:
    """Checks signatures against the given keys and signs with the node's key."""

    def __init__(self, keys: Mapping[str, PublicKey], explain: Explain, signer: pysequoia.PySigner | None) -> None:
        self._by_id = {key_id: key for key in keys.values() for key_id in key.key_ids}
        self._explain = explain
        self._signer = signer

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

    def _check_by(
        self, key: PublicKey, sig: pysequoia.Sig, algorithm: str, signed: bytes, armored: bytes
    ) -> SignatureCheck:
        def report(status: SignatureStatus) -> SignatureCheck:
            return SignatureCheck(
                status=status,
                fingerprint=key.fingerprint,
                signed_at=sig.created,
                key_expires_at=key.expires_at,
                algorithm=algorithm.replace("PublicKeyAlgorithm.", "").replace("HashAlgorithm.", ""),
            )

        try:
            valid = pysequoia.verify(signed, store=lambda _: [key.cert], signature=sig).valid_sigs
        except Exception:  # noqa: BLE001 - pysequoia says "no valid signatures" and no more
            return report(self._explain(signed, armored, key.fingerprint))
        one = len(valid) == 1 and valid[0].certificate.upper() == key.fingerprint
        if one and key.revoked:
            return report(SignatureStatus.KEY_REVOKED)
        return report(SignatureStatus.GOOD if one else SignatureStatus.BAD)


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
