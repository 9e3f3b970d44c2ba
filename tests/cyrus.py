"""A real Cyrus on loopback: any user name, one password; the mailbox is made at the first login."""

import grp
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ecertmail.demo.node import free_ports
from tests.dovecot import PASSWORD
from tests.imap_server import Server, authenticator, home, libraries, own, owner, started, unpacked, version_of

_IMAPD = """
configdirectory: {folder}/config
partition-default: {folder}/spool
cyrus_user: {user}
cyrus_group: {group}
autocreate_quota: 102400
allowplaintext: yes
sasl_pwcheck_method: saslauthd
sasl_mech_list: PLAIN LOGIN
sasl_saslauthd_path: {folder}/sockets/mux
idlesocket: {folder}/sockets/idle
lmtpsocket: {folder}/sockets/lmtp
notifysocket: {folder}/sockets/notify
altnamespace: no
unixhierarchysep: no
virtdomains: off
"""
_CYRUS = """
START {{
  recover cmd="{bin}/ctl_cyrusdb -C {folder}/imapd.conf -r"
  idled cmd="{bin}/idled -C {folder}/imapd.conf"
}}
SERVICES {{
  imap cmd="{bin}/imapd -C {folder}/imapd.conf" listen="127.0.0.1:{port}" prefork=0 proto="tcp4"
}}
"""


def version() -> str:
    return version_of("cyrus")


@contextmanager
def running() -> Iterator[Server]:
    """Run a private Cyrus."""
    root = unpacked("cyrus")
    with home("cyrus") as folder:
        server, user = Server(folder, free_ports(1)[0]), owner()
        names = {"folder": folder, "bin": root / "usr/lib/cyrus/bin", "user": user.pw_name, "port": server.port}
        group = grp.getgrgid(user.pw_gid).gr_name
        (folder / "imapd.conf").write_text(_IMAPD.format(group=group, **names), encoding="utf-8")
        (folder / "cyrus.conf").write_text(_CYRUS.format(**names), encoding="utf-8")
        for part in ("config", "spool", "sockets"):
            (folder / part).mkdir()
        own(folder)
        command = [
            f"{names['bin']}/master",
            "-C",
            f"{folder}/imapd.conf",
            "-M",
            f"{folder}/cyrus.conf",
            "-p",
            f"{folder}/pid",
        ]
        with (
            authenticator(folder / "sockets/mux", _log_in),
            started(folder, server.port, command, env={"LD_LIBRARY_PATH": libraries(root)}, **_as_owner()),
        ):
            yield server


def _as_owner() -> dict[str, Any]:
    return {"user": owner().pw_uid, "group": owner().pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}


def _log_in(connection: socket.socket) -> None:
    """Answer as saslauthd does: user, password, service and realm come as counted strings, and OK or NO goes back."""
    with connection.makefile("rb") as asked:
        fields = [asked.read(struct.unpack("!H", asked.read(2))[0]) for _ in range(4)]
    answer = b"OK" if fields[1].decode() == PASSWORD else b"NO"
    connection.sendall(struct.pack("!H", len(answer)) + answer)
