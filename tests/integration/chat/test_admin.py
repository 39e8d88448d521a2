"""What operators may change, and what they never read."""

from collections.abc import Iterable
from typing import Any

import pytest
from django.contrib.admin import site
from django.test import Client

from apps.accounts.contracts import Member
from apps.chat import errors, selectors, services
from apps.chat.contracts import GenerationState, ListedWords, Outcome, UpstreamCost, WordAction
from apps.chat.models import Channel, ChannelKey, ChatModel, ModelPrice
from apps.chat.rules.reports import ReportReason
from apps.kernel import clock, sealing
from apps.kernel.models import AuditEntry
from tests.integration.chat.conftest import give_quota, make_model, send
from tests.integration.ops.test_admin_bones import asked_for

pytestmark = pytest.mark.django_db


def test_a_channel_is_made_with_a_key_that_is_never_shown(operator_browser: Client) -> None:
    form = {
        "code": "zhipu",
        "kind": "openai-compatible",
        "base_url": "https://open.bigmodel.cn/api/paas/v4/",
        "is_enabled": "on",
        "api_key": "sk-very-secret",
        "reason": "new account",
    }

    operator_browser.post("/admin/chat/channel/add/", form)

    channel = Channel.objects.get(code="zhipu")
    page = operator_browser.get(f"/admin/chat/channel/{channel.pk}/change/").content.decode()
    assert sealing.unseal("channel_key", ChannelKey.objects.get().api_key_sealed) == "sk-very-secret"
    assert "sk-very-secret" not in page
    assert ChannelKey.objects.get().api_key_sealed not in page
    entry = AuditEntry.objects.get(action="chat.save_channelkey")
    assert (entry.reason, entry.actor.startswith("staff:")) == ("new account", True)
    assert "sk-very-secret" not in str(entry.after)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"proxy_url": "socks5://127.0.0.1:1080"}, "proxy_url"),
        ({"proxy_url": "http://me:secret@proxy.example"}, "proxy_url"),
        ({"base_url": "http://127.0.0.1:8000/v1", "proxy_url": "http://proxy.example"}, "proxy_url"),
        ({"base_url": "ftp://models.example/v1"}, "base_url"),
        ({"api_key": "sk a key"}, "api_key"),
    ],
)
def test_what_a_call_cannot_use_is_an_error_of_the_form(
    operator_browser: Client, change: dict[str, str], field: str
) -> None:
    form = {
        "code": "far",
        "kind": "openai-compatible",
        "base_url": "https://models.example/v1",
        "api_key": "sk-very-secret",
        "reason": "new account",
    }

    page = operator_browser.post("/admin/chat/channel/add/", {**form, **change})

    assert page.status_code == 200
    assert list(page.context["adminform"].form.errors) == [field]
    assert not Channel.objects.exists()
    operator_browser.post("/admin/chat/channel/add/", {**form, "proxy_url": "http://proxy.example:3128"})
    assert Channel.objects.get().proxy_url == "http://proxy.example:3128"


FAR: dict[str, Any] = {"base_url": "https://models.example/v1", "proxy_url": "http://proxy.example:3128"}


def change_channel(browser: Client, change: dict[str, str]) -> list[str]:
    """The fields that the form finds fault with."""
    channel = Channel.objects.get()
    form = {"kind": "openai-compatible", "is_enabled": "on", "reason": "a faster region", **FAR, **change}
    page = browser.post(f"/admin/chat/channel/{channel.pk}/change/", form)
    return list(page.context["adminform"].form.errors) if page.status_code == 200 else []


@pytest.mark.parametrize(
    "change",
    [
        {"base_url": "http://models.example/v1"},
        {"base_url": "https://thief.example/v1"},
        {"base_url": "https://models.example:8443/v1"},
        {"proxy_url": "http://thief.example:3128"},
        {"proxy_url": "http://proxy.example:3129"},
        {"proxy_url": "https://proxy.example:3128"},
        {"proxy_url": ""},
    ],
)
def test_the_key_goes_nowhere_else_unless_it_is_entered_again(operator_browser: Client, change: dict[str, str]) -> None:
    services.save_channel(code="far", api_key="sk-very-secret", now=clock.now(), **FAR)

    assert change_channel(operator_browser, change) == ["api_key"]
    with pytest.raises(errors.ChannelKeyNeeded):
        services.save_channel(code="far", api_key=None, now=clock.now(), **{**FAR, **change})

    channel = Channel.objects.get()
    assert {name: getattr(channel, name) for name in FAR} == FAR
    assert change_channel(operator_browser, {**change, "api_key": "sk-another"}) == []
    channel = Channel.objects.get()
    assert {name: getattr(channel, name) for name in FAR} == {**FAR, **change}
    assert sealing.unseal("channel_key", ChannelKey.objects.get().api_key_sealed) == "sk-another"


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"base_url": "https://models.example/v2/"},
        {"base_url": "https://MODELS.example:443/v1"},
        {"proxy_url": "http://proxy.example:3128/"},
    ],
)
def test_the_key_stays_where_calls_go_to_the_same_place(operator_browser: Client, change: dict[str, str]) -> None:
    services.save_channel(code="far", api_key="sk-very-secret", now=clock.now(), **FAR)

    assert change_channel(operator_browser, change) == []

    channel = Channel.objects.get()
    assert {name: getattr(channel, name) for name in FAR} == {**FAR, **change}
    assert sealing.unseal("channel_key", ChannelKey.objects.get().api_key_sealed) == "sk-very-secret"


