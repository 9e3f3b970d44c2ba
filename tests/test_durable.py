"""Files that survive a power cut: whole or not at all, for their owner only, with nothing left behind."""

import os
from pathlib import Path

import pytest

from ecertmail import durable
from tests.strace import durable_calls


def test_a_file_holds_what_was_written_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    durable.write(tmp_path / "partner.toml", b"name = 1\n")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"partner.toml": b"name = 1\n"}


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644])
def test_a_file_has_the_mode_that_was_asked_for_whatever_the_umask(tmp_path: Path, mode: int) -> None:
    before = os.umask(0o077)
    try:
        durable.write(tmp_path / "key.asc", b"x", mode)
    finally:
        os.umask(before)
    assert (tmp_path / "key.asc").stat().st_mode & 0o777 == mode


def test_a_write_that_fails_leaves_the_file_as_it_was(small_disk: Path) -> None:
    durable.write(small_disk / "partner.toml", b"old")
    with pytest.raises(OSError, match="No space"):
        durable.write(small_disk / "partner.toml", b"x" * 1_000_000)
    assert {path.name: path.read_bytes() for path in small_disk.iterdir()} == {"partner.toml": b"old"}


def test_file_and_folder_are_synced_the_file_before_it_gets_its_name(tmp_path: Path) -> None:
    file = str(tmp_path / "nz.toml")
    code = f"from pathlib import Path; from ecertmail import durable; durable.write(Path({file!r}), b'x')"
    assert durable_calls(tmp_path, code) == [("fsync", ".nz.toml.tmp"), ("rename", "nz.toml"), ("fsync", ".")]


def test_folders_are_made_with_those_above_them(tmp_path: Path) -> None:
    durable.make_folder(tmp_path / "a/b")
    durable.make_folder(tmp_path / "a/b")
    assert (tmp_path / "a/b").stat().st_mode & 0o777 == 0o700


def test_what_another_program_wrote_is_synced_down_to_the_last_file(tmp_path: Path) -> None:
    (tmp_path / "private-keys-v1.d").mkdir()
    (tmp_path / "private-keys-v1.d/one.key").write_bytes(b"x")
    (tmp_path / "pubring.kbx").write_bytes(b"x")
    code = f"from pathlib import Path; from ecertmail import durable; durable.sync_tree(Path({str(tmp_path)!r}))"
    names = ("private-keys-v1.d", "private-keys-v1.d/one.key", "pubring.kbx", ".")
    assert durable_calls(tmp_path, code) == [("fsync", name) for name in names]


def test_a_file_that_is_replaced_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "partner.toml").touch(mode=0o640)
    (tmp_path / "partner.toml").chmod(0o640)
    durable.write(tmp_path / "partner.toml", b"x", durable.READABLE)
    assert (tmp_path / "partner.toml").stat().st_mode & 0o777 == 0o640


def test_a_file_that_is_written_in_pieces_has_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    def fail_in_the_middle() -> None:
        with durable.writing(tmp_path / "spool.db") as out:
            out.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_in_the_middle()
    assert list(tmp_path.iterdir()) == []
    with durable.writing(tmp_path / "spool.db") as out:
        out.write(b"one")
        assert not (tmp_path / "spool.db").exists()
        out.write(b"two")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"spool.db": b"onetwo"}
