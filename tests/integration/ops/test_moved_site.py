"""PORT=… moves the site: the demo models are asked where it listens now, and no other channel is touched."""

from datetime import UTC, datetime

import pytest
from django.conf import settings
from django.core.management import call_command

from apps.chat import services as chat
from apps.chat.models import Channel
from apps.kernel.models import AuditEntry
from config import demo

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def channel_at(base_url: str) -> str:
    """Where a channel of this address leads after the next start."""
    chat.save_channel(code="demo", base_url=base_url, api_key="sk-before", now=NOW)
    demo.follow_port(now=NOW)
    return Channel.objects.get(code="demo").base_url


def test_the_demo_models_are_found_on_another_port() -> None:
    assert channel_at("http://127.0.0.1:65000/sandbox/llm/v1") == f"{settings.SANDBOX_URL}/llm/v1"
    assert AuditEntry.objects.filter(action="chat.save_channel").latest("pk").reason == "the site has moved"


@pytest.mark.parametrize(
    "base_url",
    [
        "http://127.0.0.1:65000/v1",
        "https://127.0.0.1:65000/sandbox/llm/v1",
        "https://models.example:65000/sandbox/llm/v1",
        f"{settings.SANDBOX_URL}/llm/v1",
    ],
)
def test_a_channel_of_another_address_stays(base_url: str) -> None:
    assert channel_at(base_url) == base_url
    assert AuditEntry.objects.filter(action="chat.save_channel").count() == 1


def test_a_command_in_another_shell_moves_no_running_site() -> None:
    demo.load(now=NOW)
    elsewhere = "http://127.0.0.1:65000/sandbox/llm/v1"
    chat.save_channel(code="demo", base_url=elsewhere, api_key="sk-before", now=NOW, reason="PORT=65000 make run")

    call_command("load_demo")

    assert Channel.objects.get(code="demo").base_url == elsewhere


@pytest.mark.parametrize(
    ("var", "command"),
    [("", "one: .venv/bin/python"), ("/srv/圈 聊", "one: CHATLOOP_VAR='/srv/圈 聊' .venv/bin/python")],
)
def test_the_command_for_another_password_works_on_this_site_s_data(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], var: str, command: str
) -> None:
    monkeypatch.setenv("CHATLOOP_VAR", var)

    call_command("load_demo")

    assert f"{command} manage.py changepassword operator\n" in capsys.readouterr().out
