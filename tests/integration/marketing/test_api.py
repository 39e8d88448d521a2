"""The JSON API as clients see it: shapes, refusals, idempotency, and who may ask what."""

import hashlib
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts import services as accounts
from apps.accounts.contracts import Member
from apps.kernel import clock
from apps.marketing import services
from apps.marketing.contracts import ActivityDetail, ActivityState
from apps.marketing.models import Draw
from tests.integration.marketing import campaign

pytestmark = pytest.mark.django_db


def post(browser: Client, path: str, body: dict[str, Any] | None = None, key: str | None = None) -> Any:
    """An idempotent POST."""
    headers = {"Idempotency-Key": key or uuid4().hex}
    return browser.post(f"/api/v1/{path}", body or {}, content_type="application/json", headers=headers)


def test_everybody_sees_what_is_on_show(visitor: Client, autumn: ActivityDetail) -> None:
    shown = visitor.get("/api/v1/stages/web/home").json()

    assert shown["id"] == str(autumn.id)
    assert (shown["title"], shown["state"], shown["limits"]) == (
        "Autumn draw",
        "live",
        {"total": None, "day": 50, "month": None},
    )
    assert visitor.get(f"/api/v1/activities/{autumn.id}").json() == shown
    prizes = visitor.get(f"/api/v1/activities/{autumn.id}/prizes").json()
    assert [(prize["position"], prize["kind"], prize["stock_left"]) for prize in prizes] == [
        (0, "quota", None),
        (1, "points", None),
        (2, "nothing", None),
    ]


def test_published_odds_carry_their_fingerprint_and_every_winning_roll(visitor: Client, autumn: ActivityDetail) -> None:
    odds = visitor.get(f"/api/v1/activities/{autumn.id}/odds").json()

    assert hashlib.sha256(odds["content"].encode()).hexdigest() == odds["content_hash"]
    assert [(line["percent"], line["first_roll"], line["last_roll"]) for line in odds["prizes"]] == [
        ("10", 0, 0),
        ("20", 1, 2),
        ("70", 3, 9),
    ]
    assert visitor.get(f"/api/v1/odds/{odds['version']}").json() == odds


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("stages/web/nowhere", "stage_not_found"),
        (f"activities/{UUID(int=7)}", "activity_not_found"),
        (f"activities/{UUID(int=7)}/odds", "activity_not_found"),
        (f"activities/{UUID(int=7)}/winners", "activity_not_found"),
        (f"odds/{UUID(int=7)}", "odds_not_found"),
    ],
)
def test_what_does_not_exist_is_not_found(visitor: Client, path: str, code: str) -> None:
    answer = visitor.get(f"/api/v1/{path}")

    assert (answer.status_code, answer.json()["code"]) == (404, code)
    assert answer["Content-Type"] == "application/problem+json"


def test_a_draft_activity_is_invisible(visitor: Client) -> None:
    draft = campaign.activity(state=ActivityState.DRAFT)

    assert visitor.get(f"/api/v1/activities/{draft.id}/prizes").status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "balances"),
        ("get", "draws"),
        ("get", "points"),
        ("get", "points/entries"),
        ("get", "exchange/items"),
        ("get", "sign-in"),
        ("get", f"activities/{UUID(int=7)}/account"),
        ("get", f"draws/{UUID(int=7)}/proof"),
        ("post", "sign-in"),
        ("post", "exchange/orders"),
        ("post", f"activities/{UUID(int=7)}/draws"),
    ],
)
def test_a_visitor_has_no_account(visitor: Client, method: str, path: str) -> None:
    answer = getattr(visitor, method)(f"/api/v1/{path}", headers={"Idempotency-Key": "visitor-1"})

    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


def test_a_draw_answers_prize_position_and_proof(alice: Member, alice_browser: Client, autumn: ActivityDetail) -> None:
    campaign.give_chances(alice.id, autumn.id, 2)
    account = alice_browser.get(f"/api/v1/activities/{autumn.id}/account").json()
    assert account["chances"] == {"total": 2, "today": 2, "month": 2}
    assert (account["tiers"], account["pity"], account["signed_in_today"]) == ([], None, False)

    answer = post(alice_browser, f"activities/{autumn.id}/draws", {"count": 1, "client_seed": "mine"})

    assert answer.status_code == 201, answer.content
    (drawn,) = answer.json()["draws"]
    assert set(drawn["prize"]) == {"id", "title", "kind", "amount"}
    assert drawn["fallback_reason"] is None
    assert drawn["proof"]["server_seed_hash"] == account["next_server_seed_hash"]
    proof = alice_browser.get(f"/api/v1/draws/{drawn['id']}/proof").json()
    assert proof["draw"] == drawn
    assert proof["odds"]["version"] == drawn["proof"]["version"]
    history = alice_browser.get("/api/v1/draws").json()
    assert history == {"next": None, "previous": None, "results": [drawn]}


