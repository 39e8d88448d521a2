"""Every endpoint says what an API key needs for it."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from apps.accounts.contracts import ApiScope
from apps.kernel.api import SESSION_ONLY, Endpoint

# Views by hand, which check the scope by hand too: their tests show it.
BY_HAND = {"generation_events": "chat"}
# What a key must never reach: the ways to become somebody, and to make other keys.
NEVER_BY_KEY = ("auth/", "api-keys", "me/sessions")


def _patterns(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for item in resolver.url_patterns:
        path = prefix + str(item.pattern)
        if isinstance(item, URLPattern):
            yield path, getattr(item.callback, "view_class", item.callback)
        else:
            yield from _patterns(item, path)


OURS = [(path, view) for path, view in _patterns(get_resolver()) if path.startswith("api/v1/")]


@pytest.mark.parametrize(("path", "view"), OURS, ids=[path for path, _ in OURS])
def test_an_endpoint_names_its_scope(path: str, view: Any) -> None:
    if not isinstance(view, type):
        assert BY_HAND.get(view.__name__) in {*ApiScope.values, SESSION_ONLY, None}
        if view.__name__ not in BY_HAND:
            assert path.startswith(tuple(f"api/v1/{start}" for start in NEVER_BY_KEY)), f"{path} takes keys unseen"
        return
    assert issubclass(view, Endpoint), f"{path} is no Endpoint"
    assert view.scope in {*ApiScope.values, SESSION_ONLY}


@pytest.mark.parametrize(("path", "view"), OURS, ids=[path for path, _ in OURS])
def test_what_makes_sessions_and_keys_is_never_reached_by_a_key(path: str, view: Any) -> None:
    if isinstance(view, type) and path.startswith(tuple(f"api/v1/{start}" for start in NEVER_BY_KEY)):
        assert getattr(view, "scope", None) == SESSION_ONLY
