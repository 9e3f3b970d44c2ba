"""What became of messages, read from both files, for those who wait for a decision."""

from pathlib import Path

from ecertmail.model import Outcome
from ecertmail.store import database


class Outcomes:
    """Answers from connections of its own, so that nobody waits for a writer."""

    def __init__(self, spool: Path, ledger: Path) -> None:
        """Open both files, which must be there."""
        self._spool, self._ledger = database.open_reader(spool), database.open_reader(ledger)

    def close(self) -> None:
        """Close both connections."""
        self._spool.close()
        self._ledger.close()

    def of(self, spool_id: str) -> Outcome | None:
        """Return what became of a message, or None while that is open.

        One that an operator dropped had been quarantined. One that is archived and has no row in the ledger repeated
        an earlier one.
        """
        state = self._spool.execute("SELECT state FROM message WHERE id=?", (spool_id,)).fetchone()
        if state is None or state[0] == "quarantined":
            return Outcome.QUARANTINED
        if state[0] != "archived":
            return None
        row = self._ledger.execute("SELECT outcome FROM message WHERE spool_id=?", (spool_id,)).fetchone()
        return Outcome(row[0]) if row else Outcome.REPEATED
