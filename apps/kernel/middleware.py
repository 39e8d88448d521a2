"""What every request is asked, and what every answer of ours carries."""

from typing import Any

from csp.constants import HEADER
from csp.utils import build_policy
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin

from apps.kernel import visitors


class VisitorAddress(MiddlewareMixin):
    """Decides whose address a request has, and forgets what a peer that is no proxy of ours says about TLS."""

    def process_request(self, request: HttpRequest) -> None:
        """Django calls this with every request, before any other middleware that could ask."""
        is_ours = visitors.decide(request, proxies=settings.TRUSTED_PROXIES)
        header = settings.SECURE_PROXY_SSL_HEADER
        if header and not is_ours:
            request.META.pop(header[0], None)


class ContentPolicy(MiddlewareMixin):
    """What browsers may load for our pages. No page has a policy of its own: django-csp puts it together once."""

    def __init__(self, get_response: Any) -> None:
        super().__init__(get_response)
        self._policy = build_policy()

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Django calls this with every answer."""
        response.headers.setdefault(HEADER, self._policy)
        return response


class PrivateAnswers(MiddlewareMixin):
    """No cache keeps what our views answer, unless a view says otherwise: nearly every page shows somebody's own.

    Static files do not come this way.
    """

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Django calls this with every answer."""
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response
