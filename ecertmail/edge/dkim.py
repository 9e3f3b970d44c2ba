"""DKIM signatures by dkimpy (RFC 6376), the same on every try of a delivery.

A mail is signed when it goes out and not when it is stored, so that stored octets are those of OpenPGP alone and a new
selector counts from the next attempt on. `t=` is the time of the delivery, so that a repeated mail is the same mail.
"""

from collections.abc import Sequence

import dkim
from dkim.crypto import UnparsableKeyError, parse_pem_private_key

from ecertmail.delivery import Delivery

SMALLEST = 1024  # bits; RFC 8301 section 3.2
_FIELDS = [
    "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "List-Id", "List-Unsubscribe", "MIME-Version",
    "Content-Type",
]  # fmt: skip


class DkimSigner:
    """Signs for one domain with one RSA key."""

    def __init__(self, domain: str, selector: str, key: bytes) -> None:
        """Take the domain, the name of the key in the DNS, and the key as PEM.

        Raises:
            ValueError: the key is none, or too short for anybody to accept its signatures.
        """
        try:
            bits = parse_pem_private_key(key)["modulus"].bit_length()
        except (UnparsableKeyError, ValueError) as error:
            raise ValueError("no RSA private key in PEM form") from error
        if bits < SMALLEST:
            raise ValueError(f"an RSA key of {bits} bits; {SMALLEST} is the least, 2048 is usual")
        self._domain, self._selector, self._key = domain.encode(), selector.encode(), key

    def header(self, delivery: Delivery) -> bytes:
        """Return the header field that goes before the octets of a delivery.

        Absent fields are signed as absent, and From once more than it is there: nobody can add one on the way.
        """
        made = _At(int(delivery.created_at.timestamp()), delivery.octets)
        names = ["From", *_FIELDS]
        try:
            return bytes(made.sign(self._selector, self._domain, self._key, include_headers=names))
        except dkim.DKIMException as error:
            raise ValueError(f"no DKIM signature can be made: {error}") from error


class _At(dkim.DKIM):  # type: ignore[misc]
    """dkimpy's signer with the time as an argument; its own asks the clock (and so does not repeat itself)."""

    def __init__(self, seconds: int, octets: bytes) -> None:
        super().__init__(octets)
        self._seconds = str(seconds).encode()

    def gen_header(self, fields: Sequence[tuple[bytes, bytes]], *others: object) -> bytes:
        timed = [(name, self._seconds if name == b"t" else value) for name, value in fields]
        return bytes(super().gen_header(timed, *others))
