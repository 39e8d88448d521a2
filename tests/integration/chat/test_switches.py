"""Thinking and searching on demand: who may ask for it, what goes upstream, what it costs on top."""

import json
from typing import Any

import pytest
from django.test import Client

from apps.accounts.contracts import Member
from apps.chat import errors, services
from apps.chat.contracts import QUOTA, Asked, Extras, GenerationState, Outcome, PaidBy, PerTokens, Price
from apps.chat.engine.dialects import Dialect
from apps.chat.models import AnswerUsage, Generation, ModelPrice
from apps.chat.registries import CHANNELS
from apps.chat.rules import charging
from apps.chat.rules.options import read_options
from apps.kernel import clock
from apps.kernel.ids import new_id
from apps.kernel.invariants import all_invariants
from apps.ledger import services as ledger
from tests.integration.chat.conftest import generation, give_quota, make_model, send, set_limits
from tests.integration.chat.test_prices_page import page_in
from tests.integration.chat.test_v1_bad_input import GOOD, post
from tests.integration.chat.test_v1_models import error_of, key_of
from tests.integration.chat.test_without_conversation import start
from tests.rows import unguard_all

pytestmark = pytest.mark.django_db

EXTRAS = Extras(think_milli=300, search_milli=500)
BY_TOKEN = PerTokens(input_milli=200, cached_milli=50, output_milli=800)


def make(*, extras: Extras = EXTRAS, price: Price | None = None, **more: Any) -> None:
    can = {"has_reasoning": True, "has_search": True, **more}
    make_model(extras=extras, price=price, max_output_tokens=1000, **can)


def end(outcome: Outcome) -> Generation:
    (job,) = services.claim_jobs(limit=1, now=clock.now())
    lease: dict[str, Any] = {"generation_id": job.generation_id, "lease_token": job.lease_token}
    assert services.finish_run(**lease, outcome=outcome, now=clock.now())
    return generation(job.generation_id)


def whole(text: str = "answer") -> Outcome:
    return Outcome(state=GenerationState.FINISHED, text=text, finish_reason="stop")


def held(asked: Asked) -> int:
    return asked.generation.held_milli


def breaches() -> list[str]:
    return [str(breach) for check in all_invariants() for breach in check.check(clock.now())]


@pytest.mark.parametrize(
    ("switches", "extra", "options"),
    [
        ({}, 0, {}),
        ({"thinks": False}, 0, {"reasoning_effort": "none"}),
        ({"thinks": True}, 300, {"reasoning_effort": "medium"}),
        ({"searches": True}, 500, {"web_search_options": {}}),
        ({"thinks": True, "searches": True}, 800, {"reasoning_effort": "medium", "web_search_options": {}}),
    ],
)
def test_what_is_asked_for_is_paid_on_top(
    rich_alice: Member, switches: dict[str, Any], extra: int, options: dict[str, Any]
) -> None:
    make()

    asked = send(rich_alice.id, **switches)

    assert held(asked) == 1000 + extra
    (job,) = services.claim_jobs(limit=1, now=clock.now())
    assert job.options == options
    lease: dict[str, Any] = {"generation_id": job.generation_id, "lease_token": job.lease_token}
    services.finish_run(**lease, outcome=whole(), now=clock.now())
    usage = AnswerUsage.objects.get()
    assert (usage.charged_milli, usage.extra_milli, usage.absorbed_milli) == (1000 + extra, extra, 0)
    assert breaches() == []


def test_by_the_token_it_comes_on_top_of_the_tokens_and_the_answer_is_cut_to_what_is_left(rich_alice: Member) -> None:
    make(price=BY_TOKEN)
    asked = send(rich_alice.id, "hello", thinks=True)
    assert held(asked) == charging.most(BY_TOKEN, input_tokens=6, output_tokens=1000) + 300
    row = end(whole("好" * 100))
    assert row.charged_milli == charging.most(BY_TOKEN, input_tokens=6, output_tokens=100) + 300

    account = ledger.user_account(rich_alice.id, QUOTA)
    left = ledger.balance(account=account).available
    make(extras=Extras(search_milli=left - 100), price=BY_TOKEN)
    asked = send(rich_alice.id, "hello", searches=True)
    assert (asked.generation.is_shortened, held(asked) <= left) == (True, True)
    assert asked.generation.max_output_tokens == (100 * 1000 - 6 * 200) // 800
    end(whole())
    make(extras=Extras(search_milli=left), price=BY_TOKEN)
    with pytest.raises(errors.QuotaExhausted):
        send(rich_alice.id, "hello", searches=True)
    assert breaches() == []


