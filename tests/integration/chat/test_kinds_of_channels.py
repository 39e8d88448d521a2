"""Each kind of channel, through the engine, at the sandbox's model server."""

import pytest
from django.conf import settings

from apps.accounts.contracts import Member
from apps.chat import services
from apps.chat.contracts import GenerationState
from apps.chat.engine import kinds
from apps.kernel import clock
from apps.sandbox.rules.model_keys import KEY_ID
from tests.integration.chat.conftest import EngineThread, give_quota, make_model, send, settled
from tests.integration.chat.upstream import Upstream, answer

pytestmark = pytest.mark.django_db(transaction=True)


def test_every_kind_is_answered_by_the_sandbox(rich_alice: Member, site: str, engine: EngineThread) -> None:
    key = settings.SANDBOX["MODEL_API_KEY"]
    give_quota(rich_alice.id, 10_000)
    for kind in kinds.ALL:
        make_model(kind.code, upstream="demo-swift", channel=kind.code)
        is_zhipu = kind.code == "zhipu"
        services.save_channel(
            code=kind.code,
            kind=kind.code,
            base_url=f"{site}/sandbox/llm/{'api/paas/v4' if is_zhipu else 'v1'}",
            api_key=f"{KEY_ID}.{key}" if is_zhipu else key,
            now=clock.now(),
        )

    counts = set()
    for kind in kinds.ALL:
        done, text = settled(rich_alice.id, send(rich_alice.id, "repeat: one two", model=kind.code).generation.id)

        assert (done.state, done.error_code, text) == (GenerationState.FINISHED, "", "one two"), kind.code
        counts.add((done.prompt_tokens, done.completion_tokens))
    # As the sandbox counted them: usage was told to all, asked for or not.
    assert len(counts) == 1, counts


def test_a_secret_of_zhipu_is_not_sent(rich_alice: Member, upstream: Upstream, engine: EngineThread) -> None:
    upstream.scripts["up-base"] = answer("fine")
    services.save_channel(code="test", kind="zhipu", base_url=upstream.url, api_key="id.secret", now=clock.now())

    settled(rich_alice.id, send(rich_alice.id).generation.id)

    assert upstream.keys[0].startswith("Bearer ey")
    assert "secret" not in upstream.keys[0]
    assert "stream_options" not in upstream.requests[0]
