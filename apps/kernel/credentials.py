"""What a request brings to say who asks. Imports no DRF: its settings load authentication classes before its views."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from apps.kernel.ids import UserId


def signed_in(request: HttpRequest) -> UserId:
    """Who is signed in, for a page behind login_required. Raises PermissionDenied if the page forgot to be."""
    if request.user.pk is None:
        raise PermissionDenied
    return UserId(request.user.pk)


def bearer_token(header: str | None) -> str | None:
    """The token of an Authorization header that has the Bearer scheme; None for any other."""
    scheme, _, token = (header or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None
