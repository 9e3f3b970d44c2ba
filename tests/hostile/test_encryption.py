"""Mail encrypted to the node passes the same checks, and nothing of it goes back in clear."""

from collections.abc import Callable
from dataclasses import replace
from tempfile import NamedTemporaryFile

import pysequoia
import pytest

from ecertmail.core import compose, mime
from ecertmail.edge.keyring import GnupgKeyring
from ecertmail.edge.openpgp import PublicKey
from ecertmail.findings import FindingCode as Code
from ecertmail.message import SignedMessage
from ecertmail.parties import Encryption
from tests.builders import AU_ADDRESS, CHINA, NZ_ADDRESS, Key, key_of, make_key
from tests.flow.node import Node
from tests.hostile.case import (
    Case,
    accepted,
    assert_comes_to,
    assert_next_good_mail_is_taken,
    refused,
    sent,
    stranger,
    table,
)
from tests.hostile.keys import china, computer
from tests.hostile.mails import DOCUMENT, HEAD, PART, attached, by_nz, mixed
from tests.hostile.packets import armour, packet
from tests.hostile.test_signatures import INJECTED, compressed, literal, nested, one, opaque

ELSEWHERE = mixed(attached(DOCUMENT.replace(b'country_code="CN"', b'country_code="AU"')))


def to(*recipients: PublicKey, content: bytes, signer: Key | None = None) -> bytes:
    certs = [key.cert for key in recipients]
    return bytes(pysequoia.encrypt(content, recipients=certs, signer=signer.tsk.signer() if signer else None))


def mail(ciphertext: bytes, **head: str) -> bytes:
    return compose.encrypted(ciphertext, "encrypted", {**HEAD, "Subject": "[...]", **head})


def wrapped(part: bytes = PART, sign: Callable[[bytes], bytes] = by_nz) -> bytes:
    return compose.signed(part, sign(part), "inner", {})


def sealed(content: bytes, signer: Key | None = None, **head: str) -> Callable[[], bytes]:
    return lambda: mail(to(china(), content=content, signer=signer), **head)


def tampered() -> bytes:
    armor = to(china(), content=wrapped())
    middle = len(armor) // 2
    other = b"A" if armor[middle : middle + 1] != b"A" else b"B"
    return mail(armor[:middle] + other + armor[middle + 1 :])


def gpg_sealed(content: bytes, *options: str) -> bytes:
    """What gpg encrypts to the node; with `--no-literal` the content is packets, and may be any."""
    with NamedTemporaryFile() as key:
        key.write(china().octets)
        key.flush()
        fixed = ("--armor", "--recipient-file", key.name, "--output", "-", "--encrypt")
        return computer().run(*options, *fixed, stdin=content)


def packets_inside(content: bytes) -> Callable[[], bytes]:
    return lambda: mail(gpg_sealed(content, "-z", "0", "--no-literal"))


def crowded() -> bytes:
    """The session key for the node comes after 200 others whose owner is left open."""
    sealed_packets = bytes(pysequoia.encrypt(wrapped(), recipients=[china().cert], armor=False))
    own = bytes(next(iter(pysequoia.packet.PacketPile.from_bytes(sealed_packets))))
    wrong = own[2:3] + bytes(8) + own[11:-1] + bytes([own[-1] ^ 1])
    return mail(armour(packet(1, wrong) * 200 + sealed_packets, b"MESSAGE"))


def parts(*halves: bytes, kind: str = "multipart/encrypted") -> bytes:
    return compose.multipart(f'{kind}; protocol="application/pgp-encrypted"', halves, "encrypted", HEAD)


VERSION = b"Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n"


def blob() -> bytes:
    return compose.attachment(to(china(), content=wrapped()), "application/octet-stream", "encrypted.asc")


LITERAL = literal(data=wrapped())
SMUGGLED = attached(DOCUMENT.replace(b"NZ-1", b"NZ-2"))
NZ, AU, STRANGER = key_of(NZ_ADDRESS), key_of(AU_ADDRESS), make_key(NZ_ADDRESS)

