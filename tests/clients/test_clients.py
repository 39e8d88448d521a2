"""Clients that nobody wrote for this site, as they are, against the site as it runs (docs/use-your-client.md)."""

import base64
from io import BytesIO
from typing import Any

import httpx2
import pytest
from PIL import Image

from tests.clients.conftest import CLIENTS, MODEL, PAINTER, TEXTS, VECTORS
from tests.site import Site

pytestmark = pytest.mark.parametrize("told", CLIENTS, indirect=True)


def test_it_reads_an_answer(told: dict[str, Any]) -> None:
    whole = told["whole"]

    assert "“Hello”" in whole["text"]
    assert whole["finish"] == "stop"
    asked, answered, both = whole["tokens"]
    assert (asked > 0, answered > 50, both) == (True, True, asked + answered)
    assert whole.get("request_id", "req_").startswith("req_")


def test_it_reads_the_same_answer_as_a_stream_with_its_usage(told: dict[str, Any]) -> None:
    stream = told["stream"]

    assert (stream["text"], stream["tokens"]) == (told["whole"]["text"], told["whole"]["tokens"])
    assert stream["finish"] == "stop"
    assert stream["pieces"] > 1


def test_it_calls_a_tool_and_tells_what_came_of_it(told: dict[str, Any]) -> None:
    tools = told["tools"]

    ((name, arguments),) = tools["calls"]
    assert (name, list(arguments)) == ("weather", ["city"])
    assert (tools["finish"], tools["text"]) == ("tool_calls", "The tools say:\n\nsunny")


def test_it_reads_embeddings_where_it_can(told: dict[str, Any], site: Site, key: str) -> None:
    body = {"model": VECTORS, "input": TEXTS, "encoding_format": "float"}
    said = httpx2.post(f"{site.url}/v1/embeddings", json=body, headers={"Authorization": f"Bearer {key}"}).json()
    vectors = [each["embedding"] for each in said["data"]]

    assert [len(vector) for vector in vectors] == [64, 64]
    # As numbers of 32 bits, in whatever form it has asked for them.
    for vector, read in zip(vectors, told.get("vectors", vectors), strict=True):
        assert read == pytest.approx(vector, rel=1e-6)


def test_it_draws_where_it_can(told: dict[str, Any], site: Site, key: str) -> None:
    body = {"model": PAINTER, "prompt": "hills of Anhui", "n": 2, "size": "256x256"}
    asked: dict[str, Any] = {"json": body, "headers": {"Authorization": f"Bearer {key}"}, "timeout": 60}
    said = httpx2.post(f"{site.url}/v1/images/generations", **asked).json()
    drawn = [each["b64_json"] for each in said["data"]]

    assert len({pixels(each) for each in drawn}) == 2
    # Each is labelled as another; what can be seen is the same.
    assert [pixels(each) for each in told.get("images", drawn)] == [pixels(each) for each in drawn]


def pixels(in_base64: str) -> bytes:
    with Image.open(BytesIO(base64.b64decode(in_base64))) as image:
        assert image.size == (256, 256)
        return image.tobytes()


def test_it_knows_a_refusal_by_its_kind(told: dict[str, Any]) -> None:
    refused = told["refused"]

    assert (refused["status"], refused.get("code") or "model_not_found") == (404, "model_not_found")
    assert refused["class"].endswith("NotFoundError")


def test_it_lists_the_models_where_it_can(told: dict[str, Any]) -> None:
    models = told.get("models", {"ids": [MODEL], "one": MODEL})

    assert MODEL in models["ids"]
    assert models["one"] == MODEL


def test_it_asks_nobody_but_the_site(told: dict[str, Any]) -> None:
    assert told.get("outside", []) == []
