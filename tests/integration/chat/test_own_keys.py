"""A member's own key of a provider: entered and tried, never read again, switched, deleted, told and erased."""

import json
import logging
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Event
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection, connections
from django.test import Client

from apps.accounts import services as accounts
from apps.accounts.contracts import Member
from apps.chat import errors, services
from apps.chat.contracts import OwnKeyState
from apps.chat.models import OwnKey
from apps.chat.rules.own_keys import TESTS_AT_ONCE, TESTS_PER_WINDOW
from apps.kernel import clock, sealing
from apps.kernel.errors import Busy, RateLimited
from tests.cast import browser_of
from tests.integration.chat.conftest import generation, send, wait_for
from tests.integration.chat.own_keys import KIND, OWN, allow_own_addresses, enter, provider
from tests.integration.chat.upstream import Upstream, answer
from tests.names import Names

pytestmark = pytest.mark.django_db(transaction=True)

PATH = f"/api/v1/chat/own-keys/{KIND}"
REFUSED = (401, {"error": {"code": "invalid_api_key", "message": f"Incorrect key {OWN}"}})


@pytest.fixture
def alice_client(alice: Member) -> Client:
    """Alice's browser."""
    return browser_of(alice.id)


@pytest.fixture
def upstream(db: None, settings: LazySettings) -> Iterator[Upstream]:
    """The provider of the kind."""
    with provider(settings) as running:
        yield running


def put(client: Client, **body: object) -> Any:
    return client.put(PATH, body, content_type="application/json")


def test_a_key_is_tried_kept_sealed_and_never_read_again(
    alice: Member, alice_client: Client, upstream: Upstream
) -> None:
    kept = put(alice_client, api_key=OWN)

    assert kept.status_code == 200
    assert upstream.keys == [f"Bearer {OWN}"]
    row = OwnKey.objects.get(user_id=alice.id)
    assert (row.hint, sealing.unseal("own_key", row.api_key_sealed), OWN in row.api_key_sealed) == ("0001", OWN, False)
    read = [kept, alice_client.get(PATH), alice_client.get("/api/v1/chat/own-keys")]
    assert [OWN in answer.content.decode() for answer in read] == [False] * 3
    assert kept.json() == read[1].json() == read[2].json()[0]
    told = {"kind": KIND, "is_entered": True, "is_enabled": True, "hint": "0001", "models": ["Base"], "test_code": ""}
    assert {**kept.json(), **told} == kept.json()


def test_a_key_that_its_provider_refuses_is_not_kept(
    alice: Member, alice_client: Client, upstream: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    upstream.refused_keys[f"Bearer {OWN}"] = REFUSED
    enter(alice.id, "sk-that-works-0002")

    with caplog.at_level(logging.DEBUG):
        refused = put(alice_client, api_key=OWN)

    assert (refused.status_code, refused.json()["code"]) == (422, "own_key_refused")
    assert OwnKey.objects.get().hint == "0002"
    assert OWN not in refused.content.decode() + caplog.text


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        ((402, {"error": {"message": "Insufficient Balance"}}), "own_key_arrears"),
        ((429, {"error": {"code": "rate_limit_exceeded"}}), "own_key_busy"),
        ((404, {"error": {"code": "model_not_found"}}), "own_key_without_model"),
        ((500, b"<html>"), "own_key_failed"),
    ],
)
def test_what_may_pass_is_told_and_the_key_kept(
    alice: Member, upstream: Upstream, refusal: tuple[int, Any], code: str
) -> None:
    upstream.refused_keys[f"Bearer {OWN}"] = refusal

    assert (enter(alice.id).is_entered, enter(alice.id).test_code) == (True, code)
    del upstream.refused_keys[f"Bearer {OWN}"]
    assert services.test_own_key(user_id=alice.id, kind=KIND, now=clock.now()).test_code == ""


