"""The description of what stands below /v1: whole, public, and of the names that the rules know."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from django.test import Client
from django.urls import URLResolver

from apps.chat.api.compatible import description, schemas_of_images, schemas_of_shapes, urls
from apps.chat.rules import completions, embeddings, images, prompts, responses, vendor_switches


def test_it_is_told_to_anybody(visitor: Client) -> None:
    response = visitor.get("/v1/openapi.json")

    assert (response.status_code, response["Access-Control-Allow-Origin"]) == (200, "*")
    assert response.json() == description.document()


def test_it_names_what_the_rules_know() -> None:
    known = {*completions._READ, *completions._OF_TOOLS, *completions._IGNORED, *completions._AS_IT_IS}

    assert {"model", "messages", *description.parameters()} == known | vendor_switches.NAMES


def test_it_names_what_the_other_shapes_know() -> None:
    of_chats = description.parameters()
    prompts_known = prompts._CARRIED | prompts._READ | completions._IGNORED.keys()
    responses_known = responses._CARRIED | responses._READ | {*responses._IGNORED_HERE} | completions._IGNORED.keys()

    assert set(schemas_of_shapes.parameters_of_prompts(of_chats)) == prompts_known
    # A prompt that was kept is never taken.
    not_taken = responses._OF_STATE - {"prompt"} | {"background"}
    assert set(schemas_of_shapes.parameters_of_responses(of_chats)) == responses_known | not_taken


def test_it_names_what_the_rules_know_of_embeddings() -> None:
    assert {"model", "input", *description.embedding_parameters()} == embeddings._NAMES


def test_it_names_what_the_rules_know_of_images() -> None:
    assert {"model", "prompt", *schemas_of_images.parameters()} == images._NAMES


def addresses(patterns: Iterable[Any], before: str = "/v1/") -> Iterator[str]:
    for each in patterns:
        address = before + re.sub(r"<\w+:(\w+)>", r"{\1}", str(each.pattern))
        if isinstance(each, URLResolver):
            yield from addresses(each.url_patterns, address)
        elif not address.endswith("/"):  # whatever else there is
            yield address


def test_it_has_every_address() -> None:
    described = {path for path in description.document()["paths"] if path.startswith("/v1/")}

    assert described == set(addresses(urls.urlpatterns)) - {"/v1/openapi.json"}