def test_a_draw_with_a_key_costs_thirteen_statements(alice: Member, visitor: Client, autumn: ActivityDetail) -> None:
    campaign.publish(autumn.id, campaign.sure(campaign.POINTS_PRIZE, autumn.id))
    campaign.give_chances(alice.id, autumn.id, 2)
    key = accounts.create_api_key(user_id=alice.id, name="mine", scopes=("marketing",), now=clock.now()).key
    visitor.defaults["HTTP_AUTHORIZATION"] = f"Bearer {key}"
    path = f"activities/{autumn.id}/draws"
    assert post(visitor, path).status_code == 201  # odds and the use of the key are noted from now on

    with CaptureQueriesContext(connection) as captured:
        assert post(visitor, path).status_code == 201

    # What is read once a second, if the last look was a second ago, is another budget's.
    once_a_second = ("SAVEPOINT", "RELEASE", 'SELECT "kernel_')
    statements = [query["sql"] for query in captured if not query["sql"].startswith(once_a_second)]
    # Whose key it is, two of the idempotency key, ten of the draw (no limited prize, but the system account).
    assert len(statements) <= 13, "\n".join(statements)


def test_somebody_elses_draw_does_not_exist(
    alice: Member, alice_browser: Client, bob_browser: Client, autumn: ActivityDetail
) -> None:
    campaign.give_chances(alice.id, autumn.id)
    drawn = post(alice_browser, f"activities/{autumn.id}/draws").json()["draws"][0]

    answer = bob_browser.get(f"/api/v1/draws/{drawn['id']}/proof")

    assert (answer.status_code, answer.json()["code"]) == (404, "draw_not_found")
    assert bob_browser.get("/api/v1/draws").json()["results"] == []


