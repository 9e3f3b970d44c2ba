"""Servers that benchmarks start: our daemon in an installation of its own, and aiosmtpd that stores nothing."""

import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import installation
from tests.installation import Installation, free_port, until

_BARE = """
import sys, asyncio
class Nothing:
    async def handle_DATA(self, server, session, envelope): return "250 OK"
async def main():
    from aiosmtpd.smtp import SMTP
    loop = asyncio.get_running_loop()
    session = lambda: SMTP(Nothing(), hostname="bare", loop=loop)
    server = await loop.create_server(session, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()
asyncio.run(main())
"""


@contextmanager
def daemon() -> Iterator[Installation]:
    """Run our daemon; its receipts go to a port where nobody listens, so only its own work is measured."""
    with tempfile.TemporaryDirectory(prefix="ecertmail-bench-") as name:
        template = installation.make(Path(name) / "template")
        node = installation.copy(template, Path(name) / "node", free_port())
        node.set("# messages_per_minute = 600", "1000000")
        node.start()
        try:
            yield node
        finally:
            node.stop()


@contextmanager
def bare() -> Iterator[int]:
    """Run the bare server and yield its port."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-c", _BARE, str(port)])
    try:
        until(lambda: _open(port))
        yield port
    finally:
        process.terminate()
        process.wait()


def _open(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0
