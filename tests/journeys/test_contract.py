"""The outward contract, row by row, against the real site: paths, statuses, names and shapes that clients rely on."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.member import Member, eventually
from tests.site import Site

PROBLEM = {"type", "title", "status", "code", "detail", "context", "errors"}
PAGE = {"next", "previous", "results"}
ORDER_STATES = {"created", "paying", "paid", "delivered", "closed", "refunding", "refunded", "mismatch"}
TWINS = 50


@pytest.fixture
def visitor(site: Site) -> Iterator[Member]:
    with Member(site.url) as somebody:
        yield somebody


@pytest.fixture
def member(visitor: Member) -> Member:
    visitor.sign_in()
    return visitor


def send(member: Member, method: str, path: str, body: Any = None, **headers: str) -> httpx2.Response:
    """One request as a browser sends it: with the CSRF token, and without anything that a header does not say."""
    own = {"Referer": str(member.http.base_url), "X-CSRFToken": member.http.cookies.get("csrftoken") or ""}
    return member.http.request(method, path, json=body, headers={**own, **headers})


def post(member: Member, path: str, body: Any, *, key: str | None = None) -> httpx2.Response:
    return send(member, "POST", path, body, **{"Idempotency-Key": key or uuid4().hex})


def shaped(value: dict[str, Any], shape: dict[str, Any]) -> None:
    """The value has every member of the shape, of its type; more members may come with time."""
    for name, kind in shape.items():
        assert name in value, f"{name} is missing in {sorted(value)}"
        if kind is datetime:
            assert datetime.fromisoformat(value[name]).tzinfo is not None, name
        else:
            assert isinstance(value[name], kind), f"{name} is {value[name]!r}"


def a_page(answer: httpx2.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200
    assert set(answer.json()) == PAGE
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


def a_problem(answer: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    document: dict[str, Any] = answer.json()
    assert (answer.status_code, document["code"], document["status"]) == (status, code, status)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert set(document) == PROBLEM
    shaped(document, {"type": str, "title": str, "detail": str, "context": dict, "errors": dict})
    return document


def the_activity(member: Member) -> str:
    return str(member.get("/api/v1/stages/web/home")["id"])


# -- sign-in ------------------------------------------------------------------------------------------


def test_a_program_signs_in_by_scan_and_confirm_alone(visitor: Member) -> None:
    opened = send(visitor, "POST", "/api/v1/auth/login-attempts", {}).json()
    visitor.phone("scan", content=opened["qr_content"])

    visitor.phone("confirm", content=opened["qr_content"])

    assert visitor.get(f"/api/v1/auth/login-attempts/{opened['id']}")["state"] == "confirmed"
    assert visitor.get("/api/v1/me")["id"]


def test_signing_in_and_out(visitor: Member) -> None:
    opened = send(visitor, "POST", "/api/v1/auth/login-attempts", {})
    assert opened.status_code == 201
    attempt = opened.json()
    shaped(attempt, {"id": str, "methods": list, "official_account": str, "keyword": str, "expires_at": datetime})
    assert "code" in attempt["methods"]
    assert "httponly" in opened.headers["Set-Cookie"].lower()

    state = visitor.get(f"/api/v1/auth/login-attempts/{attempt['id']}")["state"]
    assert state == "waiting"
    wrong = send(visitor, "POST", f"/api/v1/auth/login-attempts/{attempt['id']}/code", {"code": "000000"})
    assert 400 <= wrong.status_code < 500
    assert set(wrong.json()) == PROBLEM

    user = visitor.sign_in()
    shaped(user, {"id": str, "nickname": str, "status": str, "created_at": datetime})
    first_session = visitor.http.cookies["sessionid"]
    visitor.sign_in()
    assert visitor.http.cookies["sessionid"] != first_session

    shaped(visitor.get("/api/v1/me"), {"id": str, "nickname": str, "status": str, "created_at": datetime})
    renamed = send(visitor, "PATCH", "/api/v1/me", {"nickname": "新的名字"})
    assert (renamed.status_code, renamed.json()["nickname"]) == (200, "新的名字")

    assert send(visitor, "POST", "/api/v1/auth/logout", {}).status_code == 204
    a_problem(visitor.http.get("/api/v1/me"), 401, "not_authenticated")


def test_the_callback_of_the_official_account_trusts_nobody(visitor: Member) -> None:
    assert visitor.http.get("/wechat/callback", params={"echostr": "hello"}).status_code == 403
    assert visitor.http.post("/wechat/callback", content=b"<xml></xml>").status_code == 403


# -- chat ---------------------------------------------------------------------------------------------


def test_chat(member: Member) -> None:
    models = member.get("/api/v1/chat/models")
    assert models
    for model in models:
        shaped(model, {"id": str, "name": str, "kind": str, "entitled": bool, "affordable": bool})
        is_flat = model["price_per_1000_tokens"] is None and model["price_per_image_milli"] is None
        shaped(model, {"price": int if is_flat else type(None)})
        assert model["kind"] in {"text", "image", "embedding"}
    model = min((row for row in models if row["price"] is not None), key=lambda row: int(row["price"]))["id"]

    quota = member.get("/api/v1/chat/quota")
    shaped(
        quota, {"balance_milli": int, "held_milli": int, "free_left": int, "free_per_day": int, "entitlements": list}
    )

    created = send(member, "POST", "/api/v1/chat/conversations", {})
    assert created.status_code == 201
    path = f"/api/v1/chat/conversations/{created.json()['id']}"
    body = {"content": "你好，复利是什么？", "model": model, "client_id": str(uuid4())}
    sent = send(member, "POST", f"{path}/messages", body)
    assert sent.status_code == 202
    shaped(sent.json(), {"message": dict, "generation": dict})
    shaped(sent.json()["generation"], {"id": str, "state": str})
    again = send(member, "POST", f"{path}/messages", body)
    assert (again.status_code, again.json()["generation"]["id"]) == (202, sent.json()["generation"]["id"])
    a_problem(send(member, "POST", f"{path}/messages", {**body, "content": "别的"}), 422, "client_id_reused")

    answer = member.follow(sent.json()["generation"]["id"])
    assert (answer.state, bool(answer.text)) == ("finished", True)
    messages = a_page(member.http.get(f"{path}/messages"))
    assert [row["role"] for row in messages] == ["assistant", "user"]

    regenerated = post(member, f"/api/v1/chat/messages/{messages[0]['id']}/regenerate", {})
    assert regenerated.status_code == 202
    stopped = send(member, "POST", f"/api/v1/chat/generations/{regenerated.json()['generation']['id']}/stop", {})
    assert stopped.status_code == 200
    member.follow(regenerated.json()["generation"]["id"])

    assert send(member, "PATCH", path, {"title": "复利"}).json()["title"] == "复利"
    assert member.get(path)["title"] == "复利"
    assert a_page(member.http.get("/api/v1/chat/conversations"))[0]["id"] == created.json()["id"]
    assert a_page(member.http.get("/api/v1/chat/conversations", params={"q": "复利"}))
    a_page(member.http.get("/api/v1/chat/quota/entries"))
    assert send(member, "DELETE", path).status_code == 204
    a_problem(member.http.get(path), 404, "conversation_not_found")


def test_the_events_of_an_answer(member: Member) -> None:
    generation = member.ask(member.new_conversation(), "请讲一个故事。", model="demo-steady")
    with member.http.stream("GET", f"/api/v1/chat/generations/{generation}/events") as stream:
        assert stream.status_code == 200
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        assert "no-transform" in stream.headers["Cache-Control"]
    events = list(member.events(generation))

    names = [name for name, _, _ in events]
    assert set(names) <= {"delta", "status", "usage", "error", "done"}
    assert (names[0], names[-2:]) == ("status", ["usage", "done"])
    text = "".join(data["text"] for name, _, data in events if name == "delta")
    seen = next(event_id for name, event_id, _ in events if name == "delta")
    rest = "".join(data["text"] for name, _, data in member.events(generation, seen) if name == "delta")
    assert text.endswith(rest)
    for nonsense in ("9" * 5000, "-1", "x"):
        assert list(member.events(generation, nonsense))[-1][0] == "done"


# -- orders -------------------------------------------------------------------------------------------


def test_orders(member: Member) -> None:
    products = member.get("/api/v1/products")
    for product in products:
        shaped(product, {"id": str, "title": str, "amount_fen": int, "quota_milli": int, "entitlements": list})
    product = products[0]
    order_body = {"product_id": product["id"], "gateway": "wechat", "expected_amount_fen": product["amount_fen"]}

    placed = post(member, "/api/v1/orders", order_body)
    assert placed.status_code == 201
    order = placed.json()
    shaped(order, {"id": str, "state": str, "amount_fen": int, "pay": dict, "expires_at": datetime})
    shaped(order["pay"], {"kind": str, "content": str})
    assert (order["pay"]["kind"], order["state"] in ORDER_STATES) == ("qr", True)
    path = f"/api/v1/orders/{order['id']}"

    assert member.get(path)["id"] == order["id"]
    assert a_page(member.http.get("/api/v1/orders"))[0]["id"] == order["id"]
    assert send(member, "POST", f"{path}/check", {}).json()["state"] == "paying"
    assert send(member, "POST", f"{path}/cancel", {}).json()["state"] == "closed"
    a_problem(post(member, "/api/v1/orders", {**order_body, "expected_amount_fen": 1}), 409, "price_changed")


def test_a_notification_that_nobody_signed_is_refused(visitor: Member) -> None:
    answer = visitor.http.post("/pay/wechat/notify", json={"id": "x"})

    assert (answer.status_code, answer.json()["code"]) == (400, "FAIL")
    assert visitor.http.get("/pay/wechat/notify").status_code == 405


# -- marketing ----------------------------------------------------------------------------------------


def test_the_activity(member: Member) -> None:
    stage = member.get("/api/v1/stages/web/home")
    shaped(stage, {"id": str, "title": str})
    path = f"/api/v1/activities/{stage['id']}"

    assert member.get(path)["id"] == stage["id"]
    prizes = member.get(f"{path}/prizes")
    assert sorted(prize["position"] for prize in prizes) == list(range(8))
    odds = member.get(f"{path}/odds")
    assert sum(prize["weight"] for prize in odds["prizes"]) == odds["declared_total"]
    for win in member.get(f"{path}/winners"):
        shaped(win, {"member": str, "title": str, "won_at": datetime})
    account = member.get(f"{path}/account")
    shaped(
        account,
        {"points": int, "chances": dict, "limits": dict, "tiers": list, "signed_in_today": bool, "quota_milli": int},
    )
    assert "pity" in account
    shaped(account["chances"], {"total": int, "today": int, "month": int})


def test_signing_in_for_the_day_earns_a_draw_that_can_be_proved(member: Member) -> None:
    signed = post(member, "/api/v1/sign-in", {})
    assert signed.status_code == 200
    shaped(signed.json(), {"points": int, "chances": int, "streak": int})
    a_problem(post(member, "/api/v1/sign-in", {}), 409, "already_signed_in")
    calendar = member.get("/api/v1/sign-in", month=signed.json()["local_day"][:7])
    assert signed.json()["local_day"] in calendar["days"]
    eventually(member.balances, lambda row: row["chances"] > 0)

    path = f"/api/v1/activities/{the_activity(member)}/draws"
    drawn = post(member, path, {"count": 1, "client_seed": "mine"})
    assert drawn.status_code == 201
    (draw,) = drawn.json()["draws"]
    shaped(draw, {"id": str, "prize": dict, "position": int, "proof": dict})
    assert "fallback_reason" in draw
    assert a_page(member.http.get("/api/v1/draws"))[0]["id"] == draw["id"]
    proof = member.get(f"/api/v1/draws/{draw['id']}/proof")
    shaped(proof, {"draw": dict, "odds": dict, "algorithm": str})
    shaped(proof["draw"]["proof"], {"server_seed": str, "client_seed": str, "nonce": int, "roll": int})
    a_problem(post(member, path, {"count": 1}), 422, "no_chances")

    assert member.get("/api/v1/points")["points"] > 0
    assert a_page(member.http.get("/api/v1/points/entries"))
    items = member.get("/api/v1/exchange/items")
    dear = max(items, key=lambda item: int(item["price_points"]))
    refused = post(member, "/api/v1/exchange/orders", {"item_id": dear["id"], "quantity": 1})
    a_problem(refused, 422, "not_enough_points")


# -- what holds for all of it ---------------------------------------------------------------------------


def test_a_key_is_good_for_one_request(member: Member) -> None:
    key = uuid4().hex
    first, again = (post(member, "/api/v1/sign-in", {}, key=key) for _ in range(2))
    assert (first.status_code, again.status_code, again.json()) == (200, 200, first.json())
    assert "Idempotent-Replay" not in first.headers
    assert again.headers["Idempotent-Replay"] == "true"

    product = member.get("/api/v1/products")[0]
    order_body = {"product_id": product["id"], "gateway": "wechat", "expected_amount_fen": product["amount_fen"]}
    a_problem(post(member, "/api/v1/orders", order_body, key=key), 422, "idempotency_key_reused")
    a_problem(send(member, "POST", "/api/v1/orders", order_body), 400, "idempotency_key_missing")


@pytest.mark.parametrize("what", ["order", "draw"])
def test_fifty_twins_have_one_effect(member: Member, what: str) -> None:
    if what == "order":
        product = member.get("/api/v1/products")[0]
        path = "/api/v1/orders"
        body = {"product_id": product["id"], "gateway": "wechat", "expected_amount_fen": product["amount_fen"]}
    else:
        post(member, "/api/v1/sign-in", {})
        eventually(member.balances, lambda row: row["chances"] == 1)
        path, body = f"/api/v1/activities/{the_activity(member)}/draws", {"count": 1}
    key = uuid4().hex

    with ThreadPoolExecutor(TWINS) as pool:
        answers = list(pool.map(lambda _: post(member, path, body, key=key), range(TWINS)))

    for answer in answers:
        if answer.status_code != 201:
            a_problem(answer, 409, "request_in_flight")
            assert int(answer.headers["Retry-After"]) > 0
    statuses = Counter(answer.status_code for answer in answers)
    assert statuses[201] >= 1
    last = post(member, path, body, key=key)
    assert last.headers["Idempotent-Replay"] == "true"
    assert all(answer.json() == last.json() for answer in answers if answer.status_code == 201)
    listed = a_page(member.http.get("/api/v1/orders" if what == "order" else "/api/v1/draws"))
    assert len(listed) == 1


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/nothing", 404, "not_found"),
        ("GET", "/api/v1/me/", 404, "not_found"),
        ("PUT", "/api/v1/me", 405, "method_not_allowed"),
        ("GET", "/api/v1/chat/conversations?cursor=nonsense", 400, "cursor_not_valid"),
        ("GET", "/api/v1/chat/conversations?size=0", 400, "validation_failed"),
        ("GET", "/api/v1/chat/conversations?colour=red", 400, "validation_failed"),
        ("GET", "/api/v1/stages/web/nothing", 404, "stage_not_found"),
        ("GET", "/api/v1/sign-in?month=nonsense", 400, "month_invalid"),
    ],
)
def test_every_refusal_has_one_shape(member: Member, method: str, path: str, status: int, code: str) -> None:
    a_problem(send(member, method, path), status, code)


def test_a_refusal_speaks_the_language_of_the_reader(visitor: Member) -> None:
    titles = [
        visitor.http.get("/api/v1/me", headers={"Accept-Language": language}).json()["title"]
        for language in ("zh-CN", "en")
    ]

    assert titles == ["请先登录。", "Sign in first."]


def test_lists_lead_through_all_rows(member: Member) -> None:
    made = [send(member, "POST", "/api/v1/chat/conversations", {}).json()["id"] for _ in range(5)]

    seen, path = [], "/api/v1/chat/conversations?size=2"
    while path:
        page = member.get(path)
        seen += [row["id"] for row in page["results"]]
        path = page["next"]

    assert seen == made[::-1]


# -- pages, health, the phone -----------------------------------------------------------------------------


def test_the_pages(member: Member) -> None:
    version = member.get(f"/api/v1/activities/{the_activity(member)}/odds")["version"]
    paths = ["/chat/", "/shop/", "/orders/", "/welfare/", f"/welfare/odds/{version}/", "/welfare/verify/", "/account/"]
    for path in [*paths, f"/chat/{member.new_conversation()}/", "/sandbox/", "/api/docs/", "/api/schema/"]:
        assert member.http.get(path).status_code == 200, path


@pytest.mark.parametrize("path", ["/", "/login/", "/shop/", "/admin/login/"])
def test_the_pages_of_a_visitor(visitor: Member, path: str) -> None:
    assert visitor.http.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/chat/", "/orders/", "/welfare/", "/account/", "/admin/"])
def test_a_visitor_is_led_to_the_sign_in_page(visitor: Member, path: str) -> None:
    answer = visitor.http.get(path)

    assert answer.status_code == 302
    assert "/login/?next=" in answer.headers["Location"]


def test_health(visitor: Member) -> None:
    assert visitor.http.get("/healthz").status_code == 200
    assert visitor.http.get("/readyz").status_code == 200
    assert "django_http_requests" in visitor.http.get("/metrics").text


def test_the_phone(member: Member) -> None:
    assert isinstance(member.phone("follow")["replies"], list)
    assert isinstance(member.phone("text", content="登录")["replies"], list)
    order = member.order(member.get("/api/v1/products")[0])
    assert member.phone("scan", content=order["pay"]["content"])["kind"] == "payment"
    assert isinstance(
        member.phone("pay", content=order["pay"]["content"], outcome="success", notify="normal")["state"], str
    )
    assert isinstance(member.phone("unfollow")["replies"], list)
