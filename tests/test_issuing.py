"""China issues: files renamed into the folder of the real daemon, the command, and mails of its issuing system."""

import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from ecertmail.core import compose, outgoing
from ecertmail.store.audit import faults
from tests.builders import CHINA, batch_mail, certificates_xml, key_of, letter
from tests.installation import Installation, Sink, until
from tests.test_daemon import said

SYSTEM = "issuing@customs.example"


def ours(*numbers: str, **changes: str) -> bytes:
    return certificates_xml(*numbers, country="CN", **changes)


def folder(china: Installation) -> Path:
    return china.folder / "spool/issue"


def drop(china: Installation, name: str, octets: bytes) -> None:
    """What the issuing program does."""
    half = folder(china) / f"{name}.tmp"
    half.write_bytes(octets)
    half.rename(folder(china) / name)


def result(china: Installation, name: str) -> dict[str, Any]:
    """Wait for a result file beside its file, in either folder."""
    [found] = until(lambda: [file for file in folder(china).glob(f"*/{name}") if not (folder(china) / name).exists()])
    said: dict[str, Any] = json.loads(found.with_name(f"{name}.result.json").read_text(encoding="utf-8"))
    return {**said, "in": found.parent.name}


def results(answer: dict[str, Any]) -> list[tuple[str, str]]:
    return [(line["number"], line["result"]) for line in answer["certificates"]]


# The folder


def test_a_file_in_the_folder_is_recorded_and_told(daemon: Installation) -> None:
    drop(daemon, "one.xml", ours("CN/1"))
    answer = result(daemon, "one.xml")
    assert (answer["in"], answer["outcome"], results(answer)) == ("done", "accepted", [("CN/1", "recorded")])
    [found] = daemon.ledger().lookup("CN/1")
    assert (found.issuer, found.versions[0].entry) == ("self", answer["certificates"][0]["entry"])
    assert f"issuer    {CHINA.name}" in daemon.cli("lookup", "CN/1").output
    assert daemon.cli("ledger", "verify").exit_code == 0
    assert "issue" in daemon.cli("ledger", "tail").output
    assert "issue.recorded" in daemon.log


def test_a_bad_file_is_kept_with_its_reasons_and_told_in_the_log(daemon: Installation) -> None:
    drop(daemon, "bad.xml", b"<certificates><certificate")
    drop(daemon, "nz.xml", certificates_xml("NZ/1"))
    answer = result(daemon, "bad.xml")
    assert (answer["in"], answer["certificates"][0]["findings"][0]["code"]) == ("refused", "xml-malformed")
    assert result(daemon, "nz.xml")["certificates"][0]["findings"][0]["code"] == "country-not-allowed"
    assert (folder(daemon) / "refused/bad.xml").read_bytes() == b"<certificates><certificate"
    assert daemon.log.count("issue.refused") == 2


def test_what_is_not_whole_or_no_file_is_left_alone_and_told_once(daemon: Installation) -> None:
    inbox = folder(daemon)
    (inbox / "half.xml.tmp").write_bytes(ours("CN/1")[:100])
    (inbox / ".half.xml").write_bytes(ours("CN/1")[:100])
    (inbox / "folder.xml").mkdir()
    (inbox / "link.xml").symlink_to(daemon.file)
    until(lambda: daemon.log.count("issue.left-out") == 2)
    for name in ("first.xml", "second.xml"):  # each is taken in a later look than the ones before
        drop(daemon, name, ours(name))
        result(daemon, name)
    assert daemon.log.count("issue.left-out") == 2
    assert sorted(file.name for file in inbox.iterdir()) == [
        ".half.xml", "done", "folder.xml", "half.xml.tmp", "link.xml", "refused",
    ]  # fmt: skip
    (inbox / "half.xml.tmp").rename(inbox / "half.xml")
    assert result(daemon, "half.xml")["in"] == "refused"


def test_a_thousand_files_at_once_are_all_recorded(daemon: Installation) -> None:
    for number in range(1000):
        drop(daemon, f"{number}.xml", ours(f"CN/{number}"))
    until(lambda: len(list(folder(daemon).glob("done/*.json"))) == 1000, 60)
    until(lambda: not list(folder(daemon).glob("*.xml")))
    assert daemon.ledger().counts("certificate") == {"70": 1000}
    assert daemon.ledger().size() == 2000


