"""The description of what stands below /v1: whole, public, and of the names that the rules know."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from django.test import Client
from django.urls import URLResolver

from apps.chat.api.compatible import description, urls
from apps.chat.rules import completions, vendor_switches


def test_it_is_told_to_anybody(visitor: Client) -> None:
    response = visitor.get("/v1/openapi.json")

    assert (response.status_code, response["Access-Control-Allow-Origin"]) == (200, "*")
    assert response.json() == description.document()


def test_it_names_what_the_rules_know() -> None:
    known = {*completions._READ, *completions._OF_TOOLS, *completions._IGNORED, *completions._AS_IT_IS}

    assert {"model", "messages", *description.parameters()} == known | vendor_switches.NAMES


def addresses(patterns: Iterable[Any], before: str = "/v1/") -> Iterator[str]:
    for each in patterns:
        address = before + re.sub(r"<path:(\w+)>", r"{\1}", str(each.pattern))
        if isinstance(each, URLResolver):
            yield from addresses(each.url_patterns, address)
        elif not address.endswith("/"):  # whatever else there is
            yield address


def test_it_has_every_address() -> None:
    described = {path for path in description.document()["paths"] if path.startswith("/v1/")}

    assert described == set(addresses(urls.urlpatterns)) - {"/v1/openapi.json"}
