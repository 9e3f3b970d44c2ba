"""Officials from the command line, with the real daemon and without one."""

import json
import smtplib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ecertmail.config import demands_on, load
from ecertmail.core import decision_record, outgoing, record, ticket
from ecertmail.errors import KeyringError
from ecertmail.official import Decided, Decision, Language, Official, Purpose
from ecertmail.parties import Assurance, Demands
from ecertmail.store.ledger import SqliteLedger
from tests.builders import CHINA, NOW, NZ_ADDRESS, certificates_xml, key_of, letter
from tests.installation import Installation, Sink, until

PERSON = "wang@customs.example"
WANG = ("official", "add", "--address", "Wang@customs.example", "--name", "Wang  Wei", "--post", "Port of Shanghai",
        "--language", "zh")  # fmt: skip


def shown(installation: Installation, name: str) -> dict[str, object]:
    result = installation.cli("official", "show", name, "--json")
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.output))


def listed(installation: Installation, *options: str) -> list[str]:
    return [one["id"] for one in json.loads(installation.cli("official", "list", "--json", *options).output)]


def done(installation: Installation, *arguments: str) -> str:
    result = installation.cli(*arguments)
    assert result.exit_code == 0, result.output
    return result.output


def records(installation: Installation) -> list[dict[str, object]]:
    return json.loads(done(installation, "ledger", "tail", "--json"))  # type: ignore[no-any-return]


def test_an_official_is_added_suspended_and_taken_up_again(china: Installation) -> None:
    assert "wang: active" in done(china, *WANG)
    facts = shown(china, "wang")
    assert {name: facts[name] for name in ("address", "name", "post", "language", "partner", "role", "state")} == {
        "address": PERSON, "name": "Wang Wei", "post": "Port of Shanghai", "language": "zh", "partner": "self",
        "role": "checks", "state": "active",
    }  # fmt: skip
    done(china, "official", "suspend", "wang")
    assert (listed(china), listed(china, "--all")) == ([], ["wang"])
    done(china, "official", "resume", "wang")
    assert listed(china) == ["wang"]
    assert "Port of Shanghai" in done(china, "official", "list")
    states = [(one["kind"], one["official"], one["state"], one["by"]) for one in records(china)]
    assert states == [("official", "wang", state, "operator") for state in ("active", "suspended", "active")]
    assert PERSON not in str(records(china))
    assert "The ledger is whole" in done(china, "ledger", "verify")


@pytest.mark.parametrize(
    ("address", "expected"),
    [("li.na@customs.example", "li-na"), ("_x_+y@customs.example", "x-y"), (f"{'a' * 60}@b.example", "a" * 41)],
)
def test_without_an_id_the_address_gives_one(china: Installation, address: str, expected: str) -> None:
    done(china, "official", "add", "--address", address, "--name", "Li Na")
    assert listed(china) == [expected]


@pytest.mark.parametrize(
    ("options", "state"),
    [
        (("--address", PERSON), "active"),
        (("--address", "wang@port.example"), "pending"),
        (("--address", "smith@mpi.example", "--partner", "nz"), "active"),
        (("--address", PERSON, "--partner", "nz"), "pending"),
        (("--address", "smith@mpi.example"), "pending"),
    ],
)
def test_an_address_outside_the_authoritys_domains_waits(
    china: Installation, options: tuple[str, ...], state: str
) -> None:
    added = done(china, "official", "add", "person", "--name", "A Person", *options)
    assert ("PENDING" in added) == (state == "pending")
    assert shown(china, "person")["state"] == state
    if state == "pending":
        done(china, "official", "approve", "person")
        assert shown(china, "person")["state"] == "active"


