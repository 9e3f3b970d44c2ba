"""Partners' keys that cannot be used: refused when added, an error in `check-config`, a warning at start."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pysequoia
import pytest
from click.testing import Result

from ecertmail.errors import KeyringError
from tests import installation
from tests.builders import NZ_ADDRESS, Gpg, Key, batch_mail, certificates_xml, make_key
from tests.installation import Installation, Sink

DAFF = "ecert@daff.gov.example"


def v6() -> Key:
    return make_key(DAFF, profile=pysequoia.Profile.RFC9580)


def made_by_gpg(algorithm: str, *options: str, usage: str = "sign") -> Callable[[Path], bytes]:
    """A partner's public key that GnuPG makes with a smile."""

    def make(folder: Path) -> bytes:
        gpg = Gpg(folder)
        gpg.run(*options, "--quick-generate-key", f"DAFF <{DAFF}>", algorithm, usage, "1y")
        public = gpg.public(DAFF)
        gpg.stop()
        return public

    return make


def ed448(folder: Path) -> bytes:
    """An EdDSA key on Ed448 of version 4, as other programs make."""
    point = b"\x40" + bytes(57)
    oid = bytes.fromhex("032b6571")
    body = b"\x04\x65\x00\x00\x00\x16" + oid + (7 + 57 * 8).to_bytes(2, "big") + point
    return bytes([0xC6, len(body)]) + body + b"\xcd\x04DAFF"


UNUSABLE = {
    "brainpool": (made_by_gpg("brainpoolP256r1"), r"its curve \(brainpoolP256r1\) cannot be checked"),
    "secp256k1": (made_by_gpg("secp256k1"), r"its curve \(secp256k1\) cannot be checked"),
    "ed448": (ed448, r"its curve \(Ed448\) cannot be checked"),
    "SHA-1": (made_by_gpg("rsa2048", "--cert-digest-algo", "SHA1"), "signed it with SHA1 only"),
    "short": (made_by_gpg("rsa1024"), "an RSA key of 1024 bits"),
    "certifies only": (made_by_gpg("ed25519", usage="cert"), "cannot sign"),
}


def add(china: Installation, octets: bytes, fingerprint: str = "") -> Result:
    key_file = china.folder / "daff.asc"
    key_file.write_bytes(octets)
    told = ("--fingerprint", fingerprint) if fingerprint else ()
    return china.cli(
        "partner", "add", "au", str(key_file), "--name", "DAFF", "--country", "AU", "--address", DAFF, *told
    )


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_key_that_cannot_be_used_is_refused_when_it_is_added_with_its_reason(
    name: str, china: Installation, tmp_path: Path
) -> None:
    make, says = UNUSABLE[name]
    octets = make(tmp_path / "gnupg")
    refused = add(china, octets)
    assert refused.exit_code == KeyringError.exit_code
    assert re.search(says, refused.output), refused.output
    assert "Stack" not in refused.output
    assert not (china.folder / "partners/au.toml").exists()


def test_a_key_of_version_6_works_although_gnupg_cannot_read_it(china: Installation, sink: Sink) -> None:
    china.set('# verify_with = ["sequoia"]', '["sequoia", "gnupg"]')
    key = v6()
    added = add(china, bytes(key.tsk.extract_certificate()), key.fingerprint)
    assert (added.exit_code, "GnuPG of this machine cannot read this key" in added.output) == (0, True), added.output
    assert china.cli("check-config").exit_code == 0
    china.start()
    china.send(batch_mail(certificates_xml("AU/1", country="AU"), sender=DAFF, sign=key.sign), sender=DAFF)
    assert b"accepted" in sink.wait_for(1)[0].lower()
    assert "key.unknown-to-gnupg" in china.log
    forged = certificates_xml("AU/2", country="AU")
    china.send(batch_mail(forged, sender=DAFF, sign=lambda octets: key.sign(octets + b"!"), serial="2"), sender=DAFF)
    installation.until(lambda: "signature-bad" in china.log)
    china.send(batch_mail(certificates_xml("NZ/1"), serial="3"))
    assert b"NZ/1" in sink.wait_for(2)[1]


DAMAGED = {
    "empty": lambda file: file.write_bytes(b""),
    "gone": lambda file: file.unlink(),
    "garbage": lambda file: file.write_bytes(b"garbage"),
    "another key": lambda file: file.write_bytes(bytes(make_key("x@x.example").tsk.extract_certificate())),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_one_partners_unusable_key_stops_neither_the_daemon_nor_the_others(
    name: str, china: Installation, sink: Sink
) -> None:
    key = make_key(DAFF)
    assert add(china, bytes(key.tsk.extract_certificate()), key.fingerprint).exit_code == 0
    DAMAGED[name](china.folder / "partners/au.asc")
    checked = china.cli("check-config")
    assert (checked.exit_code, "au.asc" in checked.output) == (3, True)
    china.start()
    assert "key.unusable" in china.log
    china.send(batch_mail(certificates_xml("NZ/1")), sender=NZ_ADDRESS)
    assert b"NZ/1" in sink.wait_for(1)[0]
    assert china.cli("partner", "show", "au").exit_code == 0
    assert "UNUSABLE" in china.cli("partner", "keys", "list").output or name == "another key"
    assert china.cli("status").exit_code == 0


def agents(home: Path) -> list[str]:
    """The processes of GnuPG's agents for a home."""
    return [file.parent.name for file in Path("/proc").glob("[0-9]*/cmdline") if _is_agent(file, home)]


def _is_agent(cmdline: Path, home: Path) -> bool:
    try:
        said = cmdline.read_bytes()
    except OSError:
        return False
    return b"gpg-agent" in said and str(home).encode() in said


def test_a_daemon_keeps_its_agent_and_leaves_none(daemon: Installation) -> None:
    home = daemon.folder / "keys/gnupg"
    before = agents(home)
    assert len(before) == 1
    assert daemon.cli("check-config").exit_code == 0
    assert daemon.process is not None
    os.kill(daemon.process.pid, 1)
    installation.until(lambda: "reload.done" in daemon.log)
    assert agents(home) == before
    assert daemon.stop() == 0
    assert agents(home) == []
