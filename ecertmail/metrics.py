"""Metrics for Prometheus: numbers that are read from the databases when somebody asks, and kept nowhere else.

Labels hold states, status codes, partner IDs and fingerprints; never a certificate's number or a mail address.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from socket import create_server

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import CollectorRegistry

from ecertmail.config import Config
from ecertmail.edge import scrape
from ecertmail.errors import ConfigError
from ecertmail.fault import Fault
from ecertmail.model import CertificateStatus
from ecertmail.parties import KeyLife
from ecertmail.store import overview
from ecertmail.store.overview import TROUBLE_DAYS, Overview

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What only the running daemon knows: its keys' ends, how many workers stand ready, and what is wrong."""

    keys: Sequence[KeyLife]
    workers: int
    faults: Sequence[Fault]


@dataclass(frozen=True, slots=True, kw_only=True)
class Collector:
    """Looks at the databases in `folder` once for each scrape."""

    folder: Path
    running: Callable[[], Running]
    clock: Callable[[], datetime]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Return every gauge with its values of now."""
        now, running = self.clock(), self.running()
        yield from gauges(overview.read(self.folder, now), now)
        yield _one("workers", "Worker processes that mails are read in.", running.workers)
        yield _keys(running.keys, now)
        yield _problems(running.faults)


@asynccontextmanager
async def endpoint(
    config: Config, running: Callable[[], Running], clock: Callable[[], datetime]
) -> AsyncIterator[None]:
    """Answer scrapes on loopback while the node runs, if a port is configured.

    Raises:
        ConfigError: the port is in use.
    """
    port = config.settings.metrics.port
    if not port:
        yield
        return
    try:
        sock = create_server((LOOPBACK, port))
    except OSError as error:
        raise ConfigError(f"[metrics] port = {port}: cannot listen on {LOOPBACK} ({error.strerror})") from error
    registry = CollectorRegistry()
    registry.register(Collector(folder=config.spool, running=running, clock=clock))
    server = await scrape.listen(sock, partial(generate_latest, registry))
    try:
        yield
    finally:
        server.close()


def gauges(seen: Overview, now: datetime) -> Iterator[GaugeMetricFamily]:
    """Return what the databases say as gauges."""
    statuses = {CertificateStatus(code).name.lower(): count for code, count in seen.certificates.items()}
    states = Counter(one.state.value for one in seen.subscriptions)
    failing = sum(one.address in seen.trouble for one in seen.subscriptions)
    yield _many("spool_messages", "Mails that came in, by state.", "state", seen.spool)
    yield _one("spool_oldest_seconds", "Age of the oldest mail without a verdict.", _age(seen.oldest_message, now))
    yield _many("deliveries", "Mails that go out, by state.", "state", seen.deliveries)
    yield _one("deliveries_oldest_seconds", "Age of the oldest waiting delivery.", _age(seen.oldest_delivery, now))
    yield _many("certificates", "Certificates in the ledger, by status.", "status", statuses)
    yield _one("ledger_entries", "Entries of the append-only log.", seen.ledger_size)
    yield _many("subscriptions", "Subscribers, by state.", "state", states)
    yield _many("officials", "People who check certificates, by state.", "state", seen.officials)
    yield _one("inquiries_open", "Questions that wait for an answer.", seen.inquiries.open)
    yield _one("inquiries_overdue", "Questions that should have been answered.", seen.inquiries.overdue)
    yield _one("alarms", "Open alarms, which want a person.", seen.alarms)
    yield _one("subscriptions_failing", f"Subscribers with failed deliveries in {TROUBLE_DAYS} days.", failing)


def _keys(keys: Iterable[KeyLife], now: datetime) -> GaugeMetricFamily:
    name, text = "ecertmail_key_remaining_seconds", "Seconds until a key ends, negative when it has ended."
    family = GaugeMetricFamily(name, text, labels=("owner", "fingerprint"))
    for key in keys:
        if key.ends_at is not None:
            family.add_metric((key.owner, key.fingerprint), (key.ends_at - now).total_seconds())
    return family


def _problems(faults: Sequence[Fault]) -> GaugeMetricFamily:
    found = Counter(fault.harm.severity for fault in faults)
    counts = {severity: found[severity] for severity in ("error", "warning", "notice")}
    return _many("problems", "What is wrong, as `ecertmail status` says it.", "severity", counts)


def _one(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"ecertmail_{name}", text, value=value)


def _many(name: str, text: str, label: str, values: Mapping[str, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"ecertmail_{name}", text, labels=(label,))
    for value, count in sorted(values.items()):
        family.add_metric((value,), count)
    return family


def _age(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else max((now - since).total_seconds(), 0.0)
