"""The peers that a node knows: addresses that verified mail of partners came from.

The listener keeps places for them, so that strangers who take all others keep no partner out.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from ecertmail.core.admission import peer_of
from ecertmail.message import Envelope
from ecertmail.ports import Transaction

_AGAIN = timedelta(days=1)  # between two writes about one address


class KnownPeers:
    """Known peers, by the names that `core.admission.peer_of` gives them."""

    def __init__(self, seen: Mapping[str, datetime] | None = None) -> None:
        """Take what the ledger holds: each peer, and when it was last written down."""
        self._seen = dict(seen or {})

    def __contains__(self, peer: object) -> bool:
        return peer in self._seen

    def came(self, tx: Transaction, partner: str, envelope: Envelope, now: datetime) -> None:
        """Remember where a partner's mail came from; call it for a mail whose signature was verified, and for no other.

        What is remembered here and not committed is only written down a day later.
        """
        if envelope.source != "smtp" or not envelope.peer:
            return
        peer = peer_of(envelope.peer)
        last = self._seen.get(peer)
        if last is None or abs(now - last) >= _AGAIN:
            tx.put_peer(partner, peer, now)
            self._seen[peer] = now
