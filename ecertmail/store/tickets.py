"""Which mail brought a ticket to an official, and whether the ticket was used: such a mail is kept for ever."""

from sqlite3 import Cursor

from sqlite_utils import Database

_SCHEMA = """
CREATE TABLE ticket_mail (
  mail INTEGER NOT NULL REFERENCES mail(id), ticket INTEGER NOT NULL REFERENCES ticket(id),
  used INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (mail, ticket)) STRICT, WITHOUT ROWID;
CREATE INDEX ticket_mail_by_ticket ON ticket_mail(ticket);
"""
# A mail of an older ecertmail has no hash, and nobody knows which tickets it brought.
USED = """(EXISTS (SELECT 1 FROM ticket_mail t WHERE t.mail=m.id AND t.used=1)
  OR (m.sha256='' AND EXISTS (SELECT 1 FROM delivery d JOIN official o ON o.address=d.recipient WHERE d.mail=m.id)))"""
OPEN = """EXISTS (SELECT 1 FROM ticket_mail t JOIN ticket k ON k.id=t.ticket
  WHERE t.mail=m.id AND k.expires_at>=:before)"""


def migrate(db: Database) -> None:
    """Add the table."""
    for statement in filter(str.strip, _SCHEMA.split(";\n")):
        db.execute(statement)


def bring(cursor: Cursor, ticket: int, mail: int) -> None:
    """Remember that a mail brought a ticket to an official."""
    cursor.execute("INSERT OR IGNORE INTO ticket_mail(mail, ticket) VALUES (?,?)", (mail, ticket))


def use(cursor: Cursor, ticket: int) -> None:
    """Remember that a decision or an answer came with a ticket: the mails that brought it are kept for ever."""
    cursor.execute("UPDATE ticket_mail SET used=1 WHERE ticket=?", (ticket,))