MISTAKES: dict[str, tuple[Sequence[str], int, str]] = {
    "no address": (("--address", "nonsense"), 78, "plain mail address"),
    "our own mailbox": (("--address", CHINA.address), 78, "is read by a program"),
    "a mailbox of ours with more": (("--address", "ECERT+d1.aaaaaaaaaaaa@customs.example"), 78, "is read by a program"),
    "a partner's node": (("--address", NZ_ADDRESS, "--partner", "nz"), 78, "name the person's own mailbox"),
    "an unknown partner": (("--address", PERSON, "--partner", "zz"), 4, "no partner has this ID"),
    "a partner's duty officer": (("--address", "a@mpi.example", "--partner", "nz", "--role", "answers"), 78,
                                 "only our own officials"),
    "no name": (("--address", PERSON, "--name", " "), 78, "--name: is one line"),
    "a post without end": (("--address", PERSON, "--post", "x" * 101), 78, "--post: is one line"),
    "a language without letters": (("--address", PERSON, "--language", "de"), 2, "'de' is not one of"),
    "a taken ID": (("taken", "--address", PERSON), 1, "this ID is taken"),
    "a taken address": (("other", "--address", "taken@customs.example"), 1, "suspend taken` frees it"),
    "an odd ID": (("Wang Wei", "--address", PERSON), 78, "lower-case letters"),
}  # fmt: skip


