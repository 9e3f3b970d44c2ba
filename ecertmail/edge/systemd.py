"""What a service tells systemd and gets from it, in the few lines that sd_notify(3) and sd_listen_fds(3) describe.

The bindings on PyPI either need a C compiler or have had no release for years; the protocol is a datagram.
"""

import contextlib
import os
import socket

_FIRST_FD = 3


def notify(state: str) -> None:
    """Send one state such as READY=1 to the service manager; nothing happens without one, or if it is away."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, kind) as sock:
        sock.connect("\0" + address[1:] if address.startswith("@") else address)
        sock.sendall(state.encode())


def watchdog_seconds() -> float | None:
    """Return how often to send WATCHDOG=1, half of what the unit allows, or None."""
    allowed = os.environ.get("WATCHDOG_USEC", "")
    return int(allowed) / 2_000_000 if allowed.isdigit() else None


def activated() -> bool:
    """Say whether systemd passed listening sockets to this process."""
    return os.environ.get("LISTEN_PID") == str(os.getpid())


def passed_sockets() -> list[tuple[str, socket.socket]]:
    """Return (FileDescriptorName, listening socket) of each socket that was passed; names may repeat."""
    if not activated():
        return []
    names = os.environ.get("LISTEN_FDNAMES", "").split(":")
    count = int(os.environ.get("LISTEN_FDS", "0"))
    return [(name, socket.socket(fileno=_FIRST_FD + i)) for i, name in enumerate(names[:count])]


def credential(name: str) -> bytes | None:
    """Return a credential that LoadCredential passed, or None."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY", "")
    if not folder:
        return None
    try:
        with open(os.path.join(folder, name), "rb") as file:  # noqa: PTH118, PTH123 - one read
            return file.read()
    except FileNotFoundError:
        return None
