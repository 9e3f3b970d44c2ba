"""Tags: short keyed hashes that let a mail come back to what it is about, and that nobody but this node can make.

They stand in subjects and, after a `+`, in addresses made from a mailbox of ours, so they are lower case and short.
"""

import hmac
from base64 import b32encode
from hashlib import sha256

from ecertmail.core.address import normal

LENGTH = 12  # 60 bits; each guess costs its maker a mail
PATTERN = f"[a-z2-7]{{{LENGTH}}}"
NUMBER = "[1-9][0-9]{0,18}"
MAX_LOCAL = 64


def tag(secret: bytes, facts: str) -> str:
    """Return the tag of these facts."""
    return b32encode(hmac.digest(secret, facts.encode(), sha256)).decode()[:LENGTH].lower()


def extended(mailbox: str, extension: str) -> str | None:
    """Return an address made from a mailbox; None if it would be none, or too long (RFC 5321 section 4.5.3.1.1)."""
    local, _, domain = (normal(mailbox) or "").partition("@")
    made = f"{local}+{extension}@{domain}"
    return made if domain and len(local) + 1 + len(extension) <= MAX_LOCAL and normal(made) else None


def extension(address: str, mailbox: str) -> str:
    """Return what an address made from a mailbox has after the `+`, in lower case; empty if it is none of these."""
    local, _, domain = mailbox.lower().partition("@")
    given, _, at = (normal(address) or "").partition("@")
    return given.removeprefix(f"{local}+") if at == domain and given.startswith(f"{local}+") else ""
