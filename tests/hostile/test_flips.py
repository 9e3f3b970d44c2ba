"""One octet changed, anywhere: what was signed is never taken with it, and nothing else breaks."""

from collections.abc import Iterator

import pytest

from ecertmail.core import mime
from ecertmail.message import SignedMessage
from ecertmail.store.spool import SpoolReader
from tests.flow.node import Node
from tests.hostile.case import assert_next_good_mail_is_taken, sent
from tests.hostile.mails import signed

MAIL = signed()
BITS = (0x01, 0x20, 0x80)


def _signed_part() -> range:
    message = mime.read(MAIL)
    assert isinstance(message, SignedMessage)
    start = MAIL.index(message.signed_octets)
    return range(start, start + len(message.signed_octets))


SIGNED_PART = _signed_part()
ARMOUR = range(MAIL.index(b"-----BEGIN PGP SIGNATURE"), len(MAIL))
REGIONS = {
    "the outer header": range(MAIL.index(b"\r\n\r\n")),
    "the first boundary": range(MAIL.index(b"\r\n\r\n"), SIGNED_PART.start),
    "the signed header": range(SIGNED_PART.start, SIGNED_PART.start + 80),
    "the signed content": range(SIGNED_PART.start + 80, SIGNED_PART.stop, 5),
    "the boundary between": range(SIGNED_PART.stop, ARMOUR.start),
    "the signature": ARMOUR,
}


def flipped(places: range) -> Iterator[bytes]:
    for count, place in enumerate(places):
        changed = bytearray(MAIL)
        changed[place] ^= BITS[count % len(BITS)]
        yield bytes(changed)


def ends(node: Node, ids: list[str]) -> dict[str, tuple[str, str]]:
    reader = SpoolReader(node.folder / "spool.db")
    rows = {spool_id: reader.get(spool_id)[0] for spool_id in ids}
    reader.close()
    return {spool_id: (row.state, row.reason) for spool_id, row in rows.items()}


@pytest.mark.parametrize("region", REGIONS)
def test_one_changed_octet_never_breaks_the_node_and_never_changes_a_certificate(node: Node, region: str) -> None:
    mails = list(flipped(REGIONS[region]))
    found = ends(node, node.take(*mails))
    assert all(reason != "no-verdict" for _, reason in found.values())
    assert len(mails) == len(found) > 40
    versions = [version.sha256 for found_one in node.lookup("NZ-1") for version in found_one.versions]
    assert len(versions) <= 1
    assert all(record["outcome"] == "accepted" for record in node.records() if record["kind"] == "message")
    assert len(sent(node)) <= 1
    assert_next_good_mail_is_taken(node)


@pytest.mark.parametrize("region", ["the signed header", "the signed content", "the boundary between"])
def test_no_mail_with_a_changed_octet_in_what_was_signed_is_taken(node: Node, region: str) -> None:
    places = REGIONS[region]
    if region == "the boundary between":
        places = range(places.start, places.start + 4)
    found = ends(node, node.take(*flipped(places)))
    assert {state for state, _ in found.values()} == {"quarantined"}
    assert node.records() == []


def test_the_mail_itself_is_taken(node: Node) -> None:
    """Else all of the above would hold for nothing."""
    node.take(MAIL)
    assert node.status("NZ-1") == "70"