def test_what_is_not_delivered_costs_no_extra(rich_alice: Member) -> None:
    make()
    send(rich_alice.id, thinks=True, searches=True)

    row = end(Outcome(state=GenerationState.FAILED, text="", error_code="empty_answer", was_taken=True))

    assert (row.charged_milli, AnswerUsage.objects.get().extra_milli) == (0, 0)
    assert ledger.balance(account=ledger.user_account(rich_alice.id, QUOTA)).total == 5000
    assert breaches() == []


def test_an_answer_with_a_priced_extra_is_not_free(alice: Member) -> None:
    set_limits(free_per_day=5)
    give_quota(alice.id, 5000)
    make(extras=Extras(search_milli=500))

    assert send(alice.id, thinks=True).generation.paid_by == PaidBy.FREE
    end(whole())
    asked = send(alice.id, searches=True)
    assert (asked.generation.paid_by, held(asked)) == (PaidBy.QUOTA, 1500)
    end(whole())
    assert services.quota_of(user_id=alice.id, now=clock.now()).free_left == 4
    assert breaches() == []


def test_a_model_is_not_asked_for_what_it_cannot(rich_alice: Member) -> None:
    make_model()
    both: list[dict[str, Any]] = [{"thinks": True}, {"searches": True}]
    for switches in both:
        with pytest.raises(errors.ParameterNotOffered):
            send(rich_alice.id, **switches)
    assert not Generation.objects.exists()

    send(rich_alice.id, thinks=False)  # it does not anyway, and is told nothing
    (job,) = services.claim_jobs(limit=1, now=clock.now())
    assert job.options == {}


def test_a_channel_that_cannot_search_is_not_asked_to(rich_alice: Member) -> None:
    make()
    services.save_channel(code="local", base_url="http://127.0.0.1:9/v1", kind="ollama", api_key="k", now=clock.now())
    services.save_route(model_code="base", channel_code="local", upstream_name="l", priority=0, now=clock.now())
    send(rich_alice.id, searches=True)
    (job,) = services.claim_jobs(limit=1, now=clock.now())
    assert {target.channel for target in job.targets} == {"test"}
    lease: dict[str, Any] = {"generation_id": job.generation_id, "lease_token": job.lease_token}
    services.finish_run(**lease, outcome=whole(), now=clock.now())

    services.save_route(model_code="base", channel_code="test", upstream_name="u", is_enabled=False, now=clock.now())
    (offer,) = services.models_for(user_id=rich_alice.id, now=clock.now())
    assert [each.value for each in offer.capabilities] == ["reasoning"]
    send(rich_alice.id, searches=True)
    assert services.claim_jobs(limit=1, now=clock.now()) == []
    assert Generation.objects.latest("pk").error_code == "channel_unavailable"


