"""Who asks: a program with an API key, or a browser with a session."""

from dataclasses import dataclass
from typing import Any

from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.request import Request

from apps.accounts import services, sessions
from apps.accounts.contracts import IdentifiedKey
from apps.kernel import clock, visitors
from apps.kernel.credentials import bearer_token
from apps.kernel.ids import UserId


@dataclass(frozen=True)
class KeyHolder:
    """The member whose key it is, as `request.user`: known, and nothing more; no key has an operator's rights."""

    pk: UserId
    is_authenticated: bool = True
    is_staff: bool = False
    is_active: bool = True


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer sk-…`. A request with a key has no session, and so needs no CSRF token."""

    def authenticate(self, request: Request) -> tuple[Any, IdentifiedKey] | None:
        """The holder and the key; None without a Bearer header. Raises ApiKeyNotValid, NetworkNotAllowed."""
        token = bearer_token(request.headers.get("Authorization"))
        if token is None:
            return None
        key = services.identify_key(key=token, address=visitors.address_of(request), now=clock.now())
        return KeyHolder(key.user_id), key

    def authenticate_header(self, request: Request) -> str:
        """The scheme that we would like to see."""
        return "Bearer"


class BrowserAuthentication(SessionAuthentication):
    """The session's user, whose unsafe requests need the CSRF token; the session is noted as used."""

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        """The session's user, or None."""
        found = super().authenticate(request)
        if found is not None:
            sessions.note_use(request._request, now=clock.now())
        return found
