"""Addresses of the chat API, below /api/v1/."""

from django.urls import path

from apps.chat.api import context, offers, own_keys, pictures, prompt_library, reports, streams, views

urlpatterns = [
    path("chat/models", offers.Models.as_view()),
    path("chat/quota", views.Quota.as_view()),
    path("chat/quota/entries", views.QuotaEntries.as_view()),
    path("chat/own-keys", own_keys.OwnKeys.as_view()),
    path("chat/own-keys/<slug:channel_kind>", own_keys.OneOwnKey.as_view()),
    path("chat/own-keys/<slug:channel_kind>/test", own_keys.TestOwnKey.as_view()),
    path("chat/conversations", views.Conversations.as_view()),
    path("chat/conversations/<uuid:conversation_id>", views.Conversation.as_view()),
    path("chat/conversations/<uuid:conversation_id>/file", views.ConversationFile.as_view()),
    path("chat/conversations/<uuid:conversation_id>/messages", views.Messages.as_view()),
    path("chat/conversations/<uuid:conversation_id>/fresh-start", context.FreshStart.as_view()),
    path("chat/messages/<uuid:message_id>", views.OneMessage.as_view()),
    path("chat/messages/<uuid:message_id>/regenerate", views.Regenerate.as_view()),
    path("chat/generations/<uuid:generation_id>/stop", views.Stop.as_view()),
    path("chat/generations/<uuid:generation_id>/report", reports.ReportAnswer.as_view()),
    path("chat/pictures", pictures.Pictures.as_view()),
    path("chat/pictures/<uuid:picture_id>", pictures.OnePicture.as_view(), name="chat-picture"),
    path("chat/prompts", prompt_library.OwnPrompts.as_view()),
    path("chat/prompts/<uuid:prompt_id>", prompt_library.OneOwnPrompt.as_view()),
    path("chat/starters", prompt_library.Starters.as_view()),
    path("chat/reports", reports.Reports.as_view()),
    path("chat/generations/<uuid:generation_id>/events", streams.generation_events, name="chat-events"),
]
