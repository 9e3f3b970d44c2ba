"""One GnuPG home: generate, import, export, sign, explain signatures, take encryption off."""

import os
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from typing import Any

import gnupg

from ecertmail import durable
from ecertmail.edge.keyring.agent import Agent
from ecertmail.errors import KeyringError, UnreadableError
from ecertmail.message import SignatureStatus

_PAUSES = (0.1, 0.5)  # seconds between tries while the agent does not answer
_EXPLAINED = {
    "signature valid": SignatureStatus.GOOD,
    "signature good": SignatureStatus.GOOD,
    "signing key has expired": SignatureStatus.KEY_EXPIRED,
    "signature expired": SignatureStatus.EXPIRED,
    "signing key was revoked": SignatureStatus.KEY_REVOKED,
}
# What gpg says in English when its agent does not answer; the status lines then say "no secret key" only.
_AGENT_TROUBLE = re.compile("connect to the (gpg-)?agent|Broken pipe|Connection reset|End of file|IPC|No agent running")


class GnupgKeyring:
    """One GnuPG home; nothing outside it is read or written. Close it, or the agent that GnuPG started stays."""

    def __init__(self, home: Path) -> None:
        """Open a home, and make it where it is not there.

        Raises:
            KeyringError: there is no GnuPG on this machine.
            UnreadableError: it cannot be used now: no permission, too many open files, no memory.
        """
        self.home = home
        self._agent = Agent(home)
        try:
            durable.make_folder(home)
            self._gpg = gnupg.GPG(gnupghome=str(home), env=os.environ | {"LC_ALL": "C.UTF-8"})
        except (OSError, ValueError) as error:
            if shutil.which("gpg") is None:
                raise KeyringError(f"{home}: there is no GnuPG here; install the package gnupg") from error
            raise UnreadableError(f"{home}: GnuPG cannot be used now ({error})") from error

    def generate(self, name: str, address: str, passphrase: str) -> str:
        """Generate the node's Ed25519 signing key with a Curve25519 encryption subkey; return its fingerprint."""
        # The passphrase is random: stretching it guards nothing and would cost 0.3 s for each encrypted mail.
        durable.write(self.home / "gpg-agent.conf", b"s2k-count 65536\n")
        self._agent.use()
        request = self._gpg.gen_key_input(
            key_type="EDDSA", key_curve="ed25519", key_usage="sign", subkey_type="ECDH", subkey_curve="cv25519",
            subkey_usage="encrypt", name_real=name, name_email=address, expire_date="3y", passphrase=passphrase,
        )  # fmt: skip
        made = self._gpg.gen_key(request)
        if not made.fingerprint:
            raise KeyringError(f"{self.home}: GnuPG made no key: {_last_line(made.stderr)}")
        durable.sync_tree(self.home)
        return str(made.fingerprint)

    def add(self, public_key: bytes) -> None:
        """Import or refresh a public key; GnuPG itself does not sync what it wrote."""
        result = self._gpg.import_keys(public_key)
        if not result.fingerprints:
            raise KeyringError(f"{self.home}: GnuPG does not take the key: {_last_line(result.stderr)}")
        durable.sync_tree(self.home)

    def public_key(self, fingerprint: str) -> str:
        """Return a public key in armour."""
        armored = str(self._gpg.export_keys(fingerprint))
        if not armored:
            raise KeyringError(f"{self.home}: there is no key {fingerprint}; see `gpg --homedir {self.home} -k`")
        return armored

    def secret_key(self, fingerprint: str, passphrase: str) -> bytes:
        """Return the node's secret key, still protected by its passphrase."""
        self._agent.use()
        exported = _tried(lambda: self._gpg.export_keys(fingerprint, secret=True, armor=False, passphrase=passphrase))
        if not exported:
            raise KeyringError(
                f"{self.home}: the secret key {fingerprint} cannot be read. Is it there (`gpg --homedir {self.home} "
                f"-K`), and is the passphrase right? Its files are in {self.home}/private-keys-v1.d; GnuPG keeps no "
                "second copy of them, so restore a lost one from the backup"
            )
        return bytes(exported)

    def signer(self, fingerprint: str, passphrase: str = "") -> Callable[[bytes], bytes]:
        """Return a function that signs through GnuPG's agent; without a passphrase the agent asks for it."""

        def sign(octets: bytes) -> bytes:
            made = self._gpg.sign(
                octets, keyid=fingerprint, detach=True, clearsign=False, passphrase=passphrase or None,
                extra_args=["--digest-algo", "SHA512"],
            )  # fmt: skip
            if not made.data:
                raise KeyringError(f"{self.home}: GnuPG made no signature: {_last_line(made.stderr)}")
            return bytes(made.data)

        return sign

    def explain(self, signed: bytes, signature: bytes, fingerprint: str) -> SignatureStatus:
        """Say what gpg thinks of a signature that names this key: `good`, `bad`, or why the key does not count."""
        with NamedTemporaryFile(dir=self.home, suffix=".sig") as file:
            file.write(signature)
            file.flush()
            seen = self._gpg.verify_data(file.name, signed)
        if len(seen.sig_info) > 1 or seen.pubkey_fingerprint != fingerprint:
            return SignatureStatus.BAD
        if any(problem.get("status") == "signature expired" for problem in seen.problems):
            return SignatureStatus.EXPIRED
        return _EXPLAINED.get(seen.key_status or seen.status, SignatureStatus.BAD)

    def unwrap(self, ciphertext: bytes, passphrase: str, longest: int) -> bytes | None:
        """Take one layer of encryption to a key of this home off; what was inside stays as packets, never unpacked.

        Args:
            ciphertext: an OpenPGP message, armoured or binary.
            passphrase: of the node's key.
            longest: octets beyond which gpg stops.

        Returns:
            The packets inside, or None if they cannot be decrypted or were tampered with.

        Raises:
            ConnectionError: GnuPG's agent does not answer, so it is not known whether they can be decrypted.
        """
        self._agent.use()
        options = ["--unwrap", "--max-output", str(longest)]

        def decrypt() -> Any:
            seen = self._gpg.decrypt(ciphertext, passphrase=passphrase or None, extra_args=options)
            return seen if seen.ok or not _AGENT_TROUBLE.search(seen.stderr) else None

        seen = _tried(decrypt)
        if seen is None:
            raise ConnectionError(f"{self.home}: GnuPG's agent does not answer")
        return bytes(seen.data) if seen.ok and seen.data else None

    def holds(self, fingerprint: str) -> bool:
        """Say whether the public key with this primary fingerprint is in the keyring."""
        return fingerprint in self._gpg.list_keys().fingerprints

    def set_damaged_aside(self) -> bool:
        """Take away the files that GnuPG cannot read, after a power cut for example; return whether there were any.

        GnuPG makes new ones. `trustdb.gpg` holds nothing that is needed here. What stood in `pubring.kbx` must be added
        again; it stays as `pubring.kbx.damaged`. Secret keys lie in files of their own, which are not touched.
        """
        if self._readable():
            return False
        durable.remove(self.home / "trustdb.gpg")
        if not self._readable():
            pubring = self.home / "pubring.kbx"
            pubring.replace(pubring.with_name("pubring.kbx.damaged"))
        return True

    def _readable(self) -> bool:
        return bool(self._gpg.list_keys().returncode == 0)

    def close(self) -> None:
        """Stop the agent that GnuPG started for this home, unless another process still works in the home."""
        self._agent.leave()


def gnupg_reads(public_key: bytes) -> bool:
    """Say whether the GnuPG of this machine can read a key, without touching any keyring."""
    with TemporaryDirectory(prefix="ecertmail-") as folder:
        return bool(gnupg.GPG(gnupghome=folder).import_keys(public_key).fingerprints)


def _tried(call: Callable[[], Any]) -> Any:
    """Call until there is a result; an agent that is just starting or ending makes gpg fail for a moment."""
    for pause in _PAUSES:
        if result := call():
            return result
        time.sleep(pause)
    return call()


def _last_line(text: str) -> str:
    return next((line for line in reversed(text.splitlines()) if line.strip()), "no reason given")
