"""Whether the octets of mails are what their hashes say; octets that retention removed are no difference."""

import json
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from sqlite3 import Connection

from ecertmail.errors import NotFoundError, StoreError
from ecertmail.store import content, database, mail

_AT_ONCE = 500
_LOGGED = "SELECT e.record FROM message m JOIN entry e ON e.idx=m.entry WHERE m.spool_id=?"


def faults(folder: Path) -> Iterator[str]:
    """Name every mail whose octets are not those that were stored, one sentence each.

    Args:
        folder: where ledger.db and spool.db are; a spool that is not there is passed over.
    """
    with closing(database.open_reader(folder / "ledger.db")) as ledger:
        for number, _ in _rows(ledger, "SELECT id, message_id FROM mail WHERE id>? ORDER BY id LIMIT ?"):
            try:
                mail.octets(ledger, number)
            except NotFoundError:
                continue
            except StoreError as error:
                yield f"mail {number}: {error}"
        if (folder / "spool.db").is_file():
            with closing(database.open_reader(folder / "spool.db")) as spool:
                yield from _received(spool, ledger)


def _received(spool: Connection, ledger: Connection) -> Iterator[str]:
    for seq, spool_id in _rows(spool, "SELECT seq, id FROM message WHERE seq>? ORDER BY seq LIMIT ?"):
        try:
            found = sha256(content.octets(spool, seq)).hexdigest()
        except NotFoundError:
            continue
        except StoreError as error:
            yield f"message {error}"
            continue
        logged = ledger.execute(_LOGGED, (spool_id,)).fetchone()
        if logged and _hash(logged[0]) not in {"", found}:
            yield f"message {spool_id}: the stored octets do not match the hash in the log"


def _hash(record: bytes) -> str:
    try:
        return str(json.loads(record).get("octets", ""))
    except (ValueError, AttributeError):  # its leaf hash does not match either, which is told
        return ""


def _rows(db: Connection, statement: str) -> Iterator[tuple[int, str]]:
    """Yield rows some at a time: a long read would keep the write-ahead log from shrinking."""
    after = -1
    while rows := db.execute(statement, (after, _AT_ONCE)).fetchall():
        yield from rows
        after = rows[-1][0]
