"""Deadlines of inquiries on a clock: who is written to at which hour, and what ends it."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from ecertmail.errors import KeyringError
from ecertmail.letter import LetterKind
from ecertmail.official import Official, OfficialState
from tests.builders import room
from tests.flow.conversing import HEMI, KIRI, NUMBER, WANG, DyingSigner, Side, wellington
from tests.flow.fakes import Trouble

LI = replace(WANG, id="li", partner="cn", address="li@customs.example")
OFFICE = "office@nz.example"
REMINDED = (24, KIRI.address, "inquiry_reminder")
ESCALATED = (48, OFFICE, "inquiry_reminder")


def asked(there: Side, here: Side) -> None:
    there.receive("cn", here.request(WANG)[1])
    there.mails()


def wait(side: Side, hours: int, since: int = 0) -> list[tuple[int, str, str]]:
    """Let time go by, looking three times an hour; return (hour, recipient, letter) of all that was sent."""
    sent = []
    for third in range(since * 3 + 1, hours * 3 + 1):
        side.now += timedelta(minutes=20)
        side.watch.look(side.openpgp, side.now)
        sent += [(third // 3, to, kind) for to, kind in side.mails()]
    return sent


def test_the_side_that_answers_reminds_and_escalates_once(here: Side, there: Side) -> None:
    asked(there, here)
    assert wait(there, 200) == [REMINDED, ESCALATED]
    assert there.alarms() == ["inquiry:Q1"]
    assert [event for level, event in there.log.events if level == "error"] == [
        "alarm.raised", "inquiry.escalated", "alarm.raised", "inquiry.overdue",
    ]  # fmt: skip


def test_the_side_that_asked_tells_its_official_once(here: Side, there: Side) -> None:
    asked(there, here)
    assert wait(here, 200) == [(72, WANG.address, "still_waiting")]
    assert here.alarms() == ["inquiry:Q1"]


def test_who_asked_the_issuing_node_itself_is_told_too(there: Side) -> None:
    there.employ(LI)
    there.request(LI, issuer="self")
    there.mails()
    assert wait(there, 200) == [REMINDED, ESCALATED, (72, LI.address, "still_waiting")]


def test_an_official_whose_authority_is_no_partner_any_more_is_told_nothing(there: Side) -> None:
    there.employ(LI)
    there.request(LI, issuer="self")
    there.mails()
    there.partners = there.partners[1:]
    assert wait(there, 200) == [REMINDED, ESCALATED]


@pytest.mark.parametrize(("hour", "expected"), [(1, []), (30, [REMINDED]), (60, [REMINDED, ESCALATED])])
def test_an_answer_ends_it_at_any_hour(
    here: Side, there: Side, hour: int, expected: list[tuple[int, str, str]]
) -> None:
    asked(there, here)
    sent = wait(there, hour)
    there.reply(KIRI, "Seal 17.", ticket_id=1)
    there.mails()
    assert sent + wait(there, 200, hour) == expected
    assert there.alarms() == []


def test_a_late_answer_clears_the_alarm_on_the_side_that_asked(here: Side, there: Side) -> None:
    asked(there, here)
    there.reply(KIRI, "Seal 17.", ticket_id=1)
    wait(here, 80)
    here.receive("nz", there.said[0][1])
    assert here.alarms() == []
    assert ("info", "alarm.cleared") in here.log.events


def test_an_alarm_that_was_seen_to_does_not_come_back_and_nobody_is_told_again(here: Side, there: Side) -> None:
    asked(there, here)
    wait(here, 80)
    with here.ledger.transaction() as tx:
        tx.clear_alarm("inquiry:Q1", here.now)
    assert wait(here, 200, 80) == []
    assert here.alarms() == []


def test_asking_again_begins_the_waiting_anew(here: Side, there: Side) -> None:
    asked(there, here)
    assert wait(there, 50) == [REMINDED, ESCALATED]
    here.now = there.now
    there.receive("cn", here.request(WANG, "Please?")[1])
    assert there.alarms() == []
    there.mails()
    assert wait(there, 49) == [REMINDED, ESCALATED]


def test_after_an_outage_all_that_is_due_happens_at_once_and_once(here: Side, there: Side) -> None:
    there.employ(LI)
    there.request(LI, issuer="self")
    there.mails()
    there.now += timedelta(days=30)
    assert there.watch.look(there.openpgp, there.now) == 1
    assert [kind for _, kind in there.mails()] == ["inquiry_reminder", "inquiry_reminder", "still_waiting"]
    assert there.watch.look(there.openpgp, there.now) == 0


def test_a_reminder_names_the_question_and_whoever_reminds_with_a_ticket_that_is_good(here: Side, there: Side) -> None:
    asked(there, here)
    there.now += timedelta(hours=25)
    there.watch.look(there.openpgp, there.now)
    [letter] = there.templates.letters
    assert (letter.kind, letter.text, letter.overdue) == (LetterKind.INQUIRY_REMINDER, "Which seal?", False)
    there.reply(KIRI, "Seal 17.")
    assert len(there.said) == 1


def test_whoever_comes_on_duty_later_is_asked_then(tmp_path: Path, here: Side) -> None:
    there = wellington(tmp_path)
    asked(there, here)
    assert wait(there, 30) == []
    there.employ(HEMI)
    assert wait(there, 40, 30) == [(30, HEMI.address, "inquiry_reminder")]
    there.ledger.close()


def test_a_suspended_official_is_told_nothing(here: Side) -> None:
    here.request(WANG)
    with here.ledger.transaction() as tx:
        tx.officials.change("wang", OfficialState.SUSPENDED, here.now)
    assert wait(here, 100) == []
    assert here.alarms() == ["inquiry:Q1"]


def test_trouble_with_one_does_not_stop_the_others_and_ends_with_the_next_look(there: Side) -> None:
    others = [replace(LI, id=name, address=f"{name}@customs.example") for name in ("a", "b", "c")]
    ask_directly(there, *others)
    there.now += timedelta(hours=25)
    trouble = DyingSigner(there, Trouble(2, error=KeyringError("the card is locked")))
    assert there.watch.look(trouble, there.now) == 2
    assert ("error", "inquiry.failed") in there.log.events
    assert there.watch.look(there.openpgp, there.now) == 1
    assert len(there.outbox.take_due(there.now, room(10))) == 3


def ask_directly(there: Side, *officials: Official) -> None:
    there.employ(*officials)
    for official in officials:
        there.request(official, issuer="self", number=NUMBER)
    there.mails()


def test_a_crash_leaves_the_inquiry_to_the_next_look(there: Side) -> None:
    ask_directly(there, LI)
    there.now += timedelta(hours=50)
    with pytest.raises(RuntimeError):
        there.watch.look(DyingSigner(there, Trouble(2, error=RuntimeError("power cut"))), there.now)
    assert there.outbox.take_due(there.now, room(10)) == []
    assert there.alarms() == []
    assert there.watch.look(there.openpgp, there.now) == 1
    assert len(there.outbox.take_due(there.now, room(10))) == 2
