"""Secret keys of every GnuPG sign: what 2.3 and later count wrongly is counted right in memory."""

import base64
import json
from itertools import product
from pathlib import Path

import pysequoia
import pytest

from ecertmail.edge.keyring import GnupgKeyring
from ecertmail.edge.openpgp import OpenPgpEngine, PublicKey, load_signer, read_public_key
from ecertmail.edge.openpgp.secret_key import unlocked
from ecertmail.errors import KeyringError, PassphraseError
from ecertmail.message import SignatureStatus
from tests.builders import SHARED, Gpg, make_key, unexplained
from tests.secret_keys import Protection, exported, stub

SIGNED = b"Content-Type: text/plain\r\n\r\nTwenty tonnes of lamb.\r\n"
PASSPHRASE = "correct horse"
KEYS = [make_key(f"{number}@x.example") for number in range(24)]  # all 24 have a top bit of 1 once in 16 million runs
KEPT = SHARED / "keys"


def signs(secret: bytes, public: PublicKey, passphrase: str = PASSPHRASE) -> bool:
    engine = OpenPgpEngine({public.fingerprint: public}, unexplained, load_signer(secret, passphrase))
    return engine.check(SIGNED, engine.sign(SIGNED)).status is SignatureStatus.GOOD


def refused_by_sequoia(secret: bytes) -> bool:
    try:
        pysequoia.Tsk.from_bytes(secret).signer(PASSPHRASE)
    except Exception as error:  # noqa: BLE001 - pysequoia raises bare exceptions
        return "Malformed MPI" in str(error)
    return False


def test_every_key_signs_although_sequoia_refuses_some_as_they_are() -> None:
    exports = [(exported(key.tsk, PASSPHRASE, Protection()), key.public) for key in KEYS]
    assert any(refused_by_sequoia(secret) for secret, _ in exports)
    assert all(signs(secret, public) for secret, public in exports)


PROTECTIONS = [Protection(usage=0)] + [
    Protection(usage=usage, cipher=cipher, digest=digest, kind=kind)
    for usage, cipher, digest, kind in product((254, 255), (7, 8, 9), (2, 8, 10), (0, 1, 3))
]


@pytest.mark.parametrize("protection", PROTECTIONS, ids=str)
def test_each_protection_is_taken_off_and_what_is_left_is_the_key(protection: Protection) -> None:
    key = KEYS[0]
    opened = unlocked(exported(key.tsk, PASSPHRASE, protection), PASSPHRASE)
    assert bytes(pysequoia.Tsk.from_bytes(opened)) == bytes(pysequoia.Tsk.from_bytes(bytes(key.tsk)))


def test_a_wrong_passphrase_is_told_from_a_damaged_key() -> None:
    secret = exported(KEYS[0].tsk, PASSPHRASE, Protection())
    with pytest.raises(PassphraseError, match="the passphrase is wrong"):
        load_signer(secret, "wrong horse")
    with pytest.raises(KeyringError, match="cannot be used to sign"):
        load_signer(secret[:-3], PASSPHRASE)


def test_a_key_without_protection_needs_no_passphrase_and_ignores_one() -> None:
    key = KEYS[0]
    secret = exported(key.tsk, "", Protection(usage=0))
    assert signs(secret, key.public, "")
    assert signs(secret, key.public, PASSPHRASE)


def test_sequoia_does_not_sign_with_the_stub_of_a_key_on_a_card() -> None:
    card = stub(KEYS[0].tsk)
    with pytest.raises(KeyringError, match="cannot be used to sign"):
        load_signer(card, PASSPHRASE)


@pytest.mark.parametrize("length", [0, 1, 2, 6, 9, 40, 60, 70])
def test_a_packet_that_ends_early_is_a_mistake_in_one_line(length: int) -> None:
    """Every length octet of it promises more than is there."""
    body = exported(KEYS[0].tsk, PASSPHRASE, Protection())[6 : 6 + length]
    with pytest.raises(KeyringError) as error:
        load_signer(bytes([0xC5, length]) + body, PASSPHRASE)
    assert "\n" not in str(error.value)


# Keys of the GnuPG of this machine, whichever it is


@pytest.mark.parametrize("passphrase", ["", PASSPHRASE], ids=["open", "protected"])
@pytest.mark.parametrize("algorithm", ["ed25519", "nistp256", "nistp384", "nistp521", "rsa2048"])
def test_keys_of_the_gnupg_of_this_machine_sign(algorithm: str, passphrase: str, tmp_path: Path) -> None:
    gpg = Gpg(tmp_path / "home", passphrase)
    fingerprint = gpg.generate("node@x.example", algorithm)
    ring = GnupgKeyring(gpg.home)
    assert signs(ring.secret_key(fingerprint, passphrase), read_public_key(gpg.public(fingerprint)), passphrase)


def test_a_signing_subkey_signs_where_the_primary_key_is_kept_elsewhere(tmp_path: Path) -> None:
    gpg = Gpg(tmp_path / "home", PASSPHRASE)
    fingerprint = gpg.generate("node@x.example")
    gpg.run("--quick-add-key", fingerprint, "ed25519", "sign", "1y")
    subkeys = gpg.run("--export-secret-subkeys", fingerprint)
    public = read_public_key(gpg.public(fingerprint))
    gpg.stop()
    assert signs(subkeys, public)


# Keys of GnuPG 2.4.7, about half of which Sequoia refuses as they are


@pytest.mark.skipif(not KEPT.is_dir(), reason="the keys of GnuPG 2.4 (../shared/data/keys) are not here")
@pytest.mark.parametrize("name", ["gnupg-2.4-ed.json", "gnupg-2.4-p256.json"])
def test_all_keys_that_gnupg_2_4_exported_sign(name: str) -> None:
    kept = json.loads((KEPT / name).read_text("utf-8"))
    for key in kept:
        secret, public = base64.b64decode(key["sec"]), read_public_key(base64.b64decode(key["pub"]))
        assert signs(secret, public, key["p"]), key["fpr"]
