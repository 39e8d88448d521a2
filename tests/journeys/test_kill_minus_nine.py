"""kill -9 along the loop, each process at its worst moment: nothing is lost, nothing happens twice, audit is clean."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import httpx2
import pytest

from tests.member import Answer, Member, Refused, eventually
from tests.site import Site


@pytest.fixture
def member(own_site: Site) -> Iterator[Member]:
    with Member(own_site.url) as somebody:
        somebody.sign_in()
        yield somebody


def crash(site: Site, victim: str) -> None:
    """Kill one process, and the worker with it if it is paused; `up` stops the others. Start again on the same data."""
    site.kill(victim)
    with suppress(ProcessLookupError, FileNotFoundError, KeyError):
        site.kill("worker")
    assert site.wait_until_stopped() != 0
    site.start()


def begin_an_answer(member: Member) -> str:
    generation = member.ask(member.new_conversation(), "请讲一个长一点的故事。", model="demo-steady")
    next(event for event, _id, _data in member.events(generation) if event == "delta")
    return generation


def settled(member: Member, generation: str) -> Answer:
    answer = member.follow(generation)
    assert answer.state in {"finished", "interrupted"}
    return answer


def pay_until_it_is_paid(member: Member, order: dict[str, Any]) -> None:
    """What a person does whose phone lost the connection while paying: look, and pay if it is not paid."""
    with suppress(httpx2.HTTPError, AssertionError, Refused):
        member.pay(order)


def draw(member: Member) -> dict[str, Any]:
    activity = member.get("/api/v1/stages/web/home")["id"]
    path = f"/api/v1/activities/{activity}/draws"
    drawn: dict[str, Any] = member.post(path, {"count": 1}, key="the-draw-of-this-test")
    return drawn


def test_killed_processes_lose_nothing_and_repeat_nothing(own_site: Site, member: Member) -> None:
    product = member.get("/api/v1/products")[0]
    order = member.order(product)

    # The web process dies while it takes the money; the worker that owes the rebate never runs again.
    generation = begin_an_answer(member)
    own_site.pause("worker")
    with ThreadPoolExecutor(1) as phone:
        phone.submit(pay_until_it_is_paid, member, order)
        crash(own_site, "web")
    pay_until_it_is_paid(member, order)
    eventually(lambda: member.get(f"/api/v1/orders/{order['id']}"), lambda row: row["state"] == "delivered")
    rebate = eventually(member.balances, lambda row: row["chances"] > 0)
    assert (rebate["chances"], rebate["quota_milli"]) == (1, product["quota_milli"])
    settled(member, generation)

    # Redis dies under a streaming answer (where it is ours to kill; else the engine does).
    generation = begin_an_answer(member)
    crash(own_site, "valkey" if "valkey" in own_site.pids() else "generate")
    settled(member, generation)

    # A prize is won, and the worker that was to deliver it never runs again.
    own_site.pause("worker")
    drawn = draw(member)
    prize = drawn["draws"][0]["prize"]
    undelivered = "done" if prize["kind"] == "nothing" else "pending"
    assert member.get("/api/v1/draws")["results"][0]["delivery_state"] == undelivered
    crash(own_site, "worker")
    assert draw(member) == drawn
    eventually(
        lambda: member.get("/api/v1/draws")["results"],
        lambda rows: [row["delivery_state"] for row in rows] == ["done"],
    )

    # Everything dies at once.
    generation = begin_an_answer(member)
    crash(own_site, "supervisor")
    settled(member, generation)

    assert member.balances() == rebate | {
        "chances": 0,
        "free_left": member.get("/api/v1/chat/quota")["free_left"],
        "quota_milli": rebate["quota_milli"] + (prize["amount"] if prize["kind"] == "quota" else 0),
        "points": rebate["points"] + (prize["amount"] if prize["kind"] == "points" else 0),
    }
    audit = own_site.manage("audit")
    assert audit.returncode == 0, audit.stdout
