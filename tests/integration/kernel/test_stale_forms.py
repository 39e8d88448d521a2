"""Two operators with the same form open: who saves second overwrites nothing that they have not seen."""

from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import models
from django.http import HttpResponse
from django.test import Client

from apps.accounts import services as accounts
from apps.chat import services as chat
from apps.chat.contracts import ListedWords, Policy, WordAction
from apps.kernel import clock
from apps.kernel.admin import ConfigurationAdmin
from apps.marketing import services as marketing
from apps.orders import services as orders
from tests.integration.marketing import campaign

pytestmark = pytest.mark.django_db

LATER = "在此期间已有人修改。"


class _Form(HTMLParser):
    """What a browser sends of the form that it was shown."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.sent: dict[str, str] = {}
        self._open = ""
        self.feed(page[page.index('id="content"') :])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        name = given.get("name", "")
        if tag == "input" and name and not name.startswith("_"):
            if given.get("type") != "checkbox":
                self.sent[name] = given.get("value", "")
            else:
                self.sent[name] = "on" if "checked" in given else ""
        elif tag in {"select", "textarea"}:
            self._open = name
            self.sent.setdefault(name, "")
        elif tag == "option" and "selected" in given:
            self.sent[self._open] = given["value"]

    def handle_data(self, data: str) -> None:
        if self.lasttag == "textarea" and self._open:
            self.sent[self._open] = data.lstrip("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in {"select", "textarea"}:
            self._open = ""


def save_channel() -> None:
    chat.save_channel(code="n", base_url="https://example.com/v1", api_key="sk-1", now=clock.now())


def save_model() -> None:
    chat.save_model(code="n", name="N", price_milli=5, now=clock.now())


def save_channel_key() -> None:
    save_channel()
    chat.save_channel_key(channel_code="n", name="main", api_key="sk-second", now=clock.now())


def save_route() -> None:
    save_channel()
    save_model()
    chat.save_route(model_code="n", channel_code="n", upstream_name="n", now=clock.now())


def save_rule() -> None:
    chat.save_rule(code="black-list", is_on=True, place=5, actor="staff:1", reason="first", now=clock.now())


def save_network() -> None:
    chat.save_network(network="203.0.113.0/24", is_enabled=False, actor="staff:1", reason="first", now=clock.now())


def save_words() -> None:
    chat.save_word_list(
        code="n",
        name="N",
        action=WordAction.MASK,
        listed=ListedWords(words=("plum",), allowed=("plum tree",)),
        actor="staff:1",
        reason="first",
        now=clock.now(),
    )


def save_reply() -> None:
    accounts.save_reply_text(key="unknown", text="Hello", actor="staff:1", reason="warmer", now=clock.now())


# How a row of each comes to be, a field of its form, and what two operators make of it.
ROWS: dict[str, tuple[Callable[[], object], str, str, str]] = {
    "orders.Product": (
        lambda: orders.save_product(code="n", title="N", amount_fen=990, quota_milli=1000, now=clock.now()),
        "amount_fen", "1990", "2990",
    ),
    "chat.Channel": (save_channel, "base_url", "https://example.com/v2", "https://example.com/v3"),
    "chat.ChatModel": (save_model, "price_milli", "6", "7"),
    "chat.ChannelKey": (save_channel_key, "is_enabled", "", "on"),
    "chat.Route": (save_route, "weight", "6", "7"),
    "chat.ChatPolicy": (
        lambda: chat.save_policy(policy=Policy(), now=clock.now()), "free_per_day", "6", "7",
    ),
    "chat.ChatRule": (save_rule, "place", "6", "7"),
    "chat.BlockedNetwork": (save_network, "note", "a school", "a hotel"),
    "chat.WordList": (save_words, "action", "flag", "reject"),
    "chat.Starter": (
        lambda: chat.save_starter(code="n", title="N", text="about {{it}}", now=clock.now()), "title", "M", "O",
    ),
    "accounts.ReplyText": (save_reply, "text", "Good morning", "Good evening"),
    "marketing.ExchangeItem": (
        lambda: marketing.save_exchange_item(
            code="n", title="N", kind="quota", amount=1000, price_points=10, now=clock.now()
        ),
        "price_points", "20", "30",
    ),
    "marketing.RebateRule": (
        lambda: marketing.save_rebate_rule(code="n", title="N", behaviour="sign_in", points=1, now=clock.now()),
        "points", "2", "3",
    ),
    "marketing.Activity": (campaign.activity, "limit_day", "2", "3"),
    "marketing.PrizeStock": (
        lambda: marketing.save_stock(activity_id=campaign.activity().id, code="n", total=3, now=clock.now()),
        "total", "4", "5",
    ),
    "marketing.Stage": (
        lambda: marketing.bind_stage(
            channel="web", source="n", activity_id=campaign.activity().id, now=clock.now()
        ),
        "activity", "", "",
    ),
}  # fmt: skip
# Made or drafted, never saved over: an adjustment is a row of its own, and a draft is compared prize by prize.
OTHERS = {"marketing.Adjustment", "marketing.OddsVersion"}


def test_every_form_of_configuration_is_asked_here() -> None:
    pages = {of._meta.label for of, page in admin.site._registry.items() if isinstance(page, ConfigurationAdmin)}

    assert pages == ROWS.keys() | OTHERS


@pytest.mark.parametrize("label", ROWS)
def test_who_saves_second_has_to_look_again(label: str, operator_browser: Client) -> None:
    make, field, first, second = ROWS[label]
    make()
    model = apps.get_model(label)
    row = model._default_manager.get()
    address = f"/admin/{label.lower().replace('.', '/')}/{row.pk}/change/"
    if field == "activity":
        first, second = (str(campaign.activity().id) for _ in range(2))
    shown = _Form(operator_browser.get(address).content.decode()).sent

    def save(value: str, **more: str) -> Any:
        sent = {**shown, field: value, "api_key": "sk-2", "reason": "why not", **more}
        return operator_browser.post(address, {name: text for name, text in sent.items() if name in shown})

    assert saved(save(first)), "with the form as it is now"
    refused = save(second)
    assert LATER in refused.content.decode()
    assert value_of(model, field) == first

    shown = _Form(operator_browser.get(address).content.decode()).sent
    assert saved(save(second)), "whoever looked again may"
    assert value_of(model, field) == second


def saved(answer: HttpResponse) -> bool:
    return answer.status_code == 302


def value_of(model: type[models.Model], field: str) -> str:
    row = model._default_manager.get()
    value = getattr(row, f"{field}_id", None) or getattr(row, field)
    return {True: "on", False: ""}[value] if isinstance(value, bool) else str(value)