def test_a_provider_that_is_away_keeps_no_key_from_being_entered(alice: Member, upstream: Upstream) -> None:
    services.save_channel(code="test", kind=KIND, base_url=upstream.url, api_key=None, now=clock.now())
    upstream.scripts["up-base"] = []

    assert enter(alice.id).test_code == "own_key_failed"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "own_key_needed"),
        ({"api_key": ""}, 400, "validation_failed"),
        ({"api_key": "with a space"}, 422, "own_key_not_valid"),
        ({"api_key": "schlüssel"}, 422, "own_key_not_valid"),
        ({"api_key": "a\r\nX-More: b"}, 422, "own_key_not_valid"),
        ({"api_key": "a" * 401}, 400, "validation_failed"),
        ({"api_key": 7.5, "kind": "x"}, 400, "validation_failed"),
        ({"api_key": OWN, "base_url": "https://models.example.com/v1"}, 403, "own_address_not_allowed"),
        ({"api_key": OWN, "base_url": "http://127.0.0.1:6379/"}, 403, "own_address_not_allowed"),
    ],
)
def test_what_cannot_be_a_key_is_refused_and_nothing_kept(
    alice_client: Client, upstream: Upstream, body: dict[str, Any], status: int, code: str
) -> None:
    refused = put(alice_client, **body)

    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert (OwnKey.objects.count(), upstream.requests) == (0, [])


def test_kinds_of_which_there_is_no_key_are_unknown(alice_client: Client, upstream: Upstream) -> None:
    """`openai` has a place, and no model is served by it; `openai-compatible` has none that everybody knows."""
    for kind in ("openai", "openai-compatible", "ollama", "none-such"):
        path = f"/api/v1/chat/own-keys/{kind}"
        answers = [
            alice_client.get(path),
            alice_client.put(path, {"api_key": OWN}, content_type="application/json"),
            alice_client.post(f"{path}/test", {}, content_type="application/json"),
        ]
        assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
            (404, "own_key_kind_unknown")
        ] * 3
        assert alice_client.delete(path).status_code == 204


def test_a_program_neither_reads_nor_writes_them(alice: Member, upstream: Upstream) -> None:
    made = accounts.create_api_key(user_id=alice.id, name="all", scopes=("chat", "account"), now=clock.now())
    program = Client(headers={"Authorization": f"Bearer {made.key}"})

    answers = [program.get("/api/v1/chat/own-keys"), put(program, api_key=OWN), program.delete(PATH)]

    assert [answer.status_code for answer in answers] == [403] * 3


def test_tests_are_only_so_many(alice: Member, bob: Member, upstream: Upstream) -> None:
    now = clock.now()
    enter(alice.id)
    for _ in range(TESTS_PER_WINDOW - 1):
        services.test_own_key(user_id=alice.id, kind=KIND, now=now)

    with pytest.raises(RateLimited):
        services.test_own_key(user_id=alice.id, kind=KIND, now=now)
    with pytest.raises(RateLimited):
        enter(alice.id, "sk-another-of-hers")
    assert enter(bob.id).is_entered
    services.test_own_key(user_id=alice.id, kind=KIND, now=now + timedelta(minutes=11))


def test_who_has_a_test_under_way_waits_with_the_next_and_keeps_nobody_waiting(
    alice: Member, bob: Member, upstream: Upstream
) -> None:
    now = clock.now()
    enter(alice.id)
    gate = Event()
    upstream.scripts["up-base"] = [gate, *answer("fine")]
    with ThreadPoolExecutor(TESTS_AT_ONCE) as others:
        hanging = [others.submit(_tested, alice, now)]
        wait_for(lambda: len(upstream.keys) == 2, what="a test under way")
        for _ in range(TESTS_PER_WINDOW):
            with pytest.raises(RateLimited):
                services.test_own_key(user_id=alice.id, kind=KIND, now=now)
        hanging.append(others.submit(enter, bob.id))
        wait_for(lambda: len(upstream.keys) == 3, what="another member's test")
        gate.set()
        assert all(each.result().test_code == "" for each in hanging)

    # Those that were refused were none of the ten.
    for _ in range(TESTS_PER_WINDOW - 2):
        services.test_own_key(user_id=alice.id, kind=KIND, now=now)
    with pytest.raises(RateLimited):
        services.test_own_key(user_id=alice.id, kind=KIND, now=now)


