"""The control socket: how the command line asks the running daemon to change the spool, which only it may write.

One JSON object a line in, one out, on a Unix socket inside the spool folder, which only the service's user can enter.
"""

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from ecertmail.errors import ConfigError, EcertmailError, NotFoundError, PermanentError, RemovedError, StoreBusyError

Handle = Callable[[dict[str, str]], dict[str, object]]
LONGEST_PATH = 107
_LONGEST = 256 * 1024 * 1024  # a file of certificates goes through it, see cli/issue.py; only our own user can


async def listen(path: Path, handle: Handle) -> asyncio.AbstractServer:
    """Answer requests until the returned server is closed."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = json.loads(await asyncio.wait_for(reader.readline(), 5))
            answer = await asyncio.to_thread(_answer, handle, request)
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        except (TimeoutError, ValueError, OSError):
            pass  # whoever asked is gone or speaks something else; nothing was changed
        finally:
            writer.close()

    sock = _bind(path)
    return await asyncio.start_unix_server(connected, sock=sock, limit=_LONGEST)


@asynccontextmanager
async def serving(path: Path, handle: Handle) -> AsyncIterator[None]:
    """Answer requests within this context."""
    server = await listen(path, handle)
    try:
        yield
    finally:
        server.close()


def ask(path: Path, request: dict[str, str], seconds: float = 30) -> dict[str, object] | None:
    """Ask the running daemon, and wait so long for its answer; None when there is none.

    Raises:
        EcertmailError: the daemon could not do it, with its reason.
    """
    if not fits(path):
        return None  # no daemon can listen there
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(seconds)
            connection.connect(str(path))
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as lines:
                answer = json.loads(lines.readline(_LONGEST))
    except (FileNotFoundError, ConnectionRefusedError):
        return None
    except (OSError, ValueError) as error:
        raise StoreBusyError(f"{path}: the daemon does not answer ({error})") from error
    if "error" in answer:
        raise _ERRORS.get(answer.get("kind"), PermanentError)(answer["error"])
    return dict(answer)


_ERRORS: dict[object, type[EcertmailError]] = {
    kind.__name__: kind for kind in (NotFoundError, RemovedError, StoreBusyError)
}


def fits(path: Path) -> bool:
    """Say whether a socket can have this path: the kernel takes 107 octets (unix(7), sun_path)."""
    return len(os.fsencode(path)) <= LONGEST_PATH


def _bind(path: Path) -> socket.socket:
    if not fits(path):
        raise ConfigError(f"{path}: a socket's path has at most {LONGEST_PATH} octets; [paths] spool must be shorter")
    path.unlink(missing_ok=True)
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(path))
    path.chmod(0o600)
    return sock


def _answer(handle: Handle, request: dict[str, str]) -> dict[str, object]:
    try:
        return handle(request)
    except EcertmailError as error:
        return {"error": str(error), "kind": type(error).__name__}
