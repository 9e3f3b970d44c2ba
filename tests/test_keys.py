"""A partner's keys through the years: offered by mail, confirmed by a person, in force for a time, ended."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ecertmail.core import mime, outgoing
from ecertmail.message import SignedMessage
from tests.builders import NZ_ADDRESS, Key, batch_mail, certificates_xml, key_of, letter, make_key
from tests.installation import Installation, Sink, until


@pytest.fixture(scope="module")
def new_key() -> Key:
    return make_key(NZ_ADDRESS)


def armored(key: Key) -> bytes:
    return str(key.tsk.extract_certificate()).encode()


def offer(new: Key, *, signed_by: Key, named: str = "") -> bytes:
    return outgoing.key_offer_mail(named or new.fingerprint, armored(new), letter(serial="offer"), signed_by.sign)


def rows(installation: Installation) -> list[dict[str, str]]:
    listed = installation.cli("partner", "keys", "list", "--json")
    assert listed.exit_code == 0, listed.output
    return list(json.loads(listed.output))


def text(mail: bytes) -> str:
    """The part of a signed mail that a person reads."""
    message = mime.read(mail)
    assert isinstance(message, SignedMessage)
    leaves = mime.attachments(message.signed_octets)
    assert isinstance(leaves, tuple)
    return leaves[0].data.decode()


def outcome(mail: bytes) -> str:
    message = mime.read(mail)
    assert isinstance(message, SignedMessage)
    return message.subject.partition(":")[0]


@pytest.mark.slow
def test_a_new_key_is_offered_confirmed_and_then_speaks_for_the_partner(
    daemon: Installation, sink: Sink, new_key: Key
) -> None:
    with_new_key = batch_mail(certificates_xml("NZ-2"), sign=new_key.sign, serial="2")
    daemon.send(with_new_key)
    daemon.send(offer(new_key, signed_by=key_of(NZ_ADDRESS)))
    assert outcome(sink.wait_for(1)[0]) == "Noted"
    assert [(row["fingerprint"], row["state"].split()[0]) for row in rows(daemon)] == [
        (key_of(NZ_ADDRESS).fingerprint, "in"), (new_key.fingerprint, "OFFERED"),
    ]  # fmt: skip

    wrong = daemon.cli("partner", "keys", "confirm", "nz", "0" * 40)
    assert (wrong.exit_code, "has offered no key" in wrong.output) == (4, True)
    assert daemon.cli("partner", "keys", "confirm", "nz", new_key.fingerprint).exit_code == 0
    assert daemon.process is not None
    daemon.process.send_signal(1)
    until(lambda: "reload.done" in daemon.log)

    [aside] = daemon.spooled("quarantined")
    assert daemon.cli("spool", "release", aside.id).exit_code == 0
    assert outcome(sink.wait_for(2)[1]) == "Accepted"
    assert daemon.cli("lookup", "NZ-2").exit_code == 0


@pytest.mark.parametrize("case", ["by a stranger", "another fingerprint named"])
def test_a_key_that_the_old_key_does_not_vouch_for_is_no_candidate(
    case: str, daemon: Installation, sink: Sink, new_key: Key
) -> None:
    mails = {
        "by a stranger": offer(new_key, signed_by=new_key),
        "another fingerprint named": offer(new_key, signed_by=key_of(NZ_ADDRESS), named="0" * 40),
    }
    daemon.send(mails[case])
    until(lambda: daemon.spooled("quarantined", "archived"))
    assert [row["state"] for row in rows(daemon)] == ["in force"]
    if case == "another fingerprint named":
        assert outcome(sink.wait_for(1)[0]) == "Refused"


def test_a_key_is_added_from_a_file_after_its_fingerprint_was_compared(china: Installation, new_key: Key) -> None:
    file = china.folder / "new.asc"
    file.write_bytes(armored(new_key))
    command = ("partner", "keys", "add", "nz", str(file), "--from", "2030-01-01", "--fingerprint")
    refused = china.cli(*command, "0" * 40)
    assert (refused.exit_code, len(rows(china))) == (5, 1)
    added = china.cli(*command, new_key.fingerprint)
    assert added.exit_code == 0, added.output
    assert [(row["state"], row["period"]) for row in rows(china)] == [
        ("in force", "always"), ("not in force", "from 2030-01-01"),
    ]  # fmt: skip
    again = china.cli(*command, new_key.fingerprint)
    assert (again.exit_code, "has key" in again.output) == (78, True)
    assert china.cli("check-config").exit_code == 0


def test_a_key_is_ended_and_the_comments_of_the_file_stay(china: Installation) -> None:
    file = china.folder / "partners/nz.toml"
    file.write_text("# reviewed by Wang\n" + file.read_text(encoding="utf-8"), encoding="utf-8")
    fingerprint = key_of(NZ_ADDRESS).fingerprint
    ended = china.cli("partner", "keys", "end", "nz", fingerprint, "2026-01-31")
    assert ended.exit_code == 0, ended.output
    assert file.read_text(encoding="utf-8").startswith("# reviewed by Wang\n")
    assert [(row["state"], row["period"]) for row in rows(china)] == [("not in force", "to 2026-01-31")]
    unknown = china.cli("partner", "keys", "end", "nz", "0" * 40, "2026-01-31")
    assert unknown.exit_code == 4


@pytest.mark.slow
def test_status_and_the_operators_mail_tell_of_a_key_that_ends(china: Installation, sink: Sink) -> None:
    soon = (datetime.now(UTC) + timedelta(days=5)).date().isoformat()
    china.cli("partner", "keys", "end", "nz", key_of(NZ_ADDRESS).fingerprint, soon)
    china.set('# address = ""', '"operator@customs.example"')
    china.start()
    mail = sink.wait_for(1)[0]
    assert b"To: operator@customs.example" in mail
    assert f"ends on {soon}" in text(mail)
    status = json.loads(china.cli("status", "--json").output)
    assert any("partner nz" in sentence for sentence in status["keys"])


def test_offer_key_makes_a_mail_that_a_node_takes_as_an_offer(
    china: Installation, new_key: Key, tmp_path: Path
) -> None:
    file, out = tmp_path / "new.asc", tmp_path / "offer.eml"
    file.write_bytes(armored(new_key))
    made = china.cli("offer-key", str(file), "--to", NZ_ADDRESS, "-o", str(out))
    assert made.exit_code == 0, made.output
    message = mime.read(out.read_bytes())
    assert isinstance(message, SignedMessage)
    assert message.protected is not None
    assert message.protected.recipients == {NZ_ADDRESS}
    assert f"NEW KEY {new_key.fingerprint}".encode() in message.signed_octets
