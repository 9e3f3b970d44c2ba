"""The clock that tests and the soak move (`benchmarks/soak/clock.c`), and a daemon whose clock goes back."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from benchmarks.soak.wall_clock import WallClock
from tests.builders import NZ_ADDRESS, batch_mail, certificates_xml, key_of
from tests.installation import Installation, Sink, until

_PROGRAM = """
import sys, time, datetime
for _ in sys.stdin:
    before = time.monotonic()
    time.sleep(0.05)
    slept = time.monotonic() - before
    print(time.time(), datetime.datetime.now().timestamp(), slept, flush=True)
"""


@pytest.fixture
def clock(tmp_path: Path) -> WallClock:
    if shutil.which("cc") is None:
        if os.environ.get("ECERTMAIL_CI"):
            pytest.fail("there is no C compiler")
        pytest.skip("there is no C compiler")
    return WallClock.make(tmp_path)


@pytest.fixture
def process(clock: WallClock) -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=clock.environment,
    ) as running:
        yield running
        running.kill()


def test_the_time_of_day_moves_and_sleeping_does_not(clock: WallClock, process: "subprocess.Popen[str]") -> None:
    shown = []
    for days in (0, 400, -3):
        clock.move(timedelta(days=days))
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("\n")
        process.stdin.flush()
        of_day, now, slept = map(float, process.stdout.readline().split())
        assert 0.04 < slept < 5
        assert now - of_day < 5
        shown.append(of_day - days * 86400)
    assert max(shown) - min(shown) < 60


def test_a_node_whose_clock_goes_back_goes_on_pushing_and_says_so(
    clock: WallClock, china: Installation, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in clock.environment.items():
        monkeypatch.setenv(name, value)
    clock.move(timedelta(days=3))
    china.start()
    assert china.cli("subscriber", "add", "post", "--address", "post@customs.example").exit_code == 0
    china.send(batch_mail(certificates_xml("NZ-1"), serial="1"))
    sink.wait_for(2)
    clock.move(timedelta())
    china.send(batch_mail(certificates_xml("NZ-2"), serial="2"))
    sink.wait_for(4)
    china.stop()
    china.start()
    until(lambda: "clock.back" in china.log)
    alarms = json.loads(china.cli("alarm", "list", "--json").output)
    assert [alarm["what"] for alarm in alarms] == ["clock.back"]


def test_a_clock_that_leaps_ends_no_examination(
    clock: WallClock, china: Installation, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in clock.environment.items():
        monkeypatch.setenv(name, value)
    china.start()
    sign = key_of(NZ_ADDRESS).sign
    china.send(batch_mail(certificates_xml("NZ-1"), sign=lambda octets: sign(octets + b"!")))  # gpg says why it is bad
    leaps = count(1)

    def decided() -> bool:
        clock.move(next(leaps) * timedelta(minutes=1))
        return bool(china.spooled("quarantined"))

    until(decided)
    assert china.spooled()[0].claims == 1
    assert "mail.failed" not in china.log
