"""Who is owed which certificate, and in how many mails."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ecertmail.core import audience
from ecertmail.subscription import Bundle, Filter, Fresh, Subscription, SubscriptionState
from tests.builders import sps_xml

LAMB = Fresh(
    entry=7, issuer="self", number="NZ-1", status="70", type="851", profile="sps-d17a", issued_at="", exporting="NZ",
    importing="CN", title="Kiwifruit", sha256="", octets=sps_xml("NZ-1"),
)  # fmt: skip
WHEN = datetime(2026, 1, 1, tzinfo=UTC)
SUBSCRIPTION = Subscription(
    id="shanghai", address="post@customs.example", name="", partner="", filter=Filter(), bundle=Bundle.DIGEST,
    max_certificates=3, max_octets=1_000_000, schedule="immediately", time_zone="UTC", state=SubscriptionState.ACTIVE,
    reason="", cursor=-1, ran_at=WHEN, created_at=WHEN, trusted_at=WHEN,
)  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Filter(), True),
        (Filter(exporting=("NZ",)), True),
        (Filter(exporting=("AU", "NZ")), True),
        (Filter(exporting=("AU",)), False),
        (Filter(importing=("CN",)), True),
        (Filter(importing=("JP",)), False),
        (Filter(types=("851",)), True),
        (Filter(types=("852",)), False),
        (Filter(profiles=("certificates",)), False),
        (Filter(statuses=("70",)), True),
        (Filter(statuses=("42",)), False),
        (Filter(products=("0810",)), True),
        (Filter(products=("0204", "081050")), True),
        (Filter(products=("0204",)), False),
        (Filter(ports=("SHANGHAI",)), True),
        (Filter(ports=("Ningbo",)), False),
        (Filter(ports=("Shanghai",), products=("0204",)), False),
        (Filter(concerning=("CN",)), True),
        (Filter(concerning=("NZ", "CK")), True),
        (Filter(concerning=("JP",)), False),
    ],
)
def test_a_filter_lets_pass_what_it_names(wanted: Filter, expected: bool) -> None:
    assert audience.wants(wanted, LAMB) is expected


@pytest.mark.parametrize("status", ["40", "44", "64"])
def test_the_end_of_a_certificate_passes_every_filter_of_statuses(status: str) -> None:
    assert audience.wants(Filter(statuses=("70",)), replace(LAMB, status=status))


def sizes(subscription: Subscription, *certificates: Fresh) -> list[int]:
    return [len(mail) for mail in audience.bundles(subscription, certificates)]


def test_a_digest_is_limited_in_number_and_in_octets() -> None:
    assert sizes(SUBSCRIPTION, *[LAMB] * 7) == [3, 3, 1]
    small = replace(SUBSCRIPTION, max_octets=len(LAMB.octets) * 2)
    assert sizes(small, *[LAMB] * 5) == [2, 2, 1]
    assert sizes(replace(SUBSCRIPTION, max_octets=1), LAMB, LAMB) == [1, 1], "one that is too large goes alone"


def test_single_means_a_mail_for_each() -> None:
    assert sizes(replace(SUBSCRIPTION, bundle=Bundle.SINGLE), *[LAMB] * 3) == [1, 1, 1]


def test_nothing_owed_is_no_mail() -> None:
    assert sizes(SUBSCRIPTION) == []
