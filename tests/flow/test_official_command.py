"""Officials that partners name by signed mail: each only its own, of its own domain, and nobody that is a program."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ecertmail.core import compose
from ecertmail.official import Language, Official, OfficialState, Role
from tests.builders import AU_ADDRESS, CHINA, NOW, NZ_ADDRESS, australia, examiner, key_of, new_zealand
from tests.flow.node import Node
from tests.flow.test_command import said
from tests.hostile.case import sent
from tests.hostile.mails import mixed, signed

SMITH = 'OFFICIAL ADD smith address=Smith@mpi.example name="Jo Smith"'
WANG = Official(
    id="wang", address="wang@customs.example", name="Wang Wei", post="", language=Language.ZH, partner="self",
    created_at=NOW,
)  # fmt: skip
PERSON = "smith@mpi.example"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path)
    made.nodes = frozenset({CHINA.address, NZ_ADDRESS, AU_ADDRESS})
    yield made
    made.close()


def mail(*parts: bytes, sender: str = NZ_ADDRESS, serial: str = "ask") -> bytes:
    part = mixed(*parts, head={"From": sender, "To": CHINA.address, "Subject": serial}, kind='; hp="clear"')
    return signed(key_of(sender).sign(part), part=part, From=sender)


def ask(node: Node, *lines: str, sender: str = NZ_ADDRESS, serial: str = "ask", keys: tuple[bytes, ...] = ()) -> str:
    """Send commands, perhaps with keys, and return the text of the answer."""
    parts = [compose.attachment(key, "application/pgp-keys", "key.asc") for key in keys]
    node.receive(mail(compose.text("".join(f"{line}\n" for line in lines)), *parts, sender=sender, serial=serial),
                 sender=sender)  # fmt: skip
    node.run()
    return said(sent(node)[-1])


def officials(node: Node) -> dict[str, Official]:
    with node.ledger.transaction() as tx:
        return {one.id: one for one in tx.officials.all(*OfficialState)}


def given(node: Node, *people: Official) -> None:
    with node.ledger.transaction() as tx:
        for one in people:
            tx.officials.add(one)


def test_a_partner_adds_a_person_of_its_own_domain(node: Node) -> None:
    text = ask(node, f'{SMITH} post="Port of Napier" language=FR')
    assert "nz-smith is ACTIVE: Jo Smith, Port of Napier, smith@mpi.example, fr." in text
    found = officials(node)["nz-smith"]
    assert found == Official(
        id="nz-smith", address=PERSON, name="Jo Smith", post="Port of Napier", language=Language.FR, partner="nz",
        role=Role.CHECKS, state=OfficialState.ACTIVE, approved_by="nz", created_at=found.created_at,
    )  # fmt: skip


def test_each_change_is_in_the_ledger_by_a_hash_of_the_address(node: Node) -> None:
    ask(node, SMITH, "OFFICIAL SUSPEND smith", "OFFICIAL LIST")
    message, added, suspended = node.records()
    assert (message["kind"], message["outcome"]) == ("message", "commanded")
    assert [(one["kind"], one["official"], one["state"], one["by"]) for one in (added, suspended)] == [
        ("official", "nz-smith", "active", "nz"), ("official", "nz-smith", "suspended", "nz"),
    ]  # fmt: skip
    assert added["spool"] == "m1"
    assert not any(word in str(added) for word in (PERSON, "Jo Smith"))
    assert node.log_kinds() == ["message", "official", "official"]
    assert {("info", "official.added"), ("info", "official.changed")} <= set(node.log.events)
    assert not any(PERSON in str(line) for line in node.log.lines)


@pytest.mark.parametrize("address", ["me@home.example", "smith@sub.mpi.example", "smith@daff.example"])
def test_an_address_elsewhere_waits_for_the_operator(node: Node, address: str) -> None:
    text = ask(node, f'OFFICIAL ADD smith address={address} name="Jo Smith"')
    assert "nz-smith is PENDING" in text
    assert "waits until the operator of this node approves" in text
    assert officials(node)["nz-smith"].state is OfficialState.PENDING


def test_who_was_suspended_does_not_come_back_under_another_id(node: Node) -> None:
    """Perhaps the operator suspended the person; then the partner cannot undo it."""
    given(node, replace(WANG, id="nz-old", address=PERSON, partner="nz", state=OfficialState.SUSPENDED))
    assert "nz-smith is PENDING" in ask(node, SMITH)


@pytest.mark.parametrize("address", [NZ_ADDRESS, AU_ADDRESS, CHINA.address, "ecert+x@mpi.example", "ECERT@MPI.example"])
def test_what_a_program_reads_is_nobodys_mailbox(node: Node, address: str) -> None:
    text = ask(node, f'OFFICIAL ADD smith address={address} name="Jo Smith"')
    assert "is read by a program" in text
    assert officials(node) == {}


@pytest.mark.parametrize(
    "line",
    ["OFFICIAL SUSPEND {}", 'OFFICIAL ADD {} address=x@mpi.example name="X"'],
)
@pytest.mark.parametrize("name", ["au-smith", "nz-au", "wang"])
def test_a_partner_cannot_touch_another_ones_official_whatever_its_id(node: Node, line: str, name: str) -> None:
    given(node, replace(WANG, id=name, partner="self" if name == "wang" else "au"))
    ask(node, line.format(name))
    assert officials(node)[name] == replace(WANG, id=name, partner="self" if name == "wang" else "au")


def test_of_another_ones_official_a_partner_learns_nothing(node: Node) -> None:
    given(node, replace(WANG, id="au-smith", partner="au"), replace(WANG, id="li", address="li@customs.example"))
    assert "You have no officials here." in ask(node, "OFFICIAL LIST")
    for name in ("au-smith", "li", "nobody"):
        assert f"You have no official {name}; see" in ask(node, f"OFFICIAL SUSPEND {name}", serial=name)


def test_a_partner_whose_id_begins_with_anothers_gets_nothing_of_it(node: Node) -> None:
    node.examiner = examiner(new_zealand(), australia(id="nz-au"))
    ask(node, 'OFFICIAL ADD au-smith address=smith@mpi.example name="Jo"')
    assert "You have no official smith" in ask(node, "OFFICIAL SUSPEND smith", sender=AU_ADDRESS)
    assert officials(node)["nz-au-smith"].state is OfficialState.ACTIVE


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (SMITH, "nz-smith, or its address, is taken"),
        ('OFFICIAL ADD other address=smith@mpi.example name="Jo"', "nz-other, or its address, is taken"),
        ("OFFICIAL SUSPEND old", "nz-old is suspended already"),
        ("OFFICIAL SUSPEND nobody", "You have no official nobody"),
        ("OFFICIAL ADD", "Right is: OFFICIAL ADD ID"),
        (f"OFFICIAL ADD {'x' * 31} address=a@mpi.example name=A role=answers", "role=answers is not understood"),
    ],
)
def test_what_cannot_be_done_is_told_and_the_rest_is_done(node: Node, line: str, words: str) -> None:
    mine = replace(WANG, id="nz-smith", address=PERSON, partner="nz")
    given(node, mine, replace(mine, id="nz-old", address="old@mpi.example", state=OfficialState.SUSPENDED))
    text = ask(node, line, 'OFFICIAL ADD good address=good@mpi.example name="Good"')
    assert words in text
    assert "NOT DONE" in text
    assert "nz-good is ACTIVE" in text
    assert set(officials(node)) == {"nz-smith", "nz-old", "nz-good"}


def test_an_id_with_the_partners_before_it_has_a_length_too(node: Node) -> None:
    node.examiner = examiner(new_zealand(id="n" * 20))
    assert "has more than 41 characters" in ask(node, f"OFFICIAL ADD {'x' * 31} address=a@mpi.example name=A")


def test_an_operators_id_for_a_partners_official_is_the_partners_too(node: Node) -> None:
    given(node, replace(WANG, id="smith", partner="nz"))
    assert "smith is SUSPENDED" in ask(node, "OFFICIAL SUSPEND smith")


def test_of_many_officials_the_first_are_listed_and_all_are_counted(node: Node) -> None:
    given(node, *(replace(WANG, id=f"nz-{n:03}", address=f"{n}@mpi.example", partner="nz") for n in range(205)))
    text = ask(node, "OFFICIAL LIST")
    assert "nz-199: ACTIVE, 199@mpi.example, Wang Wei, zh" in text
    assert "nz-200" not in text
    assert "205 in all; the first 200 are listed." in text


def test_help_names_what_can_be_said_about_officials(node: Node) -> None:
    text = " ".join(ask(node, "HELP").split())
    for line in ("OFFICIAL ADD ID address=", "OFFICIAL SUSPEND ID", "OFFICIAL LIST"):
        assert line in text


# The key that comes with the mail

PUBLIC = bytes(key_of(PERSON).public.cert)
NODE_KEY = bytes(key_of(NZ_ADDRESS).public.cert)


def test_a_key_that_comes_with_the_mail_is_the_persons(node: Node) -> None:
    assert f"Signs with the key {key_of(PERSON).fingerprint}." in ask(node, SMITH, keys=(PUBLIC,))
    found = officials(node)["nz-smith"]
    assert (found.fingerprint, found.public_key) == (key_of(PERSON).fingerprint, PUBLIC)
    assert node.records()[-1]["key"] == key_of(PERSON).fingerprint


def test_the_senders_own_key_is_not_the_persons(node: Node) -> None:
    """Many mail programs attach it to whatever they sign."""
    ask(node, SMITH, keys=(NODE_KEY,))
    assert officials(node)["nz-smith"].fingerprint == ""
    ask(node, 'OFFICIAL ADD jones address=jones@mpi.example name="A"', keys=(NODE_KEY, PUBLIC), serial="2")
    assert officials(node)["nz-jones"].fingerprint == key_of(PERSON).fingerprint


JONES = 'OFFICIAL ADD jones address=jones@mpi.example name="A"'


@pytest.mark.parametrize(
    ("lines", "keys"),
    [
        ((SMITH,), (b"no key",)),
        ((SMITH,), (PUBLIC + NODE_KEY,)),
        ((SMITH,), (PUBLIC, bytes(key_of("jones@mpi.example").public.cert))),
        ((SMITH, JONES), (PUBLIC,)),
    ],
    ids=["no key", "two in one", "two", "two people"],
)
def test_a_key_that_may_be_anybodys_is_nobodys(node: Node, lines: tuple[str, ...], keys: tuple[bytes, ...]) -> None:
    assert "A key comes with one OFFICIAL ADD" in ask(node, *lines, keys=keys)
    assert officials(node) == {}


def test_a_key_without_a_person_does_no_harm(node: Node) -> None:
    assert "You have no officials here." in ask(node, "OFFICIAL LIST", keys=(PUBLIC,))