def test_only_so_many_are_under_way_in_a_process(
    alice: Member, bob: Member, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.chat.rules.own_keys.TESTS_AT_ONCE", 1)
    now = clock.now()
    enter(alice.id)
    gate = Event()
    upstream.scripts["up-base"] = [gate, *answer("fine")]
    with ThreadPoolExecutor(1) as others:
        hanging = others.submit(_tested, alice, now)
        wait_for(lambda: len(upstream.keys) == 2, what="a test under way")
        for _ in range(TESTS_PER_WINDOW):
            with pytest.raises(Busy):
                enter(bob.id)
        gate.set()
        hanging.result()

    assert enter(bob.id).is_entered


def _tested(member: Member, now: datetime) -> OwnKeyState:
    try:
        return services.test_own_key(user_id=member.id, kind=KIND, now=now)
    finally:
        connections.close_all()


def test_a_key_is_switched_off_and_on_without_being_entered_again(
    alice: Member, alice_client: Client, upstream: Upstream
) -> None:
    enter(alice.id)
    del upstream.keys[:]

    assert put(alice_client, is_enabled=False).json()["is_enabled"] is False
    assert put(alice_client).json()["is_enabled"] is True
    assert upstream.keys == []


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://models.example.com/v1",
            "https://127.0.0.1:6379/",
            "https://localhost/v1",
            "https://169.254.169.254/",
        ),
        *("https://0x7f.1/v1", "https://[::1]/v1", "https://user:pass@models.example.com/v1", "file:///etc/passwd"),
        *("https://models.example.com:22/v1", "https://models.example.com/v1?to=x", "ftp://a.example/", "nonsense"),
    ],
)
def test_an_own_address_is_a_public_one(alice: Member, upstream: Upstream, url: str) -> None:
    allow_own_addresses()

    with pytest.raises(errors.OwnAddressRefused):
        enter(alice.id, base_url=url)
    assert not OwnKey.objects.exists()


def test_an_own_address_is_not_this_site(alice: Member, upstream: Upstream, settings: LazySettings) -> None:
    """A question that asked the site itself would ask it again, and again."""
    settings.PUBLIC_URL = "https://chat.example.com"
    allow_own_addresses()

    with pytest.raises(errors.OwnAddressRefused):
        enter(alice.id, base_url="https://chat.example.com/v1")


@pytest.mark.parametrize("addresses", [["10.0.0.1"], ["127.0.0.1"], ["93.184.215.14", "::1"]])
def test_a_name_of_a_private_place_keeps_no_key(
    alice: Member, upstream: Upstream, names: Names, addresses: list[str]
) -> None:
    """It looks public, and is looked up when it is gone to."""
    allow_own_addresses()
    names.answers["models.example.com"] = [addresses]

    with pytest.raises(errors.OwnAddressRefused):
        enter(alice.id, base_url="https://models.example.com/v1")
    assert names.asked == ["models.example.com"]
    assert not OwnKey.objects.exists()


def test_a_kind_without_a_place_of_its_own_has_keys_where_operators_allow_it(alice: Member, upstream: Upstream) -> None:
    services.save_channel(code="relay", base_url="http://127.0.0.1:9/v1", api_key="sk-x", now=clock.now())
    services.save_route(model_code="base", channel_code="relay", upstream_name="up", now=clock.now())
    assert [state.place.kind for state in services.own_keys_of(user_id=alice.id)] == [KIND]

    allow_own_addresses()

    places = {state.place.kind: state.place for state in services.own_keys_of(user_id=alice.id)}
    assert {kind: (place.base_url != "", place.may_move) for kind, place in places.items()} == {
        KIND: (True, True),
        "openai-compatible": (False, True),
    }
    with pytest.raises(errors.OwnAddressRefused):
        enter(alice.id, kind="openai-compatible")


