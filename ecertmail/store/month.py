"""One month as the ledger has it: read from the log for what was recorded, from the outbox for what was sent.

The log is in the order of time, so the month's first and last entries are found by halving, and only they are read.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, time
from pathlib import Path
from sqlite3 import Connection

from ecertmail.core.monthly import Answered, Failed, Month, Recorded, Sent, bounds
from ecertmail.store import database
from ecertmail.store.database import iso
from ecertmail.store.overview import TROUBLE
from ecertmail.store.subscriptions import SubscriptionTable

_RECORDED = """
SELECT substr(json_extract(CAST(record AS TEXT), '$.at'), 1, 10), json_extract(CAST(record AS TEXT), '$.issuer'),
  json_extract(CAST(record AS TEXT), '$.type'), json_extract(CAST(record AS TEXT), '$.status'), count(*)
FROM entry WHERE idx>? AND idx<=? AND kind='certificate' GROUP BY 1, 2, 3, 4
"""
_ANSWERED = """
SELECT json_extract(CAST(record AS TEXT), '$.partner'), json_extract(CAST(record AS TEXT), '$.outcome'), count(*)
FROM entry WHERE idx>? AND idx<=? AND kind='message' GROUP BY 1, 2
"""
_STATES = "SELECT kind, state, count(*) FROM delivery WHERE created_at>=? AND created_at<? GROUP BY 1, 2"
_TIMES = """
SELECT d.kind, d.created_at, min(a.at) FROM attempt a CROSS JOIN delivery d ON d.id=a.delivery
WHERE a.outcome='sent' AND d.created_at>=? AND d.created_at<? GROUP BY d.id
"""
_FAILED = f"""
SELECT recipient, state, count(*), reply, max(id) FROM delivery
WHERE state IN {TROUBLE} AND created_at>=? AND created_at<? GROUP BY 1, 2 ORDER BY 3 DESC, 1
"""  # noqa: S608


def read(path: Path, year: int, month: int) -> Month:
    """Look at a month, in UTC."""
    first, end = (datetime.combine(day, time(), UTC) for day in bounds(year, month))
    with database.reading(path) as db:
        entries, span = _entries(db, first, end), (iso(first), iso(end))
        recorded = [Recorded(day=d, issuer=i, type=t or "", status=s, count=n)
                    for d, i, t, s, n in db.execute(_RECORDED, entries)]  # fmt: skip
        answered = [Answered(partner=p, outcome=o, count=n) for p, o, n in db.execute(_ANSWERED, entries)]
        failed = [Failed(recipient=r, state=s, count=n, reply=said)
                  for r, s, n, said, _ in db.execute(_FAILED, span)]  # fmt: skip
        sent = list(_sent(db, span))
    return Month(first=first, end=end, recorded=recorded, answered=answered, sent=sent, failed=failed)


def _entries(db: Connection, first: datetime, end: datetime) -> tuple[int, int]:
    """Return the last entries before the month and before its end."""
    newest = int(db.execute("SELECT coalesce(max(idx), -1) FROM entry").fetchone()[0])
    log = SubscriptionTable(db.cursor())
    return log.entry_before(first, newest), log.entry_before(end, newest)


def _sent(db: Connection, span: tuple[str, str]) -> Iterator[Sent]:
    seconds, states = defaultdict[str, list[float]](list), defaultdict[str, dict[str, int]](dict)
    for kind, staged, at in db.execute(_TIMES, span):
        took = (datetime.fromisoformat(at) - datetime.fromisoformat(staged)).total_seconds()
        seconds[kind].append(max(took, 0.0))  # a clock that was set back in between made nothing faster than that
    for kind, state, count in db.execute(_STATES, span):
        states[kind][state] = count
    for kind in sorted(states):
        yield Sent(kind=kind, states=states[kind], seconds=seconds[kind])
