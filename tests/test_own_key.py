"""The node's own key: tried once, signed with by GnuPG's agent where Sequoia cannot, and repaired after a power cut."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ecertmail import own_key
from ecertmail.edge.keyring import GnupgKeyring
from ecertmail.errors import KeyringError
from tests.builders import Gpg, key_of
from tests.flow.fakes import Log
from tests.installation import Installation
from tests.secret_keys import stub
from tests.strace import durable_calls

PASSPHRASE = "correct horse"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("made")
    keyring = GnupgKeyring(folder / "gnupg")
    fingerprint = keyring.generate("China Customs", "ecert@customs.example", PASSPHRASE)
    (folder / "node.asc").write_text(keyring.public_key(fingerprint), encoding="ascii")
    keyring.close()
    return folder, fingerprint


@pytest.fixture
def node(made: tuple[Path, str], tmp_path: Path) -> tuple[Path, str]:
    """The folder `keys` of a node, and the key's fingerprint."""
    shutil.copytree(made[0], tmp_path / "keys")
    return tmp_path / "keys", made[1]


def load(
    node: tuple[Path, str], passphrase: str = PASSPHRASE, home: type[GnupgKeyring] = GnupgKeyring
) -> tuple[own_key.OwnKey, list[str]]:
    log = Log()
    return own_key.load(home(node[0] / "gnupg"), node[1], passphrase, log), [event for _, event in log.events]


def test_a_good_key_signs_and_decrypts(node: tuple[Path, str]) -> None:
    own, events = load(node)
    assert own_key.prove(own)
    assert events == []


def test_a_key_that_only_signs_is_told_from_one_that_decrypts(tmp_path: Path) -> None:
    gpg = Gpg(tmp_path / "keys/gnupg", PASSPHRASE)
    own, _ = load((tmp_path / "keys", gpg.generate("node@x.example")))
    assert not own_key.prove(own)


def test_a_key_that_cannot_decrypt_any_more_is_found_before_a_partner_finds_it(node: tuple[Path, str]) -> None:
    """The file of the encryption subkey's secret is gone: the node signs, and no partner's encrypted mail is read."""
    gpg = Gpg(node[0] / "gnupg")
    listed = gpg.run("--with-colons", "--with-keygrip", "-K").decode().splitlines()
    grips = [line.split(":")[9] for line in listed if line.startswith("grp")]
    (node[0] / f"gnupg/private-keys-v1.d/{grips[1]}.key").unlink()
    with pytest.raises(KeyringError, match=r"cannot be read|cannot be decrypted"):
        own_key.prove(load(node)[0])


def test_a_wrong_passphrase_is_no_reason_to_ask_the_agent(node: tuple[Path, str]) -> None:
    with pytest.raises(KeyringError, match=r"is the passphrase right|passphrase is wrong"):
        load(node, "wrong horse")


class CardKeyring(GnupgKeyring):
    """A home whose key is on a card: what is exported is a stub, and only the agent can sign."""

    def secret_key(self, fingerprint: str, passphrase: str) -> bytes:
        super().secret_key(fingerprint, passphrase)
        return stub(key_of("card@x.example").tsk)


def test_a_key_on_a_card_signs_through_the_agent(node: tuple[Path, str]) -> None:
    own, events = load(node, home=CardKeyring)
    assert own_key.prove(own)
    assert events == ["key.signs-by-agent"]


def test_what_neither_can_sign_with_is_refused_with_both_reasons(tmp_path: Path) -> None:
    gpg = Gpg(tmp_path / "keys/gnupg", PASSPHRASE)
    old = gpg.generate("old@x.example", expires="2021-01-01", at="20200101T000000")
    with pytest.raises(KeyringError, match=r"nor does GnuPG sign with it .* it expires on 2021-01-01"):
        load((tmp_path / "keys", old))


# After a power cut


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def zeroed(file: Path) -> None:
    file.write_bytes(bytes(file.stat().st_size))


def halved(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def filled(file: Path) -> None:
    file.write_bytes(b"\xff\x13garbage" * 99)


DAMAGES = {"empty": emptied, "zeros": zeroed, "half": halved, "garbage": filled, "gone": Path.unlink}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
@pytest.mark.parametrize("name", ["pubring.kbx", "trustdb.gpg"])
def test_a_damaged_keyring_is_repaired_from_the_nodes_own_copy(
    node: tuple[Path, str], name: str, damage: Callable[[Path], None]
) -> None:
    damage(node[0] / "gnupg" / name)
    own, events = load(node)
    assert own_key.prove(own)
    own.keyring.add(key_of("partner@x.example").public.octets)
    assert events == ([] if name == "trustdb.gpg" and damage in {emptied, Path.unlink} else ["keyring.repaired"])


def test_without_a_copy_the_message_says_what_mends_it(node: tuple[Path, str]) -> None:
    emptied(node[0] / "gnupg/pubring.kbx")
    (node[0] / "node.asc").unlink()
    with pytest.raises(KeyringError, match=r"Copy the node's public key to .*/node\.asc, .*, or restore .*/gnupg from"):
        load(node)


def test_a_wrong_fingerprint_touches_no_keyring(node: tuple[Path, str]) -> None:
    before = (node[0] / "gnupg/pubring.kbx").read_bytes()
    with pytest.raises(KeyringError, match="fingerprint is wrong"):
        load((node[0], key_of("other@x.example").fingerprint))
    assert (node[0] / "gnupg/pubring.kbx").read_bytes() == before


def test_whatever_gnupg_wrote_is_synced(tmp_path: Path) -> None:
    (tmp_path / "partner.key").write_bytes(key_of("partner@x.example").public.octets)
    code = f"""
from pathlib import Path
from ecertmail.edge.keyring import GnupgKeyring
keyring = GnupgKeyring(Path({str(tmp_path / "gnupg")!r}))
keyring.generate("China Customs", "ecert@customs.example", {PASSPHRASE!r})
keyring.add(Path({str(tmp_path / "partner.key")!r}).read_bytes())
keyring.close()
"""
    synced = [path for name, path in durable_calls(tmp_path / "gnupg", code) if name == "fsync"]
    assert synced.count("pubring.kbx") == 2
    assert any(path.startswith("private-keys-v1.d/") for path in synced)
    assert synced[-1] == "."


# Commands


def test_check_config_tries_the_key_and_leaves_no_agent(china: Installation) -> None:
    home = china.folder / "keys/gnupg"
    assert china.cli("check-config").exit_code == 0
    assert not list(home.glob("S.gpg-agent"))
    gpg = Gpg(home)
    listed = gpg.run("--with-colons", "--with-keygrip", "-K").decode().splitlines()
    gpg.stop()
    grips = [line.split(":")[9] for line in listed if line.startswith("grp")]
    (home / f"private-keys-v1.d/{grips[1]}.key").unlink()
    seen = china.cli("check-config")
    assert (seen.exit_code, "decrypted" in seen.output or "cannot be read" in seen.output) == (5, True)


def test_init_leaves_no_agent_either(template: Installation) -> None:
    assert not list((template.folder / "keys/gnupg").glob("S.gpg-agent"))
