"""What the operator is told, and when: each thing once, and nothing when there is nothing to say."""

from datetime import UTC, datetime, time, timedelta

import pytest

from ecertmail.core import mime, notice
from ecertmail.core.notice import SetAside
from ecertmail.message import SignedMessage
from ecertmail.parties import KeyLife, PinnedKey
from tests.builders import CHINA, key_of

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def key(ends_at: datetime | None) -> KeyLife:
    return KeyLife(owner="partner nz", fingerprint="A" * 40, ends_at=ends_at)


@pytest.mark.parametrize(
    ("left", "step"),
    [
        (61 * DAY, None),
        (60 * DAY, "60"),
        (31 * DAY, "60"),
        (30 * DAY, "30"),
        (8 * DAY, "30"),
        (7 * DAY, "7"),
        (timedelta(minutes=1), "7"),
        (timedelta(), "-1"),
        (-DAY, "-1"),
    ],
)
def test_a_key_is_announced_60_30_and_7_days_before_it_ends_and_when_it_has(left: timedelta, step: str | None) -> None:
    found = [warned.id for warned in notice.ending([key(NOW + left)], NOW)]
    assert found == ([f"key:{'A' * 40}:{step}"] if step else [])


def test_a_key_without_an_end_is_never_announced() -> None:
    assert notice.ending([key(None)], NOW) == []


def test_the_sentence_names_owner_key_and_day() -> None:
    [soon] = notice.ending([key(NOW + 10 * DAY)], NOW)
    [over] = notice.ending([key(NOW - 10 * DAY)], NOW)
    assert soon.sentence == f"The key of partner nz, {'A' * 40}, ends on 2026-12-04, in 10 days."
    assert over.sentence == f"The key of partner nz, {'A' * 40}, ended on 2026-11-14."


def test_what_was_told_is_not_told_again() -> None:
    warned = notice.ending([key(NOW + 10 * DAY)], NOW)
    assert notice.unsaid(warned, {warned[0].id}) == []
    assert notice.unsaid(warned, {f"key:{'A' * 40}:60"}) == warned


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (None, True),
        (NOW - 2 * DAY, True),
        (datetime(2026, 11, 24, 6, 59, tzinfo=UTC), True),
        (datetime(2026, 11, 24, 7, 0, tzinfo=UTC), False),
        (NOW + DAY, False),  # the clock was set back
    ],
)
def test_a_report_is_due_once_after_its_hour(last: datetime | None, expected: bool) -> None:
    assert notice.due(last, NOW, time(7)) is expected


def test_before_the_hour_the_report_of_yesterday_counts() -> None:
    early = datetime(2026, 11, 24, 6, tzinfo=UTC)
    assert not notice.due(datetime(2026, 11, 23, 7, tzinfo=UTC), early, time(7))
    assert notice.due(datetime(2026, 11, 23, 6, tzinfo=UTC), early, time(7))


def test_a_period_ends_with_its_last_day() -> None:
    assert PinnedKey(fingerprint="A", not_after=NOW.date()).ends_at == datetime(2026, 11, 24, 23, 59, 59, 999999, UTC)
    assert PinnedKey(fingerprint="A").ends_at is None


def test_the_report_lists_a_hundred_mails_and_counts_the_rest() -> None:
    aside = [
        SetAside(id=f"m{number}", received_at=NOW, reason="not-signed", reverse_path="a@x.example", peer="192.0.2.1")
        for number in range(103)
    ]
    draft = notice.draft(CHINA, "op@customs.example", notice.ending([key(NOW)], NOW), aside, NOW, "<1@cn.example>")
    message = mime.read(draft.signed(key_of(CHINA.address).sign(draft.part)))
    assert isinstance(message, SignedMessage)
    leaves = mime.attachments(message.signed_octets)
    assert isinstance(leaves, tuple)
    text = leaves[0].data.decode()
    assert text.count("not-signed") == 100
    assert "and 3 more" in text
    assert "ended on 2026-11-24" in text
    assert message.traits.auto_submitted == "auto-generated"
    assert message.subject == "ecertmail: 103 mails in quarantine, 1 keys to renew"
