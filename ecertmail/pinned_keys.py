"""The keys that partner files pin: those that can be used, and what is wrong with the others."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ecertmail.config import Config, whereabouts
from ecertmail.edge import openpgp
from ecertmail.errors import KeyringError
from ecertmail.parties import Encryption, Partner


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyTrouble:
    """A partner's key that cannot be used; the text names the file or the key, and says what would be right."""

    partner: str
    fingerprint: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedKeys:
    """The readable keys of all partners, binary, by fingerprint; and the troubles with any."""

    keys: Mapping[str, bytes]
    troubles: tuple[KeyTrouble, ...]


def read(config: Config) -> PinnedKeys:
    """Read the key files of all partners and of the issuing system; what is pinned and what they hold must agree."""
    keys: dict[str, openpgp.PublicKey] = {}
    troubles = []
    for partner in config.signers:
        for fingerprint in partner.fingerprints:
            try:
                keys[fingerprint] = _key(config.key_files[fingerprint], partner, fingerprint)
                openpgp.require_signing(keys[fingerprint])
            except KeyringError as error:
                troubles.append(KeyTrouble(partner=partner.id, fingerprint=fingerprint, text=str(error)))
        troubles += _encryption(partner, keys)
    return PinnedKeys(keys={name: key.octets for name, key in keys.items()}, troubles=tuple(troubles))


def _key(path: Path, partner: Partner, fingerprint: str) -> openpgp.PublicKey:
    try:
        key = openpgp.read_public_key(path.read_bytes())
    except (OSError, KeyringError) as error:
        raise KeyringError(f"{path}: the key of partner {partner.id} cannot be read ({error})") from error
    if key.fingerprint != fingerprint:
        raise KeyringError(f"{path}: holds key {key.fingerprint}, but {whereabouts(partner)} names {fingerprint}")
    return key


def _encryption(partner: Partner, keys: Mapping[str, openpgp.PublicKey]) -> Iterator[KeyTrouble]:
    """Yield a trouble where answers must be encrypted, but none of the partner's usable keys can be encrypted to."""
    own = [keys[fingerprint] for fingerprint in partner.fingerprints if fingerprint in keys]
    if partner.encrypt is not Encryption.REQUIRED or not own or any(map(openpgp.can_encrypt_to, own)):
        return
    yield KeyTrouble(
        partner=partner.id,
        fingerprint=own[0].fingerprint,
        text=f'partners/{partner.id}.toml: encrypt = "required", but no key of it has a valid encryption subkey; '
        "ask the partner for one that has",
    )
