"""The node's GnuPG keyring in the installation's own folder: generate, import, export, explain."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from tempfile import NamedTemporaryFile

import gnupg

from ecertmail import durable
from ecertmail.errors import KeyringError
from ecertmail.message import SignatureStatus

_EXPLAINED = {
    "signature valid": SignatureStatus.GOOD,
    "signature good": SignatureStatus.GOOD,
    "signing key has expired": SignatureStatus.KEY_EXPIRED,
    "signature expired": SignatureStatus.EXPIRED,
    "signing key was revoked": SignatureStatus.KEY_REVOKED,
}


class GnupgKeyring:
    """One GnuPG home; nothing outside it is read or written."""

    def __init__(self, home: Path) -> None:
        durable.make_folder(home)
        self._home = home
        try:
            self._gpg = gnupg.GPG(gnupghome=str(home))
        except (OSError, ValueError) as error:
            raise KeyringError(f"{home}: GnuPG does not start ({error}); is the package gnupg installed?") from error

    def generate(self, name: str, address: str, passphrase: str) -> str:
        """Generate the node's Ed25519 signing key with a Curve25519 encryption subkey; return its fingerprint."""
        # The passphrase is random: stretching it guards nothing and would cost 0.3 s for each encrypted mail.
        durable.write(self._home / "gpg-agent.conf", b"s2k-count 65536\n")
        request = self._gpg.gen_key_input(
            key_type="EDDSA", key_curve="ed25519", key_usage="sign", subkey_type="ECDH", subkey_curve="cv25519",
            subkey_usage="encrypt", name_real=name, name_email=address, expire_date="3y", passphrase=passphrase,
        )  # fmt: skip
        made = self._gpg.gen_key(request)
        if not made.fingerprint:
            raise KeyringError(f"{self._home}: GnuPG made no key: {_last_line(made.stderr)}")
        return str(made.fingerprint)

    def add(self, public_key: bytes) -> None:
        """Import or refresh a public key."""
        result = self._gpg.import_keys(public_key)
        if not result.fingerprints:
            raise KeyringError(f"{self._home}: GnuPG does not take the key: {_last_line(result.stderr)}")

    def public_key(self, fingerprint: str) -> str:
        """Return a public key in armour."""
        armored = str(self._gpg.export_keys(fingerprint))
        if not armored:
            raise KeyringError(f"{self._home}: there is no key {fingerprint}; see `gpg --homedir {self._home} -k`")
        return armored

    def secret_key(self, fingerprint: str, passphrase: str) -> bytes:
        """Return the node's secret key, still protected by its passphrase."""
        exported = self._gpg.export_keys(fingerprint, secret=True, armor=False, passphrase=passphrase)
        if not exported:
            raise KeyringError(
                f"{self._home}: the secret key {fingerprint} cannot be read; is it there, and is the passphrase right?"
            )
        return bytes(exported)

    def signer(self, fingerprint: str) -> Callable[[bytes], bytes]:
        """Return a function that signs with a key of this home; GnuPG's agent asks for the passphrase."""

        def sign(octets: bytes) -> bytes:
            made = self._gpg.sign(
                octets, keyid=fingerprint, detach=True, clearsign=False, extra_args=["--digest-algo", "SHA512"]
            )
            if not made.data:
                raise KeyringError(f"{self._home}: GnuPG made no signature: {_last_line(made.stderr)}")
            return bytes(made.data)

        return sign

    def explain(self, signed: bytes, signature: bytes, fingerprint: str) -> SignatureStatus:
        """Say what gpg thinks of a signature that names this key: `good`, `bad`, or why the key does not count."""
        with NamedTemporaryFile(dir=self._home, suffix=".sig") as file:
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
        """
        options = ["--unwrap", "--max-output", str(longest)]
        seen = self._gpg.decrypt(ciphertext, passphrase=passphrase or None, extra_args=options)
        return bytes(seen.data) if seen.ok and seen.data else None

    def close(self) -> None:
        """Stop the agent that GnuPG started for this home."""
        subprocess.run(
            ["gpgconf", "--homedir", str(self._home), "--kill", "gpg-agent"],  # noqa: S607
            check=False,
            capture_output=True,
        )


def _last_line(text: str) -> str:
    return next((line for line in reversed(text.splitlines()) if line.strip()), "no reason given")
