"""What the command line asks of whoever may write: the running daemon, or itself when none runs."""

import json
from datetime import datetime

from ecertmail import enrolling, steps
from ecertmail.config import Config
from ecertmail.errors import NotFoundError
from ecertmail.flow import inquiry_watch
from ecertmail.ports import EventLog
from ecertmail.store import subscriptions
from ecertmail.store.ledger import SqliteLedger
from ecertmail.store.spool import SqliteSpool
from ecertmail.subscription import SubscriptionState


def carry_out(
    request: dict[str, str],
    config: Config,
    spool: SqliteSpool,
    ledger: SqliteLedger,
    log: EventLog,
    moment: datetime,
) -> dict[str, object]:
    """Carry out one request.

    Raises:
        EcertmailError: it cannot be done; nothing was changed.
    """
    if request.get("do", "").startswith("delivery."):
        steps.reconciler(config, ledger, log).command(request, moment)
    match request.get("do"):
        case "official" | "official-state":
            with ledger.transaction() as tx:
                enrolling.carry_out(request, tx, log, moment)
        case "alarm.close" | "inquiry.close":
            _close(request, ledger, log, moment)
        case "release":
            spool.release(request["id"], moment)
        case "drop":
            spool.drop(request["id"])
        case "subscribe":
            with ledger.transaction() as tx:
                subscription = subscriptions.from_json(json.loads(request["subscription"]), moment)
                since = datetime.fromisoformat(request["since"]) if request.get("since") else None
                tx.subscriptions.add(subscription, tx.next_index() - 1, since)
        case "subscription-state":
            with ledger.transaction() as tx:
                state = SubscriptionState(request["state"])
                tx.subscriptions.change(request["id"], state, request.get("reason", ""), moment)
                tx.clear_alarm(f"subscriber:{request['id']}", moment)
    return {"done": request.get("do")}


def _close(request: dict[str, str], ledger: SqliteLedger, log: EventLog, moment: datetime) -> None:
    if request["do"] == "inquiry.close":
        inquiry_watch.close(ledger, request["id"], log, moment)
        return
    with ledger.transaction() as tx:
        if not tx.clear_alarm(request["id"], moment):
            raise NotFoundError(f"{request['id']}: no such alarm is open; see `ecertmail alarm list`")
