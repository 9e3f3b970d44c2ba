"""What the ledger's transaction does about outgoing mails and their octets: a part of `ports.Transaction`."""

from collections.abc import Sequence
from typing import Protocol

from ecertmail.core.packing import Held


class Mails(Protocol):
    """Outgoing mails, and what keeps retention from removing their octets."""

    def put_mail(self, message_id: str, octets: bytes, mic: str = "", held: Sequence[Held] = ()) -> int:
        """Store an outgoing mail, with the MIC of its signed part, and return its id; nobody is sent it yet.

        `held` are the certificates in it, in their order; their octets are not stored again. Tickets that were made in
        this commit since the mail before are what it brings to its reader.
        """

    def bring_ticket(self, ticket_id: int, mail: int) -> None:
        """Remember that a mail brings a ticket that was made before."""

    def use_ticket(self, ticket_id: int) -> None:
        """Remember that an official decided or answered with a ticket: the mails that brought it are kept for ever."""

    def removed(self, delivery_id: int) -> str:
        """Return when retention removed the octets of a delivery's mail (ISO 8601), or nothing."""
