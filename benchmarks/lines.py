"""HTTP by plain sockets in threads: a load that costs the machine little."""

import contextlib
import socket
import time
from collections.abc import Callable
from threading import Thread


class Line:
    """One connection that is kept."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = self._socket.makefile("rb")

    def ask(self, request: bytes) -> int:
        """Send a request, read the answer; its status."""
        self._socket.sendall(request)
        status, length, chunked = int(self._reader.readline().split()[1]), 0, False
        while (line := self._reader.readline().strip().lower()) != b"":
            name, _, value = line.partition(b":")
            length = int(value) if name == b"content-length" else length
            chunked |= name == b"transfer-encoding" and b"chunked" in value
        while chunked and (size := int(self._reader.readline(), 16)):
            self._reader.read(size + 2)
        self._reader.read(2 if chunked else length)
        return status

    def close(self) -> None:
        """Hang up."""
        self._reader.close()
        self._socket.close()


def closed_loop(
    port: int, lines: int, make: Callable[[int], bytes], expected: int, *, seconds: float
) -> tuple[float, list[float]]:
    """Ask on so many connections all the time; requests a second, and the milliseconds of each.

    Raises SystemExit on an answer of another status.
    """
    took: list[float] = []
    until = time.perf_counter() + seconds

    def ask(number: int) -> None:
        with contextlib.closing(Line(port)) as line:
            while (began := time.perf_counter()) < until:
                status = line.ask(make(number))
                if status != expected:
                    raise SystemExit(f"answered {status}")
                took.append((time.perf_counter() - began) * 1e3)

    in_threads(lines, ask)
    return len(took) / seconds, took


def in_threads(number: int, work: Callable[[int], None]) -> None:
    """Work in so many threads and wait for all; the first failure is raised."""
    failures: list[BaseException] = []

    def run(index: int) -> None:
        try:
            work(index)
        except BaseException as failure:  # noqa: BLE001  # told by whoever waits
            failures.append(failure)

    threads = [Thread(target=run, args=(index,)) for index in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