CLOSED = (
    stranger("unsigned inside", sealed(PART), Code.NOT_SIGNED),
    stranger("a stranger's signature inside", sealed(PART, STRANGER), Code.SIGNATURE_UNKNOWN_KEY),
    stranger("signed by a stranger, then encrypted", sealed(wrapped(sign=STRANGER.sign)), Code.SIGNATURE_UNKNOWN_KEY),
    stranger("another partner's signature inside", sealed(PART, AU), Code.FROM_NOT_PARTNER),
    stranger("signed by another partner, then encrypted", sealed(wrapped(sign=AU.sign)), Code.FROM_NOT_PARTNER),
    stranger("signed over other content", sealed(wrapped().replace(b"attached", b"detached")), Code.SIGNATURE_BAD),
    stranger("a stranger around a partner", sealed(wrapped(), STRANGER), Code.SIGNATURE_UNKNOWN_KEY),
    stranger("outer From of another", sealed(wrapped(), From="evil@x.example"), Code.FROM_NOT_PARTNER),
    stranger("two layers", sealed(mail(to(china(), content=wrapped()))), Code.NOT_DECRYPTABLE),
    stranger("signed one level down inside", sealed(mixed(wrapped())), Code.NOT_SIGNED),
    stranger("to somebody else", lambda: mail(to(AU.public, content=wrapped())), Code.NOT_DECRYPTABLE),
    stranger("tampered with", tampered, Code.NOT_DECRYPTABLE),
    stranger("cut off", lambda: mail(to(china(), content=wrapped())[:900] + b"\n-----END PGP MESSAGE-----"),
             Code.NOT_DECRYPTABLE),
    stranger("not encrypted at all", lambda: mail(armour(opaque(), b"MESSAGE")), Code.NOT_DECRYPTABLE),
    stranger("a literal in clear", lambda: mail(armour(literal(data=wrapped()), b"MESSAGE")), Code.NOT_DECRYPTABLE),
    stranger("a bomb in clear", lambda: mail(armour(compressed(bytes(9_000_000)), b"MESSAGE")), Code.NOT_DECRYPTABLE),
    stranger("nothing", lambda: mail(b""), Code.NOT_DECRYPTABLE),
    stranger("garbage", lambda: mail(armour(b"\xff" * 99, b"MESSAGE")), Code.NOT_DECRYPTABLE),
    stranger("200 session keys that name nobody", crowded, Code.NOT_DECRYPTABLE),
    stranger("40 nested compressions inside", packets_inside(nested(40, LITERAL)), Code.NOT_DECRYPTABLE),
    stranger("two literals inside", packets_inside(LITERAL * 2), Code.NOT_DECRYPTABLE),
    stranger("two literals inside, the second signed", packets_inside(literal(data=SMUGGLED) + opaque()),
             Code.NOT_DECRYPTABLE),
    stranger("a signature that comes before its content", packets_inside(one() + literal()), Code.NOT_DECRYPTABLE),
    stranger("two signatures inside", packets_inside(opaque() + one()), Code.NOT_DECRYPTABLE),
    stranger("a file name with status lines inside",
             packets_inside(literal(INJECTED[:200], wrapped(sign=STRANGER.sign))), Code.SIGNATURE_UNKNOWN_KEY),
    stranger("nothing inside", packets_inside(b""), Code.NOT_DECRYPTABLE),
    stranger("garbage inside", packets_inside(b"\xff" * 99), Code.NOT_DECRYPTABLE),
    stranger("garbage as session key", lambda: mail(armour(packet(1, bytes(300)), b"MESSAGE")), Code.NOT_DECRYPTABLE),
    stranger("without the version part", lambda: parts(blob()), Code.NOT_DECRYPTABLE),
    stranger("three parts", lambda: parts(VERSION, blob(), attached()), Code.NOT_DECRYPTABLE),
    stranger("encrypted as an attachment", lambda: parts(VERSION, blob(), kind="multipart/mixed"), Code.NOT_SIGNED),
)  # fmt: skip

OPENED = (
    accepted("signed, then encrypted, although nobody asked", sealed(wrapped())),
    accepted("signed inside", sealed(PART, NZ)),
    accepted("to several, the node among them", lambda: mail(to(AU.public, china(), NZ.public, content=wrapped()))),
    accepted("packets put together by hand", packets_inside(opaque())),
    accepted("compressed once", packets_inside(compressed(opaque()))),
    accepted("in base64", lambda: parts(VERSION, blob())),
    refused("signed for another country and encrypted anew to us", sealed(ELSEWHERE, NZ), Code.NOT_FOR_US),
    refused("signed for another country, wrapped anew", sealed(wrapped(ELSEWHERE)), Code.NOT_FOR_US),
    refused("signed inside, no certificate", sealed(compose.text("Hello"), NZ), Code.NO_BATCH),
)  # fmt: skip


