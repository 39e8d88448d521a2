"""API keys: made in a browser, shown once, and held to what their owner allowed."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts import selectors, services
from apps.accounts.contracts import ListKind, ListScope, Member
from apps.accounts.errors import ApiKeyNotValid, NetworkNotAllowed
from apps.accounts.models import ApiKey
from apps.kernel import audit, clock
from apps.kernel.models import AuditEntry
from tests.cast import browser_of, operator

pytestmark = pytest.mark.django_db

KEYS = "/api/v1/api-keys"


def make(browser: Client, **body: Any) -> dict[str, Any]:
    answer = browser.post(KEYS, {"name": "script", "scopes": ["account"], **body}, content_type="application/json")
    assert answer.status_code == 201, answer.content
    made: dict[str, Any] = answer.json()
    return made


def program(key: str, **extra: Any) -> Client:
    """A program that holds this key and no cookie; CSRF is checked as on the real site."""
    return Client(enforce_csrf_checks=True, headers={"Authorization": f"Bearer {key}"}, **extra)


def refusal(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_a_key_is_shown_once_and_only_its_hash_is_kept(alice_browser: Client) -> None:
    made = make(alice_browser)

    assert made["key"].startswith("sk-")
    assert len(made["key"]) == 43  # 40 of 62 signs: 238 bits
    (listed,) = alice_browser.get(KEYS).json()
    assert "key" not in listed
    assert made["key"].startswith(listed["prefix"])
    assert len(listed["prefix"]) == 9
    kept = " ".join(str(value) for value in vars(ApiKey.objects.get()).values())
    assert made["key"] not in kept
    assert made["key"] != make(alice_browser)["key"]


def test_a_program_acts_for_its_member_without_a_csrf_token(alice: Member, alice_browser: Client) -> None:
    key = make(alice_browser)["key"]

    assert program(key).get("/api/v1/me").json()["id"] == str(alice.id)
    changed = program(key).patch("/api/v1/me", {"nickname": "Robot"}, content_type="application/json")
    assert (changed.status_code, changed.json()["nickname"]) == (200, "Robot")
    assert alice_browser.get(KEYS).json()[0]["last_used_at"]


def test_a_session_needs_the_csrf_token_and_has_every_scope(alice: Member) -> None:
    strict = browser_of(alice.id, enforce_csrf_checks=True)
    assert strict.patch("/api/v1/me", {"nickname": "x"}, content_type="application/json").status_code == 403
    for path in ("/api/v1/me", "/api/v1/chat/quota", "/api/v1/points", KEYS):
        assert strict.get(path).status_code == 200


@pytest.mark.parametrize("case", ["unknown", "malformed", "empty", "revoked", "expired", "blocked", "of a closed one"])
def test_a_key_that_does_not_count_is_told_nothing_more(alice: Member, alice_browser: Client, case: str) -> None:
    made = make(alice_browser, expires_at=(clock.now() + timedelta(hours=1)).isoformat())
    key = made["key"]
    if case == "unknown":
        key = "sk-" + "a" * 40
    elif case == "malformed":
        key = "\x00" * 9 + "x" * 5000
    elif case == "empty":
        key = ""
    elif case == "revoked":
        alice_browser.delete(f"{KEYS}/{made['id']}")
    elif case == "expired":
        ended = clock.now() - timedelta(seconds=1)
        key = services.create_api_key(
            user_id=alice.id, name="old", scopes=("account",), expires_at=ended, now=ended - timedelta(hours=1)
        ).key
    elif case == "blocked":
        services.list_member(
            user_id=alice.id, kind=ListKind.BLACK, scope=ListScope.ALL, actor="x", reason="r", now=clock.now()
        )
    else:
        services.close_account(user_id=alice.id, confirm=alice.nickname, now=clock.now())

    with pytest.raises(ApiKeyNotValid):
        services.identify_key(key=key, address="127.0.0.1", now=clock.now())
    if case != "malformed":  # no such header can be sent
        answer = program(key).get("/api/v1/me")
        assert refusal(answer) == (401, "api_key_not_valid")
        assert answer["WWW-Authenticate"] == "Bearer"
        assert answer.json()["context"] == {}


def test_a_key_ends_at_the_moment_that_it_was_given(alice: Member) -> None:
    end = clock.now() + timedelta(hours=1)
    key = services.create_api_key(
        user_id=alice.id, name="short", scopes=("account",), expires_at=end, now=clock.now()
    ).key

    services.identify_key(key=key, address="127.0.0.1", now=end - timedelta(seconds=1))
    with pytest.raises(ApiKeyNotValid):
        services.identify_key(key=key, address="127.0.0.1", now=end)


def test_a_frozen_operators_key_does_not_count_and_a_frozen_members_does(
    alice_browser: Client, operator_browser: Client, alice: Member, olga: Member
) -> None:
    keys = {member.id: make(browser)["key"] for member, browser in ((alice, alice_browser), (olga, operator_browser))}
    for user_id in keys:
        services.freeze(user_id=user_id, actor=audit.SYSTEM, reason="because", now=clock.now())

    assert program(keys[alice.id]).get("/api/v1/me").status_code == 200
    assert refusal(program(keys[olga.id]).get("/api/v1/me")) == (401, "api_key_not_valid")


def test_a_wrong_key_is_not_saved_by_a_good_cookie(alice_browser: Client) -> None:
    answer = alice_browser.get("/api/v1/me", headers={"Authorization": "Bearer sk-wrong"})

    assert refusal(answer) == (401, "api_key_not_valid")


@pytest.mark.parametrize(
    ("scope", "open_to_it", "closed"),
    [
        ("account", ["/api/v1/me", "/api/v1/orders", "/api/v1/me/logins"], ["/api/v1/chat/quota", "/api/v1/points"]),
        ("chat", ["/api/v1/chat/quota", "/api/v1/chat/models"], ["/api/v1/me", "/api/v1/orders", "/api/v1/points"]),
        ("marketing", ["/api/v1/points", "/api/v1/draws"], ["/api/v1/me", "/api/v1/chat/quota"]),
    ],
)
def test_a_key_opens_its_scopes_and_no_other(
    alice_browser: Client, scope: str, open_to_it: list[str], closed: list[str]
) -> None:
    caller = program(make(alice_browser, scopes=[scope])["key"])

    assert [caller.get(path).status_code for path in open_to_it] == [200] * len(open_to_it)
    for path in closed:
        assert refusal(caller.get(path)) == (403, "scope_missing")


def test_no_key_makes_keys_ends_sessions_signs_in_takes_data_away_or_closes_the_account(
    alice: Member, alice_browser: Client
) -> None:
    made = make(alice_browser, scopes=["account", "chat", "marketing"])
    caller = program(made["key"])
    body = {"name": "more", "scopes": ["chat"]}

    refused = [
        caller.get(KEYS),
        caller.post(KEYS, body, content_type="application/json"),
        caller.delete(f"{KEYS}/{made['id']}"),
        caller.get("/api/v1/me/sessions"),
        caller.delete("/api/v1/me/sessions"),
        caller.post("/api/v1/auth/login-attempts", {}, content_type="application/json"),
        caller.post("/api/v1/auth/logout"),
        caller.get("/api/v1/me/export"),
        caller.delete("/api/v1/me", {"confirm": alice.nickname}, content_type="application/json"),
    ]

    assert [refusal(answer) for answer in refused] == [(403, "scope_missing")] * len(refused)
    assert ApiKey.objects.get().revoked_at is None
    assert services.get_member(user_id=alice.id).status == "active"


def test_only_the_owner_sees_and_revokes_a_key(
    alice_browser: Client, bob_browser: Client, operator_browser: Client, visitor: Client
) -> None:
    made = make(alice_browser)

    for other in (bob_browser, operator_browser):
        assert other.get(KEYS).json() == []
        assert refusal(other.delete(f"{KEYS}/{made['id']}")) == (404, "api_key_not_found")
    assert visitor.get(KEYS).status_code == 401
    assert visitor.post(KEYS, {}, content_type="application/json").status_code == 401
    assert visitor.delete(f"{KEYS}/{made['id']}").status_code == 401
    assert program(made["key"]).get("/api/v1/me").status_code == 200
    assert alice_browser.delete(f"{KEYS}/{made['id']}").status_code == 204
    assert alice_browser.delete(f"{KEYS}/{made['id']}").status_code == 404
    assert alice_browser.get(KEYS).json() == []


def test_a_key_is_used_and_revoked_alone(
    alice: Member, bob: Member, alice_browser: Client, bob_browser: Client
) -> None:
    others, used, his = make(alice_browser)["id"], make(alice_browser), make(bob_browser)["id"]
    now = clock.now()
    for minutes, seen in ((0, 0), (4, 0), (5, 5)):
        services.identify_key(key=used["key"], address="127.0.0.1", now=now + timedelta(minutes=minutes))
        assert ApiKey.objects.get(pk=used["id"]).last_used_at == now + timedelta(minutes=seen)
    assert not ApiKey.objects.exclude(pk=used["id"]).exclude(last_used_at=None).exists()

    alice_browser.delete(f"{KEYS}/{used['id']}")
    by_operator = {"key_id": UUID(his), "actor": audit.SYSTEM, "reason": "leaked"}
    for later in (now, now + timedelta(minutes=1)):  # the second time it has ended already
        services.revoke_api_key_as_operator(**by_operator, now=later)  # type: ignore[arg-type]

    assert str(ApiKey.objects.get(revoked_at=None).pk) == others
    assert ApiKey.objects.get(pk=his).revoked_at == now
    assert AuditEntry.objects.get(action="accounts.revoke_api_key").target_id == str(bob.id)


def test_an_operators_key_has_no_operators_rights(operator_browser: Client) -> None:
    key = make(operator_browser)["key"]

    assert program(key).get("/admin/").status_code == 302  # to the sign-in page: no session, no admin


def test_a_key_is_held_to_its_networks(alice_browser: Client) -> None:
    made = make(alice_browser, allowed_networks=["203.0.113.9/24", "2001:db8::/32", "127.0.0.1"])
    assert made["allowed_networks"] == ["203.0.113.0/24", "2001:db8::/32", "127.0.0.1/32"]

    for address in ("203.0.113.200", "2001:db8:9::1", "127.0.0.1", "::ffff:203.0.113.3"):
        assert program(made["key"], REMOTE_ADDR=address).get("/api/v1/me").status_code == 200
    for address in ("203.0.114.1", "2001:db9::1", "", "nonsense"):
        assert refusal(program(made["key"], REMOTE_ADDR=address).get("/api/v1/me")) == (403, "network_not_allowed")
    forged = program(made["key"], REMOTE_ADDR="198.51.100.1", HTTP_X_FORWARDED_FOR="203.0.113.1")
    assert forged.get("/api/v1/me").status_code == 403
    with pytest.raises(NetworkNotAllowed):
        services.identify_key(key=made["key"], address="198.51.100.1", now=clock.now())


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": " "},
        {"name": "a\u202eb"},
        {"scopes": []},
        {"scopes": ["admin"]},
        {"expires_at": "2020-01-01T00:00:00Z"},
        {"allowed_networks": ["10.0.0.0/33"]},
        {"spend_cap_milli": -1},
        {"key": "sk-mine"},
    ],
)
def test_a_key_that_makes_no_sense_is_not_made(alice_browser: Client, wrong: dict[str, Any]) -> None:
    body = {"name": "script", "scopes": ["chat"], **wrong}

    assert alice_browser.post(KEYS, body, content_type="application/json").status_code == 400
    assert not ApiKey.objects.exists()


def test_a_member_has_at_most_twenty_keys(alice_browser: Client) -> None:
    for _ in range(20):
        made = make(alice_browser)

    body = {"name": "one more", "scopes": ["chat"]}
    assert refusal(alice_browser.post(KEYS, body, content_type="application/json")) == (409, "too_many_api_keys")
    alice_browser.delete(f"{KEYS}/{made['id']}")
    make(alice_browser)


def test_a_key_costs_two_statements_and_then_one(alice_browser: Client) -> None:
    key = make(alice_browser)["key"]

    costs = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            services.identify_key(key=key, address="127.0.0.1", now=clock.now())
        costs.append(len(queries))
    with CaptureQueriesContext(connection) as queries:
        program(key).get("/api/v1/me")

    assert costs == [2, 1]
    assert len(queries) == 2  # the key, the profile


def test_the_database_holds_the_cap(alice: Member, alice_browser: Client) -> None:
    make(alice_browser, spend_cap_milli=10)

    for spent in (11, -1):
        with pytest.raises(IntegrityError), transaction.atomic():
            ApiKey.objects.update(spent_milli=spent)


def test_each_request_is_asked_with_its_own_key_and_time(alice: Member, bob: Member) -> None:
    now, until = clock.now(), clock.now() + timedelta(hours=1)
    held, free = (
        services.create_api_key(user_id=member.id, name="script", scopes=("account",), now=now)
        for member in (alice, bob)
    )
    services.list_member(
        user_id=alice.id,
        kind=ListKind.BLACK,
        scope=ListScope.LOGIN,
        actor="staff:x",
        reason="test",
        now=now,
        expires_at=until,
    )

    def who(key: str, now: datetime) -> object:
        return services.identify_key(key=key, address="127.0.0.1", now=now).user_id

    assert who(free.key, now) == bob.id
    with pytest.raises(ApiKeyNotValid):
        who(held.key, until - timedelta(seconds=1))
    assert who(held.key, until) == alice.id
    assert who(free.key, until) == bob.id


@pytest.mark.parametrize("is_member", [True, False])
def test_what_is_asked_of_a_key_is_what_its_rows_say(alice: Member, is_member: bool) -> None:
    networks, models = ("10.0.0.0/8",), ("base", "deep")
    holder = alice if is_member else operator()
    made = services.create_api_key(
        user_id=holder.id,
        name="script",
        scopes=("chat", "account"),
        now=clock.now(),
        allowed_networks=networks,
        allowed_models=models,
        expires_at=clock.now() + timedelta(days=1),
    )
    row = ApiKey.objects.select_related("user").get(pk=made.detail.id)

    found = selectors.key_facts(row.key_hash, now=clock.now())

    assert found is not None
    assert vars(found) == {
        **{name: value for name, value in vars(row).items() if name in vars(found)},
        "status": row.user.status,
        "is_staff": not is_member,
        "is_blocked": False,
    }
    assert selectors.key_facts("0" * 64, now=clock.now()) is None


def test_a_key_nobody_made_is_not_found(alice_browser: Client) -> None:
    assert refusal(alice_browser.delete(f"{KEYS}/{uuid4()}")) == (404, "api_key_not_found")