def test_the_same_key_draws_once_and_replays_the_answer(
    alice: Member, alice_browser: Client, autumn: ActivityDetail
) -> None:
    campaign.give_chances(alice.id, autumn.id, 2)
    path = f"activities/{autumn.id}/draws"

    first = post(alice_browser, path, {"count": 1}, key="one-tap-only")
    again = post(alice_browser, path, {"count": 1}, key="one-tap-only")
    other = post(alice_browser, path, {"count": 10}, key="one-tap-only")

    assert again.json() == first.json()
    assert again["Idempotent-Replay"] == "true"
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert Draw.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"count": 3}, 400, "count_not_offered"),
        ({"count": "many"}, 400, "validation_failed"),
        ({"client_seed": "a|b"}, 400, "client_seed_invalid"),
        ({"prize": 0}, 400, "validation_failed"),
        ({"count": 1}, 422, "no_chances"),
    ],
)
def test_a_draw_is_refused_with_a_code(
    alice_browser: Client, autumn: ActivityDetail, body: dict[str, Any], status: int, code: str
) -> None:
    answer = post(alice_browser, f"activities/{autumn.id}/draws", body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not Draw.objects.exists()


def test_a_draw_needs_an_idempotency_key(alice_browser: Client, autumn: ActivityDetail) -> None:
    answer = alice_browser.post(f"/api/v1/activities/{autumn.id}/draws", {}, content_type="application/json")

    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_missing")


def test_a_list_of_prizes_leaves_out_draws_that_won_nothing(
    alice: Member, alice_browser: Client, autumn: ActivityDetail
) -> None:
    campaign.publish(autumn.id, [replace(campaign.THANKS, weight=1)])
    campaign.give_chances(alice.id, autumn.id)
    post(alice_browser, f"activities/{autumn.id}/draws")

    assert len(alice_browser.get("/api/v1/draws").json()["results"]) == 1
    assert alice_browser.get("/api/v1/draws?won=true").json()["results"] == []


def test_winners_are_named_without_their_names(alice: Member, visitor: Client, autumn: ActivityDetail) -> None:
    campaign.publish(autumn.id, campaign.sure(campaign.QUOTA, autumn.id))
    campaign.give_chances(alice.id, autumn.id)
    campaign.draw(alice.id, autumn.id)

    (winner,) = visitor.get(f"/api/v1/activities/{autumn.id}/winners").json()

    assert (winner["member"], winner["title"]) == ("A**e", "5 credits")


def test_sign_in_and_its_calendar(alice_browser: Client) -> None:
    services.save_rebate_rule(code="daily", title="Daily", behaviour="sign_in", points=10, now=clock.now())

    receipt = post(alice_browser, "sign-in")
    again = post(alice_browser, "sign-in")
    calendar = alice_browser.get("/api/v1/sign-in").json()

    assert receipt.status_code == 200, receipt.content
    assert {name: receipt.json()[name] for name in ("points", "chances", "streak")} == {
        "points": 10,
        "chances": 0,
        "streak": 1,
    }
    assert (again.status_code, again.json()["code"]) == (409, "already_signed_in")
    assert calendar["days"] == [calendar["today"]]
    assert (calendar["signed_in_today"], calendar["streak"]) == (True, 1)
    assert alice_browser.get("/api/v1/sign-in?month=2020-01").json()["days"] == []
    assert alice_browser.get("/api/v1/sign-in?month=soon").json()["code"] == "month_invalid"


def test_points_entries_and_exchange(alice: Member, alice_browser: Client) -> None:
    item_id = services.save_exchange_item(
        code="credits", title="5 credits", kind="quota", amount=5000, price_points=100, now=clock.now()
    )
    campaign.give_points(alice.id, 150)

    (item,) = alice_browser.get("/api/v1/exchange/items").json()
    order = post(alice_browser, "exchange/orders", {"item_id": str(item_id), "quantity": 1})
    refused = post(alice_browser, "exchange/orders", {"item_id": str(item_id), "quantity": 1})

    assert (item["id"], item["price_points"], item["stock_left"]) == (str(item_id), 100, None)
    assert order.status_code == 201, order.content
    assert (order.json()["points_paid"], order.json()["amount"]) == (100, 5000)
    assert (refused.status_code, refused.json()["code"]) == (422, "not_enough_points")
    assert alice_browser.get("/api/v1/points").json() == {"points": 50}
    entries = alice_browser.get("/api/v1/points/entries").json()["results"]
    assert [(entry["amount"], entry["kind"], entry["balance_after"]) for entry in entries] == [
        (-100, "exchange", 50),
        (150, "gift", 150),
    ]


def test_an_exchange_can_name_the_price_that_was_shown(alice: Member, alice_browser: Client) -> None:
    item_id = services.save_exchange_item(
        code="credits", title="5 credits", kind="quota", amount=5000, price_points=100, now=clock.now()
    )
    campaign.give_points(alice.id, 150)
    purchase = {"item_id": str(item_id), "quantity": 1}

    refused = post(alice_browser, "exchange/orders", {**purchase, "expected_price": 90}, key="one-tap-only")

    assert (refused.status_code, refused.json()["code"]) == (409, "price_changed")
    assert refused.json()["context"] == {"price_points": 100}
    assert alice_browser.get("/api/v1/points").json() == {"points": 150}
    for nonsense in (0, "cheap"):
        assert post(alice_browser, "exchange/orders", {**purchase, "expected_price": nonsense}).status_code == 400
    # 409 is not kept: the same tap may be said again with the price that holds.
    (item,) = alice_browser.get("/api/v1/exchange/items").json()
    stale = post(alice_browser, "exchange/orders", {**purchase, "offer": "0" * 16}, key="one-tap-only")
    assert (stale.status_code, stale.json()["code"]) == (409, "offer_changed")
    assert stale.json()["context"]["offer"] == item["offer"]
    shown = {**purchase, "expected_price": 100, "offer": item["offer"]}
    agreed = post(alice_browser, "exchange/orders", shown, key="one-tap-only")
    assert (agreed.status_code, agreed.json()["points_paid"]) == (201, 100)


def test_the_header_balances_follow_the_home_stage(
    alice: Member, alice_browser: Client, autumn: ActivityDetail
) -> None:
    campaign.give_chances(alice.id, autumn.id, 4)
    campaign.give_points(alice.id, 12)

    shown = alice_browser.get("/api/v1/balances").json()

    assert (shown["points"], shown["chances"], shown["quota_milli"]) == (12, 4, 0)
    assert shown["activity_id"] == str(autumn.id)
    assert shown["free_left"] >= 0


def test_without_a_stage_the_header_has_no_chances(alice_browser: Client) -> None:
    shown = alice_browser.get("/api/v1/balances").json()

    assert (shown["chances"], shown["activity_id"]) == (0, None)