def test_a_daemon_killed_between_commit_and_move_issues_nothing_twice(daemon: Installation) -> None:
    done = folder(daemon) / "done"
    done.rmdir()
    done.write_text("in the way")
    drop(daemon, "one.xml", ours("CN/1"))
    until(lambda: "issue.failed" in daemon.log)
    daemon.stop(signal.SIGKILL)
    assert (daemon.ledger().size(), (folder(daemon) / "one.xml").exists()) == (2, True)
    done.unlink()
    daemon.start()
    assert results(result(daemon, "one.xml")) == [("CN/1", "duplicate")]
    assert (daemon.ledger().size(), list(faults(daemon.ledger()))) == (2, [])


@pytest.mark.slow
def test_kills_under_load_lose_nothing_and_issue_nothing_twice(daemon: Installation) -> None:
    for number in range(400):
        drop(daemon, f"{number}.xml", ours(f"CN/{number}"))
    for _ in range(4):
        time.sleep(0.15)
        daemon.stop(signal.SIGKILL)
        daemon.start()
    until(lambda: not list(folder(daemon).glob("*.xml")), 60)
    ledger = daemon.ledger()
    assert (ledger.counts("certificate"), ledger.size(), list(faults(ledger))) == ({"70": 400}, 800, [])
    for number in range(400):
        assert results(result(daemon, f"{number}.xml"))[0][0] == f"CN/{number}"
    assert len(list((folder(daemon) / "done").iterdir())) == 800


# The command


@pytest.fixture(params=["with the daemon", "without"])
def office(china: Installation, request: pytest.FixtureRequest) -> Installation:
    if request.param == "with the daemon":
        china.start()
    return china


def write(china: Installation, name: str, octets: bytes) -> str:
    (china.folder / name).write_bytes(octets)
    return str(china.folder / name)


def test_the_command_records_and_says_what_became_of_each(office: Installation) -> None:
    first = office.cli("issue", write(office, "a.xml", ours("CN/1", "CN/2")))
    assert (first.exit_code, first.output) == (0, "CN/1: recorded at entry 1\nCN/2: recorded at entry 2\n")
    again = office.cli("issue", str(office.folder / "a.xml"))
    assert (again.exit_code, again.output.splitlines()[0]) == (
        0, "CN/1: duplicate: This version is recorded already; nothing was changed.",
    )  # fmt: skip
    mixed = [
        write(office, "b.xml", ours("CN/1", title="Beef")),
        write(office, "c.xml", b"<"),
        write(office, "d.xml", ours("CN/3")),
    ]
    some = office.cli("issue", "--json", *mixed)
    answers = json.loads(some.stdout)
    assert some.exit_code == 3
    assert [results(answer) for answer in answers] == [
        [("CN/1", "conflict")],
        [("", "refused")],
        [("CN/3", "recorded")],
    ]
    assert office.cli("issue", mixed[1]).output.startswith("c.xml: refused: The XML is not well-formed. (")
    assert office.cli("ledger", "verify").exit_code == 0
    tail = json.loads(office.cli("ledger", "tail", "--json").stdout)
    assert {record["way"] for record in tail if record["kind"] == "issue"} == {"command"}


def test_a_withdrawal_is_issued_with_a_command(office: Installation) -> None:
    office.cli("issue", write(office, "a.xml", ours("CN/1")))
    assert office.cli("issue", write(office, "b.xml", ours("CN/1", status="Revoked"))).exit_code == 0
    assert "status    withdrawn (40)" in office.cli("lookup", "CN/1").output
    [found] = json.loads(office.cli("lookup", "--json", "CN/1").stdout)
    assert found["qr"] == f"ECERT:CN:CN/1:{found['versions'][-1]['sha256']}"
    assert f"QR code   {found['qr']}" in office.cli("lookup", "CN/1").output
    refused = office.cli("issue", write(office, "c.xml", ours("CN/1", title="Beef")))
    assert refused.exit_code == 3


def test_a_file_of_megabytes_goes_through_and_one_over_the_limit_does_not(office: Installation) -> None:
    octets = ours(*(f"CN/{number}" for number in range(4000)))
    assert len(octets) > 1_000_000
    assert office.cli("issue", write(office, "large.xml", octets)).output.count("recorded") == 4000
    over = office.cli("issue", write(office, "over.xml", b" " * 25_000_001))
    assert (over.exit_code, "is larger than [limits] message_size" in over.output) == (3, True)


def test_a_file_that_is_not_there_is_wrong_usage(china: Installation) -> None:
    assert china.cli("issue", "nowhere.xml").exit_code == 2


