"""May this mail be answered? One function for every kind of reply (RFC 3834 section 2, MAIL.md section 3).

A registry once answered an auto-responder 80,000 times. Silence costs little: what was received is recorded all the
same, the answer is stored, and whoever sends the mail again without what stood in the way gets it.
"""

from enum import Enum

from ecertmail.core.address import belongs
from ecertmail.core.header import BULK
from ecertmail.message import Envelope, SignedMessage, Traits
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
    """Say why a partner's mail must not be answered; None if it may be.

    What a program sent is answered only when the sender asks for a receipt inside the signed part and to its own
    registered address: that is no reply to a robot but a service asked for, and a receipt is never answered itself.
    """
    if partner is None:
        return Silence.STRANGER
    asked_for = _asked_for(message, partner)
    return manners(envelope, message.from_address or "", message.traits, policy, asked_for=asked_for)


def manners(
    envelope: Envelope, sender: str, traits: Traits, policy: Policy, *, asked_for: bool = False
) -> Silence | None:
    """Say why a mail of anybody we know must not be answered (RFC 3834 section 2); None if it may be.

    Args:
        envelope: what the transport said.
        sender: the address in From, lower case.
        traits: how the mail came about.
        policy: of this node.
        asked_for: a program that wants an answer made it.
    """
    ours = {sender, envelope.reverse_path.lower()} & policy.mailboxes
    cases = {
        Silence.OURSELVES: bool(ours),
        Silence.LOOP: bool(traits.loops & policy.mailboxes),
        Silence.HOPS: traits.hops > MAX_HOPS,
        Silence.NULL_PATH: not envelope.reverse_path,
        Silence.MAILER_DAEMON: _is_daemon(envelope.reverse_path) or _is_daemon(sender),
        Silence.BULK: traits.precedence in BULK or (traits.is_list and not asked_for),
        Silence.ROBOT: bool(traits.auto_submitted) and not asked_for,
    }
    return next((reason for reason, holds in cases.items() if holds), None)


def _asked_for(message: SignedMessage, partner: Partner) -> bool:
    asked = message.protected.receipt_to if message.protected else None
    return belongs(asked, partner.addresses) and message.traits.auto_submitted == "auto-generated"


def _is_daemon(address: str) -> bool:
    return address.partition("@")[0].lower() == "mailer-daemon"
