"""A real Dovecot on loopback: a private instance of an unprivileged user, any user name, one password, one token."""

import json
import os
import pwd
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from imapclient import IMAPClient

from ecertmail.demo.node import free_ports
from tests import dovecot_config
from tests.installation import until
from tests.test_tls import make_certificate

PASSWORD, TOKEN = "correct-horse", "ya29.token"
POOR = "IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE LITERAL+"
"""What a server says that has neither IDLE nor MOVE nor UIDPLUS."""

_numbers = count(1)
"""Names of files in maildirs must never come twice."""


@dataclass(frozen=True)
class Account:
    """One user's mailbox on the server."""

    server: "Dovecot"
    user: str

    @property
    def maildir(self) -> Path:
        return self.server.folder / "home" / self.user / "Maildir"

    def fill(self, mails: list[bytes], folder: str = "") -> None:
        """Deliver mails as a local delivery agent does: files with LF in `new`."""
        into = self.maildir / f".{folder}" if folder else self.maildir
        for part in ("new", "cur", "tmp"):
            (into / part).mkdir(parents=True, exist_ok=True)
        for octets in mails:
            number, text = next(_numbers), octets.replace(b"\r\n", b"\n")
            sizes = f",S={len(text)},W={len(octets)}"
            (into / "new" / f"{1_700_000_000 + number}.M{number}.test{sizes}").write_bytes(text)
        self.server.own(self.server.folder / "home" / self.user)

    def append(self, *mails: bytes, folder: str = "INBOX") -> None:
        """Put mails into a folder by IMAP, as the provider's other clients do."""
        with self.client() as client:
            if not client.folder_exists(folder):
                client.create_folder(folder)
            for octets in mails:
                client.append(folder, octets)

    def client(self) -> IMAPClient:
        """Open the mailbox as another client."""
        client = IMAPClient("127.0.0.1", port=self.server.port, ssl=False)
        client.login(self.user, PASSWORD)
        return client

    def flags(self, folder: str = "INBOX") -> list[tuple[bytes, ...]]:
        """The flags of each message in a folder, in order, without \\Recent."""
        with self.client() as client:
            client.select_folder(folder, readonly=True)
            found = client.get_flags(client.search("ALL"))
        return [tuple(flag for flag in found[uid] if flag != b"\\Recent") for uid in sorted(found)]

    def expunge(self, *uids: int) -> None:
        """Delete messages as another client does."""
        with self.client() as client:
            client.select_folder("INBOX")
            client.delete_messages(list(uids))
            client.expunge()

    def renumber(self, validity: int, folder: str = "INBOX") -> None:
        """Give a folder another UIDVALIDITY."""
        self.server.doveadm("mailbox", "update", "-u", self.user, "--uid-validity", str(validity), folder)


@dataclass(frozen=True)
class Dovecot:
    """A running server."""

    folder: Path
    user: str
    port: int
    tls_port: int

    @property
    def ca_file(self) -> Path:
        return self.folder / "localhost.pem"

    @property
    def log(self) -> str:
        return (self.folder / "dovecot.log").read_text(encoding="utf-8")

    def account(self, user: str) -> Account:
        return Account(self, user)

    def doveadm(self, *arguments: str) -> None:
        self.run("doveadm", "-c", str(self.folder / "dovecot.conf"), *arguments)

    def run(self, *command: str) -> None:
        done = subprocess.run(command, capture_output=True, check=False, cwd=self.folder, **_as(self.user))
        assert done.returncode == 0, (command, done.stderr)

    def own(self, path: Path) -> None:
        """Give what root made to the server's user."""
        if os.geteuid() == 0:
            subprocess.run(["chown", "-R", f"{self.user}:", str(path)], check=True)


@contextmanager
def running(capability: str = "") -> Iterator[Dovecot]:
    """Run a private Dovecot; `capability` replaces what it says that it can do."""
    if shutil.which("dovecot", path=_PATH) is None:
        if os.environ.get("ECERTMAIL_CI"):
            pytest.fail("dovecot is missing; .ci/run installs it")
        pytest.skip("dovecot is not installed")
    port, tls_port = free_ports(2)
    user = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    with tempfile.TemporaryDirectory(prefix="dovecot-", dir="/tmp") as name, _tokens() as token_port:
        server = Dovecot(Path(name), user, port, tls_port)
        _configure(server, capability, token_port)
        process = subprocess.Popen(["dovecot", "-F", "-c", f"{name}/dovecot.conf"], cwd=name, **_as(user))
        try:
            until(lambda: _answers(server, process))
            yield server
        finally:
            process.terminate()
            process.wait(20)


_PATH = "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"


def _as(user: str) -> dict[str, Any]:
    """How to start a program as a user who can do nothing else here."""
    environment = {"PATH": _PATH}
    if os.geteuid() != 0:
        return {"env": environment}
    entry = pwd.getpwnam(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": [], "env": environment}


def _configure(server: Dovecot, capability: str, token_port: int) -> None:
    folder = server.folder
    make_certificate(folder, "localhost")
    entry = pwd.getpwnam(server.user)
    group = subprocess.run(["id", "-gn", server.user], capture_output=True, check=True, text=True).stdout.strip()
    files = dovecot_config.files(
        version(), capability, folder=folder, user=entry.pw_name, group=group, password=PASSWORD,
        port=server.port, tls_port=server.tls_port, token_port=token_port,
    )  # fmt: skip
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    for name in ("home", "run", "state"):
        (folder / name).mkdir()
    server.own(folder)


@cache
def version() -> str:
    """The version of the Dovecot on this machine, such as 2.4.1."""
    said = subprocess.run(["dovecot", "--version"], capture_output=True, check=True, text=True, env={"PATH": _PATH})
    return re.split("[- ]", said.stdout.strip())[0]


def _answers(server: Dovecot, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, server.log
    try:
        IMAPClient("127.0.0.1", port=server.port, ssl=False).shutdown()
    except OSError:
        return False
    return True


@contextmanager
def _tokens() -> Iterator[int]:
    """What a provider has to look tokens up: it knows one, and that it is of the user named in it."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            token = parse_qs(urlsplit(self.path).query).get("token", [""])[0]
            user, _, rest = token.partition(":")
            good = rest == TOKEN
            body = json.dumps({"email": user, "active": "yes"} if good else {"error": "invalid_token"}).encode()
            self.send_response(200 if good else 401)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        log_message: Callable[..., None] = staticmethod(lambda *_: None)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
