"""A file with certificates of our own becomes ledger entries, in one commit, however often it comes.

The hash of the file stands in the ledger with what was decided of it. When the same file comes again, after a crash
between this commit and whatever its bringer does next, nothing is recorded unless a certificate can be now that could
not be then. A mail of the issuing system goes the way of every mail and needs nothing of this.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256

from ecertmail.core import issue, record
from ecertmail.core.batch import Schema
from ecertmail.core.judge import judge_issue
from ecertmail.flow.record import known, record_results
from ecertmail.model import Batch, Issued, Outcome, ResultCode, Verdict
from ecertmail.parties import OWN
from ecertmail.ports import EventLog, Ledger, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """Records what our own authority issues; `country` is ours."""

    ledger: Ledger
    schemas: Mapping[str, Schema]
    country: str
    log: EventLog

    def read(self, file: str, octets: bytes) -> tuple[Batch, str]:
        """Read and validate a file, which takes long for a large one; return its certificates and its hash."""
        return issue.read(file, octets, self.schemas), sha256(octets).hexdigest()

    def decide(self, file: str, way: str, batch: Batch, octets_sha256: str, now: datetime) -> Issued:
        """Judge and record what was read; `way` says how it came, `folder` or `command`."""
        with self.ledger.transaction() as tx:
            verdict = judge_issue(batch, known(tx, OWN, batch), self.country)
            entry = None
            if tx.earlier("", octets_sha256) is None or _something_new(verdict):
                entry, verdict = self._record(tx, way, verdict, octets_sha256, now)
        # A crash here leaves the file where it was; it comes again, and nothing is recorded twice.
        issued = Issued(file=file, sha256=octets_sha256, verdict=verdict, entry=entry)
        self._tell(issued, way)
        return issued

    def _record(
        self, tx: Transaction, way: str, verdict: Verdict, octets_sha256: str, now: datetime
    ) -> tuple[int, Verdict]:
        entry = tx.append([("issue", record.canonical(record.of_issue(octets_sha256, way, verdict, now)))])[0]
        results = record_results(tx, OWN, verdict.results, entry, now)
        facts = {
            "partner": OWN, "fingerprint": "", "mic": octets_sha256, "outcome": verdict.outcome.value, "mail": None,
        }  # fmt: skip
        tx.put_message(f"issue-{entry}", entry, facts)
        return entry, replace(verdict, results=results)

    def _tell(self, issued: Issued, way: str) -> None:
        results, outcome = issued.verdict.results, issued.verdict.outcome
        facts = {
            "file": issued.file,
            "way": way,
            "sha256": issued.sha256,
            "entry": issued.entry,
            "certificates": len(results),
            "recorded": sum(result.code is ResultCode.RECORDED for result in results),
            "findings": _codes(issued.verdict),
        }
        if outcome is Outcome.REFUSED:
            self.log.warning("issue.refused", **facts)
        elif outcome is Outcome.PARTIAL:
            self.log.warning("issue.partial", **facts)
        elif issued.entry is None:
            self.log.info("issue.repeated", **facts)
        else:
            self.log.info("issue.recorded", **facts)


def _something_new(verdict: Verdict) -> bool:
    return any(result.code is ResultCode.RECORDED for result in verdict.results)


def _codes(verdict: Verdict) -> str | None:
    """The codes of what was not recorded, each once."""
    bad = {ResultCode.REFUSED, ResultCode.CONFLICT}
    codes = (finding.code.code for result in verdict.results if result.code in bad for finding in result.findings)
    return ",".join(dict.fromkeys(codes)) or None