def test_a_price_changes_with_a_reason_and_leaves_a_trail(operator_browser: Client, model: str) -> None:
    row = ChatModel.objects.get()
    form = {
        "name": row.name,
        "kind": "text",
        "is_visible": "on",
        "price_milli": "2500",
        "tokenizer": "by_code",
        "context_tokens": "16000",
        "max_output_tokens": "2000",
        "is_enabled": "on",
        "sort": "1",
    }

    operator_browser.post(f"/admin/chat/chatmodel/{row.pk}/change/", form)
    assert ChatModel.objects.get().price_milli == 1000

    operator_browser.post(f"/admin/chat/chatmodel/{row.pk}/change/", {**form, "reason": "dearer upstream"})

    entry = AuditEntry.objects.get(action="chat.save_model", reason="dearer upstream")
    assert ChatModel.objects.get().price_milli == 2500
    assert entry.before is not None
    assert entry.after is not None
    assert (entry.before["price"], entry.after["price"]) == ("base/1", "base/2")
    said = AuditEntry.objects.get(action="chat.save_price", reason="dearer upstream")
    price = {"number": 2, "kind": "per_answer", "answer_milli": 2500, "think_milli": 0, "search_milli": 0}
    assert (said.target_id, said.after) == ("base/2", price)
    assert list(ModelPrice.objects.order_by("number").values_list("answer_milli", flat=True)) == [1000, 2500]


def test_the_limits_have_one_row(operator_browser: Client) -> None:
    form = {
        "free_per_day": "7",
        "max_running": "3",
        "max_unpaid_per_day": "9",
        "max_message_chars": "500",
        "max_per_minute": "30",
        "reason": "launch",
    }

    operator_browser.post("/admin/chat/chatpolicy/add/", form)

    assert (selectors.policy().free_per_day, selectors.policy().max_unpaid_per_day) == (7, 9)
    assert operator_browser.get("/admin/chat/chatpolicy/add/").status_code == 403


def test_operators_see_jobs_and_conversations_without_a_word_of_them(
    rich_alice: Member, operator_browser: Client
) -> None:
    make_model()
    asked = send(rich_alice.id, "a very private question")

    for path in (
        "generation/",
        f"generation/{asked.generation.id}/change/",
        "conversation/",
        f"conversation/{asked.generation.conversation_id}/change/",
    ):
        page = operator_browser.get(f"/admin/chat/{path}")
        assert page.status_code == 200
        assert "private question" not in page.content.decode()


def ask_and_report(member: Member, codes: Iterable[str]) -> None:
    """For each code a model, its route, price, cost and channel, and an answer that its member reports."""
    for code in codes:
        make_model(code, channel=f"channel-{code}")
        services.save_route_cost(
            model_code=code,
            channel_code=f"channel-{code}",
            cost=UpstreamCost(input_microyuan=1, cached_microyuan=1, output_microyuan=1),
            now=clock.now(),
        )
        services.save_word_list(
            code=code,
            name=code,
            action=WordAction.FLAG,
            listed=ListedWords(words=(code,)),
            actor="staff:x",
            reason="a test",
            now=clock.now(),
        )
        send(member.id, code, model=code)
        (job,) = services.claim_jobs(limit=1, now=clock.now())
        services.finish_run(
            generation_id=job.generation_id,
            lease_token=job.lease_token,
            outcome=Outcome(state=GenerationState.FINISHED, text="hi", route_id=job.targets[0].route_id),
            now=clock.now(),
            attempt=None,
        )
        services.report_answer(
            user_id=member.id, generation_id=job.generation_id, reason=ReportReason.WRONG, note="", now=clock.now()
        )


def test_no_list_of_chat_asks_more_when_it_is_longer(rich_alice: Member, operator_browser: Client) -> None:
    lists = [f"/admin/chat/{model._meta.model_name}/" for model in site._registry if model._meta.app_label == "chat"]
    give_quota(rich_alice.id, 100_000)
    ask_and_report(rich_alice, ["plum", "pear"])
    for address in lists:
        operator_browser.get(address)
    short = {address: asked_for(operator_browser, address) for address in lists}
    ask_and_report(rich_alice, ["fig", "quince", "cherry", "apple"])

    long = {address: asked_for(operator_browser, address) for address in lists}

    assert len(lists) > 10
    assert {address: len(asked) for address, asked in long.items()} == {
        address: len(asked) for address, asked in short.items()
    }
