"""Five partners: every key with every From and every exporting country; only each partner's own word counts."""

from collections.abc import Iterator
from itertools import product

import pytest

from tests.builders import batch_mail, certificates_xml, examiner, key_of, partner
from tests.flow.node import Node

COUNTRIES = ("NZ", "AU", "CL", "UY", "CA")
PLACES = tuple(product(COUNTRIES, repeat=3))


def address(country: str) -> str:
    return f"ecert@{country.lower()}.example"


def mail(key: str, sender: str, exporter: str) -> bytes:
    document = certificates_xml(f"{key}-{sender}-{exporter}", country=exporter)
    serial = f"{key}.{sender}.{exporter}"
    return batch_mail(document, sender=address(sender), sign=key_of(address(key)).sign, serial=serial)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    made = Node(tmp_path_factory.mktemp("matrix"))
    made.examiner = examiner(*[partner(country.lower(), address(country), country) for country in COUNTRIES])
    yield made
    made.close()


@pytest.fixture(scope="module")
def outcomes(node: Node) -> dict[tuple[str, ...], str]:
    ids = node.take(*[mail(*place) for place in PLACES])
    events = {facts["id"]: event for _, event, facts in node.log.lines}
    return {place: events[spool_id].removeprefix("mail.") for place, spool_id in zip(PLACES, ids, strict=True)}


def rightly(key: str, sender: str, exporter: str) -> str:
    """Somebody else's From is set aside; one's own From with somebody else's country is refused."""
    if key != sender:
        return "quarantined"
    return "accepted" if exporter == key else "refused"


@pytest.mark.parametrize("place", PLACES, ids=["-".join(place) for place in PLACES])
def test_a_key_speaks_only_for_its_own_address_and_country(
    place: tuple[str, str, str], outcomes: dict[tuple[str, ...], str]
) -> None:
    assert outcomes[place] == rightly(*place)


def test_five_of_all_combinations_are_accepted(outcomes: dict[tuple[str, ...], str]) -> None:
    assert len(outcomes) == 125
    assert sorted(place for place, outcome in outcomes.items() if outcome == "accepted") == sorted(
        (country,) * 3 for country in COUNTRIES
    )


def test_five_certificates_are_recorded_each_for_its_issuer(node: Node, outcomes: dict[tuple[str, ...], str]) -> None:
    assert node.log_kinds().count("certificate") == 5
    for country in COUNTRIES:
        [found] = node.lookup("-".join([country] * 3))
        assert (found.issuer, found.exporting) == (country.lower(), country)


def test_only_who_signed_is_answered_and_only_under_its_own_name(
    node: Node, outcomes: dict[tuple[str, ...], str]
) -> None:
    """Five answers each: one for its own country, four refusals."""
    answered = [delivery.recipient for delivery in node.receipts()]
    assert sorted(answered) == sorted([address(country) for country in COUNTRIES] * 5)
