"""A wire that tests cut. Switching a browser offline does not touch a running event stream; a proxy does."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_PIECE = 65_536


class Wire:
    """A TCP proxy before a site, as browsers see it under `url`."""

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ends: list[socket.socket] = []
        self._dead: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._is_cut = self._is_frozen = False
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._start(self._accept)

    def cut(self) -> None:
        """As if the server were gone: every connection breaks, new ones are refused."""
        self._is_cut = True
        for end in self._ends:
            _break(end)

    def freeze(self) -> None:
        """As after a sleep: connections that look alive, and through which nothing comes any more."""
        self._dead.update(self._ends)
        self._is_frozen = True

    def mend(self) -> None:
        """New connections work again; frozen ones stay dead."""
        self._is_cut = self._is_frozen = False

    def close(self) -> None:
        """Break everything for good."""
        _break(self._listener)
        self.cut()
        for thread in self._threads:
            thread.join()
        for end in (self._listener, *self._ends):
            end.close()

    def _reach(self) -> socket.socket:
        return socket.create_connection(self._target)

    def _start(self, act: Callable[..., None], *arguments: socket.socket) -> None:
        thread = threading.Thread(target=act, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self._is_cut:
                near.close()
                continue
            far = self._reach()
            self._ends += [near, far]
            if self._is_frozen:
                self._dead.update((near, far))
            self._start(self._carry, near, far)
            self._start(self._carry, far, near)

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(_PIECE):
                if source not in self._dead:
                    sink.sendall(piece)
        if source not in self._dead:
            _break(sink)


def _break(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


@contextmanager
def wire_to(port: int) -> Iterator[Wire]:
    """A wire to one site, broken at the end."""
    wire = Wire(port)
    try:
        yield wire
    finally:
        wire.close()
