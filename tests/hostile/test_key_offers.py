"""A new key is only ever noted, and only when the partner's present key vouches for it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from ecertmail.core import compose
from ecertmail.edge.openpgp import OpenPgpEngine, PublicKey, read_public_key
from ecertmail.findings import FindingCode as Code
from ecertmail.model import Outcome
from ecertmail.store.reader import LedgerReader, Offered
from tests.builders import AU_ADDRESS, CHINA, NOW, NZ_ADDRESS, key_of, make_key
from tests.flow.node import Node
from tests.hostile.case import (
    Case,
    assert_comes_to,
    assert_next_good_mail_is_taken,
    fate,
    refused,
    sent,
    stranger,
    table,
)
from tests.hostile.keys import HOUR, NZ_KEYS, NZ_SUBKEYS, keyring, partners, registered
from tests.hostile.mails import PART, attached, by, mixed, signed
from tests.hostile.packets import Forged, Secret, armour, bound

NEW, OTHER = Forged(), Forged()
FROM_TO = {"From": NZ_ADDRESS, "To": CHINA.address}


def key(octets: bytes) -> bytes:
    return compose.attachment(octets, "application/pgp-keys", "new.asc")


def says(fingerprint: str, word: str = "NEW KEY") -> bytes:
    return compose.text(f"Dear colleagues,\n{word} {fingerprint}\n")


def grouped(fingerprint: str) -> str:
    fours = [fingerprint[place : place + 4] for place in range(0, 40, 4)]
    return " ".join(fours[:5]) + "  " + " ".join(fours[5:])


def offer(*parts: bytes, head: Mapping[str, str] | None = None) -> Callable[[], bytes]:
    return lambda: signed(part=protected(*parts, head=head))


def protected(*parts: bytes, head: Mapping[str, str] | None = None) -> bytes:
    return mixed(*parts, head=FROM_TO if head is None else head, kind='; hp="clear"')


def noted(name: str, mail: Callable[[], bytes]) -> Case:
    return Case(name=name, mail=mail, code=Code.KEY_OFFERED, outcome=Outcome.KEY_OFFERED, answered=True)


OFFER = protected(says(NEW.fingerprint), key(NEW.public))

NOTED = (
    noted("a key and its fingerprint", offer(says(NEW.fingerprint), key(NEW.public))),
    noted("in groups of four", offer(says(grouped(NEW.fingerprint)), key(NEW.public))),
    noted("in small letters", offer(says(NEW.fingerprint.lower()), key(NEW.public))),
    noted("with a colon", offer(says(NEW.fingerprint, "NEW KEY:"), key(NEW.public))),
)

NOT_NOTED = (
    refused("another key than named", offer(says(NEW.fingerprint), key(OTHER.public)), Code.KEY_UNREADABLE),
    refused("no key", offer(says(NEW.fingerprint)), Code.KEY_UNREADABLE),
    refused("two keys", offer(says(NEW.fingerprint), key(NEW.public), key(OTHER.public)), Code.KEY_UNREADABLE),
    refused("two keys in one file", offer(says(NEW.fingerprint), key(NEW.public + OTHER.public)), Code.KEY_UNREADABLE),
    refused("a secret key", offer(says(key_of("x@x.example").fingerprint), key(bytes(key_of("x@x.example").tsk))),
            Code.KEY_UNREADABLE),
    refused("no octets", offer(says(NEW.fingerprint), key(b"")), Code.KEY_UNREADABLE),
    refused("garbage", offer(says(NEW.fingerprint), key(b"\xff" * 500)), Code.KEY_UNREADABLE),
    refused("only a key id", offer(says(NEW.fingerprint[-16:]), key(NEW.public)), Code.NO_BATCH),
    refused("a subkey's fingerprint", offer(says(NZ_SUBKEYS["good"].fingerprint.hex().upper()),
                                            key(NZ_KEYS["subkey good"].public)), Code.KEY_UNREADABLE),
    refused("a key without a word", offer(compose.text("see attached"), key(NEW.public)), Code.NO_BATCH),
    stranger("unsigned", lambda: compose.multipart("multipart/mixed", [says(NEW.fingerprint), key(NEW.public)], "x",
                                                   FROM_TO), Code.NOT_SIGNED),
    stranger("signed by the new key", lambda: signed(make_key(NZ_ADDRESS).sign(PART)), Code.SIGNATURE_UNKNOWN_KEY),
    stranger("by another partner", lambda: signed(key_of(AU_ADDRESS).sign(OFFER), part=OFFER), Code.FROM_NOT_PARTNER),
    stranger("changed on the way", lambda: offer(says(NEW.fingerprint), key(NEW.public))().replace(b"Dear", b"Near"),
             Code.SIGNATURE_BAD),
)  # fmt: skip


def by_old(name: str, at: datetime) -> Callable[[], bytes]:
    return lambda: signed(armour(NZ_KEYS[name].primary.signature(OFFER, at=at)), part=OFFER)


REFUSED = (
    refused("without protected headers", lambda: signed(part=mixed(says(NEW.fingerprint), key(NEW.public))),
            Code.HEADERS_NOT_PROTECTED),
    refused("for another node", offer(says(NEW.fingerprint), key(NEW.public), head={**FROM_TO, "To": AU_ADDRESS}),
            Code.NOT_FOR_US),
    refused("for no node", offer(says(NEW.fingerprint), key(NEW.public), head={"From": NZ_ADDRESS}),
            Code.HEADERS_NOT_PROTECTED),
    refused("eight days old", by_old("good", NOW - timedelta(days=8)), Code.SIGNATURE_STALE),
    refused("by a key that has expired since", by_old("expired", NOW - 2 * HOUR), Code.KEY_EXPIRED),
)  # fmt: skip


def offers(node: Node) -> list[Offered]:
    reader = LedgerReader(node.folder / "ledger.db")
    found = reader.offers()
    reader.close()
    return found


@table(NOTED)
def test_an_offer_is_noted_for_the_operator(node: Node, case: Case) -> None:
    assert_comes_to(node, case)
    [offered] = offers(node)
    assert (offered.partner, offered.fingerprint) == ("nz", NEW.fingerprint)
    assert read_public_key(offered.public_key).fingerprint == NEW.fingerprint


@table(NOT_NOTED)
def test_what_is_no_offer_by_a_partner_is_not_noted(node: Node, case: Case) -> None:
    assert_comes_to(node, case)
    assert offers(node) == []


@table(REFUSED)
def test_a_refused_offer_is_refused(node: Node, case: Case) -> None:
    assert_comes_to(node, case)


@table(REFUSED)
def test_a_refused_offer_is_not_put_before_the_operator(node: Node, case: Case) -> None:
    node.take(case.mail())
    assert offers(node) == []


def test_an_offered_key_does_not_count_before_the_operator_confirms_it(node: Node) -> None:
    node.take(offer(says(NEW.fingerprint), key(NEW.public))())
    sent(node)
    late = stranger("too early", lambda: signed(armour(NEW.primary.signature(PART))), Code.SIGNATURE_UNKNOWN_KEY)
    assert_comes_to(node, late)


@pytest.mark.parametrize("name", ["expired", "lost", "superseded"])
def test_a_key_that_does_not_count_any_more_vouches_for_no_other(node: Node, name: str) -> None:
    signature = armour(NZ_KEYS[name].primary.signature(OFFER))
    code = Code.KEY_EXPIRED if name == "expired" else Code.KEY_REVOKED
    assert_comes_to(node, refused(name, lambda: signed(signature, part=OFFER), code))
    assert offers(node) == []


def test_certificates_in_a_mail_count_more_than_an_offer(node: Node) -> None:
    node.take(offer(says(NEW.fingerprint), key(NEW.public), attached())())
    assert node.status("NZ-1") == "70"
    assert offers(node) == []


def test_an_offer_that_comes_again_is_noted_once(node: Node) -> None:
    mail = offer(says(NEW.fingerprint), key(NEW.public))()
    node.take(mail, mail)
    assert len(offers(node)) == 1
    assert len(sent(node)) == 1


# A key file that brings a foreign subkey along


def foreign() -> PublicKey:
    """Australia's new key file claims New Zealand's subkey for itself; that has not agreed."""
    taken, thief = NZ_SUBKEYS["good"], Secret()
    subkey = bound(thief, taken, back=False)
    return read_public_key(Forged(user_id=b"AU <ecert@daff.example>", primary=thief, extra=(subkey,)).public)


@pytest.mark.parametrize("last", [True, False], ids=["read last", "read first"])
def test_a_key_file_with_a_foreign_subkey_takes_nobodys_signatures_away(node: Node, last: bool) -> None:
    stolen = foreign()
    known = {**registered(), stolen.fingerprint: stolen} if last else {stolen.fingerprint: stolen, **registered()}
    whose = dict(node.examiner.partners)
    whose[stolen.fingerprint] = partners()[1]
    signer = key_of(CHINA.address).sign
    node.examiner = replace(node.examiner, openpgp=OpenPgpEngine(known, keyring().explain, signer), partners=whose)
    outcome = fate(node, Case(name="", mail=by("subkey good"))).outcome
    assert outcome == "accepted"
    assert node.records()[0]["partner"] == "nz"
    assert_next_good_mail_is_taken(node)
