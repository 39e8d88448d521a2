"""Addresses of the chat pages."""

from django.urls import path

from apps.chat import views

app_name = "chat"
urlpatterns = [
    path("chat/", views.new_chat, name="new"),
    path("chat/<uuid:conversation_id>/", views.chat, name="conversation"),
]
