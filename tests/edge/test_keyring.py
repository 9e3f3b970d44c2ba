"""The node's own GnuPG home: generate, export, sign, explain; each failure names the folder and the reason."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ecertmail.core.openpgp import signature_packets
from ecertmail.edge.keyring import GnupgKeyring
from ecertmail.edge.openpgp import OpenPgpEngine, load_signer, read_public_key
from ecertmail.errors import KeyringError
from ecertmail.message import SignatureStatus
from tests.builders import NZ_ADDRESS, Gpg, armored, key_of, unexplained

SIGNED = b"Content-Type: text/plain\r\n\r\nTwenty tonnes of lamb.\r\n"
PASSPHRASE = "correct horse"
ADDRESS = "ecert@customs.example"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("node") / "gnupg"


@pytest.fixture(scope="module")
def keyring(home: Path) -> Iterator[GnupgKeyring]:
    ring = GnupgKeyring(home)
    yield ring
    ring.close()


@pytest.fixture(scope="module")
def fingerprint(keyring: GnupgKeyring) -> str:
    return keyring.generate("China Customs", ADDRESS, PASSPHRASE)


def test_the_home_is_closed_to_others(keyring: GnupgKeyring, home: Path) -> None:
    assert home.stat().st_mode & 0o777 == 0o700


def test_the_generated_key_is_ours_and_can_be_exported(keyring: GnupgKeyring, fingerprint: str) -> None:
    public = read_public_key(keyring.public_key(fingerprint).encode())
    assert public.fingerprint == fingerprint
    assert public.expires_at is not None
    assert [str(user_id) for user_id in public.cert.user_ids] == [f"China Customs <{ADDRESS}>"]


def test_the_secret_key_signs_with_its_passphrase(keyring: GnupgKeyring, fingerprint: str) -> None:
    public = read_public_key(keyring.public_key(fingerprint).encode())
    signer = load_signer(keyring.secret_key(fingerprint, PASSPHRASE), PASSPHRASE)
    engine = OpenPgpEngine({fingerprint: public}, unexplained, signer)
    assert engine.check(SIGNED, engine.sign(SIGNED)).status is SignatureStatus.GOOD


def test_a_wrong_passphrase_is_refused_in_one_line(keyring: GnupgKeyring, fingerprint: str) -> None:
    secret = keyring.secret_key(fingerprint, PASSPHRASE)
    with pytest.raises(KeyringError, match="cannot be used to sign") as error:
        load_signer(secret, "wrong horse")
    assert "\n" not in str(error.value)


NOBODY = "0" * 40


def test_a_key_that_is_not_there_is_named(keyring: GnupgKeyring, home: Path) -> None:
    with pytest.raises(KeyringError, match=f"there is no key {NOBODY}"):
        keyring.public_key(NOBODY)
    with pytest.raises(KeyringError, match=NOBODY):
        keyring.secret_key(NOBODY, PASSPHRASE)
    with pytest.raises(KeyringError, match=str(home)):
        keyring.signer(NOBODY)(SIGNED)


@pytest.mark.parametrize("octets", [b"", b"garbage"])
def test_what_is_no_key_is_not_imported(keyring: GnupgKeyring, octets: bytes) -> None:
    with pytest.raises(KeyringError, match="does not take the key"):
        keyring.add(octets)


def test_importing_a_key_twice_refreshes_it(keyring: GnupgKeyring) -> None:
    octets = key_of(NZ_ADDRESS).public.octets
    keyring.add(octets)
    keyring.add(octets)
    assert read_public_key(keyring.public_key(key_of(NZ_ADDRESS).fingerprint).encode()).fingerprint


# The partner's way to sign, with a key in GnuPG's own home


@pytest.fixture(scope="module")
def sender(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gpg]:
    gpg = Gpg(tmp_path_factory.mktemp("sender"))
    yield gpg
    gpg.stop()


def test_a_key_of_another_home_signs_through_its_agent(sender: Gpg) -> None:
    key = sender.generate("sender@x.example")
    signature = GnupgKeyring(sender.home).signer(key)(SIGNED)
    public = read_public_key(sender.public(key))
    check = OpenPgpEngine({key: public}, unexplained, None).check(SIGNED, signature)
    assert check.status is SignatureStatus.GOOD
    assert "SHA512" in check.algorithm


# Explaining


@pytest.fixture(scope="module")
def known_key(sender: Gpg, keyring: GnupgKeyring) -> str:
    key = sender.generate("explained@x.example")
    keyring.add(sender.public(key))
    return key


def test_gnupg_calls_a_forged_signature_bad(sender: Gpg, keyring: GnupgKeyring, known_key: str) -> None:
    assert keyring.explain(SIGNED + b"!", sender.sign(SIGNED, known_key), known_key) is SignatureStatus.BAD


def test_a_signature_by_another_key_than_the_named_one_is_bad(
    sender: Gpg, keyring: GnupgKeyring, known_key: str
) -> None:
    """Whoever is named in the signature is not who made it: nobody is answered."""
    assert keyring.explain(SIGNED, sender.sign(SIGNED, known_key), NOBODY) is SignatureStatus.BAD


def test_a_second_signature_makes_it_bad(sender: Gpg, keyring: GnupgKeyring, known_key: str) -> None:
    packets = [signature_packets(sender.sign(SIGNED, known_key, "--digest-algo", d)) for d in ("SHA256", "SHA512")]
    both = b"".join(packet for found in packets for packet in found or [])
    assert keyring.explain(SIGNED, armored(both), known_key) is SignatureStatus.BAD


def test_gpg_still_takes_a_short_rsa_key(sender: Gpg, keyring: GnupgKeyring) -> None:
    key = sender.generate("short@x.example", "rsa1024")
    keyring.add(sender.public(key))
    assert keyring.explain(SIGNED, sender.sign(SIGNED, key), key) is SignatureStatus.GOOD


@pytest.mark.parametrize("signature", [b"", b"garbage", b"-----BEGIN PGP SIGNATURE-----\n\n"])
def test_garbage_is_bad(keyring: GnupgKeyring, known_key: str, signature: bytes) -> None:
    assert keyring.explain(SIGNED, signature, known_key) is SignatureStatus.BAD


def test_a_signature_that_has_expired_itself_is_not_called_weak(sender: Gpg, keyring: GnupgKeyring) -> None:
    """Its algorithm is fine; telling the partner to change it would send him the wrong way."""
    key = sender.generate("long@x.example", at="20200101T000000")
    keyring.add(sender.public(key))
    signature = sender.sign(SIGNED, key, "--default-sig-expire", "1d", at="20200601T000000")
    assert keyring.explain(SIGNED, signature, key) is SignatureStatus.EXPIRED


def test_explaining_leaves_no_file_behind(sender: Gpg, keyring: GnupgKeyring, known_key: str, home: Path) -> None:
    before = {path.name for path in home.iterdir()}
    keyring.explain(SIGNED, sender.sign(SIGNED, known_key), known_key)
    assert {path.name for path in home.iterdir()} == before
