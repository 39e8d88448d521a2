"""A second member walks every address of the first and finds nothing there.

The addresses are read from the URL conf, so that later ones are covered too: a new parameter fails this test
until it says whose it is.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from tests.integration.chat.drawn import drawn
from tests.member import Member, eventually
from tests.site import Site

# Everybody may see these; their addresses are walked by other tests.
PUBLIC = {"activity_id", "version_id", "channel", "source", "code", "gateway", "model_id", "channel_kind"}
# Not for members: operators' pages ask for an operator, the sandbox plays the member's own phone and providers.
ELSEWHERE = ("admin/", "sandbox/", "static/")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# Bodies that would be accepted from the owner: a refusal must not be about the body. The name of what is the owner's
# stands for it.
BODIES: dict[str, dict[str, Any]] = {
    "api/v1/chat/prompts/<uuid:prompt_id>": {"title": "taken over", "text": "taken over", "version": 1},
    "api/v1/chat/conversations/<uuid:conversation_id>/fresh-start": {"message_id": "message_id"},
    "api/v1/chat/conversations/<uuid:conversation_id>": {"title": "taken over"},
    "api/v1/chat/conversations/<uuid:conversation_id>/messages": {
        "content": "hello",
        "model": "demo-swift",
        "client_id": "stranger-000001",
    },
    "api/v1/chat/generations/<uuid:generation_id>/report": {"reason": "wrong"},
    "api/v1/auth/login-attempts/<uuid:attempt_id>/code": {"code": "ABCDEF"},
}


def routes(patterns: list[Any], prefix: str = "") -> Iterator[tuple[str, set[str]]]:
    """Every route of the URL conf with the names of its parameters."""
    for entry in patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from routes(entry.url_patterns, route)
        elif isinstance(entry, URLPattern):
            yield route, set(entry.pattern.converters)


ALL = [(route, names) for route, names in routes(get_resolver().url_patterns) if not route.startswith(ELSEWHERE)]
OWNED = [(route, names - PUBLIC) for route, names in ALL if names - PUBLIC]


@pytest.fixture
def alice(site: Site) -> Iterator[Member]:
    with Member(site.url) as somebody:
        somebody.sign_in()
        yield somebody


@pytest.fixture
def bob(site: Site) -> Iterator[Member]:
    with Member(site.url) as somebody:
        somebody.sign_in()
        yield somebody


def belongings(member: Member) -> dict[str, str]:
    """One of everything that a member can own, by the parameter that names it."""
    conversation = member.new_conversation()
    generation = member.ask(conversation, "你好", model="demo-swift")
    member.follow(generation)
    messages = member.get(f"/api/v1/chat/conversations/{conversation}/messages")["results"]
    order = member.order(member.get("/api/v1/products")[0])
    member.post("/api/v1/sign-in")
    eventually(member.balances, lambda row: row["chances"] > 0)
    activity = member.get("/api/v1/stages/web/home")["id"]
    key = member.post("/api/v1/api-keys", {"name": "mine", "scopes": ["chat"]})
    return {
        "conversation_id": conversation,
        "generation_id": generation,
        "message_id": next(row["id"] for row in messages if row["role"] == "assistant"),
        "order_id": order["id"],
        "draw_id": member.post(f"/api/v1/activities/{activity}/draws", {"count": 1})["draws"][0]["id"],
        "session_id": member.get("/api/v1/me/sessions")[0]["id"],
        "key_id": key["id"],
        "attempt_id": member.post("/api/v1/auth/login-attempts")["id"],
        "picture_id": member.send("POST", "/api/v1/chat/pictures", drawn()).json()["id"],
        # Of an address that opens a picture for whoever was given it: nobody was given this one.
        "until": "4102444800",
        "signature": "0" * 32,
        "prompt_id": member.post("/api/v1/chat/prompts", {"text": "Sum up.", "client_id": "prompt-0001"})["id"],
    }


def address(route: str, values: dict[str, str]) -> str:
    parts = (values[part[1:-1].partition(":")[2]] if part.startswith("<") else part for part in _split(route))
    return "/" + "".join(parts)


def body(route: str, values: dict[str, str]) -> dict[str, Any] | None:
    return {name: values.get(said, said) for name, said in BODIES[route].items()} if route in BODIES else None


def _split(route: str) -> Iterator[str]:
    """ "a/<uuid:b>/c" as "a/", "<uuid:b>", "/c"."""
    while "<" in route:
        before, _, rest = route.partition("<")
        name, _, route = rest.partition(">")
        yield before
        yield f"<{name}>"
    yield route


def possessions(member: Member, mine: dict[str, str]) -> list[Any]:
    """What the owner sees of them, without what changes by itself."""
    return [
        member.get(f"/api/v1/chat/conversations/{mine['conversation_id']}")["title"],
        member.get(f"/api/v1/chat/conversations/{mine['conversation_id']}/messages")["results"],
        member.get("/api/v1/chat/prompts"),
        member.get(f"/api/v1/orders/{mine['order_id']}"),
        [key["id"] for key in member.get("/api/v1/api-keys")],
        len(member.get("/api/v1/me/sessions")),
        member.send("GET", f"/api/v1/chat/pictures/{mine['picture_id']}").content,
        member.balances(),
    ]


def test_a_stranger_finds_nothing_at_anybodys_address(site: Site, alice: Member, bob: Member) -> None:
    mine = belongings(alice)
    unknown = {name for _, names in OWNED for name in names} - set(mine)
    assert not unknown, f"say in this test whose {unknown} is, or that it is public"
    before = possessions(alice, mine)

    with Member(site.url) as visitor:
        for route, _ in OWNED:
            for method in METHODS:
                for somebody, refusals in ((bob, {403, 404, 405}), (visitor, {401, 403, 404, 405})):
                    response = somebody.send(method, address(route, mine), body(route, mine))
                    to_login = response.status_code == 302 and response.headers["Location"].startswith("/login/")
                    assert response.status_code in refusals or (somebody is visitor and to_login), (
                        f"{method} /{route} answered a stranger {response.status_code}: {response.text[:200]}"
                    )

    assert possessions(alice, mine) == before


def test_no_page_or_list_of_a_stranger_shows_anything_of_another(alice: Member, bob: Member) -> None:
    mine = belongings(alice)
    nickname = "只有她叫这个名字"
    assert alice.send("PATCH", "/api/v1/me", {"nickname": nickname}).status_code == 200
    skipped = {"metrics", "wechat/callback", "login/wechat/", "login/wechat/back"}

    for route, names in ALL:
        if names or route in skipped:
            continue
        shown = bob.http.get(f"/{route}", follow_redirects=True).text
        leaked = [name for name, value in mine.items() if value in shown]
        assert leaked == [], f"/{route} shows a stranger {leaked}"
        assert nickname not in shown, f"/{route} shows a stranger's name"
