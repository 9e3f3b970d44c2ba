"""The gpg-agent of one GnuPG home, shared by every process that works in that home.

gpg starts an agent by itself, and nothing ends it. Each user of the home holds a shared lock on the folder. The user
that closes last gets the exclusive lock and stops the agent; any other user leaves it running. The kernel drops the
lock of a process that was killed. While the agent is being stopped, a new user waits for the lock: gpg reports "No
secret key" or exports nothing when it meets an agent that is about to end.
"""

import fcntl
import os
import socket
import subprocess
import time
import weakref
from collections.abc import Callable
from pathlib import Path

_END_SECONDS = 5.0


class Agent:
    """One user of the agent of a GnuPG home, until it leaves, is garbage, or its process ends."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._leave: Callable[[], object] | None = None

    def use(self) -> None:
        """Keep the agent running from now on; wait while another process is stopping it."""
        if self._leave is None:
            lock = os.open(self._home, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(lock, fcntl.LOCK_SH)
            self._leave = weakref.finalize(self, _leave, self._home, lock)

    def leave(self) -> None:
        """Stop the agent, unless somebody else uses it."""
        self.use()
        if self._leave is not None:
            self._leave()
            self._leave = None


def _leave(home: Path, lock: int) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _stop(home)
    except BlockingIOError:
        pass  # the last user stops it
    finally:
        os.close(lock)


def _stop(home: Path) -> None:
    """Stop the agent and wait for its end, since it answers nobody from the moment it is told to stop."""
    _gpgconf(home, "--kill", "gpg-agent")
    path = _gpgconf(home, "--list-dirs", "agent-socket").strip()
    end = time.monotonic() + _END_SECONDS
    while _answers(path) and time.monotonic() < end:
        time.sleep(0.02)


def _gpgconf(home: Path, *arguments: str) -> str:
    command = ["gpgconf", "--homedir", str(home), *arguments]
    return subprocess.run(command, check=False, capture_output=True).stdout.decode()


def _answers(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as sock:
        try:
            sock.connect(path)
        except OSError:
            return False
    return True
