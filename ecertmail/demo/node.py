"""One installation of the demo, driven through the command line as a sysadmin would."""

import json
import os
import smtplib
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

_PATIENCE = 30.0


class ObservedError(Exception):
    """Something was observed that should not be, or not observed that should be."""


class DemoNode:
    """An authority with its own folder, key, daemon and port."""

    def __init__(self, name: str, institution: str, country: str, folder: Path, port: int, smarthost: int) -> None:
        self.name = name
        self.institution = institution
        self.country = country
        self.address = f"ecert@{name}.example"
        self.folder = folder / name
        self.port = port
        self._smarthost = smarthost
        self._daemon: subprocess.Popen[bytes] | None = None

    @property
    def key_file(self) -> Path:
        """The public key that partners get."""
        return self.folder / "keys/node.asc"

    def run(self, *arguments: str, expect: int = 0) -> bytes:
        """Run `ecertmail -C … ARGUMENTS` and return what it printed; any other exit code is an observation."""
        command = [sys.executable, "-m", "ecertmail", "-C", str(self.folder / "ecertmail.toml"), *arguments]
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode != expect:
            said = (done.stderr or done.stdout).decode().strip()
            raise ObservedError(f"`ecertmail {' '.join(arguments)}` ended with {done.returncode}, not {expect}: {said}")
        return done.stdout

    def query(self, *arguments: str) -> Any:
        """Run a command with --json and return its answer."""
        return json.loads(self.run(*arguments, "--json"))

    def find(self, number: str) -> Any:
        """Look a certificate up; an empty list as long as it is not there."""
        command = [sys.executable, "-m", "ecertmail", "-C", str(self.folder / "ecertmail.toml"), "lookup", number]
        done = subprocess.run([*command, "--json"], capture_output=True, check=False)
        return json.loads(done.stdout) if done.returncode == 0 else []

    def init(self) -> str:
        """Make the installation and return the fingerprint of its new key."""
        self.run("init", str(self.folder), "--name", self.institution, "--country", self.country,
                 "--address", self.address)  # fmt: skip
        file = self.folder / "ecertmail.toml"
        text = file.read_text(encoding="utf-8")
        for default, value in {
            "# port = 2525": f"port = {self.port}",
            "# port = 25\n": f"port = {self._smarthost}\n",
            '# starttls = "when-offered"': 'starttls = "never"',
            '# hostname = "localhost"': f'hostname = "mail.{self.name}.example"',
        }.items():
            text = text.replace(default, value)
        file.write_text(text, encoding="utf-8")
        return next(line.split('"')[1] for line in text.splitlines() if line.startswith("fingerprint"))

    def add_partner(self, other: "DemoNode", fingerprint: str) -> None:
        """Register the other authority under a fingerprint that came by another way."""
        self.run("partner", "add", other.name, str(other.key_file), "--name", other.institution, "--country",
                 other.country, "--address", other.address, "--fingerprint", fingerprint)  # fmt: skip

    def start(self) -> None:
        """Start the daemon and wait until it takes connections."""
        log = (self.folder / "daemon.log").open("wb")
        command = [sys.executable, "-m", "ecertmail", "-C", str(self.folder / "ecertmail.toml"), "serve"]
        self._daemon = subprocess.Popen(command, stderr=log, env={**os.environ, "NO_COLOR": "1"})
        wait_for(f"the daemon of {self.name} to listen on port {self.port}", self._listens)

    def send(self, octets: bytes, sender: str, recipient: str) -> str:
        """Send a mail to this node by SMTP and return the server's answer."""
        with smtplib.SMTP("127.0.0.1", self.port, timeout=_PATIENCE) as smtp:
            smtp.ehlo()
            smtp.mail(sender)
            smtp.rcpt(recipient)
            code, reply = smtp.data(octets)
        if code != 250:
            raise ObservedError(f"the SMTP server of {self.name} answered {code} {reply.decode()}")
        return f"{code} {reply.decode()}"

    def stop(self) -> None:
        """Stop the daemon; one that does not end well is an observation."""
        daemon, self._daemon = self._daemon, None
        if daemon is not None:
            daemon.terminate()
            code = daemon.wait(_PATIENCE)
            subprocess.run(["gpgconf", "--homedir", str(self.folder / "keys/gnupg"), "--kill", "all"], check=False)  # noqa: S607
            if code != 0:
                raise ObservedError(f"the daemon of {self.name} ended with {code}; see {self.folder}/daemon.log")

    def _listens(self) -> bool:
        if self._daemon is not None and self._daemon.poll() is not None:
            log = (self.folder / "daemon.log").read_text(encoding="utf-8")
            raise ObservedError(f"the daemon of {self.name} ended: {log}")
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", self.port)) == 0


def wait_for(what: str, seen: Any) -> Any:
    """Wait until something is seen and return it."""
    end = time.monotonic() + _PATIENCE
    while not (result := seen()):
        if time.monotonic() > end:
            raise ObservedError(f"waited {_PATIENCE:.0f} seconds in vain for {what}")
        time.sleep(0.2)
    return result


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [sock.getsockname()[1] for sock in sockets]
    for sock in sockets:
        sock.close()
    return ports
