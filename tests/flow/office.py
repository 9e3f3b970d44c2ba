"""China's issuing office without a daemon: a real ledger, and troubles on demand."""

import json
from pathlib import Path
from typing import Any

from ecertmail.core.issue import statement
from ecertmail.flow.issue import Issuer
from ecertmail.store.audit import faults
from ecertmail.store.ledger import SqliteLedger
from ecertmail.store.reader import LedgerReader
from tests.builders import CHINA, NOW, compiled_schemas
from tests.flow.fakes import Log, Trouble, TroubledLedger


class Office:
    """Records files of China's own certificates."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "ledger.db"
        self._ledger = SqliteLedger(self._file)
        self.reader = LedgerReader(self._file)
        self.log = Log()
        self.before, self.after = Trouble(), Trouble()

    def issue(self, octets: bytes, file: str = "file.xml") -> dict[str, Any]:
        ledger = TroubledLedger(self._ledger, self.before, self.after)
        issuer = Issuer(ledger=ledger, schemas=compiled_schemas(), country=CHINA.country, log=self.log)
        batch, octets_sha256 = issuer.read(file, octets)
        return statement(issuer.decide(file, "folder", batch, octets_sha256, NOW))

    def results(self, octets: bytes) -> list[tuple[str, str, list[str]]]:
        """Issue a file; return number, result and codes of each certificate."""
        lines = self.issue(octets)["certificates"]
        return [(line["number"], line["result"], [f["code"] for f in line["findings"]]) for line in lines]

    def status(self, number: str) -> str:
        [found] = self.reader.lookup(number)
        assert found.issuer == "self"
        return found.status

    def kinds(self) -> list[str]:
        assert list(faults(self.reader)) == []
        return [entry.kind for entry in self.reader.tail(10_000)]

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(entry.record) for entry in self.reader.tail(10_000)]

    def close(self) -> None:
        self.reader.close()
        self._ledger.close()
