"""Where clients of other gateways look for what is left: below /v1, and beside it for those that leave that out."""

from django.urls import path, re_path

from apps.chat.api.compatible import billing, endpoints

urlpatterns = [
    path("subscription", billing.subscription),
    path("usage", billing.billed),
    re_path(r"", endpoints.unknown),
]
