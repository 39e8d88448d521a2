"""The schema that other developers generate their clients from."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.generators import SchemaGenerator

STREAMS = {
    "/api/v1/auth/login-attempts/{attempt_id}/events": {"404", "405"},
    "/api/v1/chat/generations/{generation_id}/events": {"401", "403", "404", "405"},
}


@pytest.fixture(scope="module")
def paths() -> dict[str, Any]:
    """The schema's operations by address and method."""
    generator: Any = SchemaGenerator
    return dict(generator().get_schema(public=True)["paths"])


def _addresses(resolver: URLResolver, prefix: str = "/") -> Iterator[str]:
    for item in resolver.url_patterns:
        address = prefix + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(item.pattern))
        if isinstance(item, URLPattern):
            yield address
        else:
            yield from _addresses(item, address)


def test_the_schema_is_complete() -> None:
    """drf-spectacular warns where it has to guess; here a guess is a failure."""
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", "/dev/null")


def test_every_address_of_the_api_is_in_the_schema(paths: dict[str, Any]) -> None:
    """A view that is not DRF's is passed over in silence; `event_stream` makes it seen."""
    ours = {address for address in _addresses(get_resolver()) if address.startswith("/api/v1/")}

    assert ours - set(paths) == set()


@pytest.mark.parametrize(("address", "refusals"), STREAMS.items())
def test_a_stream_tells_its_media_type_and_its_refusals(
    address: str, refusals: set[str], paths: dict[str, Any]
) -> None:
    responses = paths[address]["get"]["responses"]

    assert set(responses) == {"200", *refusals}
    assert list(responses["200"]["content"]) == ["text/event-stream"]
    for status in refusals:
        content = responses[status]["content"]
        assert content == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


def test_an_answer_s_stream_can_be_resumed_and_rendered(paths: dict[str, Any]) -> None:
    operation = paths["/api/v1/chat/generations/{generation_id}/events"]["get"]

    assert {(each["in"], each["name"]) for each in operation["parameters"]} == {
        ("path", "generation_id"),
        ("query", "view"),
        ("query", "after"),
        ("header", "Last-Event-ID"),
    }
    assert operation["security"] == [{"apiKey": []}, {"session": []}]
