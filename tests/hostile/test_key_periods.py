"""A key speaks for a partner only in the days agreed on: both when it signed and when the mail is read."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from ecertmail.findings import FindingCode as Code
from ecertmail.parties import PinnedKey
from tests.builders import NOW
from tests.flow.node import Node
from tests.hostile.case import accepted, assert_comes_to, refused
from tests.hostile.keys import NZ_KEYS
from tests.hostile.mails import by

TODAY = NOW.date()
DAY = timedelta(days=1)
KEY = NZ_KEYS["good"].fingerprint


def agreed(node: Node, not_before: date, not_after: date) -> Node:
    """Let the good key count in these days only; New Zealand's others stay as they are."""
    period = PinnedKey(fingerprint=KEY, not_before=not_before, not_after=not_after)
    partners = {
        fingerprint: replace(one, keys=tuple(period if key.fingerprint == KEY else key for key in one.keys))
        for fingerprint, one in node.examiner.partners.items()
    }
    node.examiner = replace(node.examiner, partners=partners)
    return node


OUTSIDE = {
    "ended yesterday": (date.min, TODAY - DAY),
    "begins tomorrow": (TODAY + DAY, date.max),
    "ends before it begins": (TODAY + DAY, TODAY - DAY),
}
INSIDE = {
    "today only": (TODAY, TODAY),
    "begins today": (TODAY, date.max),
    "ends today": (date.min, TODAY),
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_outside_of_its_period_a_key_is_refused_and_the_partner_told(node: Node, name: str) -> None:
    assert_comes_to(agreed(node, *OUTSIDE[name]), refused(name, by("good"), Code.KEY_NOT_IN_FORCE))


@pytest.mark.parametrize("name", INSIDE)
def test_inside_of_its_period_a_key_counts(node: Node, name: str) -> None:
    assert_comes_to(agreed(node, *INSIDE[name]), accepted(name, by("good")))


def test_a_signature_from_before_the_period_does_not_count_within_it(node: Node) -> None:
    case = refused("signed before", by("good", at=NOW - 2 * DAY), Code.KEY_NOT_IN_FORCE)
    assert_comes_to(agreed(node, TODAY - DAY, date.max), case)


def test_a_key_that_is_expired_and_out_of_its_period_is_told_both(node: Node) -> None:
    """One mail is enough to learn everything that stands in the way."""
    old = NZ_KEYS["expired"].fingerprint
    partners = {
        fingerprint: replace(one, keys=(PinnedKey(fingerprint=old, not_after=TODAY - DAY), *one.keys))
        for fingerprint, one in node.examiner.partners.items()
    }
    node.examiner = replace(node.examiner, partners=partners)
    node.take(by("expired", at=NOW - timedelta(hours=2))())
    assert node.records()[0]["findings"] == ["key-expired", "key-not-in-force"]
