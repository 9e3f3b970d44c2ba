"""Tags stay what they were: mails that are out keep coming back to their deliveries and subscriptions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecertmail.core import unsubscribe
from ecertmail.core.tag import LENGTH, extended, extension, tag
from ecertmail.core.verp import MAX_NUMBER, verp

SECRET = b"sixteen octets!!"

BOUNCES = {
    ("ecert@mpi.example", 17): "ecert+b17.vphbv4zqcxgl@mpi.example",
    ("Zheng.Shu+x@Customs.EXAMPLE", 1): "zheng.shu+x+b1.bbhell34vord@customs.example",
    ("ecert@mpi.example", MAX_NUMBER): "ecert+b1000000000000000000.vippwupm3ma7@mpi.example",
}


@pytest.mark.parametrize(("delivery", "address"), BOUNCES.items())
def test_the_envelope_sender_of_a_delivery_is_as_ever(delivery: tuple[str, int], address: str) -> None:
    assert verp(*delivery, SECRET) == address


@pytest.mark.parametrize(("subscription", "token"), [("nz-harbour", "kbkgl35cg3dy"), ("x", "tvou24gqqvfu")])
def test_the_token_of_a_subscription_is_as_ever(subscription: str, token: str) -> None:
    assert unsubscribe.token(SECRET, subscription) == token


@given(st.text(max_size=50), st.text(max_size=50))
def test_other_facts_have_another_tag(facts: str, other: str) -> None:
    assert (tag(SECRET, facts) == tag(SECRET, other)) == (facts == other)
    assert len(tag(SECRET, facts)) == LENGTH


@given(st.from_regex(r"[a-z0-9.+]{1,70}", fullmatch=True))
def test_what_an_address_was_extended_with_comes_back_or_it_was_too_long(added: str) -> None:
    made = extended("Ecert@Customs.example", added)
    assert (made is None) == (len(f"ecert+{added}") > 64)
    assert made is None or extension(made.upper(), "ECERT@customs.example") == added
