"""(d) Peak memory of the daemon under work, against Python with the same libraries loaded."""

import re
import subprocess
import sys
from pathlib import Path

from benchmarks import server
from benchmarks.ratio import Ratio
from tests.builders import batch_mail, certificates_xml
from tests.installation import until

MAILS, BATCH = 500, 1000
_IMPORTS = "import ecertmail.cli, re; print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])"


def measure() -> Ratio:
    """Compare the daemon's high-water mark after 500 mails and a batch of 1,000 with the imports alone."""
    with server.daemon() as node:
        for number in range(MAILS):
            node.send(batch_mail(certificates_xml(f"NZ/{number}"), serial=str(number)))
        node.send(batch_mail(certificates_xml(*(f"NZ/B/{n}" for n in range(BATCH))), serial="batch"))
        until(lambda: not node.spooled("spooled", "claimed"), 120)
        assert node.ledger().counts("certificate") == {"70": MAILS + BATCH}
        assert node.process is not None
        status = Path(f"/proc/{node.process.pid}/status").read_text(encoding="ascii")
    peak = int(re.findall(r"VmHWM:\s+(\d+)", status)[0])
    floor = int(subprocess.run([sys.executable, "-c", _IMPORTS], capture_output=True, check=True).stdout)
    against = f"Python with the same imports; peak {peak // 1024} MB after {MAILS} mails and a batch of {BATCH}, once"
    return Ratio(name="memory", value=peak / floor, aim=2, higher_is_better=False, against=against)
