"""A small site in a thread of the test, asked over real HTTP."""

import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import uvicorn
from pytest_django.fixtures import Settings

from config.body_limit import BodyLimit
from config.deadline import Deadline, Late
from config.dispatcher import Dispatcher
from config.on_loop import OnLoop
from config.threads import Synchronous, Threads
from tests.integration.ops import doors
from tests.integration.ops.doors import seen

PATIENCE = 60.0  # seconds; only a failure waits so long
THREADS = 2
MOST_BYTES = 1000


def wait_for(happened: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.005)


class Served:
    """A small site with two threads, and how it is asked."""

    def __init__(self, *, most_bytes: int) -> None:
        synchronous = Synchronous()
        self.threads = Threads(synchronous, most=THREADS)
        dispatcher = Dispatcher(
            streams=OnLoop(),
            threads=self.threads,
            apart=dict.fromkeys(("/urgent", "/late/1", "/apart/"), Threads(synchronous, most=THREADS)),
        )
        deadline = Deadline(dispatcher, late={"/late/1": Late(0.05, doors.sorry)})
        self.application = BodyLimit(deadline, max_bytes=most_bytes)
        self.port = 0
        self._askers = ThreadPoolExecutor(20)

    def ask(self, path: str, method: str = "GET", body: object = None) -> tuple[int, str]:
        """Status and body of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, encode_chunked=True)  # type: ignore[arg-type]  # an iterator is sent in chunks
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def ask_meanwhile(self, path: str) -> "Future[tuple[int, str]]":
        """The same, while the test goes on."""
        return self._askers.submit(self.ask, path)

    def take_all_threads(self) -> "list[Future[tuple[int, str]]]":
        """As many slow requests as there are threads, once all have begun."""
        held = [self.ask_meanwhile(f"/slow/{number}") for number in range(THREADS)]
        wait_for(lambda: len(seen.begun) == THREADS, "slow requests")
        return held

    @contextmanager
    def knocking(self, path: str) -> Iterator[socket.socket]:
        """A connection on which this was asked, and nothing read yet; leaving it hangs up."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as caller:
            caller.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            yield caller


@contextmanager
def serving(settings: Settings, *, most_bytes: int = MOST_BYTES) -> Iterator[Served]:
    """The site, until the test is over; no body may be longer than `most_bytes`."""
    settings.ROOT_URLCONF = doors.__name__
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{doors.__name__}.Witness"]
    seen.reset()
    served = Served(most_bytes=most_bytes)
    listener = socket.create_server(("127.0.0.1", 0))
    served.port = listener.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(served.application, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="the loop")
    thread.start()
    wait_for(lambda: server.started, "uvicorn")
    try:
        yield served
    finally:
        seen.gate.set()
        server.should_exit = True
        thread.join(PATIENCE)
    assert not thread.is_alive()
