"""What the sandbox's own endpoints share: no password, and nobody but this machine."""

from typing import Any

from django.conf import settings
from rest_framework import serializers
from rest_framework.request import Request

from apps.kernel import visitors
from apps.kernel.api import Endpoint, StrictSerializer
from apps.sandbox.rules.visitors import check_is_local


class LocalEndpoint(Endpoint):
    """An endpoint of the workbench. It is no part of the product's API, so it is not in its schema."""

    authentication_classes: Any = ()
    permission_classes: Any = ()
    schema: Any = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse other machines and other sites before anything is read."""
        check_is_local(
            is_published=settings.SANDBOX_IS_PUBLISHED,
            address=visitors.address_of(request),
            is_forwarded=visitors.is_forwarded(request),
            origin=request.headers.get("Origin", ""),
            host=request.get_host(),
        )
        super().initial(request, *args, **kwargs)


class Empty(StrictSerializer):
    """A body without members."""


class Nickname(StrictSerializer):
    """What a phone's owner is called."""

    nickname = serializers.CharField(max_length=40)


class Content(StrictSerializer):
    """A text to send, or what a QR code holds."""

    content = serializers.CharField(max_length=2000)
