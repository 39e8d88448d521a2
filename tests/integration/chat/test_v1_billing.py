"""What is left and what was spent: by the names that other gateways gave it, and by our own."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts import services as accounts
from apps.accounts.contracts import Member
from apps.chat import services
from apps.chat.contracts import GenerationState, Outcome, PaidBy, Reported
from apps.chat.models import Generation
from apps.kernel import clock
from apps.kernel.ids import new_id
from tests.integration.chat.conftest import give_quota, make_model, set_limits, whole_attempt
from tests.integration.chat.test_v1_models import bearer, error_of, key_of

pytestmark = pytest.mark.django_db

SUBSCRIPTION, BILLED = "dashboard/billing/subscription", "dashboard/billing/usage"
PATHS = ["/v1/usage", *(f"{prefix}/{path}" for prefix in ("/v1", "") for path in (SUBSCRIPTION, BILLED))]


def answered(member: Member, key: str, *, days_ago: int = 0, model: str = "base", words: str = "hello there") -> None:
    """One more whole answer to this key, asked so many days ago."""
    at = clock.now() - timedelta(days=days_ago)
    identified = accounts.identify_key(key=key, address="127.0.0.1", now=at)
    request = [{"role": "user", "parts": [{"type": "text", "text": "hello"}]}]
    started = services.start_generation(user_id=member.id, model=model, request=request, key=identified, now=at)
    (job,) = services.claim_jobs(limit=1, now=at)
    assert job.generation_id == started.id
    outcome = Outcome(
        state=GenerationState.FINISHED,
        text=words,
        finish_reason="stop",
        was_taken=True,
        reported=Reported(input_tokens=10, output_tokens=20),
        route_id=job.targets[0].route_id,
    )
    services.finish_run(
        generation_id=job.generation_id,
        lease_token=job.lease_token,
        outcome=outcome,
        attempt=whole_attempt(job),
        now=at,
    )


def told(visitor: Client, key: str, path: str, **query: Any) -> Any:
    response = visitor.get(path, query, headers=bearer(key))
    assert response.status_code == 200, response.content
    assert response["x-request-id"].startswith("req_")
    assert response["Access-Control-Allow-Origin"] == "*"
    return response.json()


def today(*, minus: int = 0) -> date:
    return services.local_day(clock.now() - timedelta(days=minus))


@pytest.mark.parametrize("prefix", ["/v1/", "/"])
def test_a_client_shows_what_is_left(prefix: str, rich_alice: Member, model: str, visitor: Client) -> None:
    ends_at = clock.now() + timedelta(days=30)
    open_key, capped = key_of(rich_alice), key_of(rich_alice, spend_cap_milli=2_500, expires_at=ends_at)
    answered(rich_alice, open_key)
    answered(rich_alice, capped)
    # What runs is set aside.
    services.start_generation(
        user_id=rich_alice.id,
        model="base",
        request=[{"role": "user", "parts": [{"type": "text", "text": "hello"}]}],
        key=accounts.identify_key(key=capped, address="127.0.0.1", now=clock.now()),
        now=clock.now(),
    )

    subscriptions = [told(visitor, key, prefix + SUBSCRIPTION) for key in (open_key, capped)]
    spent = [told(visitor, key, prefix + BILLED) for key in (open_key, capped)]

    # Of five credits two are spent and one is set aside.
    assert subscriptions[0] == {
        "object": "billing_subscription",
        "has_payment_method": True,
        "soft_limit_usd": 3.0,
        "hard_limit_usd": 3.0,
        "system_hard_limit_usd": 3.0,
        "access_until": 0,
    }
    assert (subscriptions[1]["hard_limit_usd"], subscriptions[1]["access_until"]) == (2.5, int(ends_at.timestamp()))
    assert spent == [{"object": "list", "total_usage": 100.0}, {"object": "list", "total_usage": 200.0}]
    left = [one["hard_limit_usd"] - other["total_usage"] / 100 for one, other in zip(subscriptions, spent, strict=True)]
    assert left == [2.0, 0.5]


def test_a_cap_beyond_the_quota_promises_nothing(rich_alice: Member, model: str, visitor: Client) -> None:
    assert told(visitor, key_of(rich_alice, spend_cap_milli=10**9), "/v1/" + SUBSCRIPTION)["hard_limit_usd"] == 5.0


def test_between_two_days_only_those_count(rich_alice: Member, model: str, visitor: Client) -> None:
    key = key_of(rich_alice)
    for days_ago in (40, 2, 1, 0):
        answered(rich_alice, key, days_ago=days_ago)

    def spent(**query: date) -> float:
        return float(told(visitor, key, "/dashboard/billing/usage", **query)["total_usage"])

    assert spent() == 400
    assert spent(start_date=today(minus=2), end_date=today(minus=1)) == 200
    # As clients ask: until tomorrow, since the hundredth day.
    assert spent(start_date=today(minus=99), end_date=today(minus=-1)) == 400
    assert spent(start_date=today()) == 100
    # The last thirty days.
    assert spent(end_date=today()) == 300


def test_our_own_answer_says_it_by_day_and_model(rich_alice: Member, bob: Member, visitor: Client) -> None:
    make_model("base")
    make_model("deep", price_milli=1500)
    give_quota(bob.id, 9000)
    give_quota(rich_alice.id, 5000)
    key, other, his = key_of(rich_alice, spend_cap_milli=9_000), key_of(rich_alice), key_of(bob)
    answered(rich_alice, key, days_ago=1)
    answered(rich_alice, key)
    answered(rich_alice, key, model="deep")
    answered(rich_alice, other, days_ago=1)
    answered(bob, his)
    answered(rich_alice, key, days_ago=31)

    said = told(visitor, key, "/v1/usage")

    assert (said["object"], said["unit"]) == ("usage", "credit")
    assert (said["balance"], said["balance_milli"], said["held"], said["held_milli"]) == (4.5, 4500, 0.0, 0)
    assert (said["free_answers_left"], said["free_answers_per_day"]) == (0, 0)
    assert said["key"] == {
        "name": "script", "expires_at": None,
        "spend_cap": 9.0, "spend_cap_milli": 9000, "spent": 4.5, "spent_milli": 4500,
    }  # fmt: skip
    assert (said["start_date"], said["end_date"]) == (str(today(minus=29)), str(today()))
    one = {"answers": 1, "input_tokens": 10, "output_tokens": 20}
    assert said["data"] == [
        {"day": str(today()), "model": "base", **one, "charged": 1.0, "charged_milli": 1000},
        {"day": str(today()), "model": "deep", **one, "charged": 1.5, "charged_milli": 1500},
        {"day": str(today(minus=1)), "model": "base", **one, "charged": 1.0, "charged_milli": 1000},
    ]
    assert said["total"] == {
        "answers": 3, "input_tokens": 30, "output_tokens": 60, "charged": 3.5, "charged_milli": 3500,
    }  # fmt: skip
    a_year = told(visitor, key, "/v1/usage", start_date=today(minus=365), end_date=today())
    assert a_year["total"]["charged_milli"] == 4500
    # Nobody else's, by the same words.
    assert told(visitor, his, "/v1/usage")["total"]["answers"] == 1


def test_free_answers_are_told(alice: Member, model: str, visitor: Client) -> None:
    set_limits(free_per_day=3)
    key = key_of(alice)
    answered(alice, key)

    said = told(visitor, key, "/v1/usage")

    assert (said["free_answers_left"], said["free_answers_per_day"], said["balance_milli"]) == (2, 3, 0)
    assert (said["total"]["answers"], said["total"]["charged_milli"]) == (1, 0)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("start_date=yesterday", "start_date"),
        ("start_date=2026-02-30", "start_date"),
        ("start_date=20260201", "start_date"),
        ("start_date=0001-01-01", "start_date"),
        ("start_date=%D9%A2%D9%A0%D9%A2%D9%A6-01-01", "start_date"),
        ("end_date=9999-12-31", "end_date"),
        ("end_date=2026-01-01%00", "end_date"),
        ("start_date=2026-03-01&end_date=2026-02-28", "start_date"),
        ("start_date=2025-01-01&end_date=2026-01-02", "start_date"),
    ],
)
def test_days_that_are_none_are_told(path: str, query: str, param: str, alice: Member, visitor: Client) -> None:
    response = visitor.get(f"{path}?{query}", headers=bearer(key_of(alice)))

    if path.endswith("subscription"):
        assert response.status_code == 200
        return
    error = error_of(response)
    assert (response.status_code, error["code"], error["param"]) == (400, "invalid_value", param)


@pytest.mark.parametrize("path", PATHS)
def test_only_a_key_that_may_chat_is_answered(path: str, alice: Member, alice_browser: Client) -> None:
    nobody, account = (
        alice_browser.get(path),
        alice_browser.get(path, headers=bearer(key_of(alice, scopes=("account",)))),
    )

    assert (nobody.status_code, error_of(nobody)["code"]) == (401, "invalid_api_key")
    assert (account.status_code, error_of(account)["code"]) == (403, "scope_missing")


@pytest.mark.parametrize("path", ["/dashboard/billing/credit_grants", "/v1/dashboard/billing/x", "/dashboard/billing/"])
def test_what_there_is_not_answers_in_the_envelope(path: str, visitor: Client) -> None:
    response = visitor.get(path)

    assert (response.status_code, error_of(response)["code"]) == (404, "unknown_url")


@pytest.mark.parametrize("path", PATHS)
def test_only_looking_is_possible(path: str, alice: Member, visitor: Client) -> None:
    response = visitor.post(path, {}, content_type="application/json", headers=bearer(key_of(alice)))

    assert (response.status_code, error_of(response)["code"]) == (405, "method_not_allowed")
    assert visitor.options(path).status_code == 204


def test_however_much_was_asked_it_takes_as_many_statements(rich_alice: Member, model: str, visitor: Client) -> None:
    give_quota(rich_alice.id, 5000)
    make_model("deep")
    key = key_of(rich_alice)

    def statements() -> int:
        with CaptureQueriesContext(connection) as made:
            told(visitor, key, "/v1/usage")
        return len(made)

    told(visitor, key, "/v1/usage")
    few = statements()
    for days_ago in range(4):
        answered(rich_alice, key, days_ago=days_ago)
        answered(rich_alice, key, days_ago=days_ago, model="deep")
    assert statements() == few <= 9


def test_sums_are_found_by_the_index_of_a_keys_answers(rich_alice: Member, bob: Member, model: str) -> None:
    key = key_of(rich_alice)
    answered(rich_alice, key)
    first, now = Generation.objects.get(), clock.now()
    theirs = [
        Generation(
            user_id=bob.id, model_id=first.model_id, price_id=first.price_id, state=GenerationState.FINISHED,
            api_key_id=new_id(), paid_by=PaidBy.FREE, free_day=today(), created_at=now, settled_at=now,
        )
        for _ in range(3000)
    ]  # fmt: skip
    Generation.objects.bulk_create(theirs)
    explain = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
    key_id = accounts.api_keys_of(user_id=rich_alice.id)[0].id
    days = {"user_id": rich_alice.id, "key_id": key_id, "first": today(minus=29), "last": today()}
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        with CaptureQueriesContext(connection) as made:
            assert services.used_with_key(**days)[0].answers == 1  # type: ignore[arg-type]
            assert services.charged_with_key(**days) == 1000  # type: ignore[arg-type]
        for query in made.captured_queries:
            cursor.execute(f"{explain} {query['sql']}")
            assert "chat_generation_of_key" in "\n".join(str(row[-1]) for row in cursor.fetchall())
