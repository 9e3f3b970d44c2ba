"""Key files: what is in them, until when each key is good, and what can be done with one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import pysequoia

from ecertmail.edge.openpgp import unusable
from ecertmail.edge.openpgp.secret_key import unlocked
from ecertmail.errors import KeyringError

_SECRET = (pysequoia.packet.Tag.SecretKey, pysequoia.packet.Tag.SecretSubkey)
_RSA, _DSA = (1, 2, 3), 17
Packet = pysequoia.packet.Packet
Sign = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPart:
    """A primary key or subkey in a key file: its full fingerprint and key id, and until when it is good.

    `weak` are DSA keys, and RSA keys under 2048 bits. `signs` says whether its owner lets it sign mail.
    """

    names: frozenset[str]
    expires_at: datetime | None
    revoked: bool
    weak: bool
    signs: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """A parsed public key file: the primary fingerprint in 40 upper-case hex digits, and every key in it."""

    fingerprint: str
    parts: tuple[KeyPart, ...]
    expires_at: datetime | None
    revoked: bool
    cert: pysequoia.Cert
    octets: bytes

    def part(self, name: str) -> KeyPart | None:
        """Return the key or subkey with this fingerprint or key id, in upper case."""
        return next((part for part in self.parts if name in part.names), None)


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
        why = unusable.reason(octets) or _first_line(error)
        raise KeyringError(f"not an OpenPGP key that can be relied on: {why}") from error
    if secret:
        raise KeyringError("it holds a SECRET key; ask for the public one, and have the secret one revoked")
    if len(keys) != 1:
        raise KeyringError(f"it must hold exactly one public key, but holds {len(keys)}")
    return keys[0]


def _public_key(cert: pysequoia.Cert) -> PublicKey:
    groups: list[list[Packet]] = []
    for packet in pysequoia.packet.PacketPile.from_bytes(bytes(cert)):
        if packet.fingerprint and packet.key_id:
            groups.append([packet])
        elif groups:
            groups[-1].append(packet)
    return PublicKey(
        fingerprint=cert.fingerprint.upper(),
        parts=tuple(_part(group[0], group[1:]) for group in groups),
        expires_at=cert.expiration,
        revoked=cert.is_revoked,
        cert=cert,
        octets=bytes(cert),
    )


def _part(key: Packet, signatures: Sequence[Packet]) -> KeyPart:
    """Read until when a subkey is good from its newest binding; the primary's own end is Sequoia's to tell."""
    types = pysequoia.packet.SignatureType
    bindings = [s for s in signatures if s.signature_type == types.SubkeyBinding]
    newest = max(bindings, key=_made_at, default=None)
    period = newest.key_validity_period if newest else None
    return KeyPart(
        names=frozenset({str(key.fingerprint).upper(), str(key.key_id).upper()}),
        expires_at=key.key_created + period if key.key_created and period else None,
        revoked=any(s.signature_type == types.SubkeyRevocation for s in signatures),
        weak=_is_weak(key.body),
        signs=not unusable.why_no_key(key.body) and any(map(_lets_sign, signatures)),
    )


def _lets_sign(signature: Packet) -> bool:
    """Say whether a packet is a self-signature that gives the right to sign; old ones say nothing about rights."""
    if not unusable.is_self_signature(signature) or unusable.is_old(signature):
        return False
    return signature.key_flags is None or signature.key_flags.signing


def _made_at(signature: Packet) -> datetime:
    return signature.signature_created or datetime.min.replace(tzinfo=UTC)


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


def require_signing(key: PublicKey) -> PublicKey:
    """Return a key that a partner can sign with.

    Raises:
        KeyringError: none of its parts can make signatures that are checked here.
    """
    if not any(part.signs for part in key.parts):
        raise KeyringError(
            f"the key {key.fingerprint} cannot sign: neither it nor a subkey is meant for signing and of a kind that "
            "is checked here; ask for a key made with `gpg --quick-generate-key ADDRESS ed25519 sign 3y`"
        )
    return key


def can_encrypt_to(key: PublicKey) -> bool:
    """Say whether a key has an encryption subkey that is valid now."""
    try:
        encrypt_to(key, b"")
    except KeyringError:
        return False
    return True


def load_signer(secret_key: bytes, passphrase: str) -> Sign:
    """Unlock the node's signing key, as exported by `GnupgKeyring.secret_key`; return what signs with it.

    Raises:
        PassphraseError: the passphrase is wrong.
        KeyringError: Sequoia cannot sign with the key now.
    """
    try:
        signer = pysequoia.Tsk.from_bytes(unlocked(secret_key, passphrase)).signer()
    except KeyringError:
        raise
    except Exception as error:
        raise KeyringError(f"the node's key cannot be used to sign: {_first_line(error)}") from error
    return partial(pysequoia.sign, signer, mode=pysequoia.SignatureMode.DETACHED)


def _first_line(error: Exception) -> str:
    """Sequoia puts a stack trace into its messages; the first line is the message."""
    return str(error).partition("\n")[0]