# By mail


def let_issue(china: Installation, address: str = SYSTEM, fingerprint: str = "") -> None:
    key = key_of(SYSTEM)
    (china.folder / "issuing.asc").write_text(str(key.tsk.extract_certificate()), encoding="ascii")
    text = china.file.read_text(encoding="utf-8")
    section = f'[issuing]\nfingerprint = "{fingerprint or key.fingerprint}"\nkey_file = "issuing.asc"\n'
    china.file.write_text(text.replace("[issuing]\n", f'{section}addresses = ["{address}"]\n'), encoding="utf-8")


def test_the_issuing_system_issues_by_signed_mail_and_gets_a_receipt(china: Installation, sink: Sink) -> None:
    let_issue(china)
    china.start()
    certificate = ours("CN/1").replace(b'<importing_country country_code="CN"', b'<importing_country country_code="NZ"')
    china.send(batch_mail(certificate, certificates_xml("NZ/1"), sender=SYSTEM), SYSTEM)
    statement = said(sink.wait_for(1)[0])
    assert [(line.number, line.result) for line in statement.certificates] == [
        ("CN/1", "recorded"),
        ("NZ/1", "refused"),
    ]
    assert china.ledger().lookup("CN/1")[0].issuer == "self"
    drop(china, "same.xml", certificate)
    assert results(result(china, "same.xml")) == [("CN/1", "duplicate")]
    assert china.cli("ledger", "verify").exit_code == 0


def test_what_the_issuing_system_signed_for_another_node_or_for_none_is_refused(
    china: Installation, sink: Sink
) -> None:
    let_issue(china)
    china.start()
    elsewhere = outgoing.batch_mail(
        [("a.xml", ours("CN/1"))], letter(SYSTEM, recipient="ecert@other.example"), key_of(SYSTEM).sign
    )
    part = compose.multipart("multipart/mixed", [compose.attachment(ours("CN/2"), "application/xml", "a.xml")], "seed")
    unprotected = compose.signed(part, key_of(SYSTEM).sign(part), "outer", {"From": SYSTEM, "To": CHINA.address})
    for number, (mail, code) in enumerate([(elsewhere, "not-for-us"), (unprotected, "headers-not-protected")], 1):
        china.send(mail, SYSTEM)
        assert said(sink.wait_for(number)[-1]).findings[0].startswith(code)
    assert china.ledger().counts("certificate") == {}


def test_nobody_else_issues_in_our_name(china: Installation, sink: Sink) -> None:
    let_issue(china)
    china.start()
    china.send(batch_mail(ours("CN/1")))
    assert said(sink.wait_for(1)[0]).certificates[0].findings[0].startswith("country-not-allowed")
    china.send(batch_mail(ours("CN/2"), sender=SYSTEM, sign=key_of("ecert@mpi.example").sign), SYSTEM)
    assert until(lambda: china.spooled("quarantined"))[0].reason == "from-not-partner"
    assert china.ledger().counts("certificate") == {}


# The configuration


def test_no_partner_may_be_called_self(china: Installation) -> None:
    partners = china.folder / "partners"
    (partners / "nz.toml").rename(partners / "self.toml")
    checked = china.cli("check-config")
    assert (checked.exit_code, "'self' is how this node calls itself" in checked.output) == (78, True)


def test_an_issuing_system_needs_a_key_and_addresses_of_its_own(china: Installation) -> None:
    before = china.file.read_text(encoding="utf-8")
    own = json.loads(china.cli("check-config", "--json").stdout)["key"]
    cases: tuple[tuple[dict[str, str], str], ...] = (
        ({"address": CHINA.address}, f"[issuing]: {CHINA.address} belongs to this node already"),
        ({"address": "ecert@mpi.example"}, "[issuing]: ecert@mpi.example belongs to partner nz already"),
        ({"fingerprint": own}, f"[issuing]: {own} belongs to this node already"),
        ({"fingerprint": "A" * 40}, f"but ecertmail.toml: [issuing] names {'A' * 40}"),
    )
    for changes, says in cases:
        let_issue(china, **changes)
        checked = china.cli("check-config")
        code = 3 if "fingerprint" in changes and changes["fingerprint"] != own else 78
        assert (checked.exit_code, says in checked.output) == (code, True), checked.output
        china.file.write_text(before, encoding="utf-8")
    china.set('# key_file = ""', '"issuing.asc"')
    assert "fingerprint, key_file and addresses go together" in china.cli("check-config").output
