"""The bytes that are hashed: one form for one meaning, and no content in them."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecertmail.core import record
from ecertmail.findings import Finding, FindingCode
from ecertmail.model import Outcome, Result, ResultCode, Verdict
from tests.builders import NOW, certificate, examination

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(st.dictionaries(WORDS, st.one_of(WORDS, st.integers(0, 2**53), st.none(), st.lists(WORDS, max_size=3))))
def test_a_record_comes_out_as_it_went_in_and_has_one_form(values: dict[str, object]) -> None:
    octets = record.canonical(values)
    assert json.loads(octets) == values
    assert record.canonical(dict(reversed(values.items()))) == octets
    assert record.canonical(json.loads(octets)) == octets


def test_the_form_is_that_of_rfc_8785() -> None:
    assert record.canonical({"b": 'é\n"', "a": [1, None, {}]}) == '{"a":[1,null,{}],"b":"é\\n\\""}'.encode()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_json_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        record.canonical({"a": value})


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=12)), timezone(timedelta(hours=-3, minutes=-30))])
def test_a_moment_has_one_form_wherever_it_was_seen(zone: timezone) -> None:
    moment = datetime(2026, 3, 1, 12, 0, 0, 999_999, tzinfo=UTC)
    assert record.timestamp(moment.astimezone(zone)) == "2026-03-01T12:00:00Z"


def test_a_message_is_described_by_hashes_and_codes() -> None:
    verdict = Verdict(
        outcome=Outcome.PARTIAL,
        results=(
            Result(number="NZ-1", code=ResultCode.RECORDED, certificate=certificate()),
            Result(
                number="N" * 5000,
                code=ResultCode.REFUSED,
                certificate=None,
                findings=(Finding(code=FindingCode.SCHEMA_INVALID, detail="the title is Secret"),),
            ),
        ),
    )
    described = record.of_message("m1", examination(), verdict, NOW)
    assert described["refused"] == [{"number": "N" * 100, "codes": ["schema-invalid"]}]
    assert (described["kind"], described["partner"], described["outcome"]) == ("message", "nz", "partial")
    octets = record.canonical(described)
    assert b"Secret" not in octets
    assert b"Lamb" not in octets
    assert len(octets) < 1000


def test_a_receipt_is_described_as_one() -> None:
    described = record.of_message("m1", examination(is_receipt=True), Verdict(outcome=Outcome.RECEIPT), NOW)
    assert (described["kind"], described["outcome"]) == ("receipt", "receipt")


@pytest.mark.parametrize(("code", "kind"), [(ResultCode.RECORDED, "certificate"), (ResultCode.CONFLICT, "conflict")])
def test_a_certificate_is_described_by_its_hash(code: ResultCode, kind: str) -> None:
    sent = certificate("NZ-1")
    result = Result(number="NZ-1", code=code, certificate=sent)
    described = record.of_certificate("nz", result, 7, record.timestamp(NOW))
    assert (described["kind"], described["sha256"], described["message"]) == (kind, sent.sha256, 7)
    assert b"Lamb" not in record.canonical(described)


def test_a_replacement_names_both_numbers() -> None:
    described = record.of_replacement("nz", "NZ-1", "NZ-2", 7, record.timestamp(NOW))
    assert (described["number"], described["by"], described["status"]) == ("NZ-1", "NZ-2", "44")


def test_a_file_of_our_own_is_described_by_its_hash_and_codes_and_not_by_its_name() -> None:
    finding = Finding(code=FindingCode.COUNTRY_NOT_ALLOWED, detail="NZ")
    refused = Result(number="NZ-1", code=ResultCode.REFUSED, certificate=certificate(), findings=(finding,))
    verdict = Verdict(outcome=Outcome.REFUSED, results=(refused,))
    assert record.of_issue("ab" * 32, "folder", verdict, NOW) == {
        "v": 1, "kind": "issue", "at": record.timestamp(NOW), "issuer": "self", "way": "folder", "octets": "ab" * 32,
        "outcome": "refused", "findings": [], "refused": [{"number": "NZ-1", "codes": ["country-not-allowed"]}],
    }  # fmt: skip
