"""What officials are told of numbers: who sees what, printed copies, near numbers, history; and when it is an alarm."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ecertmail.core.record import canonical
from ecertmail.flow.look_up import NEAR_SHOWN, LookedUp, LookUps
from ecertmail.letter import Event, Paper, Shown, Unknown
from ecertmail.looked_up import Asked
from ecertmail.model import Certificate, CertificateStatus
from ecertmail.official import Decided, Decision, Language, Official, Subject
from ecertmail.parties import OWN, Assurance
from ecertmail.store.ledger import LedgerTransaction, SqliteLedger
from tests.builders import CHINA, australia, certificate, new_zealand
from tests.flow.fakes import Log

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
A, B, C = "a" * 64, "b" * 64, "c" * 64

OURS = Official(
    id="li", address="li@customs.example", name="Li", post="", language=Language.ZH, partner=OWN, created_at=NOW
)
NZ_OFFICIAL = replace(OURS, id="kiri", address="kiri@mpi.example", partner="nz")
AU_OFFICIAL = replace(OURS, id="bruce", address="bruce@daff.example", partner="au")
STRANDED = replace(OURS, id="sam", address="sam@gone.example", partner="gone")


class Office:
    """China's node with a real ledger: certificates come, and officials ask."""

    def __init__(self, ledger: SqliteLedger) -> None:
        self.ledger, self.log = ledger, Log()
        partners = {"nz": new_zealand(issues_for=("NZ", "CK")), "au": australia()}
        self.look_ups = LookUps(authority=CHINA, partners=partners, misses_to_alarm=3, log=self.log)

    def record(self, number: str, sha256: str = A, issuer: str = "nz", at: datetime = NOW, **changes: object) -> int:
        return self.put(certificate(number, sha256=sha256, **changes), issuer, at)

    def put(self, made: Certificate, issuer: str, at: datetime) -> int:
        with self.ledger.transaction() as tx:
            entry = _entry(tx, "certificate", at)
            tx.put_versions(issuer, [(entry, "certificate", made)])
        return entry

    def replace(self, old: str, new: str, at: datetime = NOW) -> int:
        with self.ledger.transaction() as tx:
            entry = _entry(tx, "replaced", at)
            tx.put_replaced("nz", [(entry, old, new)])
        return entry

    def decide(
        self, number: str, decision: Decision, at: datetime, remark: str = "", operator: str = "Li, GACC"
    ) -> None:
        with self.ledger.transaction() as tx:
            tx.officials.put_decision(
                Decided(
                    entry=_entry(tx, "decision", at), issuer="nz", number=number, decision=decision, remark=remark,
                    partner=OWN, official="li", operator=operator, assurance=Assurance.TOKEN, at=at,
                )
            )  # fmt: skip

    def add(self, *officials: Official) -> None:
        with self.ledger.transaction() as tx:
            for one in officials:
                tx.officials.add(one)

    def ask(self, official: Official, *asked: Asked | str, now: datetime = NOW) -> LookedUp:
        wanted = [Asked(number=one) if isinstance(one, str) else one for one in asked]
        with self.ledger.transaction() as tx:
            return self.look_ups.answer(tx, official, wanted, now, "spool-1")

    def one(self, official: Official, asked: Asked | str) -> Shown:
        [(shown, _)] = self.ask(official, asked).pairs
        return shown

    def alarms(self) -> list[str]:
        with self.ledger.transaction() as tx:
            return [alarm.what for alarm in tx.alarms()]


def _entry(tx: LedgerTransaction, kind: str, at: datetime) -> int:
    return tx.append([(kind, canonical({"kind": kind, "at": at.isoformat()}))])[0]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(SqliteLedger(tmp_path / "ledger.db"))
    made.add(OURS)
    yield made
    made.ledger.close()


def paper(number: str, sha256: str, issuer: str = "NZ") -> Asked:
    return Asked(number=number, issuer=issuer, sha256=sha256)


# What is told


