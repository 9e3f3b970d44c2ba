"""A mail that did not arrive: judged alike, whichever way that is heard.

The mail server refuses it at once, another one reports it later, or it is given up: a person must look at it each time.
"""

from collections.abc import Callable, Collection

from ecertmail.delivery import Attempted, DeliveryState

BOUNCED = "bounced"
COUNTED: Collection[str] = (BOUNCED, Attempted.REFUSED.value)
"""Ends of attempts that count, by day, towards pausing a subscriber."""

_NO_ALARM = frozenset({"report"})  # never a notice about a notice
_WORDS = {
    DeliveryState.FAILED: "refused",
    DeliveryState.EXPIRED: "given up, the last reply was",
    DeliveryState.BOUNCED: "bounced",
}


def alarm(
    number: int, kind: str, recipient: str, state: DeliveryState, reply: str, who: Callable[[str], str] = str
) -> str:
    """Return the words of the alarm for a delivery in this state, with what mends it; empty where none is due.

    Args:
        number: of the delivery.
        kind: of mail, such as `receipt`.
        recipient: the address.
        state: `failed`, `expired` or `bounced`; any other needs no alarm.
        reply: what the server said.
        who: names whose address it is.
    """
    if state not in _WORDS or kind in _NO_ALARM:
        return ""
    because = f"{_WORDS[state]}: {reply}".rstrip(": ")
    return f"{kind} to {who(recipient)}: {because}; `ecertmail delivery retry {number}` sends it again"
