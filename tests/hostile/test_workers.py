"""A message that kills its reader costs itself a claim, and nobody else anything.

The readers here do what a mail's `X-Poison` line tells them: end, be killed, take a gigabyte, sleep for a minute. In
the daemon they are otherwise the real ones.
"""

import os
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest

from ecertmail.edge.workers import Allowance, Workers
from ecertmail.errors import WorkersError
from tests.builders import envelope, examiner
from tests.hostile.daemon import (
    POISONED,
    Memory,
    Probe,
    change,
    decided,
    descendants,
    good_mail,
    needs,
    only_obeying,
    poison,
    row,
    said,
    total,
)  # fmt: skip
from tests.installation import Installation, Sink, until
from tests.test_tls import make_certificate

KINDS = ["exit", "kill", "memory", "sleep"]


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    made = Workers(examiner().openpgp, only_obeying, Allowance(workers=2, seconds=1.0, megabytes=256))
    made.wait_until_ready()
    yield made
    made.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_poisonous_message_fails_alone(workers: Workers, kind: str) -> None:
    begun = [workers.begin(envelope(), b"good") for _ in range(10)]
    bad = workers.begin(envelope(), f"X-Poison: {kind}\r\n".encode())
    begun += [workers.begin(envelope(), b"good") for _ in range(10)]
    with pytest.raises((OSError, MemoryError)):  # TimeoutError and ProcessExpired are OSErrors
        bad.result()
    assert all(facts.result().octets_sha256 for facts in begun)


def test_a_message_may_take_its_time_but_no_more(workers: Workers) -> None:
    begin = time.monotonic()
    with pytest.raises(TimeoutError):
        workers.begin(envelope(), b"X-Poison: sleep\r\n").result()
    assert 0.9 < time.monotonic() - begin < 5


def test_the_time_that_a_message_waits_for_a_worker_is_not_counted_as_its_own(workers: Workers) -> None:
    bad = [workers.begin(envelope(), b"X-Poison: sleep\r\n") for _ in range(4)]
    good = workers.begin(envelope(), b"good")
    assert good.result().octets_sha256
    for facts in bad:
        with pytest.raises(TimeoutError):
            facts.result()


def test_dead_workers_are_replaced_by_other_processes(workers: Workers) -> None:
    before = {workers.begin(envelope(), b"good").result().octets_sha256 for _ in range(20)}
    for pid in before:
        os.kill(int(pid), signal.SIGKILL)
    after = set()
    for _ in range(20):
        with suppress(
            WorkersError, BrokenExecutor
        ):  # told of all that waits when none is left: temporary, and costs no claim
            after.add(workers.begin(envelope(), b"good").result().octets_sha256)
    assert after
    assert before.isdisjoint(after)


@pytest.fixture
def poisoned(china: Installation) -> Installation:
    """China's daemon, with workers that obey, and half a second for each mail."""
    change(china, "seconds", "0.5")
    change(china, "messages_per_minute", "100000")
    china.start(*POISONED)
    assert china.send(good_mail("first")).startswith("250")
    return china


def receipts(sink: Sink, count: int) -> list[str]:
    """The numbers of the certificates that were recorded, one for each receipt."""
    until(lambda: len(sink.mails) >= count, 60)
    statements = [said(mail) for mail in sink.mails]
    assert {statement.outcome for statement in statements} == {"accepted"}
    return [statement.certificates[0].number for statement in statements]


@pytest.mark.parametrize("kind", KINDS)
def test_a_mail_that_kills_its_worker_is_set_aside_after_three_claims(
    poisoned: Installation, sink: Sink, kind: str
) -> None:
    answers = [poisoned.send(good_mail(str(place))) for place in range(10)]
    bad = poisoned.send(poison(kind, "bad"))
    answers += [poisoned.send(good_mail(str(place))) for place in range(10, 20)]
    found = decided(poisoned, bad)
    assert (found.state, found.reason, found.claims) == ("quarantined", "no-verdict", 3)
    assert len(set(receipts(sink, 21))) == 21
    assert {row(poisoned, answer).claims for answer in answers} == {1}, "the innocent are claimed once"
    assert poisoned.log.count("mail.failed") == 3
    assert poisoned.ledger().lookup("NZ/GOOD-bad") == []


