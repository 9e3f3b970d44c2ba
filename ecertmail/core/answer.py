"""May this mail be answered? One function for every kind of reply (RFC 3834 section 2, MAIL.md section 3).

A registry once answered an auto-responder 80,000 times. Silence costs little: what was received is recorded all the
same, the answer is stored, and whoever sends the mail again without what stood in the way gets it.
"""

from enum import Enum

from ecertmail.core.address import belongs
from ecertmail.core.header import BULK
from ecertmail.message import Envelope, SignedMessage
from ecertmail.parties import Partner, Policy

MAX_HOPS = 30


class Silence(Enum):
    """Why a mail is not answered, in words for the operator."""

    STRANGER = "whoever sent it is not registered here"
    NULL_PATH = "its return path is empty"
    ROBOT = "another program made it"
    MAILER_DAEMON = "it comes from a mail system"
    BULK = "it came over a list or as bulk mail"
    OURSELVES = "it comes from this node itself"
    LOOP = "it went through this node already"
    HOPS = "it went through more than 30 servers"
    LIMIT = "its address was answered too often within an hour"

    @property
    def code(self) -> str:
        """The stable word in the log, such as `null-path`."""
        return self.name.lower().replace("_", "-")


def silence(envelope: Envelope, message: SignedMessage, partner: Partner | None, policy: Policy) -> Silence | None:
    """Say why a mail must not be answered; None if it may be.

    What a program sent is answered only when the sender asks for a receipt inside the signed part and to its own
    registered address: that is no reply to a robot but a service asked for, and a receipt is never answered itself.
    """
    traits = message.traits
    ours = {message.from_address, envelope.reverse_path.lower()} & policy.mailboxes
    cases = {
        Silence.STRANGER: partner is None,
        Silence.OURSELVES: bool(ours),
        Silence.LOOP: bool(traits.loops & policy.mailboxes),
        Silence.HOPS: traits.hops > MAX_HOPS,
        Silence.NULL_PATH: not envelope.reverse_path,
        Silence.MAILER_DAEMON: _is_daemon(envelope.reverse_path) or _is_daemon(message.from_address or ""),
        Silence.BULK: traits.precedence in BULK or (traits.is_list and not _asked_for(message, partner)),
        Silence.ROBOT: bool(traits.auto_submitted) and not _asked_for(message, partner),
    }
    return next((reason for reason, holds in cases.items() if holds), None)


def _asked_for(message: SignedMessage, partner: Partner | None) -> bool:
    asked = message.protected.receipt_to if message.protected else None
    registered = partner is not None and belongs(asked, partner.addresses)
    return registered and message.traits.auto_submitted == "auto-generated"


def _is_daemon(address: str) -> bool:
    return address.partition("@")[0].lower() == "mailer-daemon"
