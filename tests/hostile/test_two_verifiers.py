"""Sequoia and GnuPG both asked (`verify_with`): what only one of them takes never counts, and a person looks at it."""

from dataclasses import replace

import pytest

from ecertmail.edge.openpgp import Explain, OpenPgpEngine
from ecertmail.findings import FindingCode as Code
from ecertmail.message import SignatureStatus
from tests.builders import CHINA, key_of
from tests.flow.node import Node
from tests.hostile import packets
from tests.hostile.case import Case, accepted, assert_comes_to, fate, refused, stranger, table
from tests.hostile.keys import NZ_KEYS, engine, registered
from tests.hostile.mails import PART, by, by_nz, signed
from tests.hostile.packets import armour, subpacket
from tests.hostile.test_signatures import NOBODY, ODD_BUT_GOOD, TOLD

GOOD = NZ_KEYS["good"].primary


def liar(status: SignatureStatus) -> Explain:
    return lambda _signed, _signature, _fingerprint: status


def ask(node: Node, second: Explain, *, both: bool) -> Node:
    """Let somebody else than GnuPG give the second opinion."""
    asked = OpenPgpEngine(registered(), second, key_of(CHINA.address).sign, both=both)
    node.examiner = replace(node.examiner, openpgp=asked)
    return node


@pytest.fixture
def strict(node: Node) -> Node:
    """The node with both verifiers, as they really are."""
    node.examiner = replace(node.examiner, openpgp=engine(both=True))
    return node


CHANGED = stranger("changed", lambda: signed(by_nz(PART + b"!")), Code.SIGNATURE_BAD)
DISAGREEMENTS = {
    "GnuPG calls it bad": (signed, SignatureStatus.BAD),
    "GnuPG does not know the key": (signed, SignatureStatus.UNKNOWN_KEY),
    "GnuPG cannot read it": (signed, SignatureStatus.UNREADABLE),
    "GnuPG calls it weak": (signed, SignatureStatus.WEAK),
    "GnuPG takes changed content": (CHANGED.mail, SignatureStatus.GOOD),
    "GnuPG takes a critical subpacket that nobody knows": (
        lambda: signed(armour(GOOD.signature(PART, subpacket(0x80 | 99, b"!")))), SignatureStatus.GOOD),
}  # fmt: skip


@pytest.mark.parametrize("name", DISAGREEMENTS)
def test_when_the_two_disagree_the_operator_looks_at_it_and_nobody_is_answered(node: Node, name: str) -> None:
    mail, status = DISAGREEMENTS[name]
    ask(node, liar(status), both=True)
    seen = fate(node, stranger(name, mail, Code.SIGNATURE_DISPUTED))
    assert (seen.outcome, seen.codes, seen.answers) == ("quarantined", ("signature-disputed",), ())
    assert node.log_kinds() == []


@pytest.mark.parametrize(
    ("status", "code"),
    [(SignatureStatus.KEY_EXPIRED, Code.KEY_EXPIRED), (SignatureStatus.KEY_REVOKED, Code.KEY_REVOKED)],
)
def test_what_gnupg_knows_of_the_key_and_sequoia_does_not_is_told(
    node: Node, status: SignatureStatus, code: Code
) -> None:
    ask(node, liar(status), both=True)
    assert fate(node, refused("", signed, code)).codes == (code.code,)


@pytest.mark.parametrize("both", [True, False])
@pytest.mark.parametrize("status", SignatureStatus)
def test_no_second_opinion_makes_changed_content_good(node: Node, status: SignatureStatus, both: bool) -> None:
    ask(node, liar(status), both=both)
    assert fate(node, CHANGED).certificates == 0
    assert "certificate" not in node.log_kinds()


def test_sha1_is_weak_and_not_disputed(strict: Node) -> None:
    assert_comes_to(strict, refused("SHA-1", by("good", digest=packets.SHA1), Code.SIGNATURE_WEAK))


@pytest.mark.parametrize("status", [SignatureStatus.BAD, SignatureStatus.UNREADABLE])
def test_without_the_second_verifier_its_lies_do_no_harm(node: Node, status: SignatureStatus) -> None:
    assert_comes_to(ask(node, liar(status), both=False), accepted("", signed))


REAL = [*ODD_BUT_GOOD, *TOLD, *NOBODY[-10:]]


@table(REAL)
def test_both_real_verifiers_come_to_the_same_verdict_as_one(strict: Node, case: Case) -> None:
    assert_comes_to(strict, case)
