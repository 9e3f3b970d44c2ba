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
from pathlib import Path

_END_SECONDS = 5.0


class Agent:
    """One user of the agent of a GnuPG home."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._lock: int | None = None

    def use(self) -> None:
        """Keep the agent running from now on; wait while another process is stopping it."""
        if self._lock is None:
            lock = os.open(self._home, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(lock, fcntl.LOCK_SH)
            self._lock = lock

    def leave(self) -> None:
        """Stop the agent, unless somebody else uses it."""
        lock = self._lock if self._lock is not None else os.open(self._home, os.O_RDONLY | os.O_DIRECTORY)
        self._lock = None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._stop()
        except BlockingIOError:
            pass  # the last user stops it
        finally:
            os.close(lock)

    def _stop(self) -> None:
        """Stop the agent and wait for its end, since it answers nobody from the moment it is told to stop."""
        self._gpgconf("--kill", "gpg-agent")
        path = self._gpgconf("--list-dirs", "agent-socket").strip()
        end = time.monotonic() + _END_SECONDS
        while _answers(path) and time.monotonic() < end:
            time.sleep(0.02)

    def _gpgconf(self, *arguments: str) -> str:
        command = ["gpgconf", "--homedir", str(self._home), *arguments]
        return subprocess.run(command, check=False, capture_output=True).stdout.decode()


def _answers(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as sock:
        try:
            sock.connect(path)
        except OSError:
            return False
    return True
