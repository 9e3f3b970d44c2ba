"""The ledger entry of a look-up names no number, and is the same for the same facts."""

import json
from hashlib import sha256

from ecertmail.core.lookup_record import of_look_up
from ecertmail.core.record import canonical
from ecertmail.looked_up import Asked
from tests.builders import NOW


def test_numbers_stand_in_the_log_as_hashes_only() -> None:
    record = canonical(
        of_look_up("s-1", "li", [Asked(number="NZ/1"), Asked(number="NZ/2", sha256="0" * 64)], 1, 1, NOW)
    )
    said = json.loads(record)
    assert b"NZ/" not in record
    assert said["numbers"] == [sha256(number).hexdigest() for number in (b"NZ/1", b"NZ/2")]
    assert (said["kind"], said["official"], said["spool"], said["found"], said["unknown"]) == (
        "lookup", "li", "s-1", 1, 1,
    )  # fmt: skip
