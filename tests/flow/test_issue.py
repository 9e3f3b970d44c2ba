"""Certificates of our own enter the ledger: by the rules of all certificates, and once, whatever fails in between."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from ecertmail.errors import StoreBusyError
from tests.builders import certificates_xml, sps_replacement, sps_xml
from tests.flow.fakes import Trouble
from tests.flow.office import Office


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    yield made
    made.close()


def ours(*numbers: str, status: str = "Approved", title: str = "Lamb") -> bytes:
    return certificates_xml(*numbers, country="CN", status=status, title=title)


def our_sps(octets: bytes) -> bytes:
    """An SPSCertificate that China exports."""
    return octets.replace(b">NZ<", b">CN<")


def test_a_file_is_recorded_under_our_own_name(office: Office) -> None:
    said = office.issue(ours("CN/1", "CN/2"))
    assert (said["outcome"], said["entry"]) == ("accepted", 0)
    assert [(c["number"], c["result"], c["entry"]) for c in said["certificates"]] == [
        ("CN/1", "recorded", 1),
        ("CN/2", "recorded", 2),
    ]
    assert office.kinds() == ["issue", "certificate", "certificate"]
    issue, first, _ = office.records()
    assert (issue["issuer"], issue["way"], issue["outcome"]) == ("self", "folder", "accepted")
    assert issue["octets"] == sha256(ours("CN/1", "CN/2")).hexdigest() == said["sha256"]
    assert (first["issuer"], first["message"]) == ("self", 0)
    assert office.status("CN/1") == "70"
    assert office.log.events == [("info", "issue.recorded")]


def test_an_sps_certificate_is_recorded_too(office: Office) -> None:
    assert office.results(our_sps(sps_xml("CN 1"))) == [("CN 1", "recorded", [])]


REFUSED = {
    "another country": (certificates_xml("NZ/1"), "NZ/1", "country-not-allowed"),
    "no country": (certificates_xml("X/1", country=""), "X/1", "schema-invalid"),
    "a number twice": (ours("CN/1", "CN/1"), "CN/1", "number-twice"),
    "no known status": (ours("CN/1", status="?"), "CN/1", "schema-invalid"),
    "not well-formed": (b"<certificates>", "", "xml-malformed"),
    "empty": (b"", "", "xml-malformed"),
    "no certificate in it": (b"<certificates/>", "", "schema-invalid"),
    "another format": (b"<invoice/>", "", "profile-unknown"),
    "an entity bomb": (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "", "xml-doctype"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_wrong_is_refused_with_the_reason(office: Office, case: str) -> None:
    octets, number, code = REFUSED[case]
    [first, *_] = office.results(octets)
    assert (first[0], first[1], first[2][0]) == (number, "refused", code)
    assert office.kinds() == ["issue"]
    assert office.log.events == [("warning", "issue.refused")]
    assert office.log.lines[0][2]["findings"] == code


def test_the_good_certificates_of_a_file_are_recorded_and_the_bad_ones_refused(office: Office) -> None:
    mixed = ours("CN/1", "CN/2").replace(
        b'country_code="CN"/><country_name>Exp', b'country_code="NZ"/><country_name>Exp', 1
    )
    assert office.results(mixed) == [("CN/1", "refused", ["country-not-allowed"]), ("CN/2", "recorded", [])]
    assert office.kinds() == ["issue", "certificate"]
    assert office.log.events == [("warning", "issue.partial")]
    assert office.records()[0]["refused"] == [{"number": "CN/1", "codes": ["country-not-allowed"]}]


LIVES = {
    "the same in another file": (ours("CN/1"), ours("CN/1").replace(b"\n", b"\n\n"), "duplicate", [], "70"),
    "other content": (ours("CN/1"), ours("CN/1", title="Beef"), "conflict", ["conflict"], "70"),
    "a withdrawal": (ours("CN/1"), ours("CN/1", status="Revoked"), "recorded", ["certificate"], "40"),
    "issued again after its withdrawal": (
        ours("CN/1", status="Revoked"), ours("CN/1"), "refused", [], "40",
    ),
    "a cancellation": (ours("CN/1"), ours("CN/1", status="Cancelled"), "recorded", ["certificate"], "64"),
}  # fmt: skip


@pytest.mark.parametrize("case", LIVES)
def test_what_came_before_decides(office: Office, case: str) -> None:
    first, second, result, kinds, status = LIVES[case]
    office.issue(first)
    [(_, found, _)] = office.results(second)
    assert found == result
    assert office.kinds() == ["issue", "certificate", "issue", *kinds]
    assert office.status("CN/1") == status


def test_a_replacement_makes_the_old_one_replaced(office: Office) -> None:
    office.issue(our_sps(sps_xml("CN 1")))
    assert office.results(our_sps(sps_replacement("CN 2", "CN 1"))) == [("CN 2", "recorded", ["replaces"])]
    assert (office.status("CN 1"), office.status("CN 2")) == ("44", "70")
    assert office.kinds() == ["issue", "certificate", "issue", "certificate", "replaced"]


def test_a_replacement_may_come_before_what_it_replaces(office: Office) -> None:
    office.issue(our_sps(sps_replacement("CN 2", "CN 1")))
    office.issue(our_sps(sps_xml("CN 1")))
    assert (office.status("CN 1"), office.status("CN 2")) == ("44", "70")


@pytest.mark.parametrize("octets", [ours("CN/1"), b"<certificates>"], ids=["good", "bad"])
def test_the_same_file_again_changes_nothing(office: Office, octets: bytes) -> None:
    first = office.issue(octets)
    size = office.reader.size()
    again = office.issue(octets)
    assert office.reader.size() == size
    assert (again["entry"], again["outcome"]) == (None, first["outcome"])


def test_the_same_conflict_again_is_recorded_once(office: Office) -> None:
    office.issue(ours("CN/1"))
    for _ in range(2):
        assert office.results(ours("CN/1", title="Beef"))[0][1] == "conflict"
    assert office.kinds() == ["issue", "certificate", "issue", "conflict"]


def test_a_file_whose_cause_was_mended_is_recorded_the_second_time(office: Office) -> None:
    withdrawal = ours("CN/1", status="Replaced")
    office.issue(ours("CN/1", status="Pending"))
    assert office.results(withdrawal)[0][1] == "refused"
    office.issue(ours("CN/1"))
    assert office.results(withdrawal)[0][1] == "recorded"


def test_a_full_disk_records_nothing_and_the_next_try_all(office: Office) -> None:
    office.before = Trouble(1)
    with pytest.raises(StoreBusyError):
        office.issue(ours("CN/1"))
    assert office.kinds() == []
    assert office.issue(ours("CN/1"))["certificates"][0]["result"] == "recorded"


def test_a_commit_that_nobody_was_told_of_is_not_made_again(office: Office) -> None:
    office.after = Trouble(1)
    with pytest.raises(StoreBusyError):
        office.issue(ours("CN/1"))
    assert office.results(ours("CN/1")) == [("CN/1", "duplicate", ["duplicate"])]
    assert office.kinds() == ["issue", "certificate"]
    assert office.log.events == [("info", "issue.repeated")]
