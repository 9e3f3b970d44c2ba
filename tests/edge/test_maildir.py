"""A maildir on disk: read whole, never twice, and left as a mail program wants it."""

import os
from pathlib import Path
from typing import Any

import pytest

from ecertmail.core.mailbox import After, Deed
from ecertmail.edge import maildir
from ecertmail.edge.maildir import Maildir
from ecertmail.errors import MailboxRefusedError
from tests.builders import batch_mail, certificates_xml, envelope, examiner
from tests.desk import PLAN, Desk


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return made(tmp_path / "Maildir")


def made(folder: Path) -> Path:
    for part in ("new", "cur", "tmp"):
        (folder / part).mkdir(parents=True)
    return folder


def deliver(folder: Path, *mails: bytes, part: str = "new", flags: str = "", first: int = 0) -> None:
    for number, octets in enumerate(mails, first):
        (folder / part / f"17000000{number:02}.M{number}P1.host{flags}").write_bytes(octets)


def names(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for part in ("new", "cur", "tmp") for file in (folder / part).glob("*"))


def collect(desk: Desk, path: Path, **changes: Any) -> None:
    desk.collector(source="maildir", **changes).round(Maildir(path))


def test_mail_is_read_from_new_and_cur_and_marked_as_seen(desk: Desk, path: Path) -> None:
    deliver(path, b"a: 1\n\n1\n")
    deliver(path, b"a: 2\n\n2\n", part="cur", flags=":2,F", first=1)
    deliver(path, b"half a mail", part="tmp", first=2)
    collect(desk, path)
    assert sorted(desk.octets()) == [b"a: 1\r\n\r\n1\r\n", b"a: 2\r\n\r\n2\r\n"]
    assert names(path) == ["cur/1700000000.M0P1.host:2,S", "cur/1700000001.M1P1.host:2,FS", "tmp/1700000002.M2P1.host"]
    assert desk.rows()[0].envelope.source == "maildir"


def test_a_second_round_and_a_mail_program_that_changes_flags_bring_nothing_again(desk: Desk, path: Path) -> None:
    deliver(path, b"a: 1\n\n1\n")
    collect(desk, path)
    (path / "cur/1700000000.M0P1.host:2,S").rename(path / "cur/1700000000.M0P1.host:2,RS")
    collect(desk, path)
    assert len(desk.rows()) == 1
    assert names(path) == ["cur/1700000000.M0P1.host:2,RS"]


def test_a_signed_mail_that_the_mta_wrote_with_lf_is_good_again(desk: Desk, path: Path) -> None:
    signed = batch_mail(certificates_xml("NZ/1"))
    deliver(path, signed.replace(b"\r\n", b"\n"))
    collect(desk, path)
    assert desk.octets() == [signed]
    assert examiner().examine(envelope(), desk.octets()[0]).findings == ()


def test_a_file_with_crlf_is_left_as_it_is(desk: Desk, path: Path) -> None:
    mixed = b"a: 1\r\n\r\none\ntwo\r\n"
    deliver(path, mixed)
    collect(desk, path)
    assert desk.octets() == [mixed]


def test_what_is_durable_is_moved_or_deleted(desk: Desk, path: Path) -> None:
    deliver(path, b"a: 1\n\n")
    collect(desk, path, deed=Deed(after=After.MOVE, folder="Done"))
    assert names(path) == []
    assert names(path / ".Done") == ["cur/1700000000.M0P1.host:2,S"]
    deliver(path, b"a: 2\n\n", first=1)
    collect(desk, path, deed=Deed(after=After.DELETE))
    assert (names(path), len(desk.rows())) == ([], 2)


def test_an_oversize_mail_is_left_in_place_and_told_once(desk: Desk, path: Path) -> None:
    deliver(path, b"x" * 101, b"a: 1\n\n")
    for _ in range(2):
        collect(desk, path, message_size=100)
    assert len(desk.rows()) == len(desk.events("mailbox.left-out")) == 1
    assert "new/1700000000.M0P1.host" in names(path)


def test_subfolders_are_those_of_maildir_plus_plus(desk: Desk, path: Path) -> None:
    deliver(made(path / ".Certs"), b"a: 1\n\n")
    collect(desk, path, folders=("INBOX", "Certs"))
    assert len(desk.rows()) == 1


def test_two_thousand_mails_come_all_and_once(desk: Desk, path: Path) -> None:
    for number in range(2000):
        (path / "new" / f"17000{number:05}.M1P1.host").write_bytes(b"Subject: %d\n\n" % number)
    collect(desk, path)
    collect(desk, path)
    assert len(set(desk.octets())) == len(desk.rows()) == 2000


def test_what_is_no_mail_and_what_has_a_name_of_odd_octets_stops_nothing(desk: Desk, path: Path) -> None:
    (path / "new/folder").mkdir()
    (path / "new/link").symlink_to("/etc/passwd")
    (path / "new/.hidden").write_bytes(b"x")
    Path(os.fsdecode(os.fsencode(path) + b"/new/17.caf\xe9")).write_bytes(b"a: 1\n\n")
    deliver(path, b"a: 2\n\n")
    for _ in range(2):
        collect(desk, path)
    assert sorted(desk.octets()) == [b"a: 1\r\n\r\n", b"a: 2\r\n\r\n"]
    seen = [os.fsencode(file.name) for file in (path / "cur").iterdir()]
    assert sorted(seen) == [b"17.caf\xe9:2,S", b"1700000000.M0P1.host:2,S"]


def test_a_folder_that_is_no_maildir_is_told(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(MailboxRefusedError, match="is no maildir: it has no folder `new`"):
        collect(desk, tmp_path)


def test_the_look_at_what_works_says_so(path: Path, tmp_path: Path) -> None:
    good, bad = (next(maildir.steps(place, PLAN)) for place in (path, tmp_path))
    assert (good.good, good.text) == (True, f"{path}, can be read and changed")
    assert (bad.good, bad.advice) == (False, "check `maildir` and `folders`")
