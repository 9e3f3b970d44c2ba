"""Mails of New Zealand to China, every part of which can be another than it should be."""

from collections.abc import Callable, Mapping
from email.utils import format_datetime
from functools import cache

from ecertmail.core import compose
from tests.builders import CHINA, NOW, NZ_ADDRESS, batch_mail, certificates_xml, key_of
from tests.hostile.keys import NZ_KEYS, NZ_SUBKEYS
from tests.hostile.packets import armour

DOCUMENT = certificates_xml("NZ-1")
HEAD = {
    "From": NZ_ADDRESS,
    "To": CHINA.address,
    "Subject": "Certificates",
    "Date": format_datetime(NOW),
    "Message-ID": "<1@mpi.example>",
}


def attached(document: bytes = DOCUMENT) -> bytes:
    return compose.attachment(document, "application/xml", "batch.xml")


def mixed(*parts: bytes, seed: str = "mixed", head: Mapping[str, str] | None = None, kind: str = "") -> bytes:
    return compose.multipart(f"multipart/mixed{kind}", parts, seed, head)


PART = mixed(compose.text("Certificates, attached.\n"), attached())


def by_nz(octets: bytes) -> bytes:
    return key_of(NZ_ADDRESS).sign(octets)


def signed(signature: bytes | None = None, /, part: bytes = PART, **head: str) -> bytes:
    """A PGP/MIME mail; by default the signature is New Zealand's and good."""
    fields = {**HEAD, **{name.replace("_", "-"): value for name, value in head.items()}}
    return compose.signed(part, by_nz(part) if signature is None else signature, "outer", fields)


def with_head(head: bytes, part: bytes = PART) -> bytes:
    """A well-signed mail with exactly these header lines before those of MIME."""
    return head + compose.signed(part, by_nz(part), "outer", {})


def by(name: str, **how: object) -> Callable[[], bytes]:
    """A mail signed with one of New Zealand's other keys, or with the subkey that hangs on it."""
    secret = NZ_SUBKEYS[name.removeprefix("subkey ")] if name.startswith("subkey ") else NZ_KEYS[name].primary
    return lambda: signed(armour(secret.signature(PART, **how)))  # type: ignore[arg-type]


@cache
def good(serial: str = "good", number: str = "NZ-GOOD") -> bytes:
    """The honest mail that comes after each hostile one."""
    return batch_mail(certificates_xml(number), serial=serial)
