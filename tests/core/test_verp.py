"""The envelope sender of a delivery names it, and nobody else can make one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecertmail.core.address import normal
from ecertmail.core.verp import delivery_of, verp

MAILBOX = "ecert@mpi.example"
SECRET = b"sixteen octets!!"
LOCALS = st.text("abcdefghijklmnopqrstuvwxyzABC0123456789._+-", min_size=1, max_size=30)


@given(local=LOCALS, number=st.integers(1, 2**63 - 1), secret=st.binary(min_size=16, max_size=32))
def test_the_delivery_comes_back_from_its_address(local: str, number: int, secret: bytes) -> None:
    mailbox = f"{local}@mpi.example"
    address = verp(mailbox, number, secret)
    assert normal(address) == address
    assert len(address.partition("@")[0]) <= 64
    assert address.startswith(f"{local.lower()}+b{number}.")
    assert delivery_of(address, mailbox, secret) == number
    assert delivery_of(address.upper(), mailbox.upper(), secret) == number


@given(number=st.integers(1, 2**63 - 1), other=st.integers(1, 2**63 - 1))
def test_the_tag_of_one_delivery_is_not_that_of_another(number: int, other: int) -> None:
    address = verp(MAILBOX, number, SECRET).replace(f"+b{number}.", f"+b{other}.")
    assert delivery_of(address, MAILBOX, SECRET) == (number if number == other else None)


OURS = verp(MAILBOX, 17, SECRET)
FOREIGN = {
    "nothing": "",
    "the mailbox itself": MAILBOX,
    "no tag": "ecert+b17@mpi.example",
    "an empty tag": "ecert+b17.@mpi.example",
    "a guessed tag": "ecert+b17.aaaaaaaaaaaa@mpi.example",
    "half a tag": OURS.partition("@")[0][:-6] + "@mpi.example",
    "more than a tag": OURS.replace("@", "a@"),
    "another number": OURS.replace("+b17.", "+b18."),
    "a leading zero": OURS.replace("+b17.", "+b017."),
    "a foreign digit": OURS.replace("+b17.", "+b1\N{ARABIC-INDIC DIGIT SEVEN}."),
    "a number without end": OURS.replace("+b17.", f"+b{'1' * 5000}."),
    "another mailbox": OURS.replace("ecert+", "push+"),
    "no mailbox": OURS.removeprefix("ecert+"),
    "another domain": OURS.replace("mpi.example", "mpi.example.net"),
    "another secret": verp(MAILBOX, 17, b"another secret!!"),
    "the tag of another mailbox": "ecert" + verp("push@mpi.example", 17, SECRET).removeprefix("push"),
    "two addresses": f"{OURS},{OURS}",
    "angle brackets": f"<{OURS}>",
    "a line end": f"{OURS}\n",
}


@pytest.mark.parametrize("address", FOREIGN.values(), ids=FOREIGN.keys())
def test_no_other_address_is_that_of_a_delivery(address: str) -> None:
    assert delivery_of(address, MAILBOX, SECRET) is None


@given(st.text(max_size=80), st.text(max_size=40), st.binary(max_size=20))
def test_no_address_makes_it_raise(address: str, mailbox: str, secret: bytes) -> None:
    assert delivery_of(address, mailbox, secret) is None
    assert delivery_of(address, MAILBOX, secret) is None


IMPOSSIBLE = {
    "a mailbox that leaves no room": ("e" * 48 + "@mpi.example", 17),
    "a domain that leaves no room": ("e@" + "mpi." * 60 + "example", 17),
    "no mailbox": ("mpi.example", 17),
    "a mailbox with a name": ("Us <ecert@mpi.example>", 17),
    "no number": (MAILBOX, 0),
    "a number below": (MAILBOX, -1),
}


@pytest.mark.parametrize(("mailbox", "number"), IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
def test_what_can_be_no_bounce_address_is_said_at_once(mailbox: str, number: int) -> None:
    with pytest.raises(ValueError, match="no bounce address"):
        verp(mailbox, number, SECRET)
