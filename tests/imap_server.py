"""What the IMAP servers of the tests share: where they are, how they are started, and a user's mailbox on one.

Courier and Cyrus are run from folders that `.ci/imap-servers` fills, by an unprivileged user, on loopback.
"""

import os
import pwd
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from imapclient import IMAPClient

from tests.dovecot import PASSWORD
from tests.installation import until

ROOT = Path(os.environ.get("ECERTMAIL_SERVERS") or "/var/cache/ecertmail-servers")


def unpacked(name: str) -> Path:
    """The folder of a server; the test is skipped where it is not, and fails in CI."""
    folder = ROOT / name
    if not (folder / "VERSION").exists():
        missing(f"{folder} is missing; .ci/imap-servers makes it")
    return folder


def missing(why: str) -> None:
    if os.environ.get("ECERTMAIL_CI"):
        pytest.fail(why)
    pytest.skip(why)


def version_of(name: str) -> str:
    """The version of Debian's package, or nothing where it is not unpacked."""
    file = ROOT / name / "VERSION"
    return file.read_text(encoding="utf-8").strip() if file.exists() else ""


def libraries(folder: Path) -> str:
    """Where a server's own libraries are, for LD_LIBRARY_PATH."""
    found = {file.parent for lib in ("lib", "usr/lib") for file in (folder / lib).rglob("*.so*")}
    return ":".join(sorted(map(str, found)))


@dataclass(frozen=True)
class Server:
    """A running server that keeps the folders of a user under `INBOX.`."""

    folder: Path
    port: int

    def account(self, user: str) -> "Account":
        return Account(self, user)

    def name(self, folder: str) -> str:
        return folder if folder == "INBOX" else f"INBOX.{folder}"


@dataclass(frozen=True)
class Account:
    """One user's mailbox, as other clients see it."""

    server: Server
    user: str

    def client(self) -> IMAPClient:
        client = IMAPClient("127.0.0.1", port=self.server.port, ssl=False)
        client.login(self.user, PASSWORD)
        return client

    def append(self, *mails: bytes, folder: str = "INBOX") -> None:
        name = self.server.name(folder)
        with self.client() as client:
            if not client.folder_exists(name):
                client.create_folder(name)
            for octets in mails:
                client.append(name, octets)

    def flags(self, folder: str = "INBOX") -> list[tuple[bytes, ...]]:
        """The flags of each message in a folder, in order, without \\Recent."""
        with self.client() as client:
            exists = client.select_folder(self.server.name(folder), readonly=True)[b"EXISTS"]
            client.use_uid = False
            found = client.get_flags(list(range(1, exists + 1)))
        return [tuple(flag for flag in found[number] if flag != b"\\Recent") for number in sorted(found)]

    def expunge(self, *uids: int) -> None:
        with self.client() as client:
            client.select_folder("INBOX")
            client.delete_messages(list(uids))
            client.expunge()


@contextmanager
def started(folder: Path, port: int, command: list[str], **options: Any) -> Iterator[None]:
    """Run a server until the block ends; all its processes end with it."""
    log = folder / "server.log"
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, cwd=folder, start_new_session=True, **options)
    try:
        until(lambda: _answers(port, process, log))
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(20)


def _answers(port: int, process: subprocess.Popen[bytes], log: Path) -> bool:
    assert process.poll() is None, log.read_text(encoding="utf-8", errors="replace")
    try:
        IMAPClient("127.0.0.1", port=port, ssl=False).shutdown()
    except OSError:
        return False
    return True


def owner() -> pwd.struct_passwd:
    """Who runs a server: nobody, or whoever runs the tests."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())


def own(path: Path) -> None:
    """Give what root made to the server's user."""
    if os.geteuid() == 0:
        subprocess.run(["chown", "-R", f"{owner().pw_uid}:{owner().pw_gid}", str(path)], check=True)


@contextmanager
def home(name: str) -> Iterator[Path]:
    """A folder for one server, with a short name: those of sockets may have 107 octets."""
    with tempfile.TemporaryDirectory(prefix=f"{name}-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextmanager
def authenticator(path: Path, answer: Callable[[socket.socket], None]) -> Iterator[None]:
    """Serve a socket that an IMAP server asks about logins."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    path.chmod(0o777)
    listener.listen(50)

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection, suppress(OSError):
                    answer(connection)

    threading.Thread(target=serve, daemon=True).start()
    yield
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
