"""A request that only its provider finds fault with: told as a mistake of the request, and blamed on nobody else."""

from typing import Any

import openai
import pytest
from openai import OpenAI

from apps.accounts.contracts import Member
from apps.chat import services
from apps.chat.contracts import Extras
from apps.chat.models import AnswerUsage, Attempt, ChannelHealth, Generation
from apps.kernel import clock
from tests.integration.chat.conftest import EngineThread, make_model
from tests.integration.chat.test_abandoned import assert_audit_is_clean
from tests.integration.chat.test_v1_completions import HELLO, client, paid
from tests.integration.chat.test_v1_sandbox import client_of
from tests.integration.chat.upstream import Upstream, answer

__all__ = ["client"]

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "sk-live-12345 said by Alice"


def refusal(**said: Any) -> dict[str, Any]:
    return {"error": {"message": SECRET, "type": "invalid_request_error", **said}}


@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize(
    ("said", "param"),
    [
        ({"param": "response_format"}, "response_format"),
        ({"param": "tools[0].function.parameters", "code": "invalid_function_parameters"}, "tools"),
        ({"param": "messages.0.content"}, "messages"),
        ({"param": "something_of_theirs"}, None),
        ({}, None),
    ],
)
def test_it_is_told_as_what_it_is(
    *, said: dict[str, Any], param: str | None, status: int, is_streamed: bool, client: OpenAI, rich_alice: Member,
    upstream: Upstream, engine: EngineThread,
) -> None:  # fmt: skip
    upstream.refusals["up-base"] = (status, refusal(**said))

    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="base", messages=HELLO, stream=is_streamed)

    assert (refused.value.code, refused.value.type) == ("request_refused", "invalid_request_error")
    assert refused.value.param == param
    assert SECRET not in refused.value.response.text
    # Once, though official clients would try a 502 again.
    assert len(upstream.requests) == 1
    assert (paid(rich_alice), AnswerUsage.objects.get().charged_milli) == (0, 0)
    assert Attempt.objects.get().code == "request_refused"
    assert not ChannelHealth.objects.exists()
    assert_audit_is_clean()


def test_it_is_no_reason_to_leave_a_channel_alone(client: OpenAI, upstream: Upstream, engine: EngineThread) -> None:
    upstream.refusals["up-base"] = (400, refusal(param="response_format"))
    for _ in range(6):
        with pytest.raises(openai.BadRequestError):
            client.chat.completions.create(model="base", messages=HELLO)

    upstream.refusals.clear()
    upstream.scripts["up-base"] = answer("well")
    assert client.chat.completions.create(model="base", messages=HELLO).choices[0].message.content == "well"


def test_several_answers_are_refused_as_one(client: OpenAI, upstream: Upstream, engine: EngineThread) -> None:
    upstream.refusals["up-base"] = (400, refusal(param="temperature"))

    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="base", messages=HELLO, n=2, stream=True)

    assert refused.value.param == "temperature"
    assert Generation.objects.count() == 2


@pytest.mark.parametrize(
    ("param", "named"), [("response_format", "text.format"), ("reasoning_effort", "reasoning.effort")]
)
def test_responses_have_their_own_names(
    param: str, named: str, client: OpenAI, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.refusals["up-base"] = (400, refusal(param=param))

    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(model="base", input="hello")

    assert refused.value.param == named


def test_the_sandbox_refuses_a_schema_as_providers_do(site: str, rich_alice: Member, engine: EngineThread) -> None:
    form: Any = {"type": "json_schema", "json_schema": {"name": "list", "schema": {"type": "array"}}}

    with client_of(site, rich_alice, "demo-swift") as made, pytest.raises(openai.BadRequestError) as refused:
        made.chat.completions.create(model="base", messages=HELLO, response_format=form)

    assert (refused.value.code, refused.value.param) == ("request_refused", "response_format")


def test_a_value_that_is_refused_is_left_out_and_others_are_not(
    client: OpenAI, upstream: Upstream, engine: EngineThread
) -> None:
    services.save_channel(code="test", kind="openai", base_url=upstream.url, api_key="sk-test-secret", now=clock.now())
    upstream.scripts["up-base"] = answer("well")
    refused = {"error": {"code": "unsupported_value", "param": "reasoning_effort", "message": "no such effort"}}
    upstream.refused_values = {("reasoning_effort", "minimal"): refused}
    efforts = []

    for effort in ("minimal", "low", "minimal", "high"):
        client.chat.completions.create(model="base", messages=HELLO, reasoning_effort=effort)
        efforts.append(upstream.requests[-1].get("reasoning_effort"))

    assert efforts == [None, "low", None, "high"]
    # It asked in vain once, and remembered.
    assert len(upstream.requests) == 5


@pytest.mark.parametrize("by_value", [False, True])
def test_who_pays_for_thinking_is_asked_with_it_or_not_at_all(
    by_value: bool, client: OpenAI, rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    make_model(url=upstream.url, has_reasoning=True, extras=Extras(think_milli=500))
    upstream.scripts["up-base"] = answer("well")
    code = "unsupported_value" if by_value else "unsupported_parameter"
    refused = {"error": {"code": code, "param": "reasoning_effort", "message": "not here"}}
    if by_value:
        upstream.refused_values = {("reasoning_effort", effort): refused for effort in ("none", "high")}
    else:
        upstream.refused_options = {"reasoning_effort": refused}

    # What costs nothing on top is left out, and remembered.
    client.chat.completions.create(model="base", messages=HELLO, reasoning_effort="none")
    assert paid(rich_alice) == 1000
    with pytest.raises(openai.BadRequestError) as said:
        client.chat.completions.create(model="base", messages=HELLO, reasoning_effort="high")

    assert (said.value.code, said.value.param) == ("request_refused", "reasoning_effort")
    assert paid(rich_alice) == 1000
    assert_audit_is_clean()
