"""What an engine keeps for a channel, when the channel is another one."""

import json

import pytest

from apps.accounts.contracts import Member
from apps.chat import services
from apps.kernel import clock
from tests.integration.chat.conftest import EngineThread, make_model, send, settled
from tests.integration.chat.test_channels import FINISHED, outcome
from tests.integration.chat.upstream import Line, Upstream, answer, head, running_line, running_upstream

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_key_that_changed_is_the_only_one_that_is_used(
    rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = answer("whole")
    settled(rich_alice.id, send(rich_alice.id).generation.id)

    services.save_channel(code="test", base_url=upstream.url, api_key="sk-another", now=clock.now())
    settled(rich_alice.id, send(rich_alice.id).generation.id)

    assert upstream.keys == ["Bearer sk-test-secret", "Bearer sk-another"]


def test_nor_is_an_address_that_changed_asked_again(
    rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = answer("from the old")
    settled(rich_alice.id, send(rich_alice.id).generation.id)

    with running_upstream() as other:
        other.scripts["up-base"] = answer("from the new")
        make_model(url=other.url)
        assert settled(rich_alice.id, send(rich_alice.id).generation.id)[1] == "from the new"
    assert len(upstream.requests) == 1


def test_how_it_wanted_to_be_asked_is_forgotten_when_others_stand_behind_the_address(
    rich_alice: Member, engine: EngineThread
) -> None:
    asked: list[str] = []
    refused = ["max_tokens"]

    def play(line: Line) -> None:
        asked.append(next(name for name in line.hear() or {} if name.startswith("max_")))
        if asked[-1] in refused:
            refusal = json.dumps({"error": {"message": "Unknown. Known are: max_tokens, max_completion_tokens"}})
            line.say(head("400 Bad Request", content_type="application/json") + refusal.encode())
        else:
            line.say(head() + b"".join(answer("Hello")))

    with running_line(play) as url:
        assert outcome(rich_alice, url)[0] == FINISHED
        refused[:] = ["max_completion_tokens"]
        assert outcome(rich_alice, url)[1] == "request_refused"
        assert outcome(rich_alice, url)[0] == FINISHED

    assert asked == ["max_tokens", "max_completion_tokens", "max_completion_tokens", "max_tokens"]
