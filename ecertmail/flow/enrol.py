"""Officials come and go: each change is an entry of the ledger, in the commit that makes it."""

from dataclasses import dataclass, replace
from datetime import datetime

from ecertmail.core import record
from ecertmail.core.official_record import of_official
from ecertmail.official import Official, OfficialState
from ecertmail.ports import EventLog, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Enroller:
    """Adds and changes officials as `by` said: `operator`, or a partner's ID with the mail in `spool_id`."""

    tx: Transaction
    log: EventLog
    now: datetime
    by: str = "operator"
    spool_id: str = ""

    def add(self, official: Official) -> None:
        """Store a new official.

        Raises:
            PermanentError: the ID or the address is taken.
        """
        self.tx.officials.add(official)
        self.log.info("official.added", **self._recorded(official))

    def change(self, official: Official, state: OfficialState) -> None:
        """Put an official into another state.

        Raises:
            PermanentError: the address went to another official meanwhile.
        """
        self.tx.officials.change(official.id, state, self.now)
        self.log.info("official.changed", **self._recorded(replace(official, state=state)))

    def _recorded(self, official: Official) -> dict[str, str]:
        """Write it into the log of the ledger, and return what the operator's says."""
        facts = of_official(official, self.by, self.spool_id, self.now)
        self.tx.append([("official", record.canonical(facts))])
        mail = {"id": self.spool_id} if self.spool_id else {}
        return {
            "official": official.id,
            "partner": official.partner,
            "state": official.state.value,
            "by": self.by,
            **mail,
        }
