"""What the operator says about officials on the command line, carried out by whoever may write."""

import json
from datetime import datetime

from ecertmail.errors import NotFoundError, PermanentError
from ecertmail.flow.enrol import Enroller
from ecertmail.official import OfficialState
from ecertmail.ports import EventLog, Transaction
from ecertmail.store import officials

_FROM = {
    "suspend": ((OfficialState.ACTIVE, OfficialState.PENDING), OfficialState.SUSPENDED),
    "resume": ((OfficialState.SUSPENDED,), OfficialState.ACTIVE),
    "approve": ((OfficialState.PENDING,), OfficialState.ACTIVE),
}


def carry_out(request: dict[str, str], tx: Transaction, log: EventLog, now: datetime) -> None:
    """Add an official, or do with one what a word says.

    Raises:
        PermanentError: it cannot be done; nothing was changed.
    """
    enroller = Enroller(tx=tx, log=log, now=now)
    if request["do"] == "official":
        enroller.add(officials.from_json(json.loads(request["official"]), now))
        return
    found = tx.officials.get(request["id"])
    if found is None:
        raise NotFoundError(f"{request['id']}: there is no such official; see `ecertmail official list --all`")
    legal, state = _FROM[request["word"]]
    if found.state not in legal:
        raise PermanentError(f"{found.id}: is {found.state}; {request['word']} is for {' or '.join(legal)} ones")
    enroller.change(found, state)