@table(CLOSED)
def test_an_encrypted_mail_that_no_partner_signed_is_set_aside(node: Node, case: Case) -> None:
    assert_comes_to(node, case)


@table(OPENED)
def test_an_encrypted_mail_of_a_partner_is_judged_like_any_other(node: Node, case: Case) -> None:
    assert_comes_to(node, case)
    assert node.records()[0]["encrypted"] is True


def bomb() -> bytes:
    """40 MB of zeroes in a mail of 100 kB; a mail in clear may not have more than 25 MB."""
    return mail(gpg_sealed(b"Content-Type: text/plain\r\n\r\n" + bytes(40_000_000), "-z", "9"))


def test_a_compression_bomb_inside_is_not_unpacked(node: Node) -> None:
    assert_comes_to(node, stranger("a bomb", bomb, Code.NOT_DECRYPTABLE))


def test_a_node_key_without_a_passphrase_opens_mail_too() -> None:
    """`load_signer` takes such a key."""
    gpg = computer()
    gpg.run("--quick-generate-key", "Open <open@customs.example>", "future-default")
    ring = GnupgKeyring(gpg.home)
    sealed_mail = gpg.run("--armor", "-r", "open@customs.example", "--output", "-", "--encrypt", stdin=b"Lamb")
    assert ring.unwrap(sealed_mail, "any", 1000) is not None
    assert ring.unwrap(sealed_mail, "", 1000) is not None


SECRETS = (b"NZ-1", b"Lamb", b"Secret", b"batch.xml", b"hidden@mpi.example")
HIDDEN = {"From": NZ_ADDRESS, "To": CHINA.address, "Subject": "Secret", "Message-ID": "<hidden@mpi.example>"}


def confidential(document: bytes) -> bytes:
    return mail(to(china(), content=mixed(attached(document), head=HIDDEN, kind='; hp="cipher"'), signer=NZ))


def in_clear(octets: bytes) -> bytes:
    """An answer, with what is encoded for transport decoded."""
    message = mime.read(octets)
    assert isinstance(message, SignedMessage)
    leaves = mime.attachments(message.signed_octets)
    assert isinstance(leaves, tuple)
    return octets + b"".join(leaf.data for leaf in leaves)


DOCUMENTS = {
    "accepted": DOCUMENT,
    "a country not allowed": DOCUMENT.replace(b'"NZ"', b'"AU"'),
    "not valid": DOCUMENT.replace(b"<title>", b"<Secret>").replace(b"</title>", b"</Secret>"),
    "not well-formed": b"<Secret>",
    "a DOCTYPE": b"<!DOCTYPE Secret>" + DOCUMENT,
    "an unknown root": b"<Secret/>",
}


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS.keys())
@pytest.mark.parametrize("secret", SECRETS)
def test_nothing_of_an_encrypted_mail_is_quoted_in_clear(node: Node, document: bytes, secret: bytes) -> None:
    node.take(confidential(document))
    [answer] = sent(node)
    assert secret not in in_clear(answer.octets)


@pytest.mark.parametrize("secret", SECRETS)
def test_nothing_of_an_encrypted_mail_is_in_the_log(node: Node, secret: bytes) -> None:
    node.take(confidential(DOCUMENTS["not valid"]))
    if secret != b"hidden@mpi.example":  # the operator finds a mail by its Message-ID
        assert secret.decode() not in repr(node.log.lines)


@pytest.mark.parametrize("encrypt", [Encryption.REQUIRED, Encryption.WHEN_POSSIBLE])
def test_an_answer_is_encrypted_where_that_is_agreed(node: Node, encrypt: Encryption) -> None:
    partners = {f: replace(p, encrypt=encrypt) for f, p in node.examiner.partners.items()}
    node.examiner = replace(node.examiner, partners=partners)
    node.take(confidential(DOCUMENT))
    [answer] = sent(node)
    assert isinstance(mime.read(answer.octets), mime.Encrypted)
    assert [secret for secret in SECRETS[:4] if secret in answer.octets] == []
    assert_next_good_mail_is_taken(node)