def test_a_certificate_is_told_with_its_fields_and_its_history_in_the_order_of_time(office: Office) -> None:
    office.record("NZ/1", A, type="851", issued_at="2026-02-28")
    office.decide("NZ/1", Decision.REQUEST, NOW + HOUR, "Which plant?")
    office.decide("NZ/1", Decision.PASS, NOW + 3 * HOUR, operator="")
    entry = office.record("NZ/1", B, at=NOW + 2 * HOUR, type="851", status=CertificateStatus.APPROVED)
    shown = office.one(OURS, "NZ/1")
    assert (shown.number, shown.status, shown.issuer, shown.title) == ("NZ/1", "39", "Authority of NZ", "Lamb")
    assert (shown.type, shown.exporting, shown.importing, shown.sha256) == ("851", "NZ", "CN", B)
    assert (shown.entry, shown.recorded_at, shown.paper) == (entry, NOW + 2 * HOUR, Paper.NOT_ASKED)
    assert shown.history == (
        Event(at=NOW, status="70", by="Authority of NZ"),
        Event(at=NOW + HOUR, decision=Decision.REQUEST, by="Li, GACC", remark="Which plant?"),
        Event(at=NOW + 2 * HOUR, status="39", by="Authority of NZ"),
        Event(at=NOW + 3 * HOUR, decision=Decision.PASS, by=CHINA.name),
    )


@pytest.mark.parametrize(
    ("asked", "known", "unknown"),
    [
        ("NZ/1 NZ/2", ["NZ/1", "NZ/2"], []),
        ("NZ/1 XX/9", ["NZ/1"], ["XX/9"]),
        ("NZ 7 A", ["NZ 7 A"], []),
        ("NZ 7 B", [], ["NZ 7 B"]),
    ],
)
def test_blanks_are_within_a_number_unless_only_its_pieces_are_known(
    office: Office, asked: str, known: list[str], unknown: list[str]
) -> None:
    for number in ("NZ/1", "NZ/2", "NZ 7 A"):
        office.record(number)
    found = office.ask(OURS, asked)
    assert [shown.number for shown, _ in found.pairs] == known
    assert [one.number for one in found.unknown] == unknown


def test_several_are_told_in_the_order_asked_and_each_once(office: Office) -> None:
    for number in ("NZ/1", "NZ/2", "NZ/3"):
        office.record(number)
    found = office.ask(OURS, "NZ/3", "XX", "nz/1", "NZ/1")
    assert [shown.number for shown, _ in found.pairs] == ["NZ/3", "NZ/1"]
    assert found.unknown == (Unknown(number="XX"),)
    [line] = [facts for _, event, facts in office.log.lines if event == "lookup.answered"]
    assert line == {"id": "spool-1", "official": "li", "found": 2, "unknown": 1}


def test_a_replaced_certificate_is_told_with_its_successor(office: Office) -> None:
    office.record("NZ/1")
    office.replace("NZ/1", "NZ/2", NOW + HOUR)
    [(shown, subject)] = office.ask(OURS, "NZ/1").pairs
    assert (shown.status, shown.replaced_by, subject) == ("44", "NZ/2", None)
    assert [event.status for event in shown.history] == ["70", "44"]


def test_the_same_number_of_two_issuers_is_told_twice(office: Office) -> None:
    office.record("1", A)
    office.record("1", B, issuer="au", exporting_country="AU")
    assert [shown.issuer for shown, _ in office.ask(OURS, "1").pairs] == ["Authority of AU", "Authority of NZ"]
    assert [shown.issuer for shown, _ in office.ask(OURS, paper("1", A)).pairs] == ["Authority of NZ"]
    assert [shown.issuer for shown, _ in office.ask(AU_OFFICIAL, "1").pairs] == ["Authority of AU"]


def test_an_issuer_that_is_no_longer_a_partner_is_called_by_its_id(office: Office) -> None:
    office.record("1", issuer="gone")
    assert office.one(OURS, "1").issuer == "gone"


# The printed copy


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (Asked(number="NZ/1"), Paper.NOT_ASKED),
        (paper("NZ/1", B), Paper.SAME),
        (paper("NZ/1", A), Paper.OLDER),
        (paper("NZ/1", C), Paper.DIFFERENT),
        (paper("NZ/1", B, "CK"), Paper.SAME),
        (paper("NZ/1", B, "AU"), Paper.DIFFERENT),
        (paper("nz/1", B), Paper.SAME),
    ],
)
def test_the_hash_on_paper_is_compared_with_every_version(office: Office, asked: Asked, expected: Paper) -> None:
    office.record("NZ/1", A)
    office.record("NZ/1", B, status=CertificateStatus.APPROVED)
    assert office.one(OURS, asked).paper is expected