def test_the_watchdog_hears_of_us_while_many_mails_sleep(
    china: Installation, sink: Sink, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As in life, but 25 times as fast: 0.2 s for a mail instead of 5, 4.8 s for the watchdog instead of 120."""
    change(china, "seconds", "0.2")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(4.8)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "4800000")
        china.start(*POISONED)
        for place in range(100):
            china.send(poison("sleep", str(place)))
        end = time.monotonic() + 12
        try:
            while time.monotonic() < end:
                heard = b""
                while b"WATCHDOG=1" not in heard:
                    heard = manager.recv(1000)  # a TimeoutError here is when systemd would kill the daemon
        finally:
            china.stop(signal.SIGKILL)


def test_workers_that_somebody_kills_while_idle_cost_the_next_mail_nothing(daemon: Installation, sink: Sink) -> None:
    """The kernel may, when memory is short."""
    assert daemon.process is not None
    daemon.send(good_mail("1"))
    sink.wait_for(1)
    below = {pid: descendants(pid) for pid in descendants(daemon.process.pid)}
    idle = set[int]().union(*below.values())
    assert len(idle) == 2
    for pid in idle:
        os.kill(pid, signal.SIGKILL)
    answers = [daemon.send(good_mail(str(place))) for place in range(2, 12)]
    assert len(set(receipts(sink, 11))) == 11
    assert {row(daemon, answer).claims for answer in answers} == {1}


def test_mails_that_kill_all_workers_at_once_are_set_aside_all_the_same(poisoned: Installation, sink: Sink) -> None:
    bad = [poisoned.send(poison("exit", f"bad{place}")) for place in range(8)]
    good = [poisoned.send(good_mail(str(place))) for place in range(5)]
    for answer in bad:
        found = decided(poisoned, answer)
        assert (found.reason, found.claims) == ("no-verdict", 3)
    assert len(receipts(sink, 6)) == 6
    assert {row(poisoned, answer).claims for answer in good} == {1}


def test_all_workers_end_when_the_daemon_is_killed(daemon: Installation, sink: Sink) -> None:
    assert daemon.process is not None
    daemon.send(good_mail("1"))
    sink.wait_for(1)
    below = descendants(daemon.process.pid)
    assert len(below) >= 3, "two workers and the server that forks them"
    daemon.stop(signal.SIGKILL)
    until(lambda: not any(alive(pid) for pid in below), 10)


def alive(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


def test_workers_are_replaced_at_reload_while_mails_come_in_and_none_is_lost(
    daemon: Installation, sink: Sink, tmp_path: Path
) -> None:
    assert daemon.process is not None
    daemon.send(good_mail("first"))
    sink.wait_for(1)
    before = descendants(daemon.process.pid)
    answers: list[str] = []
    sender = Thread(target=lambda: answers.extend(daemon.send(good_mail(str(place))) for place in range(150)))
    sender.start()
    for done in range(1, 4):
        daemon.process.send_signal(signal.SIGHUP)
        until(lambda wanted=done: daemon.log.count("reload.done") >= wanted)  # type: ignore[misc]
    sender.join(60)
    assert {answer[:3] for answer in answers} == {"250"}
    assert sorted(receipts(sink, 151)) == sorted(["NZ/GOOD-first", *(f"NZ/GOOD-{place}" for place in range(150))])
    assert {row(daemon, answer).claims for answer in answers} == {1}
    assert daemon.ledger().size() == 2 * 151
    process = daemon.process
    until(lambda: len(descendants(process.pid)) <= len(before), 10)
    assert len(descendants(process.pid) & before) <= 2, "only the servers that fork workers stay"
    assert total(daemon) == 151


def test_a_reload_does_not_hold_the_event_loop(daemon: Installation, sink: Sink, tmp_path: Path) -> None:
    """Three reloads, and each must be slow: once can be another program's fault."""
    assert daemon.process is not None
    daemon.send(good_mail("1"))
    sink.wait_for(1)
    probe, longest = Probe(daemon.port, tmp_path / "probe"), []
    for done in range(1, 4):
        begin = time.monotonic()
        daemon.process.send_signal(signal.SIGHUP)
        until(lambda wanted=done: daemon.log.count("reload.done") >= wanted)  # type: ignore[misc]
        longest.append(max(probe.since(begin)))
    probe.stop()
    print(f"reload: the loop was held for {longest} ms")
    assert min(longest) < 100


def test_a_reload_that_fails_leaves_no_workers_behind(china: Installation, sink: Sink, tmp_path: Path) -> None:
    needs("openssl")
    certificate, key = make_certificate(tmp_path / "tls", "first")
    change(china, "certificate", f'"{certificate}"')
    change(china, "private_key", f'"{key}"')
    china.start()
    china.send(good_mail("1"))
    sink.wait_for(1)
    assert china.process is not None
    before = len(descendants(china.process.pid))
    certificate.write_bytes(b"no certificate")
    for done in range(1, 4):
        china.process.send_signal(signal.SIGHUP)
        until(lambda wanted=done: china.log.count("reload.failed") >= wanted)  # type: ignore[misc]
    time.sleep(1)
    assert len(descendants(china.process.pid)) <= before
    china.send(good_mail("2"))
    sink.wait_for(2)


def test_a_worker_cannot_hold_more_memory_than_it_is_allowed(poisoned: Installation, sink: Sink) -> None:
    assert poisoned.process is not None
    memory = Memory(poisoned.process.pid)
    decided(poisoned, poisoned.send(poison("memory", "gigabyte")))
    memory.stop()
    assert 0 < memory.workers <= 512