def test_a_key_does_not_follow_its_address(alice: Member, upstream: Upstream) -> None:
    """Whoever has somebody's browser for a moment cannot have the key sent to a place of their own."""
    allow_own_addresses()
    enter(alice.id)

    with pytest.raises(errors.OwnKeyNeeded):
        enter(alice.id, None, base_url="https://models.example.com/v1")
    assert OwnKey.objects.get().base_url == ""


def test_a_deleted_key_is_gone(alice: Member, alice_client: Client, upstream: Upstream) -> None:
    enter(alice.id)

    assert [alice_client.delete(PATH).status_code for _ in range(2)] == [204, 204]
    assert not OwnKey.objects.exists()
    refused = alice_client.post(f"{PATH}/test", {}, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (422, "own_key_needed")


def test_another_members_key_is_another_ones(
    bob: Member, alice: Member, alice_client: Client, upstream: Upstream
) -> None:
    enter(bob.id, "sk-of-bob-0000000002")

    assert alice_client.get(PATH).json()["is_entered"] is False
    alice_client.delete(PATH)
    assert OwnKey.objects.get().user_id == bob.id


def test_the_export_says_that_there_is_one_and_the_closing_erases_it(alice: Member, upstream: Upstream) -> None:
    enter(alice.id)

    told = list(services.export_own_keys(user_id=alice.id))
    assert [row["kind"] for row in told] == [KIND]
    assert OWN not in str(told)
    assert OwnKey.objects.get().api_key_sealed not in str(told)
    with accounts.export_own_data(user_id=alice.id, now=clock.now()) as file, zipfile.ZipFile(file) as packed:
        texts = {name: packed.read(name).decode() for name in packed.namelist()}
    assert [row["kind"] for row in json.loads(texts["own_keys.json"])] == [KIND]
    assert not any(OWN in text or "api_key" in text for text in texts.values())

    accounts.close_account(user_id=alice.id, confirm=alice.nickname, now=clock.now())
    assert not OwnKey.objects.exists()


def test_reseal_knows_the_column(alice: Member, upstream: Upstream, settings: LazySettings) -> None:
    enter(alice.id)
    settings.SEALING_KEY_FORMER, settings.SEALING_KEY = [settings.SEALING_KEY], "another-" + "k" * 60

    resealed = {column.column: (column.resealed, column.left) for column in sealing.reseal()}

    assert resealed["chat.OwnKey.api_key_sealed"] == (1, 0)
    settings.SEALING_KEY_FORMER = []
    assert sealing.unseal("own_key", OwnKey.objects.get().api_key_sealed) == OWN


def test_a_key_that_no_sealing_key_opens_is_entered_again(
    alice: Member, upstream: Upstream, settings: LazySettings
) -> None:
    enter(alice.id)
    settings.SEALING_KEY = "another-" + "k" * 60
    del upstream.keys[:]

    assert services.test_own_key(user_id=alice.id, kind=KIND, now=clock.now()).test_code == "own_key_gone"
    asked = send(alice.id).generation.id
    assert services.claim_jobs(limit=5, now=clock.now()) == []
    assert generation(asked).error_code == "own_key_gone"
    assert upstream.keys == []
    assert enter(alice.id).test_code == ""


def test_no_statement_holds_a_key(alice: Member, upstream: Upstream) -> None:
    """What the database logs of statements, it logs of sealed ones."""
    seen: list[str] = []

    def look(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        seen.append(f"{sql} {params}")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(look):
        enter(alice.id)
    assert seen
    assert not any(OWN in statement for statement in seen)