def test_programs_switch_too(rich_alice: Member, alice_browser: Client) -> None:
    make()
    post_it: Any = {"content_type": "application/json"}
    (told,) = alice_browser.get("/api/v1/chat/models").json()
    assert told["capabilities"] == ["reasoning", "search"]
    assert told["extras"] == {"think_milli": 300, "search_milli": 500}
    place = alice_browser.post("/api/v1/chat/conversations", {}, **post_it).json()["id"]
    path = f"/api/v1/chat/conversations/{place}/messages"
    body = {"content": "hello", "model": "base", "client_id": str(new_id())}

    asked = alice_browser.post(path, {**body, "think": True, "search": True}, **post_it).json()
    assert (asked["generation"]["think"], asked["generation"]["search"]) == (True, True)
    assert asked["generation"]["held_milli"] == 1800
    end(whole())
    again = alice_browser.post(
        f"/api/v1/chat/messages/{asked['answer']['id']}/regenerate",
        {"think": False},
        headers={"Idempotency-Key": str(new_id())},
        **post_it,
    ).json()
    assert (again["generation"]["think"], again["generation"]["search"]) == (False, False)
    end(whole())
    # As the last answer was asked, so is the next.
    page = alice_browser.get(f"/chat/{place}/").content.decode()
    assert 'data-switch="think" data-said="off"' in page
    for wrong in ({"think": "perhaps"}, {"search": 7}):
        answer = alice_browser.post(path, {**body, "client_id": str(new_id()), **wrong}, **post_it)
        assert answer.status_code == 400
    make_model()
    refused = alice_browser.post(path, {**body, "client_id": str(new_id()), "search": True}, **post_it)
    assert (refused.status_code, refused.json()["code"]) == (400, "parameter_not_offered")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("said", "is_right"),
    [
        ({}, True),
        ({"search_context_size": "low", "user_location": {"type": "approximate"}}, True),
        ({"search_context_size": "huge"}, False),
        ({"engine": "x"}, False),
        ({"user_location": "Hefei"}, False),
        ([], False),
    ],
)
def test_openais_clients_may_search_where_the_model_does(rich_alice: Member, said: Any, is_right: bool) -> None:
    make()
    if not is_right:
        body = json.dumps({**GOOD, "web_search_options": said}).encode()
        refused = post(body, key_of(rich_alice))
        assert (refused.status_code, error_of(refused)["param"]) == (400, "web_search_options")
        assert not Generation.objects.exists()
        return
    options = read_options({"web_search_options": said, "reasoning_effort": "high"})

    begun = start(rich_alice, options=options)

    assert begun.held_milli == 1800
    assert Generation.objects.get().options == {"web_search_options": said, "reasoning_effort": "high"}
    make_model()
    refused = post(json.dumps({**GOOD, "web_search_options": said}).encode(), key_of(rich_alice, name="other"))
    assert (refused.status_code, error_of(refused)["param"]) == (400, "web_search_options")


@pytest.mark.parametrize(
    ("kind", "asked"),
    [
        ("openai", {"web_search_options": {}}),
        ("qwen", {"enable_search": True}),
        ("zhipu", {"tools": ["mine", {"type": "web_search", "web_search": {"enable": True, "search_result": False}}]}),
        ("moonshot", {}),
        ("deepseek", {}),
    ],
)
def test_each_kind_is_asked_to_search_in_its_words(kind: str, asked: dict[str, Any]) -> None:
    ways: Any = CHANNELS[kind]
    told = Dialect(option_ways=ways.option_ways).options({"tools": ["mine"], "web_search_options": {}})

    assert told == {"tools": ["mine"], **asked}
    assert ways.searches == bool(asked)


def test_prices_of_extras_are_versions_and_are_told(rich_alice: Member, client: Client) -> None:
    make()
    asked = send(rich_alice.id, thinks=True)
    make(extras=Extras())
    make(extras=Extras())  # the same again
    assert ModelPrice.objects.count() == 2
    assert end(whole()).charged_milli == held(asked) == 1300
    make()
    words = page_in("en", client)
    assert "0.3 more for thinking" in words
    assert "0.5 more for searching" in words
    for extras, field in ((Extras(think_milli=-1), "think_milli"), (Extras(search_milli=10**7 + 1), "search_milli")):
        with pytest.raises(errors.ConfigurationNotValid) as refusal:
            make(extras=extras)
        assert refusal.value.context["field"] == field
    with pytest.raises(errors.ConfigurationNotValid):
        make(has_search=False)
    assert breaches() == []


def test_the_audit_names_an_extra_that_was_not_paid(rich_alice: Member) -> None:
    make()
    send(rich_alice.id, searches=True)
    end(whole())
    unguard_all("chat_generation")

    Generation.objects.update(searches=False)
    found = "\n".join(breaches())
    assert "1500 held at price base/1" in found
    assert "extras" in found
