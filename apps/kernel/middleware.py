"""What every answer of ours carries."""

from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin


class PrivateAnswers(MiddlewareMixin):
    """No cache keeps what our views answer, unless a view says otherwise: nearly every page shows somebody's own.

    Static files do not come this way.
    """

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Django calls this with every answer."""
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response
