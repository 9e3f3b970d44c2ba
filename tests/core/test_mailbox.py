"""What is decided about a mailbox, without any I/O."""

import pytest

from ecertmail.core import mailbox as core
from ecertmail.core.mailbox import After, Deed, Found, Plan
from ecertmail.model import Outcome

PLAN = Plan(mailbox="main", source="imap", address="ecert@customs.example", folders=("INBOX",), message_size=1000,
            deed=Deed(after=After.FLAG), refused_to="Refused")  # fmt: skip


def found(*sizes: int) -> list[Found]:
    return [Found(uid=core.uid_text(number), size=size) for number, size in enumerate(sizes, 1)]


def test_uids_sort_as_numbers_do() -> None:
    numbers = [4_294_967_295, 1, 10, 9, 100]
    assert sorted(map(core.uid_text, numbers)) == [core.uid_text(number) for number in sorted(numbers)]


def test_small_messages_go_together_up_to_a_number_of_octets() -> None:
    groups = list(core.groups(found(3_000_000, 500_000, 500_000, 1)))
    assert [[message.size for message in group] for group in groups] == [[3_000_000, 500_000, 500_000], [1]]


def test_no_group_has_more_than_a_hundred_messages() -> None:
    assert [len(group) for group in core.groups(found(*[10] * 250))] == [100, 100, 50]


def test_a_message_larger_than_a_group_goes_alone() -> None:
    assert [len(group) for group in core.groups(found(1, 9_000_000, 1))] == [1, 1, 1]


def test_what_made_trouble_goes_alone_and_after_all_others() -> None:
    alone = frozenset({core.uid_text(1), core.uid_text(3)})
    groups = [[int(message.uid) for message in group] for group in core.groups(found(1, 1, 1, 1), alone)]
    assert groups == [[2, 4], [1], [3]]


def test_nothing_makes_no_group() -> None:
    assert list(core.groups([])) == []


def test_a_gap_of_a_million_uids_takes_few_questions_and_a_crowd_comes_in_parts() -> None:
    width, low, questions = core.FIRST_WIDTH, 1, 0
    while low < 1_000_000:
        low, width, questions = low + width, core.next_width(width, 0), questions + 1
    assert questions < 120
    crowded = core.next_width(core.LAST_WIDTH, core.LAST_WIDTH)
    for _ in range(10):
        crowded = core.next_width(crowded, crowded)
    assert crowded <= core.MANY


@pytest.mark.parametrize(("failures", "seconds"), [(1, 60), (2, 300), (3, 900), (4, 3600), (100, 3600)])
def test_a_refused_login_is_tried_again_ever_later(failures: int, seconds: float) -> None:
    assert core.wait_after(core.LOGIN_WAITS, failures) == seconds


def test_in_a_day_a_wrong_password_is_tried_less_than_thirty_times() -> None:
    tries, passed = 0, 0.0
    while passed < 86_400:
        tries += 1
        passed += core.wait_after(core.LOGIN_WAITS, tries)
    assert tries < 30


@pytest.mark.parametrize(
    ("octets", "address"),
    [
        (b"Return-Path: <ecert@mpi.example>\r\nFrom: x\r\n\r\n", "ecert@mpi.example"),
        (b"Received: by x\r\nreturn-path:<ECERT@mpi.example>\r\n\r\n", "ecert@mpi.example"),
        (b"Return-Path: <>\r\n\r\n", ""),
        (b"From: x\r\n\r\nReturn-Path: <ecert@mpi.example>\r\n", ""),
        (b"Return-Path: <not an address>\r\n\r\n", ""),
        (b"Return-Path: <caf\xc3\xa9@mpi.example>\r\n\r\n", ""),
        (b"From: x\r\n Return-Path: <ecert@mpi.example>\r\n\r\n", ""),
        (b"Return-Path: <>\r\nFrom: ecert@mpi.example\r\n\r\n", ""),
        (b"Return-Path: <bounces@mpi.example>\r\nFrom: ecert@mpi.example\r\n\r\n", "bounces@mpi.example"),
        (b"Received: x\r\nFrom: MPI\r\n <ecert@mpi.example>\r\nTo: x\r\n\r\n", "ecert@mpi.example"),
        (b"From: a@b.example, c@d.example\r\n\r\n", ""),
        (b"X-From: a@b.example\r\n\r\nFrom: a@b.example\r\n", ""),
        (b"", ""),
    ],
)
def test_the_reverse_path_is_what_the_delivering_server_wrote_or_else_the_sender(octets: bytes, address: str) -> None:
    assert core.reverse_path(octets) == address


@pytest.mark.parametrize(
    ("stored", "travelled"),
    [
        (b"a: b\n\nx\n", b"a: b\r\n\r\nx\r\n"),
        (b"a: b\r\n\r\nx\r\n", b"a: b\r\n\r\nx\r\n"),
        (b"a: b\r\n\r\nx\n", b"a: b\r\n\r\nx\n"),
        (b"", b""),
    ],
)
def test_a_file_gets_its_crlf_back_only_if_it_has_none(stored: bytes, travelled: bytes) -> None:
    assert core.with_crlf(stored) == travelled


@pytest.mark.parametrize("outcome", list(Outcome))
def test_refused_and_quarantined_mail_has_a_folder_of_its_own(outcome: Outcome) -> None:
    refused = outcome in {Outcome.REFUSED, Outcome.QUARANTINED}
    assert PLAN.deed_for(outcome) == (Deed(after=After.MOVE, folder="Refused") if refused else PLAN.deed)
