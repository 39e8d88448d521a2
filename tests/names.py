"""What the names of the internet mean in tests, which look none up."""

import socket
from typing import Any

import pytest

_getaddrinfo = socket.getaddrinfo
_OF_THIS_MACHINE = {"127.0.0.1", "localhost", "::1"}


class Names:
    """The internet's names, as far as they mean something here: each look-up is answered by the next answer."""

    def __init__(self) -> None:
        self.answers: dict[str, list[list[str]]] = {}
        self.asked: list[str] = []

    def getaddrinfo(self, host: str, port: int, *how: int, **more: int) -> Any:
        """As the system's; of this machine it says what that says."""
        if host in _OF_THIS_MACHINE:
            return _getaddrinfo(host, port, *how, **more)
        self.asked.append(host)
        answers = self.answers.get(host)
        if not answers:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [
            (socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in addresses
        ]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    known = Names()
    monkeypatch.setattr(socket, "getaddrinfo", known.getaddrinfo)
    return known
