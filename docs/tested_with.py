"""Writes docs/tested-with.md from what tests recorded (tests/records.py): `make tested-with`."""

import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SMTP = "SMTP, in and out"
STEPS = (
    ("an empty machine: {}", r"tests/machine/.*::test_(.*)"),
    (
        "OpenPGP: keys, signatures, encryption",
        r"tests/(?:edge/test_openpgp|edge/test_keyring|test_keys|hostile/test_(?:sig|key|enc|two))",
    ),
    ("mailboxes by IMAP", r"tests/(?:edge/test_imap|test_mailbox)"),
    (SMTP, r"tests/(?:edge/test_smtp|test_tls)"),
    ("units of systemd", r"tests/test_systemd"),
    ("everything else", r"tests/"),
)
"""The name of each group of tests; the first pattern that fits a test counts."""
HEAD = """# Tested with

These versions passed the tests, group by group. `make tested-with` writes this page from the records of the last
`.ci/run` and `make test-machines`. "Skipped" are tests that need a program which that machine does not have.

| tests | system | Python | GnuPG | server | result |
|---|---|---|---|---|---|
"""


def step(test: str) -> str:
    """Return the group of a test."""
    for name, pattern in STEPS:
        if found := re.match(pattern, test):
            return name.format(*(re.sub(r"[\W_]+", " ", group).strip() for group in found.groups()))
    raise ValueError(test)


def page(records: Iterable[dict[str, str]]) -> str:
    """Return the page: a row for each group of tests and set of versions."""
    rows: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for one in records:
        group = step(one["test"])
        server = f"Postfix {one['postfix']}" if group == SMTP else one.get("server", "")
        rows[group, one["system"], one["python"], one["gnupg"], server][one["outcome"]] += 1
    lines = (f"| {' | '.join(row)} | {_result(outcomes)} |\n" for row, outcomes in sorted(rows.items()))
    return HEAD + "".join(lines)


def _result(outcomes: Counter[str]) -> str:
    return ", ".join(f"{outcomes[name]} {name}" for name in ("passed", "failed", "skipped") if outcomes[name])


def main(folder: Path) -> int:
    """Write the page; return 1 if nothing was recorded."""
    lines = [line for file in sorted(folder.glob("*.jsonl")) for line in file.read_text(encoding="utf-8").splitlines()]
    if not lines:
        sys.stderr.write(f"{folder}: nothing recorded; run .ci/run or make test-machines\n")
        return 1
    (ROOT / "docs/tested-with.md").write_text(page(map(json.loads, lines)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
