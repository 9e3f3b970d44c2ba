"""What ledgers lack that were made before the first version: some migrations were still changed in those days."""

from sqlite_utils import Database

_AWAITED = """
CREATE TABLE IF NOT EXISTS awaited (
  number TEXT NOT NULL, issuer TEXT NOT NULL, successor TEXT NOT NULL,
  PRIMARY KEY (number, issuer)) STRICT, WITHOUT ROWID
"""
_NO_REPLACE = """
CREATE TRIGGER IF NOT EXISTS {table}_no_replace BEFORE INSERT ON {table}
WHEN EXISTS (SELECT 1 FROM {table} WHERE {key} = NEW.{key})
BEGIN SELECT RAISE(ABORT, 'the {table} table is append-only'); END
"""


def m008_early_ledgers(db: Database) -> None:
    """Add what is missing; a ledger that has everything stays as it is."""
    db.execute(_AWAITED)
    for table, key in (("entry", "idx"), ("version", "entry")):
        db.execute(_NO_REPLACE.format(table=table, key=key))
    columns = {index.name: index.columns for index in db.table("version").indexes}
    if columns["version_by_number"] == ["issuer", "number"]:
        db.execute("DROP INDEX version_by_number")
        db.execute("CREATE INDEX version_by_number ON version(number, issuer)")
    if "trusted_at" not in db.table("subscription").columns_dict:
        db.execute("ALTER TABLE subscription ADD COLUMN trusted_at TEXT NOT NULL DEFAULT ''")
        db.execute("UPDATE subscription SET trusted_at=created_at")
