"""The tables of states: what may follow what, and when a mail is tried again."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecertmail.core.states import CERTIFICATE, DELIVERY, ENDED, after_attempt
from ecertmail.delivery import Attempted, DeliveryState
from ecertmail.model import CertificateStatus

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BACKOFF = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 120, 240))
GIVE_UP = timedelta(days=5)


def test_every_state_has_its_row() -> None:
    assert set(CERTIFICATE) == set(CertificateStatus)
    assert set(DELIVERY) == set(DeliveryState)


@pytest.mark.parametrize("status", sorted(ENDED))
def test_what_has_ended_stays_ended(status: CertificateStatus) -> None:
    assert CERTIFICATE[status] == frozenset()


@pytest.mark.parametrize("status", CertificateStatus)
def test_no_certificate_returns_to_a_status_it_left(status: CertificateStatus) -> None:
    """A life has no circles, so a sequence of messages cannot go on for ever, and no withdrawal is undone."""
    seen: set[CertificateStatus] = set()
    reachable = set(CERTIFICATE[status])
    while reachable - seen:
        seen |= reachable
        reachable = {after for before in seen for after in CERTIFICATE[before]}
    assert status not in seen


@pytest.mark.parametrize("status", [CertificateStatus.ISSUED, CertificateStatus.APPROVED, CertificateStatus.REPLACED])
def test_what_is_valid_or_replaced_can_be_withdrawn(status: CertificateStatus) -> None:
    assert CertificateStatus.WITHDRAWN in CERTIFICATE[status]


def test_a_delivered_mail_is_sent_again_only_after_silence_or_a_bounce() -> None:
    """And a cancelled or answered one never."""
    again = {state for state, following in DELIVERY.items() if following & {DeliveryState.DUE, DeliveryState.SENDING}}
    ended = {DeliveryState.DELIVERED, DeliveryState.REMINDED, DeliveryState.ALARMED, DeliveryState.CANCELLED}
    assert not again & (ended | {DeliveryState.ACKNOWLEDGED})


def test_an_answer_is_the_last_word() -> None:
    assert DELIVERY[DeliveryState.ACKNOWLEDGED] == frozenset()


def attempt(outcome: Attempted, attempts: int = 1) -> tuple[DeliveryState, datetime | None]:
    return after_attempt(outcome, attempts, NOW, BACKOFF, GIVE_UP)


@pytest.mark.parametrize(
    ("attempts", "minutes"), [(1, 1), (2, 5), (3, 15), (4, 60), (5, 120), (6, 240), (7, 240), (34, 240)]
)
@pytest.mark.parametrize("outcome", [Attempted.TEMPORARY, Attempted.UNKNOWN])
def test_the_wait_grows_with_the_attempts(outcome: Attempted, attempts: int, minutes: int) -> None:
    assert attempt(outcome, attempts) == (DeliveryState.DEFERRED, NOW + timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("outcome", "attempts", "state"),
    [
        (Attempted.SENT, 1, DeliveryState.DELIVERED),
        (Attempted.SENT, 99, DeliveryState.DELIVERED),
        (Attempted.REFUSED, 1, DeliveryState.FAILED),
        (Attempted.REFUSED, 99, DeliveryState.FAILED),
        # 34 waits are 4 days, 23 hours and 21 minutes; 35 are more than 5 days
        (Attempted.TEMPORARY, 35, DeliveryState.DEFERRED),
        (Attempted.TEMPORARY, 36, DeliveryState.EXPIRED),
        (Attempted.UNKNOWN, 36, DeliveryState.EXPIRED),
    ],
)
def test_how_an_attempt_ends_decides_the_state(outcome: Attempted, attempts: int, state: DeliveryState) -> None:
    assert attempt(outcome, attempts)[0] is state


@given(st.sampled_from(Attempted), st.integers(1, 1000))
def test_every_attempt_goes_along_a_row_and_only_what_waits_has_a_time(outcome: Attempted, attempts: int) -> None:
    state, next_at = attempt(outcome, attempts)
    assert state in DELIVERY[DeliveryState.SENDING]
    assert (next_at is not None) is (state is DeliveryState.DEFERRED)
    assert next_at is None or next_at > NOW
