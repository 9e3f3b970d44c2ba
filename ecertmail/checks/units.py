"""The systemd units of this installation, where there are any: whether they start it, and are of this version."""

import re
from collections.abc import Iterator
from pathlib import Path

from ecertmail.checks import ports
from ecertmail.config import Config
from ecertmail.errors import EXIT_CODES
from ecertmail.fault import Fault, Harm

_SERVICE, _SOCKET = "ecertmail.service", "ecertmail.socket"


def faults(config: Config) -> Iterator[Fault]:
    """Return what is wrong with the units; none where another supervisor runs the daemon."""
    service = ports.service_of(config)
    if service is None:
        return
    if not ports.is_enabled("multi-user.target", _SERVICE):
        text = "the service is installed and not enabled: the node does not come back after a restart of the machine"
        yield Fault(code="unit-disabled", harm=Harm.LATER, text=text, remedy="systemctl enable ecertmail.service",
                    file=str(service))  # fmt: skip
    lasting = {one.code for one in EXIT_CODES if not one.restart_helps}
    if lasting - _prevented(service):
        text = "the unit is of an older version: systemd starts again what only a person can mend"
        codes = " ".join(map(str, sorted(lasting)))
        yield Fault(code="unit-old", harm=Harm.LATER, text=text, file=str(service), key="RestartPreventExitStatus",
                    remedy=f"set RestartPreventExitStatus={codes}, then systemctl daemon-reload")  # fmt: skip
    if not config.settings.listen.enabled and ports.is_enabled("sockets.target", _SOCKET):
        text = "the socket unit is enabled, and [listen] enabled = false: port 25 is open, and no mail is taken there"
        yield Fault(code="unit-socket", harm=Harm.MAIL, text=text, file=str(service),
                    remedy="systemctl disable --now ecertmail.socket, or set enabled = true")  # fmt: skip


def _prevented(service: Path) -> set[int]:
    lines = re.findall(r"^RestartPreventExitStatus=(.*)$", service.read_text("utf-8", "replace"), re.MULTILINE)
    return {int(word) for line in lines for word in line.split() if word.isdigit()}
