"""TXT records by dnspython, from the servers of /etc/resolv.conf.

Their word is taken as it is: whether the answer is proven by DNSSEC is the affair of that server, so it should stand on
this machine or in this network.
"""

from collections.abc import Sequence

import dns.exception
import dns.rdatatype
import dns.resolver
from dns.rdtypes.txtbase import TXTBase

from ecertmail.errors import TemporaryError


class TxtRecords:
    """Finds the TXT records of a name."""

    def __init__(self, servers: Sequence[str] = (), port: int = 53) -> None:
        """Take the addresses of name servers; without any, those that the system is set up with."""
        self._servers, self._port = servers, port

    def __call__(self, name: str, seconds: float) -> list[bytes]:
        """Return the records, none where the name or the records do not exist, within so many seconds.

        Raises:
            TemporaryError: the servers do not answer, cannot find out, or there are none.
        """
        try:
            answer = self._resolver().resolve(
                f"{name}.", dns.rdatatype.TXT, lifetime=seconds, search=False, raise_on_no_answer=False
            )
        except dns.resolver.NXDOMAIN:
            return []
        except (dns.exception.DNSException, OSError) as error:
            raise TemporaryError(f"the DNS does not say what {name} is ({type(error).__name__})") from error
        return [b"".join(record.strings) for record in answer if isinstance(record, TXTBase)]

    def _resolver(self) -> dns.resolver.Resolver:
        """Made for each look-up: /etc/resolv.conf may change, and need not be there when nobody asks."""
        resolver = dns.resolver.Resolver(configure=not self._servers)
        if self._servers:
            resolver.nameservers, resolver.port = list(self._servers), self._port
        return resolver
