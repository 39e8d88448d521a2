"""Run a client's script: each of its parts that there is, told as one line of JSON, and whom it asked but the site."""

import asyncio
import inspect
import json
import runpy
import sys
from typing import Any

PARTS = ("models", "whole", "stream", "tools", "vectors", "images", "refused")
_LOOPBACK = {"127.0.0.1", "::1", "localhost", None}
_outside: list[str] = []


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    else:
        return
    if host not in _LOOPBACK:
        _outside.append(str(host))
        raise ConnectionRefusedError(f"{host} is not the site")


if __name__ == "__main__":
    sys.addaudithook(_hear)  # before the client is imported: some call home while they are
    script = runpy.run_path(sys.argv[1])
    told: dict[str, Any] = {}
    with asyncio.Runner() as runner:
        for part in PARTS:
            if part in script:
                said = script[part]()
                told[part] = runner.run(said) if inspect.iscoroutine(said) else said
    sys.stdout.write("\n" + json.dumps({**told, "outside": _outside}) + "\n")
