"""The alarm for the mail server: open exactly while something is known to be blocked."""

from hypothesis import given
from hypothesis import strategies as st

from ecertmail.core.smarthost_alarm import ALARM, PATIENCE, after
from ecertmail.delivery import BLOCKED, Attempt, Attempted, Delivery, DeliveryState, Settled
from tests.builders import NOW

KINDS, DOMAINS = ("receipt", "push"), ("nz.example", "cn.example")


def settled(outcome: Attempted, kind: str = "receipt", domain: str = "nz.example", attempts: int = 0) -> Settled:
    delivery = Delivery(
        id=1, kind=kind, recipient=f"ecert@{domain}", reverse_path="", message_id="<1@x>", octets=b"",
        state=DeliveryState.SENDING, attempts=attempts, created_at=NOW,
    )  # fmt: skip
    attempt = Attempt(outcome=outcome, reply=f"550 {outcome}")
    return Settled(delivery=delivery, attempt=attempt, state=DeliveryState.DEFERRED, next_at=NOW)


ENDS = st.builds(
    settled, st.sampled_from(Attempted), st.sampled_from(KINDS), st.sampled_from(DOMAINS), st.integers(0, PATIENCE)
)


@given(st.lists(st.lists(ENDS, min_size=1, max_size=4), max_size=10))
def test_the_alarm_is_open_while_something_is_blocked_and_ends_when_everything_goes_out(
    turns: list[list[Settled]],
) -> None:
    blocked, is_open = frozenset[str](), False
    everything = [settled(Attempted.SENT, kind, domain) for kind in KINDS for domain in DOMAINS]
    for turn in [*turns, everything]:
        blocked, change = after(blocked, turn)
        if change is not None:
            assert change.what == ALARM
            is_open = bool(change.text)
        assert is_open or not blocked
    assert (blocked, is_open) == (frozenset(), False)


def test_what_blocks_on_is_not_raised_again_and_again() -> None:
    blocked, first = after(frozenset(), [settled(Attempted.SENDER)])
    assert first is not None
    for outcome in (Attempted.SENDER, Attempted.UNKNOWN, Attempted.TEMPORARY):
        blocked, again = after(blocked, [settled(outcome)])
        assert again is None


def test_an_alarm_from_before_a_restart_is_cleared_by_the_first_success() -> None:
    _, change = after(frozenset(), [settled(Attempted.SENT)])
    assert change is not None
    assert change.text == ""


def test_each_block_is_named_by_what_was_refused() -> None:
    blocks = {outcome: after(frozenset(), [settled(outcome, attempts=9)])[0] for outcome in BLOCKED}
    assert blocks == {
        Attempted.AWAY: {"session"},
        Attempted.SESSION: {"session"},
        Attempted.SENDER: {"sender of other mail"},
        Attempted.RELAY: {"mail to nz.example"},
    }
