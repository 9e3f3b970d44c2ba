"""What the OpenPGP engine reports about signatures: facts, each told apart, and never an exception."""

import base64
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pysequoia
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecertmail.core import mime
from ecertmail.core.openpgp import signature_packets
from ecertmail.edge.keyring import GnupgKeyring
from ecertmail.edge.openpgp import OpenPgpEngine, load_signer, read_public_key
from ecertmail.errors import KeyringError
from ecertmail.message import SignatureCheck, SignatureStatus, SignedMessage
from tests.builders import (
    AU_ADDRESS,
    CHINA,
    NOW,
    NZ_ADDRESS,
    SHARED,
    Gpg,
    Key,
    armored,
    certificates_xml,
    key_of,
    make_key,
    unexplained,
)

SIGNED = b"Content-Type: text/plain\r\n\r\nTwenty tonnes of lamb.\r\n"
SIGNATURE = key_of(NZ_ADDRESS).sign(SIGNED)


def engine(*keys: Key) -> OpenPgpEngine:
    known = keys or (key_of(NZ_ADDRESS), key_of(AU_ADDRESS))
    return OpenPgpEngine({key.fingerprint: key.public for key in known}, unexplained, None)


def packet(armor: bytes) -> bytes:
    """The one signature packet inside an armoured signature."""
    packets = signature_packets(armor)
    assert packets is not None
    return packets[0]


def test_a_good_signature_names_the_primary_key_and_the_time_although_a_subkey_made_it() -> None:
    check = engine().check(SIGNED, SIGNATURE)
    assert (check.status, check.fingerprint) == (SignatureStatus.GOOD, key_of(NZ_ADDRESS).fingerprint)
    assert check.signed_at is not None
    assert abs(check.signed_at - datetime.now(UTC)) < timedelta(minutes=10)
    assert check.key_expires_at is None
    assert "SHA512" in check.algorithm


def test_the_signature_of_another_partner_names_that_partner() -> None:
    check = engine().check(SIGNED, key_of(AU_ADDRESS).sign(SIGNED))
    assert (check.status, check.fingerprint) == (SignatureStatus.GOOD, key_of(AU_ADDRESS).fingerprint)


def test_a_key_with_the_user_id_of_a_partner_is_still_an_unknown_key() -> None:
    impostor = make_key(NZ_ADDRESS)
    check = engine().check(SIGNED, impostor.sign(SIGNED))
    assert check.status is SignatureStatus.UNKNOWN_KEY
    assert check.fingerprint != key_of(NZ_ADDRESS).fingerprint


CHANGED = {
    "one octet more": SIGNED + b" ",
    "one octet less": SIGNED[:-1],
    "one octet other": SIGNED.replace(b"Twenty", b"Twelve"),
    "LF line ends": SIGNED.replace(b"\r\n", b"\n"),
    "nothing": b"",
}


@pytest.mark.parametrize("octets", CHANGED.values(), ids=CHANGED.keys())
def test_changed_octets_make_a_bad_signature_that_still_names_the_key(octets: bytes) -> None:
    check = engine().check(octets, SIGNATURE)
    assert (check.status, check.fingerprint) == (SignatureStatus.BAD, key_of(NZ_ADDRESS).fingerprint)


@given(st.integers(0, len(SIGNED) - 1), st.integers(1, 255))
def test_no_changed_octet_is_ever_good(place: int, change: int) -> None:
    octets = bytearray(SIGNED)
    octets[place] ^= change
    assert engine().check(bytes(octets), SIGNATURE).status is SignatureStatus.BAD


def compressed(data: bytes) -> bytes:
    deflated = zlib.compress(data, 9, wbits=-15)
    return bytes([0xC8, len(deflated) + 1, 1]) + deflated


