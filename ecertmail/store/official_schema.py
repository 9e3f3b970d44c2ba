"""The tables of officials, their tickets and decisions, misses and conversations, in the ledger's file."""

from sqlite_utils import Database

_SCHEMA = """
CREATE TABLE official (
  id TEXT PRIMARY KEY, address TEXT NOT NULL, name TEXT NOT NULL, post TEXT NOT NULL, language TEXT NOT NULL,
  partner TEXT NOT NULL, role TEXT NOT NULL, state TEXT NOT NULL, fingerprint TEXT NOT NULL, public_key BLOB NOT NULL,
  approved_by TEXT NOT NULL, created_at TEXT NOT NULL) STRICT;
CREATE UNIQUE INDEX official_by_address ON official(address) WHERE state<>'suspended';
CREATE INDEX official_any_address ON official(address);
CREATE TABLE ticket (
  id INTEGER PRIMARY KEY, purpose TEXT NOT NULL, official TEXT NOT NULL REFERENCES official(id),
  subjects TEXT NOT NULL, inquiry INTEGER NOT NULL, expires_at TEXT NOT NULL) STRICT;
CREATE TABLE decision (
  entry INTEGER PRIMARY KEY REFERENCES entry(idx), issuer TEXT NOT NULL, number TEXT NOT NULL, decision TEXT NOT NULL,
  remark TEXT NOT NULL, partner TEXT NOT NULL, official TEXT NOT NULL, operator TEXT NOT NULL, assurance TEXT NOT NULL,
  at TEXT NOT NULL, superseded_by INTEGER) STRICT;
CREATE INDEX decision_by_number ON decision(number, issuer);
CREATE TABLE miss (official TEXT NOT NULL, number TEXT NOT NULL, at TEXT NOT NULL) STRICT;
CREATE INDEX miss_by_official ON miss(official, at);
CREATE INDEX miss_by_number ON miss(number, at);
CREATE TABLE inquiry (
  id INTEGER PRIMARY KEY, issuer TEXT NOT NULL, number TEXT NOT NULL, partner TEXT NOT NULL, official TEXT NOT NULL,
  reference TEXT NOT NULL, state TEXT NOT NULL, opened_at TEXT NOT NULL, due_at TEXT NOT NULL, reminded_at TEXT,
  escalated_at TEXT) STRICT;
CREATE INDEX inquiry_by_reference ON inquiry(partner, reference);
CREATE INDEX inquiry_by_number ON inquiry(number, issuer, official);
CREATE INDEX inquiry_waits ON inquiry(opened_at) WHERE state='open';
CREATE TABLE utterance (
  id INTEGER PRIMARY KEY, inquiry INTEGER NOT NULL REFERENCES inquiry(id), turn TEXT NOT NULL, operator TEXT NOT NULL,
  at TEXT NOT NULL, content TEXT NOT NULL, assurance TEXT NOT NULL, entry INTEGER NOT NULL) STRICT;
CREATE INDEX utterance_by_inquiry ON utterance(inquiry);
CREATE TABLE utterance_file (
  utterance INTEGER NOT NULL REFERENCES utterance(id), name TEXT NOT NULL, type TEXT NOT NULL,
  octets BLOB NOT NULL) STRICT;
CREATE INDEX utterance_file_by_utterance ON utterance_file(utterance);
"""


def m008_officials(db: Database) -> None:
    """Who checks, what was decided, and what was asked."""
    for statement in filter(str.strip, _SCHEMA.split(";\n")):
        db.execute(statement)
