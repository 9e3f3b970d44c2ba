"""What is looked up is what stands after a verb or in a QR text, whatever stands around it."""

import pytest

from ecertmail.core.look_up import asked

HASH = "ab" * 32


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("**VERIFY NZL1/2**", ["NZL1/2"]),
        ("VERIFY **NZL1/2**", ["NZL1/2"]),
        ("VERIFY `NZL1/2`", ["NZL1/2"]),
        ("VERIFY NZL1/2; DROP TABLE", ["NZL1/2"]),
        ("VERIFY my address 12 Main Street", []),
        ("VERIFY 5 minutes ago", []),
        ("VERIFIED NZL1/2", []),
        ("Check in at 10", []),
        ("For example: VERIFY NZL2009/0001/26", []),
        (f"ECERT:NZ:NZL1/2:{HASH}", ["NZL1/2"]),
        (f"ECERT:NZ:1\u202e2:{HASH}", ["12"]),
        (f"ECERT:NZ::{HASH}", []),
        (f"ECERT:N1:1:{HASH}", []),
        (f"ECERT:NZ:1:{HASH}a", []),
        (f"ECERT:NZ:1:{HASH[1:]}", []),
        (f"ECERT:NZ:{'9' * 200}:{HASH}", []),
        (f"xECERT:NZ:1:{HASH}", []),
    ],
)
def test_numbers_are_found_among_junk(text: str, numbers: list[str]) -> None:
    assert [one.number for one in asked("", text)] == numbers
