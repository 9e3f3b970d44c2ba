"""(f) Peak memory of reading a mailbox of 50,000 messages, against one of 1,000."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.ratio import Ratio
from tests import dovecot
from tests.desk import Desk, imap_account
from tests.dovecot import Account, Dovecot

MANY, FEW = 50_000, 1_000


def measure() -> Ratio:
    """Compare the high-water marks of two processes that each read a whole mailbox into a new spool."""
    with dovecot.running() as server:
        many, few = (_peak(server, count) for count in (MANY, FEW))
    against = f"the same with {FEW} messages; peak {many // 1024} MB for {MANY} messages, all new, once"
    return Ratio(name="mailbox-memory", value=many / few, aim=1.5, higher_is_better=False, against=against)


def _peak(server: Dovecot, count: int) -> int:
    account = server.account(f"has-{count}")
    account.fill([b"Subject: %d\r\n\r\nmail number %d\r\n" % (n, n) for n in range(count)])
    command = [sys.executable, "-m", "benchmarks.mailbox_memory", str(server.port), account.user, str(count)]
    return int(subprocess.run(command, capture_output=True, check=True).stdout)


def _read(port: int, user: str, count: int) -> int:
    """Read a mailbox in this process and return its peak in kB."""
    account = Account(Dovecot(Path(), "", port, 0), user)
    with tempfile.TemporaryDirectory(prefix="ecertmail-bench-") as name:
        desk = Desk(Path(name))
        desk.log.lines = _Forgetful()
        desk.round(imap_account(account, answer_seconds=60))
        status = Path("/proc/self/status").read_text(encoding="ascii")
        assert len(desk.rows()) == count
        desk.close()
    return int(re.findall(r"VmHWM:\s+(\d+)", status)[0])


class _Forgetful(list[tuple[str, str, dict[str, object]]]):
    """A log that keeps nothing, as the daemon's does."""

    def append(self, _line: object) -> None:
        """Forget it."""


if __name__ == "__main__":
    sys.stdout.write(str(_read(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))))
