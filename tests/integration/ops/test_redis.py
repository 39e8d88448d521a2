"""The suite's own Redis."""

from django.core.cache import cache


def test_the_cache_works_in_tests() -> None:
    cache.set("greeting", "hello")

    assert cache.get("greeting") == "hello"
