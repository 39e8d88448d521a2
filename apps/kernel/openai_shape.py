"""What all answers below /v1 have in common, as OpenAI's clients know it: the envelope of errors, and headers."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from django.http import HttpResponseBase, JsonResponse

# Keys and no cookies say who asks there, so pages of any origin may.
_FOR_EVERYBODY = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "*"}
_TYPES = {403: "permission_error", 429: "rate_limit_error", 503: "service_unavailable_error"}


def is_below(path: str) -> bool:
    """Whether this is an address of OpenAI's API; for its balance many clients ask without the /v1."""
    return path == "/v1" or path.startswith(("/v1/", "/dashboard/billing/"))


def envelope(*, message: str, kind: str, code: str | None, param: str | None = None) -> dict[str, Any]:
    """One error: `kind` is its "type", `param` the member of the request that it is about."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def type_of(status: int) -> str:
    """The type of an error that has nothing more to say of itself than its status."""
    return _TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")


def refusal(
    *,
    status: int,
    message: str,
    code: str | None,
    kind: str = "",
    param: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> JsonResponse:
    """The answer that carries an error."""
    document = envelope(message=message, kind=kind or type_of(status), code=code, param=param)
    response = JsonResponse(document, status=status, headers=dict(headers or {}))
    dress(response)
    return response


def dress(response: HttpResponseBase) -> None:
    """Give an answer the headers that every answer has; its id is what its reader tells us when something is wrong."""
    response.headers.setdefault("x-request-id", f"req_{uuid4().hex}")
    for header, value in _FOR_EVERYBODY.items():
        response.headers.setdefault(header, value)