def test_the_paper_of_a_replaced_certificate_is_still_the_same(office: Office) -> None:
    office.record("NZ/1", A)
    office.replace("NZ/1", "NZ/2")
    assert office.one(OURS, paper("NZ/1", A)).paper is Paper.SAME


def test_the_paper_of_a_certificate_of_our_own_names_our_country(office: Office) -> None:
    office.record("CN/1", A, issuer=OWN, exporting_country="CN", importing_country="NZ")
    shown = office.one(NZ_OFFICIAL, paper("CN/1", A, "CN"))
    assert (shown.paper, shown.issuer) == (Paper.SAME, CHINA.name)


# Who sees what


@pytest.mark.parametrize(
    ("official", "seen"),
    [
        (OURS, {"NZ>CN", "CK>CN", "CN>NZ", "AU>CN", "AU>JP"}),
        (NZ_OFFICIAL, {"NZ>CN", "CK>CN", "CN>NZ"}),
        (AU_OFFICIAL, {"AU>CN", "AU>JP"}),
        (STRANDED, set()),
    ],
)
def test_officials_see_what_concerns_their_countries_and_the_rest_is_not_known(
    office: Office, official: Official, seen: set[str]
) -> None:
    routes = ("NZ>CN", "CK>CN", "CN>NZ", "AU>CN", "AU>JP")
    for route in routes:
        issuer = {"NZ": "nz", "CK": "nz", "CN": OWN, "AU": "au"}[route[:2]]
        office.record(route, issuer=issuer, exporting_country=route[:2], importing_country=route[-2:])
    found = office.ask(official, *routes)
    assert {shown.number for shown, _ in found.pairs} == seen
    assert found.unknown == tuple(Unknown(number=route) for route in routes if route not in seen)


def test_what_may_not_be_seen_is_answered_and_counted_exactly_like_what_is_not_there(office: Office) -> None:
    """Asking must not tell that it exists: not by the answer, its near numbers, the paper or the alarm."""
    office.record("AU/10", issuer="au", exporting_country="AU")
    for asked in (paper("AU/10", A, "AU"), Asked(number="AU/11"), Asked(number="AU/1O"), paper("au/10", C, "AU")):
        assert office.ask(NZ_OFFICIAL, asked) == LookedUp(unknown=(Unknown(number=asked.number),))
    assert office.alarms() == ["misses:kiri"]


def test_near_numbers_are_told_if_they_are_for_the_official_to_see(office: Office) -> None:
    office.record("NZL/0012")
    office.record("NZL/0013", issuer="au", exporting_country="AU")
    asked = "NZL/0011"
    assert office.ask(OURS, asked).unknown == (Unknown(number=asked, near=("NZL/0012", "NZL/0013")),)
    assert office.ask(NZ_OFFICIAL, asked).unknown == (Unknown(number=asked, near=("NZL/0012",)),)


def test_only_a_few_near_numbers_are_told_and_the_likeliest_first(office: Office) -> None:
    for digit in range(9):
        office.record(f"NZL/{digit}")
    office.record("NZL-9")
    [unknown] = office.ask(OURS, "NZL/9").unknown
    assert len(unknown.near) == NEAR_SHOWN
    assert unknown.near[0] == "NZL-9"


# Who decides


@pytest.mark.parametrize(
    ("status", "open_to"),
    [
        (CertificateStatus.ISSUED, True),
        (CertificateStatus.APPROVED, True),
        (CertificateStatus.PENDING, True),
        (CertificateStatus.WITHDRAWN, False),
        (CertificateStatus.CANCELLED, False),
        (CertificateStatus.REJECTED, False),
        (CertificateStatus.REPLACED, False),
    ],
)
def test_what_is_over_is_not_decided_on(office: Office, status: CertificateStatus, *, open_to: bool) -> None:
    entry = office.record("NZ/1", status=status)
    [(shown, subject)] = office.ask(OURS, "NZ/1").pairs
    assert shown.status == status
    assert subject == (Subject(issuer="nz", number="NZ/1", entry=entry) if open_to else None)


