"""The engine: checks signatures, signs, encrypts and decrypts, with the keys that it was given."""

import contextlib
from collections.abc import Callable, Mapping, Sequence

import pysequoia

from ecertmail.core.openpgp import is_encrypted, signature_packets, uncompressed
from ecertmail.edge.openpgp.keys import KeyPart, PublicKey, Sign, encrypt_to, read_public_key
from ecertmail.errors import KeyringError
from ecertmail.message import Decrypted, SignatureCheck, SignatureStatus

_WEAK_HASHES = ("SHA1", "MD5", "RIPEMD")
_BEST_FIRST = (SignatureStatus.GOOD, *(s for s in SignatureStatus if s not in {"good", "bad"}), SignatureStatus.BAD)

Explain = Callable[[bytes, bytes, str], SignatureStatus | None]
Unwrap = Callable[[bytes], bytes | None]


class OpenPgpEngine:
    """Checks signatures against the given keys, signs and decrypts with the node's key, encrypts to the given keys."""

    def __init__(
        self,
        keys: Mapping[str, PublicKey],
        explain: Explain,
        sign: Sign | None = None,
        unwrap: Unwrap | None = None,
        *,
        longest: int = 25_000_000,
        both: bool = False,
    ) -> None:
        """Take the keys by fingerprint and what GnuPG is for.

        `explain` is GnuPG's opinion on a signature, asked when Sequoia refuses it, and with `both` always; it is None
        where GnuPG cannot read the key. `sign` makes a detached signature with the node's key. `unwrap` takes one layer
        of encryption off. What is inside may have `longest` octets.
        """
        self._keys = keys
        self._explain = explain
        self._sign = sign
        self._unwrap = unwrap
        self._longest = longest
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
        # A key file can hold somebody else's subkey, so that a file never silences another partner all are tried.
        checks = [
            self._check_by(key, part, sig, algorithm, signed, packets[0])
            for key in self._keys.values()
            if (part := key.part(issuer)) is not None
        ]
        if not checks:
            return SignatureCheck(status=SignatureStatus.UNKNOWN_KEY, fingerprint=issuer)
        return min(checks, key=lambda check: _BEST_FIRST.index(check.status))

    def check_by(self, public_key: bytes, signed: bytes, signature: bytes) -> SignatureCheck:
        """Report what a detached signature is worth if only this key counts; what Sequoia refuses is bad."""
        try:
            key = read_public_key(public_key)
        except KeyringError:
            return SignatureCheck(status=SignatureStatus.UNKNOWN_KEY)
        alone = OpenPgpEngine({key.fingerprint: key}, lambda *_: SignatureStatus.BAD)
        return alone.check(signed, signature)

    def sign(self, octets: bytes) -> bytes:
        """Return an armoured detached SHA-512 signature over these octets with the node's key."""
        if self._sign is None:
            raise KeyringError("the node's secret key is not loaded")
        return self._sign(octets)

    def decrypt(self, ciphertext: bytes) -> Decrypted | None:
        """Return what was encrypted to the node's key, or None if that cannot be told."""
        packets = self._unwrap(ciphertext) if self._unwrap and is_encrypted(ciphertext) else None
        message = uncompressed(packets, self._longest) if packets else None
        try:
            return None if message is None else _decrypted(message)
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
        self, key: PublicKey, part: KeyPart, sig: pysequoia.Sig, algorithm: str, signed: bytes, packet: bytes
    ) -> SignatureCheck:
        ends = [moment for moment in (key.expires_at, part.expires_at) if moment is not None]
        return SignatureCheck(
            status=self._status(key, part, sig, signed, packet),
            fingerprint=key.fingerprint,
            signed_at=sig.created,
            key_expires_at=min(ends, default=None),
            algorithm=algorithm.replace("PublicKeyAlgorithm.", "").replace("HashAlgorithm.", ""),
        )

    def _status(
        self, key: PublicKey, part: KeyPart, sig: pysequoia.Sig, signed: bytes, packet: bytes
    ) -> SignatureStatus:
        try:
            valid = pysequoia.verify(signed, store=lambda _: [key.cert], signature=sig).valid_sigs
        except Exception:  # noqa: BLE001 - pysequoia says "no valid signatures" and no more
            return self._refused(part, sig, self._explain(signed, packet, key.fingerprint))
        if len(valid) != 1 or valid[0].certificate.upper() != key.fingerprint:
            return SignatureStatus.BAD
        if key.revoked or part.revoked:
            return SignatureStatus.KEY_REVOKED
        second = self._explain(signed, packet, key.fingerprint) if self._both else None
        agreed = {SignatureStatus.GOOD, SignatureStatus.KEY_EXPIRED, SignatureStatus.KEY_REVOKED}
        if second is None:
            return SignatureStatus.GOOD
        return second if second in agreed else SignatureStatus.DISPUTED

    def _refused(self, part: KeyPart, sig: pysequoia.Sig, second: SignatureStatus | None) -> SignatureStatus:
        """Sequoia refused what GnuPG may take: by its policy on algorithms, or because one of the two is wrong."""
        if second is None:
            return SignatureStatus.BAD
        if second is not SignatureStatus.GOOD:
            return second
        weak = part.weak or any(name in str(sig.hash_algorithm).upper() for name in _WEAK_HASHES)
        return SignatureStatus.DISPUTED if self._both and not weak else SignatureStatus.WEAK


def _decrypted(octets: bytes) -> Decrypted | None:
    """Read a literal message, perhaps with one signature around it, and nothing else (RFC 9580 section 10.3)."""
    tags = pysequoia.packet.Tag
    packets = list(pysequoia.packet.PacketPile.from_bytes(octets))
    kinds = [packet.tag for packet in packets]
    if kinds == [tags.Literal]:
        return Decrypted(content=bytes(packets[0].literal_data or b""))
    if kinds != [tags.OnePassSig, tags.Literal, tags.Signature]:
        return None
    signature = pysequoia.armor(bytes(packets[2]), pysequoia.ArmorKind.Signature)
    armored = signature.encode() if isinstance(signature, str) else bytes(signature)
    return Decrypted(content=bytes(packets[1].literal_data or b""), signature=armored)
