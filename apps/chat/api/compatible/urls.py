"""Addresses of OpenAI's API, below /v1: its clients' contract, which is not ours to describe (docs/adr/0022)."""

from django.urls import include, path, re_path

from apps.chat.api.compatible import billing, catalogue, completions, description, embeddings, endpoints, images

urlpatterns = [
    path("chat/completions", completions.chat_completions),
    path("completions", completions.completions),
    path("responses", completions.responses),
    path("embeddings", embeddings.embeddings),
    path("images/generations", images.generations),
    path("images/<uuid:picture_id>/<int:until>/<str:signature>", images.linked),
    path("openapi.json", description.description),
    path("models", catalogue.models),
    # Some models' codes hold slashes.
    path("models/<path:model_id>", catalogue.model),
    path("usage", billing.usage),
    path("dashboard/billing/", include("apps.chat.api.compatible.billing_urls")),
    re_path(r"", endpoints.unknown),
]
