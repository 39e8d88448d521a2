"""The whole way of a program that brings tools, from the official client to the sandbox's models and back."""

import base64
import json
from io import BytesIO
from typing import Any

import pytest
from django.conf import settings
from openai import OpenAI
from PIL import Image

from apps.accounts.contracts import Member
from apps.chat import services
from apps.chat.models import Generation
from apps.kernel import clock
from tests.integration.chat.conftest import EngineThread, make_model
from tests.integration.chat.test_abandoned import assert_audit_is_clean
from tests.integration.chat.test_v1_models import key_of

pytestmark = pytest.mark.django_db(transaction=True)

TOOLS: Any = [
    {
        "type": "function",
        "function": {
            "name": name,
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}},
        },
    }
    for name in ("weather", "trains")
]
ASKED: Any = [{"role": "user", "content": "weather and trains, please"}]


def client_of(site: str, member: Member, upstream: str) -> OpenAI:
    """The official client, with the sandbox's model of this name behind "base"."""
    make_model("base", upstream=upstream, has_tools=True, has_vision=True)
    services.save_channel(
        code="test", kind="sandbox", base_url=f"{site}/sandbox/llm/v1", api_key=settings.SANDBOX["MODEL_API_KEY"],
        now=clock.now(),
    )  # fmt: skip
    return OpenAI(base_url=f"{site}/v1", api_key=key_of(member), max_retries=0)


@pytest.mark.parametrize("upstream", ["demo-swift", "demo-deep", "fault-tool-whole", "fault-tool-garbled"])
def test_a_model_calls_the_tools_and_answers_by_what_came_of_them(
    upstream: str, site: str, rich_alice: Member, engine: EngineThread
) -> None:
    with client_of(site, rich_alice, upstream) as client:
        with client.chat.completions.stream(model="base", messages=ASKED, tools=TOOLS) as stream:
            for _event in stream:
                pass
            choice = stream.get_final_completion().choices[0]
        calls = choice.message.tool_calls or []
        back: Any = {"role": "assistant", "content": None, "tool_calls": [call.model_dump() for call in calls]}
        for call in back["tool_calls"]:
            del call["function"]["parsed_arguments"]
        results: Any = [
            {"role": "tool", "tool_call_id": call.id, "content": f"{call.function.name}: fine"} for call in calls
        ]
        then = client.chat.completions.create(model="base", messages=[*ASKED, back, *results], tools=TOOLS)

    assert choice.finish_reason == "tool_calls"
    assert [(call.function.name, json.loads(call.function.arguments)) for call in calls] == [
        ("weather", {"city": "weather and trains, please", "days": 1}),
        ("trains", {"city": "weather and trains, please", "days": 1}),
    ]
    assert then.choices[0].message.content == "The tools say:\n\nweather: fine\n\ntrains: fine"
    assert then.choices[0].finish_reason == "stop"
    assert [row.charged_milli for row in Generation.objects.all()] == [1000, 1000]
    assert_audit_is_clean()


def test_a_call_that_is_cut_off_is_not_handed_out(site: str, rich_alice: Member, engine: EngineThread) -> None:
    with client_of(site, rich_alice, "fault-tool-cut") as client:
        said = client.chat.completions.create(model="base", messages=ASKED, tools=TOOLS)

    (call,) = said.choices[0].message.tool_calls or []
    assert (call.function.name, said.choices[0].finish_reason) == ("weather", "length")  # type: ignore[union-attr]
    assert_audit_is_clean()


def test_a_tool_that_has_to_be_called_is_called(site: str, rich_alice: Member, engine: EngineThread) -> None:
    with client_of(site, rich_alice, "demo-swift") as client:
        named: Any = {"type": "function", "function": {"name": "trains"}}
        hello: Any = [{"role": "user", "content": "hello"}]
        names = []
        for choice in ("required", named, "auto", "none"):
            said: Any = client.chat.completions.create(model="base", messages=hello, tools=TOOLS, tool_choice=choice)
            names.append([call.function.name for call in said.choices[0].message.tool_calls or []])

    assert names == [["weather"], ["trains"], [], []]


def test_a_large_photograph_is_seen_through_either_address(site: str, rich_alice: Member, engine: EngineThread) -> None:
    file = BytesIO()
    Image.effect_noise((1500, 1400), 90).save(file, "JPEG", quality=100)
    uri = f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
    assert len(uri) > 3_000_000

    with client_of(site, rich_alice, "demo-swift") as client:
        asked: Any = [{"type": "text", "text": "hello"}, {"type": "image_url", "image_url": {"url": uri}}]
        said = client.chat.completions.create(model="base", messages=[{"role": "user", "content": asked}])
        newer: Any = [{"type": "input_text", "text": "hello"}, {"type": "input_image", "image_url": uri}]
        response = client.responses.create(model="base", input=[{"role": "user", "content": newer}])

    assert said.choices[0].message.content == response.output_text
    assert "JPEG 1500×1400" in response.output_text
    assert [row.charged_milli for row in Generation.objects.all()] == [1000, 1000]
    assert_audit_is_clean()