ONE = packet(SIGNATURE)
OTHER = packet(key_of(AU_ADDRESS).sign(SIGNED))
MULTIPLE = {
    "twice the same": armored(ONE + ONE),
    "by two partners": armored(ONE + OTHER),
    "one good, one by nobody known": armored(ONE + packet(make_key("x@x.example").sign(SIGNED))),
    "three": armored(ONE + OTHER + ONE),
}
UNREADABLE = {
    "empty": b"",
    "white space": b"\r\n\r\n",
    "garbage": b"\x00\xff\x13garbage",
    "binary, without armour": ONE,
    "empty armour": armored(b""),
    "text around the armour": b"Hello\n" + SIGNATURE,
    "text after the armour": SIGNATURE + b"Hello\n",
    "two armours": SIGNATURE + SIGNATURE,
    "armour of a message": armored(ONE, "MESSAGE"),
    "no end line": SIGNATURE.partition(b"-----END")[0],
    "base64 with garbage": SIGNATURE.replace(b"\n\n", b"\n\n!!!!", 1),
    "base64 of a wrong length": armored(ONE).replace(b"=", b""),
    "a compressed signature": armored(compressed(ONE)),
    "a compression bomb": armored(compressed(b"\x00" * 60_000)),
    "a certificate": armored(key_of(NZ_ADDRESS).public.octets),
    "a literal packet": armored(bytes([0xCB, 8]) + b"b\x00\x00\x00\x00\x00hi"),
    "a marker before the signature": armored(b"\xca\x03PGP" + ONE),
    "a key after the signature": armored(ONE + key_of(NZ_ADDRESS).public.octets),
    "octets after the signature": armored(ONE + b"\x00"),
    "a packet that ends early": armored(ONE[:-1]),
    "a partial length": armored(bytes([0xC2, 0xE9]) + ONE[2:]),
    "an indeterminate length": armored(bytes([0x8B]) + ONE[2:]),
    "a signature packet of nothing": armored(b"\xc2\x00"),
    "a signature packet of garbage": armored(b"\xc2\x05abcde"),
    "over 4 kB": armored(b"\xc2\xff" + (5000).to_bytes(4, "big") + bytes(5000)),
}


@pytest.mark.parametrize("signature", MULTIPLE.values(), ids=MULTIPLE.keys())
def test_more_than_one_signature_is_never_evaluated(signature: bytes) -> None:
    assert engine().check(SIGNED, signature) == SignatureCheck(status=SignatureStatus.MULTIPLE)


