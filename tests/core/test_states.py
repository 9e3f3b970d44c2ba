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


@pytest.mark.parametrize("status", ENDED)
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


def attempt(
    outcome: Attempted, attempts: int = 1, age: timedelta = timedelta(0)
) -> tuple[DeliveryState, datetime | None]:
    return after_attempt(outcome, attempts, NOW - age, NOW, BACKOFF, GIVE_UP)


@pytest.mark.parametrize(
    ("attempts", "minutes"), [(1, 1), (2, 5), (3, 15), (4, 60), (5, 120), (6, 240), (7, 240), (99, 240)]
)
@pytest.mark.parametrize("outcome", [Attempted.TEMPORARY, Attempted.UNKNOWN])
def test_the_wait_grows_with_the_attempts(outcome: Attempted, attempts: int, minutes: int) -> None:
    assert attempt(outcome, attempts) == (DeliveryState.DEFERRED, NOW + timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("outcome", "age", "state"),
    [
        (Attempted.SENT, timedelta(0), DeliveryState.DELIVERED),
        (Attempted.SENT, 2 * GIVE_UP, DeliveryState.DELIVERED),
        (Attempted.REFUSED, timedelta(0), DeliveryState.FAILED),
        (Attempted.REFUSED, 2 * GIVE_UP, DeliveryState.FAILED),
        (Attempted.TEMPORARY, GIVE_UP, DeliveryState.EXPIRED),
        (Attempted.UNKNOWN, GIVE_UP, DeliveryState.EXPIRED),
        (Attempted.TEMPORARY, GIVE_UP - timedelta(seconds=1), DeliveryState.DEFERRED),
    ],
)
def test_how_an_attempt_ends_decides_the_state(outcome: Attempted, age: timedelta, state: DeliveryState) -> None:
    assert attempt(outcome, 3, age)[0] is state


@given(st.sampled_from(Attempted), st.integers(1, 1000), st.timedeltas(timedelta(0), timedelta(days=400)))
def test_every_attempt_goes_along_a_row_and_only_what_waits_has_a_time(
    outcome: Attempted, attempts: int, age: timedelta
) -> None:
    state, next_at = attempt(outcome, attempts, age)
    assert state in DELIVERY[DeliveryState.SENDING]
    assert (next_at is not None) is (state is DeliveryState.DEFERRED)
    assert next_at is None or next_at > NOW
