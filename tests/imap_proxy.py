"""A bad line between us and a server: it is cut after some octets, it stalls, or it dribbles."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Line:
    """Passes connections on; `cut_after` octets of answers it hangs up, `stall_after` it says no more."""

    def __init__(self, target: int) -> None:
        self._target = target
        self.cut_after: int | None = None
        self.stall_after: int | None = None
        self.chunk = 65_536
        self.pause = 0.0
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                server = socket.create_connection(("127.0.0.1", self._target))
                server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._sockets += [client, server]
                threading.Thread(target=self._up, args=(client, server), daemon=True).start()
                threading.Thread(target=self._down, args=(server, client), daemon=True).start()

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while octets := client.recv(65_536):
                server.sendall(octets)
        _hang_up(client, server)

    def _down(self, server: socket.socket, client: socket.socket) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while octets := server.recv(self.chunk):
                if self.cut_after is not None:
                    octets = octets[: max(self.cut_after - passed, 0)]
                passed += len(octets)
                if self.stall_after is not None and passed > self.stall_after:
                    continue
                client.sendall(octets)
                if self.cut_after is not None and passed >= self.cut_after:
                    break
                time.sleep(self.pause)
        _hang_up(client, server)

    def cut(self) -> None:
        """Hang up all connections now."""
        for sock in self._sockets:
            _hang_up(sock)

    def close(self) -> None:
        self._listener.close()
        self.cut()


def _hang_up(*sockets: socket.socket) -> None:
    for sock in sockets:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
        sock.close()


@contextmanager
def bad_line(target: int) -> Iterator[Line]:
    """Put a line in front of a port."""
    line = Line(target)
    yield line
    line.close()
