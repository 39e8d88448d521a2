"""Addresses of the chat pages."""

from django.urls import path

from apps.chat import views

app_name = "chat"
urlpatterns = [
    path("models/", views.models, name="models"),
    path("prices/", views.prices, name="prices"),
    path("chat/", views.new_chat, name="new"),
    path("chat/reports/", views.reports, name="reports"),
    path("account/prompts/", views.own_prompts, name="own-prompts"),
    path("account/own-keys/", views.own_keys, name="own-keys"),
    path("chat/<uuid:conversation_id>/", views.chat, name="conversation"),
]
