"""What operators may change, and what they never read."""

import pytest
from django.test import Client

from apps.accounts.contracts import Member
from apps.chat import selectors
from apps.chat.models import Channel, ChatModel
from apps.chat.services import secrets
from apps.kernel.models import AuditEntry
from tests.integration.chat.conftest import make_model, send

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
    assert secrets.unseal(channel.api_key_sealed) == "sk-very-secret"
    assert "sk-very-secret" not in page
    assert channel.api_key_sealed not in page
    entry = AuditEntry.objects.get(action="chat.save_channel")
    assert (entry.reason, entry.actor.startswith("staff:")) == ("new account", True)
    assert "sk-very-secret" not in str(entry.after)


def test_a_price_changes_with_a_reason_and_leaves_a_trail(operator_browser: Client, model: str) -> None:
    row = ChatModel.objects.get()
    form = {
        "name": row.name,
        "channel": str(row.channel_id),
        "upstream_name": row.upstream_name,
        "price_milli": "2500",
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
    assert (entry.before["price_milli"], entry.after["price_milli"]) == (1000, 2500)


def test_the_limits_have_one_row(operator_browser: Client) -> None:
    form = {"free_per_day": "7", "max_running": "3", "max_message_chars": "500", "reason": "launch"}

    operator_browser.post("/admin/chat/chatpolicy/add/", form)

    assert selectors.policy().free_per_day == 7
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
