"""Legal states and transitions, as tables; nothing changes its state except along these rows."""

from datetime import datetime, timedelta

from ecertmail.delivery import Attempted, DeliveryState
from ecertmail.model import CertificateStatus

_C = CertificateStatus
_D = DeliveryState

ENDED = frozenset({_C.WITHDRAWN, _C.CANCELLED})

CERTIFICATE: dict[CertificateStatus, frozenset[CertificateStatus]] = {
    _C.DRAFT: frozenset({_C.PENDING, _C.ISSUED, _C.APPROVED, _C.REJECTED, _C.WITHDRAWN, _C.CANCELLED}),
    _C.PENDING: frozenset({_C.ISSUED, _C.APPROVED, _C.REJECTED, _C.WITHDRAWN, _C.CANCELLED}),
    _C.ISSUED: frozenset({_C.APPROVED, _C.REPLACED, _C.WITHDRAWN, _C.CANCELLED}),
    _C.APPROVED: frozenset({_C.REPLACED, _C.WITHDRAWN, _C.CANCELLED}),
    _C.REPLACED: frozenset({_C.WITHDRAWN}),
    _C.REJECTED: frozenset(),
    _C.WITHDRAWN: frozenset(),
    _C.CANCELLED: frozenset(),
}
"""Which status a recorded certificate may take next (DOMAIN.md section 4: a withdrawal cannot be undone)."""

_ANSWERED = frozenset({_D.ACKNOWLEDGED})
_REPORTED = _ANSWERED | {_D.BOUNCED}

DELIVERY: dict[DeliveryState, frozenset[DeliveryState]] = {
    _D.DUE: _ANSWERED | {_D.SENDING, _D.CANCELLED},
    _D.SENDING: _REPORTED | {_D.DELIVERED, _D.DEFERRED, _D.FAILED, _D.EXPIRED, _D.DUE},
    _D.DEFERRED: _REPORTED | {_D.SENDING, _D.DUE, _D.CANCELLED},
    _D.DELIVERED: _REPORTED | {_D.SILENT, _D.REMINDED},
    _D.SILENT: frozenset({_D.DUE}),
    _D.REMINDED: _REPORTED | {_D.ALARMED},
    _D.ALARMED: _REPORTED,
    _D.FAILED: _ANSWERED | {_D.DUE, _D.CANCELLED},
    _D.EXPIRED: _ANSWERED | {_D.DUE, _D.CANCELLED},
    _D.BOUNCED: _ANSWERED | {_D.DUE},
    _D.CANCELLED: _ANSWERED,
    _D.ACKNOWLEDGED: frozenset(),
}
"""Which state a delivery may take next; `sending` falls back to `due` when the daemon died in between.

Who has the mail may say so at any time: before the server's answer was written down, after a bounce, when it was sent
and its attempt seemed to fail. A delivery is `silent` for a moment only: in the same commit it is due again, with the
same octets, and delivered a second time it is `reminded`.
"""


def after_attempt(
    outcome: Attempted,
    attempts: int,
    now: datetime,
    backoff: tuple[timedelta, ...],
    give_up: timedelta,
) -> tuple[DeliveryState, datetime | None]:
    """Say what an attempt makes of a delivery, and when it is due again.

    Args:
        outcome: how the attempt ended; all but `sent` and `refused` are tried again, with the same octets.
        attempts: how many attempts there were, this one included.
        now: the current time.
        backoff: waiting times after the first, second, … attempt; the last one repeats.
        give_up: how much waiting is enough, added up over the attempts; the age of a delivery does not count, for the
            clock can leap and the daemon can have been stopped.
    """
    if outcome is Attempted.SENT:
        return DeliveryState.DELIVERED, None
    if outcome is Attempted.REFUSED:
        return DeliveryState.FAILED, None
    waits = [backoff[min(attempt, len(backoff)) - 1] for attempt in range(1, attempts + 1)]
    if sum(waits[:-1], timedelta()) >= give_up:
        return DeliveryState.EXPIRED, None
    return DeliveryState.DEFERRED, now + waits[-1]
