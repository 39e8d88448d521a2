"""What an endpoint says that it refuses, found in its own code."""

from typing import Any

import pytest

from apps.kernel import limits
from apps.kernel.api_refusals import refusals_of
from apps.kernel.errors import Busy, CursorNotValid, RateLimited, RequestInFlight, ScopeMissing


def service() -> None:
    """Do it. Raises CursorNotValid (twice), errors.RateLimited and ValueError."""


def like_the_service() -> None:
    """Do it otherwise. Raises RequestInFlight and what service() raises."""


class Endpoint:
    """All ways in which an endpoint comes to a refusal."""

    def calls(self) -> None:
        service()

    def passes_on(self) -> Any:
        return [service]

    def raises(self) -> None:
        raise Busy

    def handles(self) -> None:
        try:
            self.helper()
        except ScopeMissing:
            like_the_service()

    def helper(self) -> None:
        limits.hit("", limit=1, window=None, now=None)  # type: ignore[arg-type]

    def loops(self) -> None:
        self.loops()


@pytest.mark.parametrize(
    ("method", "refusals"),
    [
        (Endpoint.calls, {CursorNotValid, RateLimited}),
        (Endpoint.passes_on, {CursorNotValid, RateLimited}),
        (Endpoint.raises, {Busy}),
        (Endpoint.handles, {RateLimited, RequestInFlight, CursorNotValid}),
        (Endpoint.loops, set()),
    ],
)
def test_refusals_are_found(method: Any, refusals: set[Any]) -> None:
    assert refusals_of(method, of=Endpoint) == refusals
