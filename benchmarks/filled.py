"""A ledger with as many certificates as wanted, put into the tables directly: through the mail it would take hours."""

import sqlite3
from pathlib import Path

from ecertmail.core.merkle import leaf_hash
from tests.builders import certificate


def fill(file: Path, first: int, count: int) -> None:
    """Add New Zealand's certificates `NZ-<n>`, at the entries `n` from the first on."""
    octets, record = certificate().octets, b'{"at":"2026-01-01T00:00:00Z"}'
    leaf = leaf_hash(record)
    with sqlite3.connect(file) as db:
        places = range(first, first + count)
        db.executemany("INSERT INTO entry VALUES (?,'certificate',?,?)", ((n, record, leaf) for n in places))
        db.executemany(
            "INSERT INTO version VALUES (?,'certificate','nz',?,'70','',?,?)",
            ((n, f"NZ-{n}", "", octets) for n in places),
        )
        db.executemany(
            "INSERT INTO certificate VALUES ('nz',?,'70','','certificates','','NZ','CN','Lamb',?)",
            ((f"NZ-{n}", n) for n in places),
        )
