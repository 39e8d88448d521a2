"""docs/how-to/add-a-channel-kind.md, followed for a protocol that the site does not speak; and one that is gone."""

from collections.abc import AsyncGenerator, Iterator
from typing import Any

import pytest
from django.test import Client

from apps.accounts.contracts import Member
from apps.chat import services
from apps.chat.contracts import GenerationState, Job, Target
from apps.chat.models import Channel
from apps.chat.registries import CHANNELS, ChannelKind, Connection, Delta
from apps.kernel import clock
from apps.kernel.errors import CodeUnknown
from apps.kernel.invariants import all_invariants, find
from tests.integration.chat.conftest import EngineThread, make_model, send, settled

pytestmark = pytest.mark.django_db(transaction=True)

FAR: dict[str, Any] = {"base_url": "https://mirror.example/", "api_key": "sk-very-secret"}


class Mirror(Connection):
    """Says what it hears, backwards."""

    async def __aexit__(self, *_: object) -> None:
        """Nothing was opened."""

    async def answer(self, job: Job, target: Target) -> AsyncGenerator[Delta, None]:
        """One word after the other."""
        for word in reversed(job.turns[-1].text.split()):
            yield Delta(text=f"{word} ")
        yield Delta(finish_reason="stop", prompt_tokens=3, completion_tokens=3)


class Mirrors(ChannelKind):
    """Mirrors on the wall."""

    code = "mirror"
    label = "A mirror"

    def connect(self) -> Connection:
        """A mirror."""
        return Mirror()


@pytest.fixture
def mirrors(transactional_db: None) -> Iterator[None]:
    """A kind that is registered as any other, for one test."""
    CHANNELS.register(Mirrors())
    yield
    if "mirror" in CHANNELS:
        CHANNELS.unregister("mirror")


def hang_up_a_mirror() -> None:
    """A model on a channel of the kind."""
    make_model(url="https://mirror.example/", channel="wall")
    services.save_channel(code="wall", kind="mirror", now=clock.now(), **FAR)


def test_a_channel_of_a_new_kind_is_configured_and_answers(
    rich_alice: Member, operator_browser: Client, mirrors: None, engine: EngineThread
) -> None:
    assert (
        '<option value="mirror">A mirror</option>' in operator_browser.get("/admin/chat/channel/add/").content.decode()
    )
    form = {**FAR, "code": "wall", "kind": "mirror", "is_enabled": "on", "reason": "decoration"}
    assert operator_browser.post("/admin/chat/channel/add/", form).status_code == 302
    services.save_model(code="base", name="Base", price_milli=1000, now=clock.now())
    services.save_route(model_code="base", channel_code="wall", upstream_name="-", now=clock.now())

    asked = send(rich_alice.id, "who is the fairest")

    done, text = settled(rich_alice.id, asked.generation.id)
    assert text.split() == ["fairest", "the", "is", "who"]
    assert (done.state, done.charged_milli, done.completion_tokens) == (GenerationState.FINISHED, 1000, 3)
    assert "A mirror" in operator_browser.get("/admin/chat/channel/").content.decode()


def test_a_kind_that_is_gone_answers_nothing_and_is_named(rich_alice: Member, mirrors: None) -> None:
    hang_up_a_mirror()
    asked = send(rich_alice.id)
    CHANNELS.unregister("mirror")

    jobs = services.claim_jobs(limit=1, now=clock.now())

    done, _ = settled(rich_alice.id, asked.generation.id)
    assert jobs == []
    assert (done.state, done.error_code, done.charged_milli) == (GenerationState.FAILED, "channel_unavailable", 0)
    (unknown,) = (item for item in all_invariants() if item.number == "I-02-codes")
    (breach,) = find(unknown, now=clock.now()).breaches
    assert breach.subject == f"chat_channel {Channel.objects.get().pk}"


def test_a_kind_that_nobody_speaks_is_not_saved(db: None) -> None:
    with pytest.raises(CodeUnknown):
        services.save_channel(code="wall", kind="mirror", now=clock.now(), **FAR)

    assert not Channel.objects.exists()
