"""What models are and can, who sees them, and what a price counts."""

import json
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from apps.accounts.contracts import Member
from apps.chat import errors, services
from apps.chat.contracts import ModelKind, PerAnswer, PerImage, PerTokens, Price, UpstreamCost
from apps.chat.models import ChatModel, Generation, Message, ModelPrice, RouteCost
from apps.kernel import clock
from apps.kernel.invariants import all_invariants
from apps.kernel.models import AuditEntry
from tests.integration.chat.conftest import give_quota, make_model, send, set_limits
from tests.integration.chat.test_prices_page import page_in
from tests.integration.chat.test_v1_bad_input import GOOD, post
from tests.integration.chat.test_v1_models import bearer, error_of, key_of
from tests.integration.ops.forgeries_orders import forced

pytestmark = pytest.mark.django_db

IMAGES = PerImage(image_milli=2_500)
TO_READ = PerTokens(input_milli=20, cached_milli=20, output_milli=0)
CODE = "model_writes_no_text"


@pytest.fixture
def models(db: None) -> None:
    """One of each kind, and one that thinks and is in no list."""
    make_model("base", has_vision=True, has_reasoning=True, has_tools=True, sort=1)
    make_model("painter", kind="image", price=IMAGES, sort=2)
    make_model("index", kind="embedding", price=TO_READ, sort=3)
    make_model("quiet", is_visible=False, sort=4)


def breaches() -> list[str]:
    return [str(breach) for check in all_invariants() for breach in check.check(clock.now())]


def test_a_model_of_before_is_visible_and_writes_texts(model: str) -> None:
    row = ChatModel.objects.get()

    assert (row.kind, row.is_visible, row.capabilities) == (ModelKind.TEXT, True, ())


def test_programs_are_told_what_a_model_is_and_what_of_it_can_be_used_here(
    rich_alice: Member, alice_browser: Client, models: None
) -> None:
    told: list[dict[str, Any]] = alice_browser.get("/api/v1/chat/models").json()

    facts = ("kind", "capabilities", "price", "price_per_1000_tokens", "price_per_image_milli", "reason")
    assert {model["id"]: tuple(model[name] for name in facts) for model in told} == {
        "base": ("text", ["vision", "reasoning", "tools"], 1000, None, None, ""),
        "painter": ("image", [], None, None, 2500, ""),
        "index": ("embedding", [], None, {"input_milli": 20, "cached_input_milli": 20, "output_milli": 0}, None, CODE),
    }


def test_openais_clients_are_told_it_beside_what_they_expect(alice: Member, visitor: Client, models: None) -> None:
    told = visitor.get("/v1/models", headers=bearer(key_of(alice))).json()["data"]

    assert [model["id"] for model in told] == ["base", "painter", "index"]
    assert {name: told[0][name] for name in told[0] if name != "created"} == {
        "id": "base",
        "object": "model",
        "owned_by": "chatloop",
        "name": "Base",
        "kind": "text",
        "capabilities": ["vision", "reasoning", "tools"],
        "context_window": 16_000,
        "max_completion_tokens": 2_000,
    }
    assert [model["kind"] for model in told] == ["text", "image", "embedding"]


@pytest.mark.django_db(transaction=True)
def test_what_embeds_is_not_asked_in_a_chat_and_costs_nothing(
    rich_alice: Member, alice_browser: Client, models: None
) -> None:
    conversation = services.create_conversation(user_id=rich_alice.id, now=clock.now()).id
    path = f"/api/v1/chat/conversations/{conversation}/messages"

    asked = alice_browser.post(
        path, {"content": "hello", "model": "index", "client_id": "the-first-tap"}, content_type="application/json"
    )
    by_key = post(json.dumps({**GOOD, "model": "index"}).encode(), key_of(rich_alice))

    assert (asked.status_code, asked.json()["code"]) == (422, CODE)
    error = error_of(by_key)
    assert (by_key.status_code, error["type"], error["code"]) == (400, "invalid_request_error", CODE)
    assert error["param"] == "model"
    assert (Generation.objects.count(), Message.objects.count()) == (0, 0)
    quota = services.quota_of(user_id=rich_alice.id, now=clock.now())
    assert (quota.balance_milli, quota.held_milli) == (5000, 0)
    assert services.refusals_by_rule() == {"model-permission": 2}


