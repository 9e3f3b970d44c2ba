"""From configuration to examiners: keys, partners and schemas, loaded once here and once in each worker process."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

from ecertmail import own_key, pinned_keys
from ecertmail.assemble import secret
from ecertmail.config import Config
from ecertmail.core import authentication
from ecertmail.edge import openpgp as pgp
from ecertmail.edge.dkim_check import DkimVerifier
from ecertmail.edge.keyring import GnupgKeyring
from ecertmail.edge.txt_records import TxtRecords
from ecertmail.edge.workers import Allowance, Examine, Workers
from ecertmail.errors import KeyringError
from ecertmail.flow.examine import Authenticate, Examiner, nobody
from ecertmail.message import SignatureStatus
from ecertmail.own_key import OwnKey
from ecertmail.parties import KeyLife, Partner
from ecertmail.ports import EventLog
from ecertmail.store import schemas


@dataclass(frozen=True, slots=True, kw_only=True)
class Materials:
    """What an examiner is made of, as plain values that can be sent to a worker.

    `unexplained` are the fingerprints of keys that GnuPG cannot read and is not asked about.
    """

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
    unexplained: frozenset[str] = frozenset()


def _materials(config: Config, keys: Mapping[str, bytes], unexplained: Collection[str] = ()) -> Materials:
    section = config.settings.keys
    return Materials(
        partners=config.signers,
        keys=keys,
        unexplained=frozenset(unexplained),
        schemas=config.schemas,
        home=config.path(section.home),
        passphrase=secret(config, section.passphrase_file, "the key's passphrase"),
        longest=config.settings.limits.message_size,
        both="gnupg" in section.verify_with,
        dkim=config.settings.officials.dkim,
        authserv_id=config.settings.officials.authserv_id,
        file_octets=config.settings.inquiries.file_octets,
    )


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


def load_own_key(config: Config, log: EventLog | None = None) -> OwnKey:
    """Load the node's key from its GnuPG home."""
    section = config.settings.keys
    passphrase = secret(config, section.passphrase_file, "the key's passphrase")
    return own_key.load(GnupgKeyring(config.path(section.home)), section.fingerprint, passphrase, log)


def prove_own_key(config: Config) -> bool:
    """Load the node's key and try it; return whether partners can encrypt to the node.

    Raises:
        KeyringError: the node's key does not sign or decrypt.
    """
    return own_key.prove(load_own_key(config))


def load_workers(config: Config, log: EventLog) -> Workers:
    """Start the worker processes, after everything that they load was loaded here without a mistake.

    A partner's key that cannot be used is a warning: the node works for all other partners.
    """
    pinned, own = pinned_keys.read(config), load_own_key(config, log)
    for trouble in pinned.troubles:
        log.warning("key.unusable", partner=trouble.partner, fingerprint=trouble.fingerprint, because=trouble.text)
    unexplained = _put_into_keyring(own.keyring, pinned.keys, log)
    made_of = _materials(config, pinned.keys, unexplained)
    here = examiner(made_of, _engine(made_of, own))
    section = config.settings.workers
    allowance = Allowance(workers=section.count, seconds=section.seconds, megabytes=section.megabytes)
    return Workers(here.openpgp, partial(_in_worker, made_of), allowance)


def _put_into_keyring(keyring: GnupgKeyring, keys: Mapping[str, bytes], log: EventLog) -> list[str]:
    """Give GnuPG the keys that it is asked about; return those that it cannot read, such as OpenPGP v6 keys."""
    unreadable = []
    for fingerprint, octets in keys.items():
        try:
            keyring.add(octets)
        except KeyringError as error:
            log.warning("key.unknown-to-gnupg", fingerprint=fingerprint, because=str(error))
            unreadable.append(fingerprint)
    return unreadable


def key_lives(config: Config) -> tuple[KeyLife, ...]:
    """Say when this node's key and each partner's usable key end: they expire, or their agreed time is over."""
    home, section = config.path(config.settings.keys.home), config.settings.keys
    own = pgp.read_public_key(GnupgKeyring(home).public_key(section.fingerprint).encode())
    lives = [KeyLife(owner="this node", fingerprint=own.fingerprint, ends_at=own.expires_at)]
    usable = pinned_keys.read(config).keys
    for partner in config.signers:
        for pinned in partner.keys:
            if pinned.fingerprint not in usable:
                continue
            key = pgp.read_public_key(usable[pinned.fingerprint])
            ends = [moment for moment in (key.expires_at, pinned.ends_at) if moment is not None]
            life = KeyLife(
                owner=f"partner {partner.id}", fingerprint=pinned.fingerprint, ends_at=min(ends, default=None)
            )
            lives.append(life)
    return tuple(lives)


def _in_worker(made_of: Materials) -> Examine:
    return examiner(made_of).examine


def _engine(made_of: Materials, own: OwnKey | None = None) -> pgp.OpenPgpEngine:
    keyring = own.keyring if own else GnupgKeyring(made_of.home)
    unwrap = partial(keyring.unwrap, passphrase=made_of.passphrase, longest=made_of.longest)
    keys = {fingerprint: pgp.read_public_key(octets) for fingerprint, octets in made_of.keys.items()}
    sign = own.sign if own else None
    explain = partial(_explained, keyring, made_of.unexplained)
    return pgp.OpenPgpEngine(keys, explain, sign, unwrap, longest=made_of.longest, both=made_of.both)


def _explained(
    keyring: GnupgKeyring, unexplained: Collection[str], signed: bytes, signature: bytes, fingerprint: str
) -> SignatureStatus | None:
    """Ask GnuPG for its opinion on a signature; None where it cannot read the key."""
    return None if fingerprint in unexplained else keyring.explain(signed, signature, fingerprint)
