"""Records with which versions each test passed, where ECERTMAIL_RECORDS names a folder; see docs/tested_with.py."""

import json
import os
import platform
import re
import shutil
import subprocess
import time
from functools import cache
from pathlib import Path

import pytest

_FILE = f"{time.time_ns()}.jsonl"


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Write a line for each test; what a test recorded as its own properties takes precedence over this machine's."""
    folder = os.environ.get("ECERTMAIL_RECORDS")
    if not folder or "PYTEST_XDIST_WORKER" in os.environ:
        return
    if report.when != "call" and report.outcome == "passed":
        return
    line = {"test": report.nodeid, "outcome": report.outcome, **versions(), **dict(report.user_properties)}
    with (Path(folder) / _FILE).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


@cache
def versions() -> dict[str, str]:
    """The versions of what every test uses."""
    system = platform.freedesktop_os_release()
    return {
        "system": f"{system['NAME'].split()[0]} {system.get('VERSION_ID', '')} ({system.get('VERSION_CODENAME', '')})",
        "python": platform.python_version(),
        "gnupg": program_version("gpg", "--version"),
        "postfix": program_version("postconf", "mail_version"),
    }


@cache
def program_version(*command: str) -> str:
    """The first version number that a program prints."""
    program = shutil.which(command[0], path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        return "none"
    said = subprocess.run([program, *command[1:]], capture_output=True, text=True, check=False).stdout
    found = re.search(r"\d+(\.\d+)+", said)
    return found[0] if found else "unknown"
