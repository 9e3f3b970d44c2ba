"""From configuration to examiners: keys, partners and schemas, loaded once here and once in each worker process."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

import pysequoia

from ecertmail.assemble import secret
from ecertmail.config import Config, whereabouts
from ecertmail.core import authentication
from ecertmail.edge import openpgp as pgp
from ecertmail.edge.dkim_check import DkimVerifier
from ecertmail.edge.keyring import GnupgKeyring
from ecertmail.edge.txt_records import TxtRecords
from ecertmail.edge.workers import Allowance, Examine, Workers
from ecertmail.errors import ConfigError, KeyringError
from ecertmail.flow.examine import Authenticate, Examiner, nobody
from ecertmail.parties import Encryption, KeyLife, Partner
from ecertmail.store import schemas


@dataclass(frozen=True, slots=True, kw_only=True)
class Materials:
    """What an examiner is made of, as plain values that can be sent to a worker."""

    partners: tuple[Partner, ...]
    keys: Mapping[str, bytes]
    schemas: Path
    home: Path
    passphrase: str = field(repr=False)
    longest: int
    both: bool
    dkim: Literal["nobody", "ourselves", "mail-server"] = "nobody"
    authserv_id: str = ""
    file_octets: int = 5_000_000


def materials(config: Config) -> Materials:
    """Read every partner's key files; what is pinned and what the files hold must agree.

    Raises:
        ConfigError: a key file cannot be read, holds another key, or cannot be encrypted to although that is required.
    """
    section = config.settings.keys
    return Materials(
        partners=config.signers,
        keys={key.fingerprint: _key_file(config, partner, key.fingerprint) for partner in config.signers
              for key in partner.keys},
        schemas=config.schemas,
        home=config.path(section.home),
        passphrase=secret(config, section.passphrase_file, "the key's passphrase"),
        longest=config.settings.limits.message_size,
        both="gnupg" in section.verify_with,
        dkim=config.settings.officials.dkim,
        authserv_id=config.settings.officials.authserv_id,
        file_octets=config.settings.inquiries.file_octets,
    )  # fmt: skip


def _key_file(config: Config, partner: Partner, fingerprint: str) -> bytes:
    path = config.key_files[fingerprint]
    try:
        key = pgp.read_public_key(path.read_bytes())
    except (OSError, KeyringError) as error:
        raise ConfigError(f"{path}: the key of partner {partner.id} cannot be read ({error})") from error
    if key.fingerprint != fingerprint:
        raise ConfigError(f"{path}: holds key {key.fingerprint}, but {whereabouts(partner)} names {fingerprint}")
    return key.octets


def examiner(made_of: Materials, signer: pgp.OpenPgpEngine | None = None) -> Examiner:
    """Make an examiner; `signer` is an engine to use instead of a new one that cannot sign."""
    partners = {fingerprint: partner for partner in made_of.partners for fingerprint in partner.fingerprints}
    loaded = schemas.load(made_of.schemas)
    return Examiner(
        openpgp=signer or _engine(made_of),
        partners=partners,
        schemas=loaded,
        authenticate=authenticator(made_of),
        file_octets=made_of.file_octets,
    )


def authenticator(made_of: Materials) -> Authenticate:
    """Say who checks DKIM, as `[officials] dkim` has it: nobody, this process by the DNS, or our mail server."""
    match made_of.dkim:
        case "ourselves":
            return DkimVerifier(TxtRecords()).domains
        case "mail-server":
            return partial(authentication.results, authserv_id=made_of.authserv_id)
        case "nobody":
            return nobody


def load_examiner(config: Config, *, keep_keys: bool = False) -> Examiner:
    """Load all that judging needs and SIGHUP reloads, here in this process, and able to sign.

    With `keep_keys` the partners' keys are put into the GnuPG home too, where refused signatures are explained from.
    """
    made_of, section = materials(config), config.settings.keys
    keyring = GnupgKeyring(made_of.home)
    signer = pgp.load_signer(keyring.secret_key(section.fingerprint, made_of.passphrase), made_of.passphrase)
    for key in made_of.keys.values() if keep_keys else ():
        keyring.add(key)
    keyring.close()  # the key is in memory now; no agent needs to hold it as well
    engine = _engine(made_of, signer)
    _require_encryption(config, engine)
    return examiner(made_of, engine)


def load_workers(config: Config) -> Workers:
    """Start the worker processes, after everything that they load was loaded here without a mistake."""
    here = load_examiner(config, keep_keys=True)
    section = config.settings.workers
    allowance = Allowance(workers=section.count, seconds=section.seconds, megabytes=section.megabytes)
    return Workers(here.openpgp, partial(_in_worker, materials(config)), allowance)


def key_lives(config: Config) -> tuple[KeyLife, ...]:
    """Say when this node's key and each partner's key end: they expire, or their agreed time is over."""
    home, section = config.path(config.settings.keys.home), config.settings.keys
    own = pgp.read_public_key(GnupgKeyring(home).public_key(section.fingerprint).encode())
    lives = [KeyLife(owner="this node", fingerprint=own.fingerprint, ends_at=own.expires_at)]
    for partner in config.signers:
        for pinned in partner.keys:
            key = pgp.read_public_key(_key_file(config, partner, pinned.fingerprint))
            ends = [moment for moment in (key.expires_at, pinned.ends_at) if moment is not None]
            life = KeyLife(
                owner=f"partner {partner.id}", fingerprint=pinned.fingerprint, ends_at=min(ends, default=None)
            )
            lives.append(life)
    return tuple(lives)


def _in_worker(made_of: Materials) -> Examine:
    return examiner(made_of).examine


def _engine(made_of: Materials, signer: pysequoia.PySigner | None = None) -> pgp.OpenPgpEngine:
    keyring = GnupgKeyring(made_of.home)
    unwrap = partial(keyring.unwrap, passphrase=made_of.passphrase, longest=made_of.longest)
    keys = {fingerprint: pgp.read_public_key(octets) for fingerprint, octets in made_of.keys.items()}
    return pgp.OpenPgpEngine(keys, keyring.explain, signer, unwrap, longest=made_of.longest, both=made_of.both)


def _require_encryption(config: Config, engine: pgp.OpenPgpEngine) -> None:
    for partner in config.signers:
        if partner.encrypt is Encryption.REQUIRED and engine.encrypt(b"", partner.fingerprints) is None:
            raise ConfigError(
                f'partners/{partner.id}.toml: encrypt = "required", but no key of it has a valid encryption subkey; '
                "ask the partner for one that has"
            )
