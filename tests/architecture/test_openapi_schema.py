"""The schema that other developers generate their clients from."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.generators import EndpointEnumerator, SchemaGenerator

from apps.kernel.registries import Registry
from apps.marketing.exchange.registries import ITEMS
from apps.marketing.prizes.registries import PRIZES

STREAMS = {
    "/api/v1/auth/login-attempts/{attempt_id}/events": {"404", "429", "503"},
    "/api/v1/chat/generations/{generation_id}/events": {"401", "403", "404", "429", "503"},
}
# A sample of what clients rely on: some raised by the endpoint's service, some around it, some named by another one.
REFUSALS = {
    ("post", "/api/v1/orders"): {
        "409": {"offer_changed", "price_changed", "request_in_flight"},
        "503": {"busy", "shop_closed"},
    },
    ("post", "/api/v1/exchange/orders"): {
        "422": {"not_enough_points", "idempotency_key_reused"},
        "408": {"body_too_slow"},
        "413": {"body_too_large"},
    },
    ("post", "/api/v1/chat/messages/{message_id}/regenerate"): {"404": {"message_not_found", "model_not_found"}},
    ("get", "/api/v1/orders"): {"400": {"cursor_not_valid", "validation_failed"}, "401": {"api_key_not_valid"}},
    ("get", "/api/v1/chat/generations/{generation_id}/events"): {"429": {"too_many_readers"}},
    ("delete", "/api/v1/me"): {"400": {"closing_not_confirmed"}},
}


@pytest.fixture(scope="module")
def paths() -> dict[str, Any]:
    """The schema's operations by address and method."""
    generator: Any = SchemaGenerator
    return dict(generator().get_schema(public=True)["paths"])


@pytest.fixture(scope="module")
def schemas() -> dict[str, Any]:
    """The schema's components by name."""
    generator: Any = SchemaGenerator
    return dict(generator().get_schema(public=True)["components"]["schemas"])


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


@pytest.mark.parametrize(("name", "registry"), [("PrizeKind", PRIZES), ("ItemKind", ITEMS)])
def test_kinds_in_the_schema_are_those_that_are_registered(
    schemas: dict[str, Any], name: str, registry: Registry[Any]
) -> None:
    assert schemas[name]["enum"] == [entry.code for entry in registry]


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


def _operations(paths: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for address, methods in paths.items():
        for method, operation in methods.items():
            yield method, address, operation


def _codes(operation: dict[str, Any]) -> dict[str, set[str]]:
    """The codes of an operation's refusals by status."""
    codes = {}
    for status, response in operation["responses"].items():
        if status >= "400":
            (shape,) = (content["schema"] for content in response["content"].values())
            codes[status] = set(shape["allOf"][1]["properties"]["code"]["enum"])
    return codes


def test_every_operation_tells_what_it_refuses_and_how(paths: dict[str, Any]) -> None:
    for method, address, operation in _operations(paths):
        refusals = {status: each for status, each in operation["responses"].items() if status >= "400"}
        where = f"{method} {address}"
        assert "busy" in _codes(operation).get("503", ()), where
        for refusal in refusals.values():
            assert list(refusal["content"]) == ["application/problem+json"], where
            shape = refusal["content"]["application/problem+json"]["schema"]["allOf"]
            assert shape[0] == {"$ref": "#/components/schemas/Problem"}, where


@pytest.mark.parametrize(("method", "address"), REFUSALS)
def test_an_operation_tells_the_codes_of_its_refusals(method: str, address: str, paths: dict[str, Any]) -> None:
    told = _codes(paths[address][method])

    for status, codes in REFUSALS[method, address].items():
        assert codes <= told[status]


def test_a_list_is_told_as_a_list(paths: dict[str, Any]) -> None:
    """Either an array, or a page with links."""
    views = {address: view for address, view in _views() if getattr(view, "unpaged_list", False) or view.paged}

    assert len(views) > 10
    for address, view in views.items():
        shape = paths[address]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        if view.paged:
            assert "List" in shape["$ref"], address
        else:
            assert (shape["type"], list(shape["items"])) == ("array", ["$ref"]), address


def _views() -> Iterator[tuple[str, Any]]:
    enumerator: Any = EndpointEnumerator()
    for path, _, _, callback in enumerator.get_api_endpoints():
        if path.startswith("/api/v1/"):
            yield path, callback.cls


def test_an_answer_s_stream_can_be_resumed_and_rendered(paths: dict[str, Any]) -> None:
    operation = paths["/api/v1/chat/generations/{generation_id}/events"]["get"]

    assert {(each["in"], each["name"]) for each in operation["parameters"]} == {
        ("path", "generation_id"),
        ("query", "view"),
        ("query", "after"),
        ("header", "Last-Event-ID"),
    }
    assert operation["security"] == [{"apiKey": []}, {"session": []}]


def test_a_body_says_that_it_takes_nothing_else(schemas: dict[str, Any]) -> None:
    assert schemas["LoginCodeInputRequest"]["additionalProperties"] is False
