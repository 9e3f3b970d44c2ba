"""A real Courier on loopback: any user name, one password. It has no MOVE and answers `UID SEARCH *` with nothing."""

import os
import shlex
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ecertmail.demo.node import free_ports
from tests.dovecot import PASSWORD
from tests.imap_server import Server, authenticator, home, libraries, missing, own, owner, started, unpacked, version_of

_SETTINGS = {
    "IMAP_CAPABILITY": "IMAP4rev1 UIDPLUS CHILDREN NAMESPACE THREAD=ORDEREDSUBJECT THREAD=REFERENCES SORT QUOTA IDLE",
    "IMAP_KEYWORDS": "1", "IMAP_ACL": "1", "IMAP_IDLE_TIMEOUT": "60", "IMAP_TLS_REQUIRED": "0", "IMAP_USELOCKS": "0",
    "IMAP_CHECK_ALL_FOLDERS": "0", "IMAP_OBSOLETE_CLIENT": "0", "IMAP_ENHANCEDIDLE": "0", "IMAP_UMASK": "022",
    "IMAP_TRASHFOLDERNAME": "Trash", "TLS_PROTOCOL": "TLSv1.2", "PATH": "/usr/bin:/bin",
}  # fmt: skip
"""As Debian's /etc/courier/imapd has them, but without locks: without famd they cost a second each."""


def version() -> str:
    return version_of("courier")


@contextmanager
def running() -> Iterator[Server]:
    """Run a private Courier. Its socket for logins has a fixed path, so /run is another one for its processes."""
    root = unpacked("courier")
    if os.geteuid() != 0:
        missing("Courier needs root to have a /run of its own")
    with home("courier") as folder:
        (folder / "run/authdaemon").mkdir(parents=True)
        server = Server(folder, free_ports(1)[0])
        own(folder)
        with (
            authenticator(folder / "run/authdaemon/socket", lambda connection: _log_in(connection, folder)),
            started(folder, server.port, ["unshare", "--mount", "sh", "-ec", _script(root, server)]),
        ):
            yield server


def _script(root: Path, server: Server) -> str:
    settings = {**_SETTINGS, "PORT": str(server.port), "LD_LIBRARY_PATH": libraries(root)}
    run = ["setpriv", f"--reuid={owner().pw_uid}", f"--regid={owner().pw_gid}", "--clear-groups", "env", "-i",
           *(f"{name}={value}" for name, value in settings.items()), f"{root}/usr/sbin/couriertcpd",
           "-address=127.0.0.1", "-maxprocs=40", "-maxperip=40", "-nodnslookup", str(server.port),
           f"{root}/usr/lib/courier/courier/imaplogin", f"{root}/usr/bin/imapd", "Maildir"]  # fmt: skip
    return f"mount -t tmpfs tmpfs /run; ln -s {server.folder}/run /run/courier; exec {shlex.join(run)}"


def _log_in(connection: socket.socket, folder: Path) -> None:
    """Answer as authdaemond does: with the account in lines, or FAIL."""
    *_, user, password = connection.recv(4096).decode().rstrip("\n").split("\n")
    if password != PASSWORD:
        connection.sendall(b"FAIL\n")
        return
    place = folder / "home" / user
    if not place.exists():
        for part in ("cur", "new", "tmp"):
            (place / "Maildir" / part).mkdir(parents=True)
        own(folder / "home")
    facts = {"UID": owner().pw_uid, "GID": owner().pw_gid, "HOME": place, "ADDRESS": user, "MAILDIR": "Maildir"}
    lines = [f"{name}={value}" for name, value in facts.items()]
    connection.sendall("\n".join([*lines, ".", ""]).encode())