def test_nobody_is_sent_to_buy_a_right_to_what_cannot_be_asked(rich_alice: Member) -> None:
    make_model("index", kind="embedding", price=TO_READ, needs_entitlement=True)

    with pytest.raises(errors.ModelWritesNoText):
        send(rich_alice.id, model="index")
    (offer,) = services.models_for(user_id=rich_alice.id, now=clock.now())
    assert (offer.entitled, offer.reason) == (False, CODE)


def test_pages_show_what_is_visible_and_the_picker_what_answers(
    rich_alice: Member, alice_browser: Client, visitor: Client, models: None
) -> None:
    def named(page: str) -> set[str]:
        return {name for name in ("Base", "Painter", "Index", "Quiet") if name in page}

    picker = alice_browser.get("/chat/").content.decode()
    assert {code for code in ("base", "painter", "index", "quiet") if f'value="{code}"' in picker} == {
        "base",
        "painter",
    }
    assert named(page_in("en", visitor, "/models/")) == {"Base", "Painter"}
    prices = page_in("en", visitor)
    assert named(prices) == {"Base", "Painter", "Index"}
    assert "2.5 credits per image" in prices
    assert "Images cost their price for each one that you keep, and nothing where none came." in prices


def test_images_are_spoken_of_only_where_some_are_sold(visitor: Client, model: str) -> None:
    assert "Images cost their price" not in page_in("en", visitor)


def test_a_model_that_is_not_visible_answers_who_names_it(rich_alice: Member, visitor: Client, models: None) -> None:
    key = key_of(rich_alice)

    assert send(rich_alice.id, model="quiet").generation.model == "quiet"
    assert visitor.get("/v1/models/quiet", headers=bearer(key)).json()["id"] == "quiet"
    bound = key_of(rich_alice, allowed_models=("base",))
    assert visitor.get("/v1/models/quiet", headers=bearer(bound)).status_code == 404
    make_model("quiet", is_visible=False, needs_entitlement=True)
    with pytest.raises(errors.ModelNotEntitled):
        send(rich_alice.id, model="quiet")
    assert visitor.get("/v1/models/quiet", headers=bearer(key)).status_code == 404
    make_model("quiet", is_visible=False, is_enabled=False)
    with pytest.raises(errors.ModelNotFound):
        send(rich_alice.id, model="quiet")


@pytest.mark.parametrize("change", [{"is_visible": False}, {"kind": "image", "price": IMAGES}])
def test_free_messages_of_a_model_that_nobody_is_shown_are_promised_to_nobody(change: dict[str, Any]) -> None:
    set_limits(free_per_day=3)
    make_model("base")
    assert services.policy_on_show().free_per_day == 3

    make_model("base", **change)

    assert services.policy_on_show().free_per_day == 0


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"kind": "image", "price": PerAnswer(answer_milli=1)}, "price_kind"),
        ({"kind": "text", "price": IMAGES}, "price_kind"),
        ({"kind": "text", "price": TO_READ}, "output_milli"),
        ({"kind": "embedding", "price": PerTokens(input_milli=1, cached_milli=0, output_milli=1)}, "output_milli"),
        ({"kind": "telepathy", "price": IMAGES}, "kind"),
        ({"kind": "image", "price": IMAGES, "has_tools": True}, "kind"),
        ({"kind": "image", "price": PerImage(image_milli=0)}, "image_milli"),
    ],
)
def test_what_no_model_can_be_is_refused(values: dict[str, Any], field: str) -> None:
    with pytest.raises(errors.ConfigurationNotValid) as refused:
        services.save_model(code="odd", name="Odd", now=clock.now(), **values)

    assert refused.value.context == {"field": field}
    assert (ChatModel.objects.count(), ModelPrice.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    "columns",
    [
        {"kind": "per_image", "image_milli": 0},
        {"kind": "per_image", "image_milli": None},
        {"kind": "per_image", "image_milli": 1, "answer_milli": 1},
        {"kind": "per_answer", "answer_milli": 1, "image_milli": 1},
        {"kind": "per_tokens", "input_milli": 0, "cached_milli": 0, "output_milli": 0},
        {"kind": "per_tokens", "input_milli": 1, "cached_milli": 0, "output_milli": 1, "image_milli": 1},
    ],
)
def test_the_database_takes_no_price_of_two_shapes(columns: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError, match="chat_modelprice_terms"), transaction.atomic():
        ModelPrice.objects.create(code="odd/1", number=1, created_at=clock.now(), **columns)


