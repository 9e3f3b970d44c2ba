"""The tables of the ledger's file, step by step, and the triggers that keep the log as it is."""

from sqlite_utils import Database, Migrations

from ecertmail.store import answers, clock, early_schema, official_schema, overview, peers, retention, subscriptions

DOMAIN = "lower(substr(recipient, instr(recipient, '@') + 1))"
"""The domain of a delivery, as it is indexed and asked for."""

migrations = Migrations("ecertmail.ledger")

_SCHEMA = """
CREATE TABLE entry (idx INTEGER PRIMARY KEY, kind TEXT NOT NULL, record BLOB NOT NULL, leaf BLOB NOT NULL) STRICT;
CREATE TABLE version (
  entry INTEGER PRIMARY KEY REFERENCES entry(idx), kind TEXT NOT NULL, issuer TEXT NOT NULL, number TEXT NOT NULL,
  status TEXT NOT NULL, sha256 TEXT NOT NULL, replaced_by TEXT NOT NULL, octets BLOB NOT NULL) STRICT;
CREATE INDEX version_by_number ON version(number, issuer);
CREATE TABLE certificate (
  issuer TEXT NOT NULL, number TEXT NOT NULL, status TEXT NOT NULL, type TEXT NOT NULL, profile TEXT NOT NULL,
  issued_at TEXT NOT NULL, exporting TEXT NOT NULL, importing TEXT NOT NULL, title TEXT NOT NULL,
  entry INTEGER NOT NULL REFERENCES entry(idx), PRIMARY KEY (number, issuer)) STRICT, WITHOUT ROWID;
CREATE TABLE awaited (
  number TEXT NOT NULL, issuer TEXT NOT NULL, successor TEXT NOT NULL,
  PRIMARY KEY (number, issuer)) STRICT, WITHOUT ROWID;
CREATE TABLE mail (id INTEGER PRIMARY KEY, message_id TEXT NOT NULL UNIQUE, octets BLOB NOT NULL) STRICT;
CREATE TABLE message (
  spool_id TEXT PRIMARY KEY, entry INTEGER NOT NULL REFERENCES entry(idx), partner TEXT NOT NULL,
  fingerprint TEXT NOT NULL, mic TEXT NOT NULL, outcome TEXT NOT NULL, mail INTEGER REFERENCES mail(id)) STRICT;
CREATE INDEX message_by_mic ON message(fingerprint, mic);
CREATE TABLE delivery (
  id INTEGER PRIMARY KEY, mail INTEGER NOT NULL REFERENCES mail(id), kind TEXT NOT NULL, recipient TEXT NOT NULL,
  reverse_path TEXT NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL, created_at TEXT NOT NULL,
  next_at TEXT NOT NULL, reply TEXT NOT NULL) STRICT;
CREATE INDEX delivery_due ON delivery(state, next_at);
CREATE TABLE attempt (
  delivery INTEGER NOT NULL REFERENCES delivery(id), at TEXT NOT NULL, outcome TEXT NOT NULL,
  reply TEXT NOT NULL) STRICT;
"""

_APPEND_ONLY = """
CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table}
BEGIN SELECT RAISE(ABORT, 'the {table} table is append-only'); END;
"""

# REPLACE deletes without firing the trigger above, unless the writer asks for recursive triggers.
_NO_REPLACE = """
CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table}
WHEN EXISTS (SELECT 1 FROM {table} WHERE {key} = NEW.{key})
BEGIN SELECT RAISE(ABORT, 'the {table} table is append-only'); END;
"""


@migrations()
def m001_ledger(db: Database) -> None:
    """The log, the versions, the current state and the outbox."""
    triggers = [
        _APPEND_ONLY.format(table=table, verb=verb) for table in ("entry", "version") for verb in ("update", "delete")
    ]
    triggers += [_NO_REPLACE.format(table=table, key=key) for table, key in (("entry", "idx"), ("version", "entry"))]
    for statement in [*filter(str.strip, _SCHEMA.split(";\n")), *triggers]:
        db.execute(statement)


@migrations()
def m002_trust(db: Database) -> None:
    """Indexes for what is asked before each reply, the keys that partners offered, and what the operator was told."""
    db.table("delivery").create_index(["recipient", "created_at"])
    db.table("delivery").create_index(["mail"])
    db.table("key_offer").create(
        {"entry": int, "partner": str, "fingerprint": str, "public_key": bytes}, pk="entry", strict=True,
        not_null={"partner", "fingerprint", "public_key"}, foreign_keys=[("entry", "entry", "idx")],
    )  # fmt: skip
    db.table("told").create({"what": str, "at": str}, pk="what", not_null={"at"}, strict=True)


@migrations()
def m003_subscriptions(db: Database) -> None:
    """Who is pushed what, and up to which entry."""
    db.execute(subscriptions.SCHEMA)


@migrations()
def m004_reconcile(db: Database) -> None:
    """What is expected of deliveries, what came of it, and alarms."""
    answers.migrate(db)


@migrations()
def m005_fairness(db: Database) -> None:
    """An index of what waits, domain by domain; it is as small as the queue, whatever was sent before."""
    db.execute(f"CREATE INDEX delivery_waits ON delivery({DOMAIN}, next_at, id) WHERE state IN ('due','deferred')")


migrations()(overview.m007_overview)
migrations()(official_schema.m008_officials)
migrations()(early_schema.m008_early_ledgers)
migrations()(retention.m009_retention)


@migrations()
def m010_sending(db: Database) -> None:
    """An index of the receipts of one address, which its limit counts; pushes to it do not count."""
    db.execute("CREATE INDEX delivery_receipts ON delivery(recipient, created_at) WHERE kind='receipt'")


migrations()(clock.m011_clock)
migrations()(peers.m012_peers)
