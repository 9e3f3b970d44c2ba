"""The drop folder: what is whole is taken, what is not is left alone, and nothing is ever lost."""

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from ecertmail.edge.folder import DropFolder, Dropped

RESULT = {"sha256": "a" * 64}


@pytest.fixture
def folder(tmp_path: Path) -> DropFolder:
    return DropFolder(tmp_path / "issue", limit=1000)


@pytest.fixture
def path(folder: DropFolder, tmp_path: Path) -> Path:
    return tmp_path / "issue"


def taken(folder: DropFolder, name: str) -> Dropped:
    dropped = folder.read(name)
    assert isinstance(dropped, Dropped)
    return dropped


def test_the_folders_are_made_for_the_owner_only(path: Path) -> None:
    assert {stat.S_IMODE(part.stat().st_mode) for part in (path, path / "done", path / "refused")} == {0o700}


def test_only_what_was_renamed_in_is_seen(folder: DropFolder, path: Path) -> None:
    for name in ("b.xml", "a.XML", "half.tmp", "half.xml.tmp", "half.xml.part", ".hidden.xml", "note.txt"):
        (path / name).write_bytes(b"<a/>")
    assert folder.names() == ["a.XML", "b.xml"]


def make_link(path: Path) -> None:
    (path.parent / "secret").write_text("x")
    path.symlink_to(path.parent / "secret")


LEFT_OUT: dict[str, tuple[Callable[[Path], object], str]] = {
    "a folder": (Path.mkdir, "it is no regular file"),
    "a named pipe": (os.mkfifo, "it is no regular file"),
    "a link": (make_link, "it is a symbolic link"),
    "a link to nowhere": (lambda path: path.symlink_to("nowhere"), "it is a symbolic link"),
    "a large file": (lambda path: path.write_bytes(b"x" * 1001), "it is larger than 1000 octets"),
}


@pytest.mark.parametrize("case", LEFT_OUT)
def test_what_is_no_plain_file_stays_and_the_reason_is_told(folder: DropFolder, path: Path, case: str) -> None:
    make, reason = LEFT_OUT[case]
    make(path / "x.xml")
    assert folder.read("x.xml") == reason
    assert os.path.lexists(path / "x.xml")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_stays(folder: DropFolder, path: Path) -> None:
    (path / "x.xml").touch(mode=0)
    assert folder.read("x.xml") == "it cannot be opened (Permission denied)"


def test_what_is_gone_meanwhile_is_passed_over(folder: DropFolder) -> None:
    assert folder.read("x.xml") is None


def test_a_file_moves_beside_its_result(folder: DropFolder, path: Path) -> None:
    (path / "x.xml").write_bytes(b"<a/>")
    assert folder.settle(taken(folder, "x.xml"), "done", RESULT) == "x.xml"
    assert folder.names() == []
    assert (path / "done/x.xml").read_bytes() == b"<a/>"
    assert json.loads((path / "done/x.xml.result.json").read_text()) == RESULT
    assert sorted(file.name for file in (path / "done").iterdir()) == ["x.xml", "x.xml.result.json"]


def test_a_name_that_is_there_already_gets_a_number(folder: DropFolder, path: Path) -> None:
    for number in range(3):
        (path / "x.xml").write_bytes(b"%d" % number)
        folder.settle(taken(folder, "x.xml"), "done", {"sha256": f"{number}"})
    assert {file.name: file.read_bytes() for file in (path / "done").glob("*.xml")} == {
        "x.xml": b"0",
        "x-2.xml": b"1",
        "x-3.xml": b"2",
    }
    assert json.loads((path / "done/x-3.xml.result.json").read_text()) == {"sha256": "2"}


def test_a_result_without_its_file_waits_for_it_and_stays_as_it_was(folder: DropFolder, path: Path) -> None:
    (path / "x.xml").write_bytes(b"<a/>")
    first = {**RESULT, "entry": 7}
    (path / "done/x.xml.result.json").write_text(json.dumps(first))
    assert folder.settle(taken(folder, "x.xml"), "done", {**RESULT, "entry": None}) == "x.xml"
    assert json.loads((path / "done/x.xml.result.json").read_text()) == first


@pytest.mark.parametrize("octets", [b"", b"{", b"[]", b'{"sha256": "another"}'])
def test_the_result_of_something_else_is_never_overwritten(folder: DropFolder, path: Path, octets: bytes) -> None:
    (path / "x.xml").write_bytes(b"<a/>")
    (path / "done/x.xml.result.json").write_bytes(octets)
    assert folder.settle(taken(folder, "x.xml"), "done", RESULT) == "x-2.xml"
    assert (path / "done/x.xml.result.json").read_bytes() == octets


def test_a_folder_that_is_out_of_order_is_trouble_and_leaves_the_file(folder: DropFolder, path: Path) -> None:
    (path / "x.xml").write_bytes(b"<a/>")
    (path / "done").rmdir()
    (path / "done").write_text("in the way")
    with pytest.raises(NotADirectoryError):
        folder.settle(taken(folder, "x.xml"), "done", RESULT)
    assert folder.names() == ["x.xml"]


@pytest.mark.parametrize("name", ["x.xml", "n" * 251 + ".xml"], ids=["short", "long"])
def test_a_new_file_that_took_the_name_meanwhile_is_not_moved_away_unread(
    folder: DropFolder, path: Path, name: str
) -> None:
    (path / name).write_bytes(b"first")
    dropped = taken(folder, name)
    (path / "x.tmp").write_bytes(b"other")
    (path / "x.tmp").rename(path / name)
    there = folder.settle(dropped, "done", RESULT)
    assert (path / "done" / there).read_bytes() == b"first"
    assert [taken(folder, name).octets for name in folder.names()] == [b"other"]


@pytest.mark.parametrize("name", [b"n" * 251 + b".xml", "é".encode() * 125 + b".xml", b"\xff\n.xml"])
def test_any_name_can_be_dealt_with(folder: DropFolder, path: Path, name: bytes) -> None:
    (path / os.fsdecode(name)).write_bytes(b"<a/>")
    [found] = folder.names()
    dropped = taken(folder, found)
    assert dropped.shown.isprintable()
    folder.settle(dropped, "refused", {**RESULT, "file": dropped.shown})
    assert len(list((path / "refused").iterdir())) == 2
