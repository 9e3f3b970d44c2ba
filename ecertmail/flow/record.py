"""What was judged of certificates goes into the ledger: the same for those received and those of our own."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from ecertmail.core import record
from ecertmail.model import Batch, Certificate, Known, Result, ResultCode
from ecertmail.ports import Transaction

_IN_LEDGER = {ResultCode.RECORDED: "certificate", ResultCode.CONFLICT: "conflict"}


def known(tx: Transaction, issuer: str, batch: Batch) -> dict[str, Known]:
    """Return what is recorded of the certificates of a batch, and of those that they replace."""
    numbers: list[str] = []
    for item in batch.items:
        if item.certificate is not None:
            numbers += (item.number, *item.certificate.replaces)
    return tx.known(issuer, numbers)


def record_results(
    tx: Transaction, issuer: str, results: Iterable[Result], source: int, now: datetime
) -> tuple[Result, ...]:
    """Append an entry for each recorded certificate, conflict and replacement, in the order they were judged.

    Args:
        tx: the commit that the entry of the mail or file is in too.
        issuer: whose certificates they are.
        results: how they were judged.
        source: the entry of that mail or file.
        now: the time of the record.
    """
    first, at = tx.next_index(), record.timestamp(now)
    done: list[Result] = []
    records: list[tuple[str, bytes]] = []
    versions: list[tuple[int, str, Certificate]] = []
    replaced: list[tuple[int, str, str]] = []
    awaited: list[tuple[str, str]] = []
    for result in results:
        kind, certificate = _IN_LEDGER.get(result.code), result.certificate
        if kind is None or certificate is None:
            done.append(result)
            continue
        entry = first + len(records)
        records.append((kind, record.canonical(record.of_certificate(issuer, result, source, at))))
        versions.append((entry, kind, certificate))
        done.append(replace(result, entry=entry))
        changes = [(old, certificate.number) for old in result.replaced]
        for old, new in [(certificate.number, result.successor), *changes] if result.successor else changes:
            replaced.append((first + len(records), old, new))
            records.append(("replaced", record.canonical(record.of_replacement(issuer, old, new, source, at))))
        awaited += [(old, certificate.number) for old in result.awaited]
    tx.append(records)
    tx.put_versions(issuer, versions)
    tx.put_replaced(issuer, replaced)
    tx.put_awaited(issuer, awaited)
    return tuple(done)
