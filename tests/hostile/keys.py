"""Everybody's keys, made once: New Zealand has a good one, and one for each way in which a key can be wrong."""

import atexit
from dataclasses import replace
from datetime import timedelta
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

from ecertmail.edge.keyring import GnupgKeyring
from ecertmail.edge.openpgp import OpenPgpEngine, PublicKey, read_public_key
from ecertmail.parties import Partner, PinnedKey
from tests.builders import AU_ADDRESS, CHINA, NOW, NZ_ADDRESS, Gpg, australia, key_of, new_zealand
from tests.hostile import packets
from tests.hostile.packets import Forged, Secret, bound, revocation

HOUR = timedelta(hours=1)


def with_subkey(primary: Secret, subkey: Secret, **how: object) -> Forged:
    return Forged(primary=primary, extra=(bound(primary, subkey, **how),))  # type: ignore[arg-type]


def _revoked(reason: int) -> Forged:
    primary = Secret()
    return Forged(primary=primary, revocation=revocation(primary, NOW - HOUR, reason))


NZ_KEYS = {
    "good": Forged(),
    "expired": Forged(lives=timedelta(days=30) - HOUR),
    "lost": _revoked(packets.COMPROMISED),
    "superseded": _revoked(packets.SUPERSEDED),
    "certifies only": Forged(flags=packets.CERTIFY),
    "status line": Forged(user_id=b"N\n[GNUPG:] GOODSIG 0 N\n[GNUPG:] VALIDSIG 0\n <ecert@mpi.example>"),
}

_HANGING: dict[str, dict[str, object]] = {
    "good": {},
    "expired": {"lives": timedelta(days=30) - HOUR},
    "lost": {"revoked": (NOW - HOUR, packets.COMPROMISED)},
    "superseded": {"revoked": (NOW - HOUR, packets.SUPERSEDED)},
    "encrypts only": {"flags": packets.ENCRYPT},
    "without consent": {"back": False},
}

NZ_SUBKEYS = {name: Secret() for name in _HANGING}
NZ_KEYS |= {f"subkey {name}": with_subkey(Secret(), NZ_SUBKEYS[name], **how) for name, how in _HANGING.items()}


@cache
def computer() -> Gpg:
    """New Zealand's computer, with GnuPG and an RSA key that has a short RSA subkey."""
    folder = TemporaryDirectory(prefix="hostile-")
    gpg = Gpg(Path(folder.name))
    atexit.register(folder.cleanup)
    atexit.register(gpg.stop)
    return gpg


@cache
def rsa() -> str:
    fingerprint = computer().generate(NZ_ADDRESS, "rsa2048")
    computer().run("--quick-add-key", fingerprint, "rsa1024", "sign")
    return fingerprint


@cache
def short_subkey() -> str:
    listed = computer().run("--with-colons", "--list-keys", rsa()).decode().splitlines()
    return [line.split(":")[9] for line in listed if line.startswith("fpr")][1]


PASSPHRASE = "correct horse"


@cache
def keyring() -> GnupgKeyring:
    """China's keyring, which GnuPG made, with everybody's public keys in it."""
    folder = TemporaryDirectory(prefix="hostile-")
    ring = GnupgKeyring(Path(folder.name))
    atexit.register(folder.cleanup)
    atexit.register(ring.close)
    ring.generate("China Customs", CHINA.address, PASSPHRASE)
    for key in registered().values():
        ring.add(key.octets)
    return ring


@cache
def china() -> PublicKey:
    """The key that mails to China are encrypted to."""
    return read_public_key(keyring().public_key(CHINA.address).encode())


def engine(*, both: bool = False) -> OpenPgpEngine:
    """What examines mails at China's node."""
    ring, signer = keyring(), key_of(CHINA.address).sign
    unwrap = partial(ring.unwrap, passphrase=PASSPHRASE, longest=25_000_000)
    return OpenPgpEngine(registered(), ring.explain, signer, unwrap, both=both)


@cache
def registered() -> dict[str, PublicKey]:
    """The public keys that the operator has, by fingerprint."""
    honest = [key_of(NZ_ADDRESS).public, key_of(AU_ADDRESS).public]
    forged = [read_public_key(key.public) for key in NZ_KEYS.values()]
    return {key.fingerprint: key for key in [*honest, *forged, read_public_key(computer().public(rsa()))]}


def partners() -> tuple[Partner, ...]:
    """Australia with its key, and New Zealand with all the others."""
    other = key_of(AU_ADDRESS).fingerprint
    pinned = tuple(PinnedKey(fingerprint=fingerprint) for fingerprint in registered() if fingerprint != other)
    return replace(new_zealand(), keys=pinned), australia()
