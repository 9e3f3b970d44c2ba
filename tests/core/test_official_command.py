"""What a partner's line says about an official, what is wrong with it, and what is only a letter's first word."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecertmail.core import command
from ecertmail.core.mime import Attachment
from ecertmail.core.official_command import keyed
from ecertmail.enrolment import Deed, Enrolment
from ecertmail.official import Language
from ecertmail.subscription import Command, Verb


def read(content: str) -> tuple[Command, ...]:
    return command.read((Attachment(type="text/plain", filename="", data=content.encode()),))


WANG = Enrolment(deed=Deed.ADD, official="wang", address="wang@customs.example", name="Wang Wei")

GOOD = {
    "OFFICIAL LIST": Enrolment(deed=Deed.LIST),
    "official list": Enrolment(deed=Deed.LIST),
    "Official  Suspend\twang": Enrolment(deed=Deed.SUSPEND, official="wang"),
    'OFFICIAL ADD wang address=Wang@Customs.example name="Wang Wei"': WANG,
    'OFFICIAL ADD wang wang@customs.example name="Wang Wei"': WANG,
    "OFFICIAL ADD wang name=\u201cWang  Wei\u201d\naddress=wang@customs.example": WANG,
    'OFFICIAL ADD cn-1 address=a@b.example name=王伟 post="上海港" language=ZH': Enrolment(
        deed=Deed.ADD, official="cn-1", address="a@b.example", name="王伟", post="上海港", language=Language.ZH
    ),
    'OFFICIAL ADD x address=a@b.example name="Jos\u00e9 = O\'Neill"': Enrolment(
        deed=Deed.ADD, official="x", address="a@b.example", name="Jos\u00e9 = O'Neill"
    ),
}


@pytest.mark.parametrize(("line", "expected"), GOOD.items())
def test_a_good_line_is_understood(line: str, expected: Enrolment) -> None:
    [found] = read(f"{line}\r\n")
    assert (found.verb, found.enrolment, found.wrong) == (Verb.OFFICIAL, expected, "")


WRONG = {
    "OFFICIAL": "followed by ADD, SUSPEND or LIST",
    "OFFICIAL REMOVE wang": "followed by ADD, SUSPEND or LIST",
    "OFFICAL ADD wang": "OFFICAL is no command. Right is: OFFICIAL ADD",
    "OFFICIAL LIST all": "LIST is followed by nothing",
    "OFFICIAL SUSPEND": "An ID is",
    "OFFICIAL SUSPEND a b": "an ID and nothing else",
    "OFFICIAL ADD": "An ID is",
    "OFFICIAL ADD Wang": "lower-case",
    "OFFICIAL ADD wang": "It needs address=",
    "OFFICIAL ADD wang address=a@b.example": "It needs name=",
    "OFFICIAL ADD wang address=a@b.example name=": "name= is not understood",
    'OFFICIAL ADD wang address="Wang <a@b.example>" name=W': "neither a plain mail address",
    "OFFICIAL ADD wang a@b.example c@d.example name=W": "address stands there twice",
    "OFFICIAL ADD wang a@b.example name=W name=V": "name stands there twice",
    "OFFICIAL ADD wang a@b.example name=W language=de": "language=de is not understood",
    "OFFICIAL ADD wang a@b.example name=W role=answers": "role=answers is not understood",
    "OFFICIAL ADD wang a@b.example name=W state=active": "state=active is not understood",
    f"OFFICIAL ADD wang a@b.example name={'W' * 101}": "is not understood",
    "OFFICIAL ADD wang a@b.example name=W\u202eV": "is not understood",
    'OFFICIAL ADD wang a@b.example name="W': "quotation mark",
}


@pytest.mark.parametrize(("line", "words"), WRONG.items())
def test_a_wrong_line_is_told_what_would_be_right(line: str, words: str) -> None:
    [found] = read(line)
    assert words in found.wrong
    assert "Right is: OFFICIAL ADD ID" in found.wrong


@pytest.mark.parametrize(
    "content",
    ["Official certificates are attached.", "official", "Official: STATUS", "Officials", "official  ADDED wang"],
)
def test_a_letter_that_begins_with_the_word_is_no_command(content: str) -> None:
    assert read(content) == ()


@given(st.text().map(lambda tail: f"OFFICIAL ADD x {tail}"))
def test_no_words_are_too_odd_to_be_read(content: str) -> None:
    for found in read(content):
        assert found.line.isprintable()
        assert found.wrong.isprintable()
        assert found.wrong or (found.enrolment and found.enrolment.name.isprintable())


# Keys


def key(octets: bytes) -> Attachment:
    return Attachment(type="application/pgp-keys", filename="key.asc", data=octets)


def fingerprint(octets: bytes) -> str:
    return octets.decode() if octets.isupper() else ""


KEYED = {
    "none": ((), ""),
    "one": ((b"KEY",), "KEY"),
    "the same twice": ((b"KEY", b"KEY"), "KEY"),
    "the sender's": ((b"SENDER",), ""),
    "the sender's too": ((b"SENDER", b"KEY"), "KEY"),
}


@pytest.mark.parametrize(("keys", "expected"), KEYED.values(), ids=KEYED.keys())
def test_the_one_key_of_a_mail_is_that_of_the_one_official(keys: Sequence[bytes], expected: str) -> None:
    commands = read('OFFICIAL LIST\nOFFICIAL ADD wang wang@customs.example name="Wang Wei"\n')
    listed, added = keyed(commands, tuple(map(key, keys)), fingerprint, ["SENDER"])
    assert added.enrolment is not None
    assert (added.enrolment.fingerprint, added.enrolment.public_key) == (expected, expected.encode())
    assert (listed, added.wrong) == (commands[0], "")