@pytest.mark.parametrize("signature", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_is_not_one_armoured_signature_is_unreadable(signature: bytes) -> None:
    assert engine().check(SIGNED, signature) == SignatureCheck(status=SignatureStatus.UNREADABLE)


@given(st.binary(max_size=300))
def test_octets_in_a_signature_packet_never_raise_and_never_verify(body: bytes) -> None:
    head = b"\xc2\xff" + len(body).to_bytes(4, "big")
    assert engine().check(SIGNED, armored(head + body)).status is not SignatureStatus.GOOD


@given(st.integers(0, len(ONE) - 1), st.integers(0, 7))
def test_a_flipped_bit_in_the_signature_never_raises_and_never_names_another_partner(place: int, bit: int) -> None:
    flipped = bytearray(ONE)
    flipped[place] ^= 1 << bit
    check = engine().check(SIGNED, armored(bytes(flipped)))
    assert check.fingerprint != key_of(AU_ADDRESS).fingerprint


@pytest.mark.parametrize(("place", "what"), [(4, "key"), (5, "hash")], ids=["key algorithm", "hash algorithm"])
def test_an_algorithm_that_does_not_exist_is_a_fact_not_an_exception(place: int, what: str) -> None:
    """Anybody who knows a partner's key id can write such a signature."""
    unheard_of = ONE[:place] + b"\x63" + ONE[place + 1 :]
    status = engine().check(SIGNED, armored(unheard_of)).status
    assert status in {SignatureStatus.BAD, SignatureStatus.UNREADABLE}, what


def test_a_signature_that_claims_another_partners_key_is_bad_and_not_that_partners() -> None:
    """The issuer inside a signature is a claim; only a verified one becomes a good status."""
    nz, au = key_of(NZ_ADDRESS), key_of(AU_ADDRESS)
    sig = pysequoia.Sig.from_bytes(ONE)
    assert sig.issuer_fingerprint is not None
    assert sig.issuer_key_id is not None
    ids = [name for part in au.public.parts for name in part.names if len(name) == 40 and name != au.fingerprint]
    for claimed in ids:
        lie = ONE.replace(bytes.fromhex(sig.issuer_fingerprint), bytes.fromhex(claimed))
        lie = lie.replace(bytes.fromhex(sig.issuer_key_id), bytes.fromhex(claimed[-16:]))
        check = engine(nz, au).check(SIGNED, armored(lie))
        assert check.status in {SignatureStatus.BAD, SignatureStatus.UNREADABLE}


# Our own signature


def test_what_the_engine_signs_it_accepts_again() -> None:
    node = key_of(CHINA.address)
    own = OpenPgpEngine({node.fingerprint: node.public}, unexplained, node.sign)
    check = own.check(SIGNED, own.sign(SIGNED))
    assert (check.status, check.fingerprint) == (SignatureStatus.GOOD, node.fingerprint)
    assert "SHA512" in check.algorithm


def test_without_a_secret_key_nothing_is_signed() -> None:
    with pytest.raises(KeyringError, match="not loaded"):
        engine().sign(SIGNED)


@pytest.mark.parametrize(
    "secret", [b"", b"garbage", key_of(NZ_ADDRESS).public.octets], ids=["empty", "garbage", "public"]
)
def test_what_is_no_secret_key_is_refused_in_one_line(secret: bytes) -> None:
    with pytest.raises(KeyringError, match="cannot be used to sign") as error:
        load_signer(secret, "")
    assert "\n" not in str(error.value)


# Key files


def test_a_public_key_file_is_read_armoured_or_binary() -> None:
    key = key_of(NZ_ADDRESS)
    text = str(key.tsk.extract_certificate()).encode()
    assert read_public_key(text).fingerprint == read_public_key(key.public.octets).fingerprint == key.fingerprint
    assert len(key.fingerprint) == 40
    assert key.fingerprint.isupper()


BAD_FILES = {
    "empty": (b"", "not an OpenPGP key|exactly one"),
    "garbage": (b"no key at all", "not an OpenPGP key"),
    "two keys": (key_of(NZ_ADDRESS).public.octets + key_of(AU_ADDRESS).public.octets, "holds 2"),
    "a secret key": (bytes(make_key("secret@x.example").tsk), "SECRET"),
    "a signature": (SIGNATURE, "not an OpenPGP key|exactly one"),
}


@pytest.mark.parametrize(("octets", "says"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_a_file_that_is_not_exactly_one_public_key_is_refused_in_one_line(octets: bytes, says: str) -> None:
    with pytest.raises(KeyringError, match=says) as error:
        read_public_key(octets)
    assert "\n" not in str(error.value)


# With GnuPG's keys, and GnuPG to explain what Sequoia refuses


@dataclass(frozen=True)
class Case:
    """One signature made by GnuPG, on these octets, and what the engine has to say of it."""

    key: str
    signature: bytes
    status: SignatureStatus
    octets: bytes = SIGNED


@pytest.fixture(scope="module")
def partner_computer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gpg]:
    gpg = Gpg(tmp_path_factory.mktemp("gpg"))
    yield gpg
    gpg.stop()


@pytest.fixture(scope="module")
def cases(partner_computer: Gpg) -> dict[str, Case]:
    gpg, bad = partner_computer, SignatureStatus.BAD
    good, rsa = gpg.generate("good@x.example"), gpg.generate("rsa@x.example", "rsa2048")
    revoked = gpg.generate("revoked@x.example")
    old = gpg.generate("old@x.example", expires="2021-01-01", at="20200101T000000")
    shortened = gpg.generate("shortened@x.example", at="20200101T000000")
    in_2022 = gpg.sign(SIGNED, shortened, at="20220101T000000")
    gpg.run("--faked-system-time", "20200102T000000!", "--quick-set-expire", shortened, "2021-01-01")
    by_revoked = gpg.sign(SIGNED, revoked)
    gpg.revoke(revoked)
    in_2020 = gpg.sign(SIGNED, old, at="20200601T000000")
    sha1 = gpg.sign(SIGNED, rsa, "--digest-algo", "SHA1")
    other = SIGNED + b"!"
    return {
        "good": Case(good, gpg.sign(SIGNED, good), SignatureStatus.GOOD),
        "good, text mode": Case(good, gpg.sign(SIGNED, good, "--textmode"), SignatureStatus.GOOD),
        "good, RSA": Case(rsa, gpg.sign(SIGNED, rsa), SignatureStatus.GOOD),
        "bad": Case(good, gpg.sign(SIGNED, good), bad, other),
        "SHA-1": Case(rsa, sha1, SignatureStatus.WEAK),
        "SHA-1 and bad": Case(rsa, sha1, bad, other),
        "by a revoked key": Case(revoked, by_revoked, SignatureStatus.KEY_REVOKED),
        "by a revoked key and bad": Case(revoked, by_revoked, bad, other),
        "after the key expired": Case(shortened, in_2022, SignatureStatus.KEY_EXPIRED),
        "after the key expired and bad": Case(shortened, in_2022, bad, other),
        "before the key expired": Case(old, in_2020, SignatureStatus.GOOD),
        "before the key expired and bad": Case(old, in_2020, bad, other),
    }


NAMES = (
    "good", "good, text mode", "good, RSA", "bad", "SHA-1", "SHA-1 and bad", "by a revoked key",
    "by a revoked key and bad", "after the key expired", "after the key expired and bad", "before the key expired",
    "before the key expired and bad",
)  # fmt: skip


@pytest.fixture(scope="module")
def keyring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GnupgKeyring]:
    ring = GnupgKeyring(tmp_path_factory.mktemp("ring"))
    yield ring
    ring.close()


@pytest.mark.parametrize("name", NAMES)
def test_gnupgs_signatures_are_told_apart(
    name: str, cases: dict[str, Case], partner_computer: Gpg, keyring: GnupgKeyring
) -> None:
    case = cases[name]
    public = read_public_key(partner_computer.public(case.key))
    keyring.add(public.octets)
    check = OpenPgpEngine({public.fingerprint: public}, keyring.explain, None).check(case.octets, case.signature)
    assert (check.status, check.fingerprint) == (case.status, case.key)


def test_a_key_file_with_a_short_rsa_key_is_refused_in_one_line(partner_computer: Gpg) -> None:
    """Such a key can never be relied on, so the operator hears of it when it is added, not with the first mail."""
    short = partner_computer.generate("short@x.example", "rsa1024")
    with pytest.raises(KeyringError, match="an RSA key of 1024 bits") as error:
        read_public_key(partner_computer.public(short))
    assert "\n" not in str(error.value)


def test_a_key_that_expired_since_is_reported_with_its_date(cases: dict[str, Case], partner_computer: Gpg) -> None:
    """The engine reports a good signature and the key's end; `judge` refuses it."""
    case = cases["before the key expired"]
    public = read_public_key(partner_computer.public(case.key))
    check = OpenPgpEngine({public.fingerprint: public}, unexplained, None).check(SIGNED, case.signature)
    assert check.key_expires_at is not None
    assert check.key_expires_at < NOW
    assert check.signed_at == datetime(2020, 6, 1, tzinfo=UTC)


def test_the_engine_says_the_same_as_gnupg_about_a_real_batch(partner_computer: Gpg, tmp_path: Path) -> None:
    gpg = partner_computer
    key = gpg.generate("both@x.example")
    octets = base64.encodebytes(certificates_xml("NZ-1")).replace(b"\n", b"\r\n")
    signature = gpg.sign(octets, key)
    public = read_public_key(gpg.public(key))
    (tmp_path / "batch").write_bytes(octets)
    (tmp_path / "batch.asc").write_bytes(signature)
    said = gpg.run("--status-fd", "1", "--verify", str(tmp_path / "batch.asc"), str(tmp_path / "batch"))
    assert b"GOODSIG" in said
    assert OpenPgpEngine({key: public}, unexplained, None).check(octets, signature).status is SignatureStatus.GOOD


# Real mail

IRRD, RIPE = SHARED / "mail/irrd", SHARED / "mail/ripe-whois"
IRRD_MAILS = {
    "parse_valid_multipart_signed_ascii": SignatureStatus.GOOD,
    "parse_valid_multipart_signed_unicode": SignatureStatus.GOOD,
    "parse_invalid_signature_multipart_signed_ascii_bad_signature": SignatureStatus.BAD,
}


@pytest.mark.skipif(not IRRD.is_dir(), reason="the mails of irrd (../shared/data/mail/irrd) are not here")
@pytest.mark.parametrize(("name", "status"), IRRD_MAILS.items())
def test_real_mails_get_the_verdict_that_irrd_gives(name: str, status: SignatureStatus, keyring: GnupgKeyring) -> None:
    """The corpus lost the last boundary of each mail and the layout of its key; both are put back here."""
    lines = (IRRD / "rpsl_samples_key_raw.txt").read_text("utf-8").splitlines()
    armor = [line if line.startswith("---") else "".join(line.removeprefix("+  ").split()) for line in lines]
    key = read_public_key("\n".join(armor).encode())
    keyring.add(key.octets)
    mails = json.loads((IRRD / "email_pgp_vectors.json").read_text("utf-8"))
    text = mails[f"test_email.py::test_{name}"]["strings"][0].rstrip("\n")
    boundary = text.partition('boundary="')[2].partition('"')[0]
    message = mime.read(f"{text}\n--{boundary}--\n".replace("\n", "\r\n").encode())
    assert isinstance(message, SignedMessage)
    check = OpenPgpEngine({key.fingerprint: key}, keyring.explain, None).check(message.signed_octets, message.signature)
    assert (check.status, check.fingerprint) == (status, "86261D8DBEBDA4F54692D64DA8383BA780F238C6")


@pytest.mark.skipif(not RIPE.is_dir(), reason="the mails of ripe-whois (../shared/data/mail/ripe-whois) are not here")
@pytest.mark.parametrize("name", ["verify_multipart_plain_text_message", "verify_multipart_alternative_message"])
def test_gpg_takes_real_signatures_of_2012_so_nobody_is_suspected(name: str, keyring: GnupgKeyring) -> None:
    """They verify, but with SHA-1: what gpg takes and Sequoia does not is called weak, and not bad."""
    vectors = json.loads((RIPE / "pgp_x509_vectors.json").read_text("utf-8"))
    signed, signature = vectors[f"PgpSignedMessageTest.{name}"]["strings"][:2]
    keyring.add(json.loads((RIPE / "pgp_keys.json").read_text("utf-8"))["PGPKEY-28F6CD6C"].encode())
    armor = f"-----BEGIN PGP SIGNATURE-----\n\n{signature.strip()}\n-----END PGP SIGNATURE-----\n".encode()
    octets = signed.replace("\n", "\r\n").encode()
    fingerprint = "1C40500A1DC4A8D8D3EAABF9EE991EE228F6CD6C"
    assert keyring.explain(octets, armor, fingerprint) is SignatureStatus.GOOD
    assert keyring.explain(octets + b"!", armor, fingerprint) is SignatureStatus.BAD


@pytest.mark.skipif(not RIPE.is_dir(), reason="the keys of ripe-whois (../shared/data/mail/ripe-whois) are not here")
def test_real_keys_are_read_or_refused_in_one_line() -> None:
    said = [outcome(armor) for armor in json.loads((RIPE / "pgp_keys.json").read_text("utf-8")).values()]
    assert all("\n" not in line for line in said)
    assert "62346350CAE2433E24001D7294FA62C36481AE34" in said


def outcome(armor: str) -> str:
    try:
        return read_public_key(armor.encode()).fingerprint
    except KeyringError as error:
        return str(error)
