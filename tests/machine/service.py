"""What stands in for systemd, which does not run in a root: the same programs, as the same user, with the same secrets.

`systemctl start` runs a oneshot unit's program and does nothing else; the daemon is started by `RUNNING`.
"""

from tests.machine.machine import Machine

_AS_SERVICE = """#!/bin/sh
set -e
install -d -m 700 -o ecertmail /run/credentials
install -m 400 -o ecertmail /etc/ecertmail/passphrase /run/credentials/
cd /
exec setpriv --reuid=ecertmail --regid=ecertmail --init-groups \\
  env HOME=/var/lib/ecertmail CREDENTIALS_DIRECTORY=/run/credentials "$@"
"""
_SYSTEMCTL = """#!/bin/sh
if [ "$*" = "start ecertmail-backup.service" ]; then
  exec as-service $(sed -n 's/^ExecStart=//p' /etc/systemd/system/ecertmail-backup.service)
fi
"""
_SYSTEMD_RUN = """#!/bin/sh
while [ "${1#/}" = "$1" ]; do shift; done
exec as-service "$@"
"""
RUNNING = """
rm -f /var/log/ecertmail.log
as-service $(sed -n 's/^ExecStart=//p' /etc/systemd/system/ecertmail.service) 2>/var/log/ecertmail.log &
trap 'kill $!; wait $!' EXIT
for second in $(seq 120); do grep -q start.ready /var/log/ecertmail.log 2>/dev/null && break; sleep 1; done
grep start.ready /var/log/ecertmail.log || { cat /var/log/ecertmail.log; exit 1; }
"""
"""Starts the daemon as its unit does; after the last command it is stopped, and must end well."""


def stand_in(machine: Machine) -> None:
    """Put the three programs onto a machine."""
    for name, program in (("as-service", _AS_SERVICE), ("systemctl", _SYSTEMCTL), ("systemd-run", _SYSTEMD_RUN)):
        file = machine.root / "usr/local/bin" / name
        file.write_text(program, encoding="utf-8")
        file.chmod(0o755)