@pytest.mark.parametrize("columns", [{"kind": "telepathy"}, {"kind": "embedding", "has_tools": True}])
def test_the_database_takes_no_model_of_no_kind(columns: dict[str, Any], model: str) -> None:
    with pytest.raises(IntegrityError, match="chat_chatmodel"), transaction.atomic():
        ChatModel.objects.update(**columns)


def test_a_price_per_image_is_a_version_like_any_other(models: None) -> None:
    make_model("painter", kind="image", price=IMAGES)
    make_model("painter", kind="image", price=PerImage(image_milli=3_000))

    rows = ModelPrice.objects.filter(code__startswith="painter/").order_by("number")
    assert [(row.code, row.terms) for row in rows] == [("painter/1", IMAGES), ("painter/2", PerImage(image_milli=3000))]
    said = AuditEntry.objects.get(action="chat.save_price", target_id="painter/2")
    extras = {"think_milli": 0, "search_milli": 0}
    assert said.after == {"number": 2, "kind": "per_image", "image_milli": 3000, **extras}
    assert breaches() == []


@pytest.mark.parametrize(("kind", "price"), [("image", IMAGES), ("embedding", TO_READ)])
def test_the_audit_names_a_model_at_a_price_of_what_it_does_not_make(kind: str, price: Price, models: None) -> None:
    code = {"image": "painter", "embedding": "index"}[kind]

    forced(ChatModel.objects.filter(code=code), kind="text")

    found = [item.number for item in all_invariants() if list(item.check(clock.now()))]
    assert found == ["I-17-price", "I-62"]


def test_what_an_image_costs_us_is_part_of_the_routes_cost(operator_browser: Client, models: None) -> None:
    route = ChatModel.objects.get(code="painter").routes.get()
    form = {"upstream_name": "up", "priority": "1", "weight": "1", "is_enabled": "on", "reason": "their price list"}

    operator_browser.post(f"/admin/chat/route/{route.pk}/change/", {**form, "image_microyuan": "60000"})

    assert [cost.terms for cost in RouteCost.objects.filter(route=route)] == [
        UpstreamCost(input_microyuan=0, cached_microyuan=0, output_microyuan=0, image_microyuan=60_000)
    ]
    page = operator_browser.get(f"/admin/chat/route/{route.pk}/change/").content.decode()
    assert "每张图片 60000" in page


def test_an_operator_makes_a_model_of_images_and_hides_it(operator_browser: Client, model: str) -> None:
    form = {
        "code": "painter",
        "name": "Painter",
        "kind": "image",
        "price_kind": "per_image",
        "image_milli": "2500",
        "tokenizer": "by_code",
        "context_tokens": "16000",
        "max_output_tokens": "2000",
        "is_enabled": "on",
        "is_visible": "on",
        "sort": "5",
        "reason": "pictures",
    }
    wrong = operator_browser.post("/admin/chat/chatmodel/add/", {**form, "price_kind": "per_answer", "price_milli": 1})
    assert list(wrong.context["adminform"].form.errors) == ["price_kind"]

    operator_browser.post("/admin/chat/chatmodel/add/", form)

    row = ChatModel.objects.get(code="painter")
    assert (row.kind, row.price.terms, row.is_visible) == (ModelKind.IMAGE, IMAGES, True)
    del form["is_visible"]
    operator_browser.post(f"/admin/chat/chatmodel/{row.pk}/change/", {**form, "reason": "not yet"})
    assert not ChatModel.objects.get(code="painter").is_visible
    page = operator_browser.get(f"/admin/chat/chatmodel/{row.pk}/change/").content.decode()
    assert "每张 2.5 额度" in page
    assert operator_browser.get("/admin/chat/chatmodel/?kind__exact=image").content.decode().count("painter") == 1


def test_a_picture_is_affordable_for_whoever_can_pay_one(alice: Member) -> None:
    set_limits(free_per_day=0)
    make_model("painter", kind="image", price=IMAGES)
    give_quota(alice.id, 2_499)
    assert not services.models_for(user_id=alice.id, now=clock.now())[0].affordable

    give_quota(alice.id, 1)

    assert services.models_for(user_id=alice.id, now=clock.now())[0].affordable