@pytest.mark.parametrize(("arguments", "code", "words"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_told_and_nobody_is_added(
    china: Installation, arguments: Sequence[str], code: int, words: str
) -> None:
    done(china, "official", "add", "taken", "--address", "taken@customs.example", "--name", "Taken")
    refused = china.cli("official", "add", "--name", "A Person", *arguments)
    assert (refused.exit_code, words in refused.output) == (code, True), refused.output
    assert listed(china, "--all") == ["taken"]


@pytest.mark.parametrize("word", ["approve", "resume", "suspend"])
def test_a_state_is_changed_only_from_where_the_word_makes_sense(china: Installation, word: str) -> None:
    done(china, *WANG)
    if word == "suspend":
        done(china, "official", "suspend", "wang")
    refused = china.cli("official", word, "wang")
    assert (refused.exit_code, f"; {word} is for" in refused.output) == (1, True), refused.output
    assert china.cli("official", word, "nobody").exit_code == 4
    assert china.cli("official", "show", "nobody").exit_code == 4


# Keys


def test_a_persons_key_is_kept_and_its_fingerprint_shown(china: Installation, tmp_path: Path) -> None:
    file, key = tmp_path / "wang.asc", key_of(PERSON)
    file.write_text(str(key.tsk.extract_certificate()), encoding="ascii")
    assert f"signs with the key {key.fingerprint}" in done(china, *WANG, "--key", str(file))
    assert shown(china, "wang")["fingerprint"] == key.fingerprint
    assert "public_key" not in shown(china, "wang")
    [found] = china.ledger().officials()
    assert found.public_key == bytes(key.public.cert)


BAD_KEYS = {
    "no key": (b"hello", "not an OpenPGP key"),
    "two keys": (bytes(key_of(PERSON).public.cert) + bytes(key_of("li@customs.example").public.cert), "exactly one"),
    "a secret key": (str(key_of(PERSON).tsk).encode(), "SECRET"),
    "a partner's key": (bytes(key_of(NZ_ADDRESS).public.cert), "is the key of a node"),
}


@pytest.mark.parametrize(("octets", "words"), BAD_KEYS.values(), ids=BAD_KEYS.keys())
def test_a_key_that_is_nobodys_own_is_refused(china: Installation, tmp_path: Path, octets: bytes, words: str) -> None:
    file = tmp_path / "key.asc"
    file.write_bytes(octets)
    refused = china.cli(*WANG, "--key", str(file))
    assert (refused.exit_code, words in refused.output) == (KeyringError.exit_code, True), refused.output
    assert not (china.folder / "spool/ledger.db").exists()


# What else knows of officials


def test_decisions_are_shown_with_the_certificate_and_with_the_official(china: Installation) -> None:
    (china.folder / "nz.xml").write_bytes(certificates_xml("CN-1", country="CN"))
    done(china, "issue", str(china.folder / "nz.xml"))
    done(china, *WANG)
    assert shown(china, "wang")["last_decision"] is None
    ledger = SqliteLedger(china.folder / "spool/ledger.db")
    for decision in (Decision.PASS, Decision.REFUSE):
        decided = Decided(
            entry=-1, issuer="self", number="CN-1", decision=decision, remark="seal\n\x1b[31mbroken", partner="self",
            official="wang", operator="Wang Wei, Port of Shanghai", assurance=Assurance.TOKEN_DKIM, at=NOW,
        )  # fmt: skip
        with ledger.transaction() as tx:
            [entry] = tx.append([("decision", record.canonical(decision_record.of(decided, "0" * 64, 0)))])
            tx.officials.put_decision(replace(decided, entry=entry))
    ledger.close()
    text = done(china, "lookup", "CN-1")
    assert f"PASS (superseded by entry {entry}) by Wang Wei, Port of Shanghai (self, token+dkim): seal" in text
    assert "REFUSE by Wang Wei" in text
    assert "\x1b" not in text
    [found] = json.loads(done(china, "lookup", "CN-1", "--json"))
    assert [(one["decision"], one["superseded_by"]) for one in found["decisions"]] == [("39", entry), ("41", None)]
    assert f"REFUSE CN-1 at {record.timestamp(NOW)} (entry {entry})" in done(china, "official", "show", "wang")
    assert shown(china, "wang")["decisions"] == 2
    done(china, "ledger", "verify")


def test_what_is_demanded_follows_from_whose_official_it_is(china: Installation) -> None:
    file = china.folder / "partners/nz.toml"
    file.write_text(file.read_text(encoding="utf-8") + '\n[officials]\nrefuses = "signed"\n', encoding="utf-8")
    config = load(china.file)
    own = Official(
        id="x", address=PERSON, name="X", post="", language=Language.EN, partner="self", created_at=NOW
    )  # fmt: skip
    assert demands_on(config, own) == Demands()
    assert demands_on(config, replace(own, partner="nz")) == Demands(refuses=Assurance.SIGNED)
    assert demands_on(config, replace(own, partner="gone")) is None


# With the daemon


def test_a_running_daemon_is_told(daemon: Installation) -> None:
    done(daemon, *WANG)
    until(lambda: "official.added" in daemon.log)
    assert PERSON not in daemon.log
    refused = daemon.cli(*WANG)
    assert (refused.exit_code, "this ID is taken" in refused.output) == (1, True), refused.output
    done(daemon, "official", "suspend", "wang")
    until(lambda: "official.changed" in daemon.log)


@pytest.mark.slow
def test_a_partner_names_its_officials_by_mail_and_the_operator_approves(daemon: Installation, sink: Sink) -> None:
    lines = (
        'OFFICIAL ADD smith address=smith@mpi.example name="Jo Smith" post="Port of Napier"',
        'OFFICIAL ADD jones address=jones@home.example name="Al Jones"',
        "OFFICIAL LIST",
    )
    daemon.send(outgoing.command_mail(lines, letter(), key_of(NZ_ADDRESS).sign))
    answer = sink.wait_for(1)[0].decode()
    assert "nz-smith: ACTIVE" in answer
    assert "nz-jones: PENDING" in answer
    assert listed(daemon, "--partner", "nz") == ["nz-jones", "nz-smith"]
    assert listed(daemon, "--partner", "self") == []
    done(daemon, "official", "approve", "nz-jones")
    facts = shown(daemon, "nz-jones")
    assert (facts["state"], facts["approved_by"], facts["partner"]) == ("active", "nz", "nz")


def test_the_listener_takes_mail_for_a_ticket(daemon: Installation) -> None:
    """It cannot read the ledger, and takes for it what it takes for the mailbox."""
    token = f"{Purpose.DECIDE}17.{'a' * 12}"
    good, bad = ticket.address(CHINA.address, token), ticket.address(CHINA.address, token[:-1])
    with smtplib.SMTP("127.0.0.1", daemon.port, timeout=30) as smtp:
        smtp.ehlo()
        smtp.mail(PERSON)
        assert [smtp.rcpt(address)[0] for address in (good, bad, CHINA.address)] == [250, 550, 250]
