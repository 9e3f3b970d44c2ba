"""What the listener's TLS certificate says of itself, by a handshake with itself in memory."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ecertmail.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """What clients are shown: the last moment of the certificate, and the names that it is for."""

    ends_at: datetime
    names: frozenset[str]

    def is_for(self, hostname: str) -> bool:
        """Say whether the certificate names a host, itself or by a wildcard for its domain (RFC 9525 section 6.3)."""
        return bool({hostname.lower(), f"*.{hostname.lower().partition('.')[2]}"} & self.names)


def presented(certificate: Path, private_key: Path) -> Presented | None:
    """Return what clients are shown; None if its time is over, or has not come.

    Raises:
        ConfigError: certificate and key cannot be used.
    """
    try:
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(certificate, private_key)
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.check_hostname = False
        client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # the certificate itself is what is trusted here
        client.load_verify_locations(certificate)
        seen = _handshake(client, server)
    except ssl.SSLCertVerificationError as error:
        if error.verify_code in {9, 10}:  # not yet valid, has expired: X509_V_ERR_* of OpenSSL
            return None
        raise ConfigError(f"{certificate}: {error.verify_message}") from error
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"{certificate}: {error}") from error
    names = frozenset(str(name).lower() for kind, name in seen.get("subjectAltName", ()) if kind == "DNS")
    return Presented(ends_at=datetime.fromtimestamp(ssl.cert_time_to_seconds(seen["notAfter"]), UTC), names=names)


def _handshake(client: ssl.SSLContext, server: ssl.SSLContext) -> dict[str, Any]:
    """Let both sides talk until they are done; return what the client knows of the server's certificate."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    asks = client.wrap_bio(to_client, to_server)
    answers = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(10):
        done = [_step(asks), _step(answers)]
        if all(done):
            break
    return dict(asks.getpeercert() or {})


def _step(side: ssl.SSLObject) -> bool:
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True
