"""What the two descriptions of the API say is so: Schemathesis asks for all of it, and for what it does not say.

It finds errors of ours, statuses and shapes that no description names, and bodies that are taken though they should not
be. What is right by its shape may still be refused for what it says (a blank title, a word, a time that is over).
Few examples here, always the same; FUZZ_EXAMPLES=200 looks further (`make fuzz`).
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx2
import pytest

from tests.member import Member, eventually
from tests.site import Prepared, Site, running_site

# Hundreds of requests, and a site that starts: on a busy machine that is more than a test hangs for.
pytestmark = pytest.mark.timeout(1200)
MODEL = "demo-swift"
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "3"))
# Each value at its bounds and just beyond: twenty requests for each endpoint, whose number does not grow.
PHASES = "coverage,fuzzing" if EXAMPLES > 3 else "fuzzing"
# What would leave nobody to ask.
LEAVING = ("/api/v1/auth/logout", "/api/v1/me/sessions", "/api/v1/me")
_OFTEN = """
from dataclasses import replace
from apps.chat import services
from apps.kernel import clock
services.save_policy(policy=replace(services.policy_on_show(), max_per_minute=10000), now=clock.now())
"""


@dataclass(frozen=True)
class Asked:
    """A site of its own, since what is asked for changes it, and two members: the one's browser may revoke its keys."""

    site: Site
    cookies: dict[str, str]
    key: str


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory, prepared: Prepared) -> Iterator[Asked]:
    """Somebody with quota, whom nothing but the description holds back."""
    with (
        running_site(tmp_path_factory.mktemp("fuzzed-site"), like=prepared) as site,
        Member(site.url) as person,
        Member(site.url) as program,
    ):
        site.wait_for_workers()
        for member in (person, program):
            member.sign_in()
            member.pay(member.order(member.get("/api/v1/products")[0]))
            eventually(partial(member.get, "/api/v1/balances"), lambda found: bool(found["quota_milli"]))
        key = str(program.post("/api/v1/api-keys", {"name": "fuzz", "scopes": ["chat"]})["key"])
        said = site.manage("shell", "-c", _OFTEN)
        assert said.returncode == 0, said.stderr
        yield Asked(site, dict(person.http.cookies.items()), key)


def assert_nothing_is_found(where: Path, description: str, *options: str, **environment: str) -> None:
    """Ask for everything that is described at this address; fails with what was found, and how it was asked."""
    command = [str(Path(sys.executable).parent / "schemathesis"), "run", description, "--seed", "1", "--no-color"]
    bounds = ["-n", str(EXAMPLES), "--phases", PHASES, "--request-timeout", "60", "--generation-database", "none"]
    found = subprocess.run(
        [*command, *bounds, "--exclude-checks", "positive_data_acceptance", "--continue-on-failure", *options],
        env={
            **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
            "PYTHONPATH": str(Path(__file__).parent),
            "SCHEMATHESIS_HOOKS": "hooks",
            **environment,
        },
        cwd=where,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout[-20_000:] + found.stderr[-2_000:]
    assert not re.search(r"\b0 generated", found.stdout)


def test_our_own_api_is_as_its_schema_says(asked: Asked, tmp_path: Path) -> None:
    leaving = [option for path in LEAVING for option in ("--exclude-path", path)]
    cookies = {"FUZZ_COOKIES": json.dumps(asked.cookies), "FUZZ_SITE": asked.site.url}

    assert_nothing_is_found(tmp_path, f"{asked.site.url}/api/schema/", *leaving, **cookies)


def test_openai_s_api_is_as_its_description_says(asked: Asked, tmp_path: Path) -> None:
    assert_nothing_is_found(tmp_path, f"{asked.site.url}/v1/openapi.json", FUZZ_KEY=asked.key, FUZZ_MODEL=MODEL)

    used = httpx2.get(f"{asked.site.url}/v1/usage", headers={"Authorization": f"Bearer {asked.key}"}, trust_env=False)
    assert used.json()["total"]["answers"] > 0, "every question was refused"
    assert asked.site.manage("audit").returncode == 0
