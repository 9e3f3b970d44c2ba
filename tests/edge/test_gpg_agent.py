"""The agent of a GnuPG home: never ended under anybody's work, and gone with the last user."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from ecertmail.edge.keyring import GnupgKeyring
from ecertmail.edge.openpgp import encrypt_to, read_public_key
from tests.builders import Gpg

PASSPHRASE = "correct horse"
LONGEST = 1000
USES_IT_AND_WAITS = """
import sys, time
from pathlib import Path
from ecertmail.edge.keyring import GnupgKeyring
keyring = GnupgKeyring(Path(sys.argv[1]))
assert keyring.secret_key(sys.argv[2], sys.argv[3])
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("node") / "gnupg"


@pytest.fixture(scope="module")
def fingerprint(home: Path) -> str:
    keyring = GnupgKeyring(home)
    made = keyring.generate("China Customs", "ecert@customs.example", PASSPHRASE)
    keyring.close()
    return made


@pytest.fixture
def sealed(home: Path, fingerprint: str) -> bytes:
    return encrypt_to(read_public_key(GnupgKeyring(home).public_key(fingerprint).encode()), b"Twenty tonnes of lamb.")


@pytest.fixture
def daemon(home: Path, fingerprint: str) -> Iterator[GnupgKeyring]:
    """A user that works in the home all the time."""
    keyring = GnupgKeyring(home)
    assert keyring.secret_key(fingerprint, PASSPHRASE)
    yield keyring
    keyring.close()


def agent(home: Path) -> str:
    """The process id of the home's agent, or nothing; it starts none."""
    command = ["gpg-connect-agent", "--homedir", str(home), "--no-autostart", "getinfo pid", "/bye"]
    said = subprocess.run(command, check=False, capture_output=True).stdout.decode()
    return next((line.removeprefix("D ") for line in said.splitlines() if line.startswith("D ")), "")


def test_the_agent_ends_with_its_only_user(home: Path, fingerprint: str) -> None:
    keyring = GnupgKeyring(home)
    assert keyring.secret_key(fingerprint, PASSPHRASE)
    assert agent(home)
    keyring.close()
    assert not agent(home)


def test_a_user_that_is_forgotten_ends_it_too(home: Path, fingerprint: str) -> None:
    assert GnupgKeyring(home).secret_key(fingerprint, PASSPHRASE)
    assert not agent(home)


def test_commands_beside_a_daemon_leave_its_agent_alone(daemon: GnupgKeyring, home: Path, fingerprint: str) -> None:
    before = agent(home)
    for _ in range(5):
        command = GnupgKeyring(home)
        assert command.secret_key(fingerprint, PASSPHRASE)
        command.close()
    assert agent(home) == before != ""


def test_what_others_do_costs_no_decryption(daemon: GnupgKeyring, home: Path, fingerprint: str, sealed: bytes) -> None:
    """Every reload and every `check-config` once ended the agent, and 3 of 120 good mails could not be decrypted."""
    done = Event()

    def come_and_go() -> int:
        times = 0
        while not done.is_set():
            command = GnupgKeyring(home)
            assert command.secret_key(fingerprint, PASSPHRASE)
            command.close()
            times += 1
        return times

    with ThreadPoolExecutor() as pool:
        others = pool.submit(come_and_go)
        opened = [daemon.unwrap(sealed, PASSPHRASE, LONGEST) for _ in range(40)]
        done.set()
        assert others.result() > 2
    assert None not in opened


def test_a_secret_key_is_read_at_once_after_the_agent_was_ended(home: Path, fingerprint: str) -> None:
    """Of 250 reads right after an end, 14 once were empty with GnuPG 2.4."""
    for _ in range(20):
        keyring = GnupgKeyring(home)
        assert keyring.secret_key(fingerprint, PASSPHRASE)
        keyring.close()


def test_an_agent_that_somebody_else_ends_is_started_again(daemon: GnupgKeyring, home: Path, sealed: bytes) -> None:
    """As a package upgrade does."""
    for _ in range(10):
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "gpg-agent"], check=True)
        assert daemon.unwrap(sealed, PASSPHRASE, LONGEST) is not None


def test_without_an_agent_it_is_not_known_whether_a_mail_can_be_decrypted(
    home: Path, fingerprint: str, sealed: bytes
) -> None:
    """So the mail is not quarantined as undecryptable; it is tried again."""
    keyring = GnupgKeyring(home)
    conf = home / "gpg.conf"
    conf.write_text("agent-program /bin/false\n", encoding="ascii")
    try:
        with pytest.raises(ConnectionError, match="does not answer"):
            keyring.unwrap(sealed, PASSPHRASE, LONGEST)
    finally:
        conf.unlink()
        keyring.close()


def test_a_user_that_was_killed_keeps_no_agent(home: Path, fingerprint: str) -> None:
    command = [sys.executable, "-c", USES_IT_AND_WAITS, str(home), fingerprint, PASSPHRASE]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGKILL)
    assert agent(home)
    GnupgKeyring(home).close()
    assert not agent(home)


def test_a_mail_to_somebody_else_is_not_tried_again(home: Path, tmp_path: Path) -> None:
    other = Gpg(tmp_path / "other")
    other.run("--quick-generate-key", "Other <other@x.example>", "future-default")
    sealed = other.run("--armor", "-r", "other@x.example", "--output", "-", "--encrypt", stdin=b"Lamb")
    other.stop()
    assert GnupgKeyring(home).unwrap(sealed, PASSPHRASE, LONGEST) is None
