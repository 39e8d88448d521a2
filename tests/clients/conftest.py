"""A member of a running site with quota and a key, and the clients, each in the environment that it is locked in."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from config import env
from tests.conftest import NO_CLIENTS
from tests.member import Member, eventually
from tests.site import Site

MODEL, VECTORS, PAINTER = "demo-swift", "demo-vectors", "demo-painter"
TEXTS = ["the weather in Hefei", "合肥的天气"]
SCRIPTS = Path(__file__).parent / "scripts"
# Made by `make clients`.
PACKAGES = env.ROOT / ".clients"
OURS, THEIRS = Path(sys.executable), PACKAGES / "bin" / "python"
NODE = PACKAGES / "bin" / "node"
# Of our own environment, a client sees no more than it needs to be found.
_KEPT = ("PATH", "HOME", "LANG", "TMPDIR")
_PATIENCE = 120  # seconds; the slowest takes eight to be imported

# How each is started, by its script.
CLIENTS: dict[str, list[Path]] = {
    "openai_sync": [OURS, SCRIPTS / "run.py", SCRIPTS / "openai_sync.py"],
    "openai_async": [OURS, SCRIPTS / "run.py", SCRIPTS / "openai_async.py"],
    "openai_responses": [OURS, SCRIPTS / "run.py", SCRIPTS / "openai_responses.py"],
    "openai_node_responses": [NODE, SCRIPTS / "openai_node_responses.mjs"],
    "openai_node": [NODE, SCRIPTS / "openai_node.mjs"],
    "langchain_chat": [THEIRS, SCRIPTS / "run.py", SCRIPTS / "langchain_chat.py"],
    "litellm_sdk": [THEIRS, SCRIPTS / "run.py", SCRIPTS / "litellm_sdk.py"],
}


@pytest.fixture(scope="session")
def member(site: Site) -> Iterator[Member]:
    """Somebody who has bought quota, and reads English."""
    with Member(site.url) as somebody:
        somebody.sign_in()
        somebody.pay(somebody.order(somebody.get("/api/v1/products")[0]))
        eventually(lambda: int(somebody.balances()["quota_milli"]), bool)
        yield somebody


@pytest.fixture(scope="session")
def key(member: Member) -> str:
    """A key as the account page makes one."""
    return str(member.post("/api/v1/api-keys", {"name": "clients", "scopes": ["chat"]})["key"])


def environment_of(site: Site, key: str) -> dict[str, str]:
    """What a client finds in its environment; the names are its makers'."""
    return {name: os.environ[name] for name in _KEPT if name in os.environ} | {
        "OPENAI_BASE_URL": f"{site.url}/v1",
        "OPENAI_API_KEY": key,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "CLIENT_MODEL": MODEL,
        "CLIENT_VECTORS": VECTORS,
        "CLIENT_PAINTER": PAINTER,
        "CLIENT_TEXTS": json.dumps(TEXTS),
        "CLIENT_PACKAGES": str(PACKAGES),
    }


@pytest.fixture(scope="session")
def told(request: pytest.FixtureRequest, site: Site, key: str) -> dict[str, Any]:
    """What the client of this name says of its talk with the site."""
    command = CLIENTS[request.param]
    if not command[0].exists():
        pytest.skip(f"{request.param}: {NO_CLIENTS}")
    finished = subprocess.run(
        command, env=environment_of(site, key), capture_output=True, text=True, timeout=_PATIENCE, check=False
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    report: dict[str, Any] = json.loads(finished.stdout.strip().rpartition("\n")[2])
    return report