@pytest.mark.parametrize(
    ("official", "open_to"),
    [(OURS, ["AU>NZ", "NZ>CN"]), (NZ_OFFICIAL, ["AU>NZ", "CN>NZ"]), (AU_OFFICIAL, []), (STRANDED, [])],
)
def test_the_importing_side_decides(office: Office, official: Official, open_to: list[str]) -> None:
    office.record("NZ>CN")
    office.record("CN>NZ", issuer=OWN, exporting_country="CN", importing_country="NZ")
    office.record("AU>NZ", issuer="au", exporting_country="AU", importing_country="NZ")
    found = office.ask(official, "AU>NZ", "CN>NZ", "NZ>CN")
    assert [subject.number for _, subject in found.pairs if subject] == open_to


def test_the_certificates_of_a_ticket_are_shown_as_they_are_now(office: Office) -> None:
    subjects = [Subject(issuer="nz", number=number, entry=0) for number in ("NZ/1", "NZ/2", "NZ/3")]
    office.record("NZ/1", issuer="au")
    office.record("NZ/2")
    entry = office.record("NZ/2", B, status=CertificateStatus.APPROVED)
    office.record("NZ/3", status=CertificateStatus.WITHDRAWN)
    with office.ledger.transaction() as tx:
        pairs = office.look_ups.again(tx, OURS, subjects)
        assert office.look_ups.shown(tx, OURS, subjects[0]) is None
        assert office.look_ups.shown(tx, AU_OFFICIAL, subjects[1]) is None
        assert office.look_ups.shown(tx, OURS, subjects[1]) == pairs[0][0]
    assert [(shown.number, shown.status, subject and subject.entry) for shown, subject in pairs] == [
        ("NZ/2", "39", entry),
        ("NZ/3", "40", None),
    ]


# The alarm


def test_an_official_who_asks_in_vain_too_often_within_a_day_is_one_alarm(office: Office) -> None:
    office.ask(OURS, "X/1", "X/2", now=NOW - 25 * HOUR)
    office.ask(OURS, "X/3", "X/4")
    assert office.alarms() == []
    office.ask(OURS, "X/5", "X/6", "X/7", now=NOW + HOUR)
    office.ask(OURS, "X/8", now=NOW + 2 * HOUR)
    assert office.alarms() == ["misses:li"]
    assert [level for level, event in office.log.events if event == "lookup.misses"] == ["warning"]


def test_a_number_that_is_asked_for_in_vain_by_several_officials_is_an_alarm(office: Office) -> None:
    for official in (OURS, NZ_OFFICIAL, AU_OFFICIAL):
        office.ask(official, "NZ/666")
    assert office.alarms() == ["number:NZ/666"]


def test_a_paper_that_differs_counts_like_a_number_that_is_not_known(office: Office) -> None:
    office.record("NZ/1", A)
    for _ in range(3):
        office.ask(OURS, paper("NZ/1", A), paper("NZ/1", C))
    assert office.alarms() == ["misses:li", "number:NZ/1"]


def test_an_alarm_that_was_closed_is_raised_again_when_it_goes_on(office: Office) -> None:
    office.ask(OURS, "X/1", "X/2", "X/3")
    with office.ledger.transaction() as tx:
        assert tx.clear_alarm("misses:li", NOW)
    assert office.alarms() == []
    office.ask(OURS, "X/4", now=NOW + HOUR)
    assert office.alarms() == ["misses:li"]


def test_a_day_later_it_is_told_again(office: Office) -> None:
    for day in range(2):
        office.ask(OURS, "X/1", "X/2", "X/3", now=NOW + day * timedelta(days=1, hours=1))
    assert [event for _, event in office.log.events].count("lookup.misses") == 2


def test_what_is_found_is_no_miss(office: Office) -> None:
    office.record("NZ/1", A)
    for _ in range(5):
        office.ask(OURS, "NZ/1", paper("NZ/1", A))
    assert office.alarms() == []
