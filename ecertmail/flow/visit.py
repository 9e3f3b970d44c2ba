"""One mail of one official, within the commit that records what becomes of it."""

from dataclasses import dataclass
from datetime import datetime

from ecertmail.official import Official, Written
from ecertmail.parties import Assurance, Demands
from ecertmail.ports import OpenPgp, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """Who wrote what, how sure that is, and what is needed to answer.

    `entry` is that of the mail in the ledger; `demands` are those of the official's authority.
    """

    tx: Transaction
    spool_id: str
    entry: int
    official: Official
    written: Written
    assurance: Assurance
    demands: Demands
    openpgp: OpenPgp
    now: datetime
