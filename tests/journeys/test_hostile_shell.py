"""`manage.py up` in a shell that was set up for other things: proxies, and locales that do not exist or print ASCII."""

import os
import re
import subprocess
from collections.abc import Iterator

import pytest

from config import env
from tests.member import Member, eventually
from tests.site import Site, running_site

PROXIES = {
    name: "socks://127.0.0.1:9" if "all" in name.lower() else "http://127.0.0.1:9"
    for lower in ("http_proxy", "https_proxy", "all_proxy")
    for name in (lower, lower.upper())
}
SHELL = {**PROXIES, "LC_ALL": "xx_XX.GBK", "LANG": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}


@pytest.fixture(scope="module")
def hostile_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site that was started in such a shell."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in SHELL.items():
            environment.setenv(name, value)
        with running_site(tmp_path_factory.mktemp("hostile-site")) as running:
            running.wait_for_workers()
            yield running


def test_the_loop_works_and_no_proxy_is_asked(hostile_site: Site) -> None:
    with Member(hostile_site.url) as visitor:
        visitor.sign_in()
        conversation = visitor.new_conversation()
        model = visitor.cheapest_model()
        answer = visitor.say(conversation, "你好", model=model)
        products = visitor.get("/api/v1/products")
        order = visitor.order(products[0])
        visitor.pay(order)
        paid = eventually(
            lambda: visitor.get(f"/api/v1/orders/{order['id']}"), lambda seen: seen["state"] == "delivered"
        )

    assert (answer.state, answer.error) == ("finished", "")
    assert answer.text
    assert paid["state"] == "delivered"


def test_the_password_is_shown_although_the_terminal_knows_no_chinese(hostile_site: Site) -> None:
    said = hostile_site.output()

    assert re.search(r"Operator account .*: operator   password .*: \S{12,}", said)
    assert "ready in" in said


def test_proxies_that_are_not_used_are_named_at_the_start(hostile_site: Site) -> None:
    said = hostile_site.output()

    assert said.count("ALL_PROXY") == 1
    assert "127.0.0.1:9" not in said  # a proxy's address may hold a password


def test_a_proxy_that_pip_cannot_speak_to_does_not_keep_the_packages_away() -> None:
    shell = {"PATH": os.environ["PATH"], "ALL_PROXY": "socks://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    make = ["make", "--dry-run", "--what-if=requirements.txt", ".venv/runtime"]

    said = subprocess.run(make, cwd=env.ROOT, env=shell, capture_output=True, text=True, check=True).stdout

    assert "env -u ALL_PROXY .venv/bin/pip install" in said
    assert "this shell sets https_proxy ALL_PROXY." in said
