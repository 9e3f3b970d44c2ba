"""Mails and keys of two routing registries: our verdict is theirs, or the table says why it is another."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from ecertmail.core import mime
from ecertmail.edge.keyring import GnupgKeyring
from ecertmail.edge.openpgp import OpenPgpEngine, PublicKey, read_public_key
from ecertmail.errors import KeyringError
from ecertmail.findings import FindingCode as Code
from ecertmail.message import SignatureStatus, SignedMessage
from ecertmail.parties import Partner, PinnedKey
from tests.builders import CHINA, SHARED, examiner, key_of, new_zealand
from tests.flow.node import Node
from tests.hostile.case import Case, Fate, fate

IRRD, RIPE = SHARED / "mail/irrd", SHARED / "mail/ripe-whois"
pytestmark = pytest.mark.skipif(
    not (IRRD.is_dir() and RIPE.is_dir()), reason="the mails of irrd and ripe-whois (../shared/data/mail) are not here"
)

SASHA, USER = "sasha@example.com", "user@ripe.net"
INLINE = "signed inline, which we refuse by policy"


@dataclass(frozen=True, kw_only=True)
class Vector:
    """What a project says of a mail (signed well, or not), what we say, and why that differs."""

    name: str
    signed: bool
    code: Code
    answers: tuple[str, ...] = ()
    why: str = ""


def crlf(text: str) -> bytes:
    return text.replace("\r\n", "\n").replace("\n", "\r\n").encode()


# irrd

IRRD_VECTORS = (
    Vector(name="parse_valid_plain_with_charset", signed=False, code=Code.NOT_SIGNED),
    Vector(name="parse_valid_plain_without_charset", signed=False, code=Code.NOT_SIGNED),
    Vector(name="parse_valid_multipart_text_plain_with_charset", signed=False, code=Code.NOT_SIGNED),
    Vector(name="parse_valid_multipart_quoted_printable_with_charset", signed=False, code=Code.NOT_SIGNED),
    Vector(name="parse_valid_multipart_quoted_printable_without_charset", signed=False, code=Code.NOT_SIGNED),
    Vector(name="parse_valid_multipart_signed_ascii", signed=True, code=Code.SIGNATURE_STALE, answers=(SASHA,),
           why="well signed, but in 2018"),
    Vector(name="parse_valid_multipart_signed_unicode", signed=True, code=Code.SIGNATURE_STALE, answers=(SASHA,),
           why="well signed, but in 2018"),
    Vector(name="parse_invalid_multipart_signed_ascii_with_additional_text_part", signed=False,
           code=Code.SIGNED_STRUCTURE),
    Vector(name="parse_invalid_signature_multipart_signed_ascii_bad_signature", signed=False, code=Code.SIGNATURE_BAD),
    Vector(name="parse_valid_inline_signed_ascii", signed=True, code=Code.INLINE_SIGNED, why=INLINE),
    Vector(name="parse_invalid_inline_signed_ascii_multiple_messages", signed=False, code=Code.INLINE_SIGNED),
    Vector(name="invalid_blank_body", signed=False, code=Code.MIME_MALFORMED),
)  # fmt: skip


def irrd() -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = json.loads((IRRD / "email_pgp_vectors.json").read_text("utf-8"))
    return {name.partition("::test_")[2]: vector for name, vector in found.items() if name.startswith("test_email")}


def irrd_key() -> PublicKey:
    """The corpus lost the layout of the key; it is put back here."""
    lines = (IRRD / "rpsl_samples_key_raw.txt").read_text("utf-8").splitlines()
    armor = [line if line.startswith("---") else "".join(line.removeprefix("+  ").split()) for line in lines]
    return read_public_key("\n".join(armor).encode())


def irrd_mail(name: str) -> bytes:
    """The corpus lost the last boundary of each signed mail."""
    text = irrd()[name]["strings"][0].rstrip("\n")
    boundary = re.search('multipart/signed;\\s+boundary="([^"]+)"', text)
    end = f"\n--{boundary[1]}--\n" if boundary and "BEGIN PGP" in text else "\n"
    return crlf(text + end)


# ripe-whois

RIPE_MAILS = (
    Vector(name="inlinePgpSigned", signed=True, code=Code.INLINE_SIGNED, why=INLINE),
    Vector(name="multipartAlternativePgpSigned", signed=True, code=Code.INLINE_SIGNED, why=INLINE),
    Vector(name="multipartPgpSigned", signed=True, code=Code.SIGNATURE_UNKNOWN_KEY,
           why="the key is bound with SHA-1, so it cannot be registered here"),
    Vector(name="multipartPkcs7Signed", signed=True, code=Code.SMIME_SIGNED, why="S/MIME, which we do not take"),
    Vector(name="multipartAlternativeUnsigned", signed=False, code=Code.NOT_SIGNED),
    Vector(name="multipartMixedUnsigned", signed=False, code=Code.NOT_SIGNED),
    Vector(name="simpleHtmlTextUnsigned", signed=False, code=Code.NOT_SIGNED),
    Vector(name="simplePlainTextUnsigned", signed=False, code=Code.NOT_SIGNED),
    Vector(name="simplePlainTextUtf8Encoded", signed=False, code=Code.NOT_SIGNED),
    Vector(name="permanentFailureMessageRfc822", signed=False, code=Code.NOT_SIGNED),
    Vector(name="unsubscribeGmail", signed=False, code=Code.NOT_SIGNED),
)  # fmt: skip


def ripe() -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = json.loads((RIPE / "pgp_x509_vectors.json").read_text("utf-8"))
    return found


def ripe_keys() -> list[PublicKey]:
    found = []
    for armor in json.loads((RIPE / "pgp_keys.json").read_text("utf-8")).values():
        try:
            found.append(read_public_key(armor.encode()))
        except KeyringError:
            continue
    return found


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[OpenPgpEngine, dict[str, Partner]]]:
    ring = GnupgKeyring(tmp_path_factory.mktemp("ring"))
    theirs = {SASHA: [irrd_key()], USER: ripe_keys()}
    for key in [*theirs[SASHA], *theirs[USER]]:
        ring.add(key.octets)
    partners = {
        key.fingerprint: replace(
            new_zealand(),
            id=address,
            addresses=(address,),
            keys=tuple(PinnedKey(fingerprint=one.fingerprint) for one in keys),
        )
        for address, keys in theirs.items()
        for key in keys
    }
    keys = {key.fingerprint: key for found in theirs.values() for key in found}
    yield OpenPgpEngine(keys, ring.explain, key_of(CHINA.address).sign), partners
    ring.close()


@pytest.fixture
def node(tmp_path: Path, known: tuple[OpenPgpEngine, dict[str, Partner]]) -> Iterator[Node]:
    made = Node(tmp_path)
    made.examiner = replace(examiner(), openpgp=known[0], partners=known[1])
    yield made
    made.close()


def assert_we_say(node: Node, vector: Vector, mail: bytes) -> None:
    seen = fate(node, Case(name=vector.name, mail=lambda: mail))
    outcome = "refused" if vector.answers else "quarantined"
    assert seen == Fate(outcome=outcome, codes=(vector.code.code,), certificates=0, answers=vector.answers)


def assert_difference_is_explained(vector: Vector) -> None:
    """We take nothing that they do not; what they take and we do not has a reason."""
    assert vector.signed == bool(vector.why)


@pytest.mark.parametrize("vector", IRRD_VECTORS, ids=[vector.name for vector in IRRD_VECTORS])
def test_a_mail_of_irrd_gets_its_verdict(node: Node, vector: Vector) -> None:
    asserted = [line for line in irrd()[vector.name]["asserts"] if "pgp_fingerprint" in line]
    assert (asserted != ["parser.pgp_fingerprint is None"]) == vector.signed
    assert_difference_is_explained(vector)
    assert_we_say(node, vector, irrd_mail(vector.name))


@pytest.mark.parametrize("vector", RIPE_MAILS, ids=[vector.name for vector in RIPE_MAILS])
def test_a_mail_of_ripe_gets_its_verdict(node: Node, vector: Vector) -> None:
    assert_difference_is_explained(vector)
    assert_we_say(node, vector, crlf((RIPE / f"testMail/{vector.name}.mail").read_text("utf-8")))


def inline_vectors() -> list[tuple[str, str]]:
    if not RIPE.is_dir():
        return []
    found = [(name.partition(".")[2], vector["strings"]) for name, vector in ripe().items()]
    return [(name, strings[0]) for name, strings in found if strings and "BEGIN PGP SIGNED" in strings[0]]


@pytest.mark.parametrize(("name", "text"), inline_vectors(), ids=[name for name, _ in inline_vectors()])
def test_a_text_that_ripe_takes_or_not_is_refused_for_being_signed_inline(node: Node, name: str, text: str) -> None:
    mail = crlf(f"From: {USER}\nContent-Type: text/plain; charset=utf-8\n\n{text}")
    assert_we_say(node, Vector(name=name, signed=True, code=Code.INLINE_SIGNED, why=INLINE), mail)


@pytest.mark.parametrize("name", ["parse_valid_multipart_signed_ascii", "parse_valid_multipart_signed_unicode"])
def test_what_irrd_calls_well_signed_is_good_before_we_look_at_its_date(
    name: str, known: tuple[OpenPgpEngine, dict[str, Partner]]
) -> None:
    message = mime.read(irrd_mail(name))
    assert isinstance(message, SignedMessage)
    check = known[0].check(message.signed_octets, message.signature)
    assert (check.status, check.fingerprint) == (SignatureStatus.GOOD, irrd_key().fingerprint)


# Keys of ripe

NOT_HERE = {
    "isExpired": "RSA with 1,024 bits",
    "isRevokedKey": "RSA with 1,024 bits",
    "secp256k1PublicKey": "a curve that Sequoia does not know",
}


def key_vectors() -> list[tuple[str, str, str]]:
    """Each key as the registry publishes it, with the fingerprint that the object states."""
    if not RIPE.is_dir():
        return []
    found = []
    for name, vector in ripe().items():
        for text in vector["strings"][:1]:
            stated = re.search("^fingerpr:(.*)$", text, re.MULTILINE)
            lines = re.findall("^certif:[ ]*(.*)$", text, re.MULTILINE)
            if stated and "-----END PGP PUBLIC KEY BLOCK-----" in lines:
                found.append((name.partition(".")[2], stated[1].replace(" ", ""), "\n".join(lines)))
    return found


@pytest.mark.parametrize(("name", "stated", "armor"), key_vectors(), ids=[name for name, _, _ in key_vectors()])
def test_a_key_of_ripe_has_the_fingerprint_stated(name: str, stated: str, armor: str) -> None:
    if name in NOT_HERE:
        with pytest.raises(KeyringError, match="not an OpenPGP key that can be relied on"):
            read_public_key(armor.encode())
    else:
        assert read_public_key(armor.encode()).fingerprint == stated
