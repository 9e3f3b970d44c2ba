"""Answers to deliveries and alarms, in the ledger's file and in its transaction."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from sqlite3 import Cursor

from sqlite_utils import Database

from ecertmail.core.states import DELIVERY
from ecertmail.core.undelivered import COUNTED
from ecertmail.delivery import Alarm, DeliveryState, Sent
from ecertmail.store.database import iso

_SENT = (
    "SELECT d.id, d.kind, d.recipient, m.message_id, m.mic, d.expects, d.state FROM delivery d"
    " JOIN mail m ON m.id=d.mail WHERE "
)
_COUNTED = ",".join(f"'{outcome}'" for outcome in COUNTED)
_BOUNCED_DAYS = (
    "SELECT count(DISTINCT substr(a.at,1,10)) FROM attempt a JOIN delivery d ON d.id=a.delivery"  # noqa: S608
    f" WHERE d.recipient=? AND a.outcome IN ({_COUNTED})"
    " AND a.at>? AND a.at>(SELECT coalesce(max(answered_at),'') FROM delivery WHERE recipient=?)"
)
_SENT_AT = "FROM attempt a WHERE a.delivery=d.id AND a.outcome='sent'"
# After the clock went back, what was sent is dated before it was staged.
_FIRST_SENT = f"coalesce((SELECT min(a.at) {_SENT_AT} AND a.at>=d.created_at), (SELECT max(a.at) {_SENT_AT}))"


def _far(moment: str) -> str:
    """Say in SQL that a moment is as far from now as `_near` says, in the past or, after the clock went back, ahead."""
    return f"NOT ({moment}>? AND {moment}<?)"


def _near(now: datetime, wait: timedelta) -> tuple[str, str]:
    return iso(now - wait), iso(now + wait)


def migrate(db: Database) -> None:
    """Add what is expected of deliveries, what came of it, and the table of alarms."""
    db.execute("ALTER TABLE mail ADD COLUMN mic TEXT NOT NULL DEFAULT ''")
    db.execute("ALTER TABLE delivery ADD COLUMN expects INTEGER NOT NULL DEFAULT 0")
    for name in ("reminded_at", "answered_at"):
        db.execute(f"ALTER TABLE delivery ADD COLUMN {name} TEXT NOT NULL DEFAULT ''")
    db.table("attempt").create_index(["delivery"])
    db.execute("CREATE INDEX delivery_awaited ON delivery(state) WHERE expects=1")
    db.table("alarm").create(
        {"what": str, "text": str, "since": str, "cleared_at": str}, pk="what", strict=True,
        not_null={"text", "since", "cleared_at"},
    )  # fmt: skip


class AnswersTransaction:
    """The part of the ledger's transaction that is about deliveries after they were sent (`ecertmail/answers.py`)."""

    _cursor: Cursor

    def sent(self, message_id: str) -> list[Sent]:
        """Return every delivery of the mail with this Message-ID."""
        return self._sent("m.message_id=?", message_id)

    def delivery(self, delivery_id: int) -> Sent | None:
        """Return one delivery."""
        return next(iter(self._sent("d.id=?", delivery_id)), None)

    def move(self, sent: Sent, state: DeliveryState, now: datetime) -> None:
        """Put a delivery into another state; one that is due again goes out now, with the same octets."""
        if state not in DELIVERY[sent.state]:
            raise AssertionError(f"a delivery never goes from {sent.state} to {state}")
        at = iso(now)
        next_at = at if state is DeliveryState.DUE else ""
        self._cursor.execute("UPDATE delivery SET state=?, next_at=? WHERE id=?", (state.value, next_at, sent.id))
        if state is DeliveryState.DUE and sent.state is not DeliveryState.SILENT:  # a person asks: time starts anew
            self._cursor.execute(
                "UPDATE delivery SET attempts=0, created_at=?, reminded_at='' WHERE id=?", (at, sent.id)
            )
        column = {DeliveryState.SILENT: "reminded_at", DeliveryState.ACKNOWLEDGED: "answered_at"}.get(state)
        if column:
            self._cursor.execute(f"UPDATE delivery SET {column}=? WHERE id=?", (at, sent.id))  # noqa: S608

    def note(self, delivery_id: int, what: str, text: str, now: datetime) -> None:
        """Write among its attempts what else became of a delivery."""
        self._cursor.execute("INSERT INTO attempt VALUES (?,?,?,?)", (delivery_id, iso(now), what, text))

    def silent(self, now: datetime, wait: timedelta) -> list[Sent]:
        """Return what was first delivered so long ago, expects an answer and has none."""
        return self._sent(
            f"d.expects=1 AND d.state='delivered' AND d.reminded_at='' AND {_far(_FIRST_SENT)} ORDER BY d.id",
            *_near(now, wait),
        )

    def reminded(self) -> list[Sent]:
        """Return what was delivered a second time and is not in the state for it yet."""
        return self._sent("d.expects=1 AND d.state='delivered' AND d.reminded_at<>'' ORDER BY d.id")

    def unanswered(self, now: datetime, wait: timedelta, after_reminder: timedelta) -> list[Sent]:
        """Return what was first delivered and then reminded of so long ago, and has no answer."""
        return self._sent(
            f"d.expects=1 AND d.state='reminded' AND {_far(_FIRST_SENT)} AND {_far('d.reminded_at')} ORDER BY d.id",
            *_near(now, wait),
            *_near(now, after_reminder),
        )

    def overtaken(self, arrived: Sequence[int]) -> list[str]:
        """Return the open alarms of deliveries that came to nothing and whose mail was delivered by one of these."""
        rows = self._cursor.execute(
            "SELECT a.what FROM delivery d JOIN delivery f ON f.mail=d.mail JOIN alarm a ON a.what='delivery:'||f.id"
            " WHERE d.id IN (SELECT value FROM json_each(?)) AND f.state IN ('failed','expired') AND a.cleared_at=''",
            (json.dumps(arrived),),
        )
        return [what for (what,) in rows.fetchall()]

    def bounced_days(self, recipient: str, since: datetime) -> int:
        """Count the days after a moment on which mail to an address bounced for good since it last gave an answer."""
        row = self._cursor.execute(_BOUNCED_DAYS, (recipient, iso(since), recipient)).fetchone()
        return int(row[0])

    def replies(self, recipient: str, since: datetime, until: datetime) -> int:
        """Count the deliveries that were staged for this address between two times."""
        [count] = self._cursor.execute(
            "SELECT count(*) FROM delivery WHERE recipient=? AND created_at BETWEEN ? AND ?",
            (recipient, iso(since), iso(until)),
        ).fetchone()
        return int(count)

    def turn(self, recipient: str, limit: int, window: timedelta) -> datetime:
        """Return from when on another receipt for this address makes no more than `limit` within any window."""
        row = self._cursor.execute(
            "SELECT created_at FROM delivery INDEXED BY delivery_receipts WHERE kind='receipt' AND recipient=?"
            " ORDER BY created_at DESC LIMIT 1 OFFSET ?",
            (recipient, limit - 1),
        ).fetchone()
        return datetime.fromisoformat(row[0]) + window if row else datetime.min.replace(tzinfo=UTC)

    def raise_alarm(self, what: str, text: str, now: datetime) -> bool:
        """Open an alarm, or change the words of an open one; say whether there is anything new in it."""
        self._cursor.execute(
            "INSERT INTO alarm VALUES (?,?,?,'') ON CONFLICT(what) DO UPDATE SET text=excluded.text,"
            " since=excluded.since, cleared_at='' WHERE cleared_at<>'' OR text<>excluded.text",
            (what, text, iso(now)),
        )
        return self._cursor.rowcount > 0

    def clear_alarm(self, what: str, now: datetime) -> bool:
        """Close an alarm; say whether it was open."""
        self._cursor.execute("UPDATE alarm SET cleared_at=? WHERE what=? AND cleared_at=''", (iso(now), what))
        return self._cursor.rowcount > 0

    def alarms(self) -> list[Alarm]:
        """Return the open alarms, oldest first."""
        rows = self._cursor.execute("SELECT what, text, since FROM alarm WHERE cleared_at='' ORDER BY since, what")
        return [Alarm(what=what, text=text, since=datetime.fromisoformat(since)) for what, text, since in rows]

    def _sent(self, which: str, *values: object) -> list[Sent]:
        rows = self._cursor.execute(_SENT + which, values).fetchall()
        return [
            Sent(id=row[0], kind=row[1], recipient=row[2], message_id=row[3], mic=row[4], expects=bool(row[5]),
                 state=DeliveryState(row[6]))
            for row in rows
        ]  # fmt: skip
